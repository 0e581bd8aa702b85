//! A registered source: something the loop watches for you.
//!
//! The handle may be moved to another thread and dropped there; only its own loop can be
//! asked to wait for it.
//!
//! # Invariants
//! - Dropping the handle takes the descriptor off the system's list *before* it returns,
//!   on whatever thread: so a struct that holds a `Source` and the socket must declare the
//!   `Source` first. A descriptor that is closed while it is still registered may come back
//!   as somebody else's.
//!
//! Tutorial: chapter 7. Before this: `home_timer.rs`. After this: `signal.rs`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::callback::{Callback, Key};
use crate::error::{LoopClosed, WrongLoop};
use crate::loop_ref::LoopRef;
use crate::observer::Event;
use crate::proxy::LoopProxy;
use crate::reactor::{Direction, WaitKey};

impl LoopRef {
    /// Watches a descriptor that does not block: a socket, a pipe.
    ///
    /// # Errors
    /// What the operating system says: out of memory or of watches, or a kind of file that
    /// cannot be waited for (a regular file is always ready: read it in a thread).
    ///
    /// ```
    /// use std::{fs::File, os::unix::net::UnixStream};
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (here, _there) = UnixStream::pair()?;
    /// here.set_nonblocking(true)?;
    /// let source = event_loop.register(&here)?;
    /// assert_eq!(source.proxy().id(), event_loop.id()); // the loop that watches
    /// assert!(event_loop.register(&File::open("/")?).is_err()); // nobody can wait for a folder
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn register(&self, file: &impl AsFd) -> io::Result<Source> {
        if self.is_closed() {
            return Err(LoopClosed.into());
        }
        let fd = file.as_fd();
        let key = self.core.reactor.borrow_mut().register(fd)?;
        if let Some(script) = &self.core.script {
            script.borrow_mut().register(key);
        }
        self.observe(|| Event::SourceRegistered { source: key });
        Ok(Source { key, fd: fd.as_raw_fd(), proxy: self.proxy() })
    }

    /// Takes back a wait.
    pub(crate) fn cancel_wait(&self, wait: WaitKey) {
        let callback = self.core.reactor.borrow_mut().cancel_wait(wait);
        if callback.is_some() {
            let to_read = wait.direction == Direction::Read;
            self.observe(move || Event::SourceLeft { source: wait.source, to_read });
        }
        drop(callback);
    }

    pub(crate) fn forget_source(&self, key: Key) {
        let waiting = self.core.reactor.borrow_mut().forget(key);
        drop(waiting);
        self.observe(|| Event::SourceReleased { source: key });
    }
}

/// A source that a loop watches. Dropping it ends the watch.
///
/// Drop it before the file is closed: a struct that holds both declares the source first. The number
/// of a closed descriptor is soon another file's, and then it is that file's watch that ends.
#[derive(Debug)]
pub struct Source {
    key: Key,
    fd: RawFd,
    proxy: LoopProxy,
}

impl Source {
    /// Whether it is worth trying: `false` from a `WouldBlock`, or from when it was
    /// [drained](Source::clear_drained), until the next event. `true` of a new source: nobody has
    /// tried yet.
    ///
    /// # Errors
    /// [`WrongLoop`] on a thread where its loop does not run.
    pub fn is_ready(&self, direction: Direction) -> Result<bool, WrongLoop> {
        let home = self.proxy.local()?;
        let ready = home.core.reactor.borrow().is_ready(self.key, direction);
        Ok(ready)
    }

    /// Says that the operating system answered `WouldBlock`.
    ///
    /// # Errors
    /// [`WrongLoop`] on a thread where its loop does not run.
    pub fn clear_ready(&self, direction: Direction) -> Result<(), WrongLoop> {
        let home = self.proxy.local()?;
        home.core.reactor.borrow_mut().clear_ready(self.key, direction);
        Ok(())
    }

    /// Says that a stream moved fewer bytes than it was asked to: what there was has been read,
    /// or what there was room for has been written. That spares the try that would only say
    /// `WouldBlock`. If the other side has closed, the source stays ready: the end of the stream
    /// is still to be read, and is not announced twice.
    ///
    /// # Errors
    /// [`WrongLoop`] on a thread where its loop does not run.
    ///
    /// ```
    /// use std::{io::{Read, Write}, os::unix::net::UnixStream, rc::Rc};
    /// use roundelay_runtime::{Direction, EventLoop, FailurePolicy};
    ///
    /// let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build()?;
    /// let (mut here, mut there) = UnixStream::pair()?;
    /// here.set_nonblocking(true)?;
    /// let source = Rc::new(event_loop.register(&here)?);
    /// there.write_all(b"ping")?;
    /// assert_eq!(here.read(&mut [0; 64])?, 4); // 60 fewer than asked for
    /// let drained = source.clone();
    /// event_loop.call_soon(move || {
    ///     assert_eq!(drained.is_ready(Direction::Read), Ok(true));
    ///     drained.clear_drained(Direction::Read).unwrap();
    ///     assert_eq!(drained.is_ready(Direction::Read), Ok(false));
    /// })?;
    /// event_loop.run_once()?; // if an assertion failed, so would this
    /// there.write_all(b"pong")?;
    /// event_loop.run_until(|| source.is_ready(Direction::Read) == Ok(true))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_drained(&self, direction: Direction) -> Result<(), WrongLoop> {
        let home = self.proxy.local()?;
        home.core.reactor.borrow_mut().clear_drained(self.key, direction);
        Ok(())
    }

    /// Calls `callback` once, at the next readiness; in the next turn, if it is ready now.
    ///
    /// `earlier` is a wait of this source and this direction that this one replaces. Returns
    /// what to hand in as `earlier` the next time, and to [`Source::cancel_wait`]; `None` if
    /// it was ready, because then the callback is in the ready queue and cannot be taken
    /// back.
    ///
    /// # Errors
    /// [`WrongLoop`] on a thread where its loop does not run; the callback is dropped.
    ///
    /// ```
    /// use std::{io::Write, os::unix::net::UnixStream, rc::Rc};
    /// use roundelay_runtime::{Callback, Direction, EventLoop};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (here, mut there) = UnixStream::pair()?;
    /// here.set_nonblocking(true)?;
    /// let source = Rc::new(event_loop.register(&here)?);
    /// let (watched, inner) = (source.clone(), event_loop.loop_ref().clone());
    /// event_loop.call_soon(move || {
    ///     watched.clear_ready(Direction::Read).unwrap(); // a read said `WouldBlock`
    ///     let stop = Callback::new(move || inner.stop());
    ///     watched.wait(Direction::Read, None, stop).unwrap();
    /// })?;
    /// there.write_all(b"ping")?;
    /// event_loop.run_forever()?; // until there is something to read
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(
        &self,
        direction: Direction,
        earlier: Option<WaitKey>,
        callback: Callback,
    ) -> Result<Option<WaitKey>, WrongLoop> {
        let home = self.proxy.local()?;
        let mut reactor = home.core.reactor.borrow_mut();
        let callback = match earlier {
            Some(wait) => match reactor.replace(wait, callback) {
                Ok(unused) => {
                    drop(reactor);
                    drop(unused);
                    return Ok(earlier);
                }
                Err(callback) => callback,
            },
            None => callback,
        };
        drop(reactor);
        Ok(self.wait_at(&home, direction, callback))
    }

    /// As [`Source::clear_ready`], on a loop that may not be running.
    pub(crate) fn clear_at(&self, home: &LoopRef, direction: Direction) {
        home.core.reactor.borrow_mut().clear_ready(self.key, direction);
    }

    /// As [`Source::wait`], on a loop that may not be running.
    pub(crate) fn wait_at(
        &self,
        home: &LoopRef,
        direction: Direction,
        callback: Callback,
    ) -> Option<WaitKey> {
        let outcome = home.core.reactor.borrow_mut().wait(self.key, direction, callback);
        match outcome {
            Ok(wait) => {
                let to_read = direction == Direction::Read;
                home.observe(move || Event::SourceAwaited { source: self.key, to_read });
                Some(wait)
            }
            Err(callback) => {
                // A closed loop drops it: nobody is left who could be told.
                let _ = home.push_callback(callback);
                None
            }
        }
    }

    /// Takes back a wait, from any thread; elsewhere its loop does so in its next turn. Its
    /// callback is dropped. If the source was ready before, that is on its way, and stays so.
    ///
    /// ```
    /// use std::{cell::Cell, os::unix::net::UnixStream, rc::Rc};
    /// use roundelay_runtime::{Callback, Direction, Event, EventLoop, Moment};
    ///
    /// let left = Rc::new(Cell::new(None));
    /// let log = left.clone();
    /// let builder = EventLoop::builder().observer(move |_: Moment, event: &Event| {
    ///     if let Event::SourceLeft { source, .. } = event {
    ///         log.set(Some(*source));
    ///     }
    /// });
    /// let event_loop = builder.build()?;
    /// let (here, _there) = UnixStream::pair()?;
    /// here.set_nonblocking(true)?;
    /// let source = Rc::new(event_loop.register(&here)?);
    /// let watched = source.clone();
    /// event_loop.call_soon(move || {
    ///     watched.clear_ready(Direction::Read).unwrap(); // a read said `WouldBlock`
    ///     let wait = watched.wait(Direction::Read, None, Callback::new(|| ()));
    ///     watched.cancel_wait(wait.unwrap().expect("it is not ready"));
    /// })?;
    /// event_loop.run_once()?;
    /// assert_eq!(left.get(), Some(source.key()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel_wait(&self, wait: WaitKey) {
        self.proxy.cancel_wait(wait);
    }

    /// How observers know the source.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// The door of the loop that watches.
    #[must_use]
    pub fn proxy(&self) -> &LoopProxy {
        &self.proxy
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.proxy.release(self.key, self.fd);
    }
}
