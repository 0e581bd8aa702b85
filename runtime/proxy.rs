//! The door for other threads.
//!
//! A loop belongs to one thread. Everything that happens elsewhere comes in through this
//! one handle: it may be cloned, sent and shared, it never blocks, and it still answers
//! when the loop is gone. Handles that may travel, such as sockets, keep one to find their way
//! home.
//!
//! ```text
//!   at home:    proxy.notify(key) --> target.notify(key)              no lock
//!   elsewhere:  proxy.notify(key) --> inbox --> (bell) --> next turn
//! ```
//!
//! # Invariants
//! - At home `notify` tells the target at once: the one call that does not pass through the
//!   ready queue. All that a target does then is to queue the key.
//! - What one thread sends arrives in the order of sending.
//! - What happened before a call on the sending thread is visible to the callback: both
//!   sides take the inbox's lock.
//!
//! Tutorial: chapter 18. Before this: `running.rs`. After this: `home_timer.rs`.

use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::callback::Key;
use crate::context::ContextValues;
use crate::error::{LoopClosed, WrongLoop};
use crate::inbox::{Inbox, Message};
use crate::loop_ref::LoopRef;
use crate::observer::Event;
use crate::reactor::WaitKey;
use crate::running::{here, home, is_current, target_at_home};

impl LoopRef {
    /// The door of this loop for other threads.
    #[must_use]
    pub fn proxy(&self) -> LoopProxy {
        LoopProxy { inbox: Arc::clone(&self.core.inbox) }
    }
}

/// Reaches a loop from any thread.
///
/// It does not keep the loop open. As long as one exists, though, the loop cannot know that
/// nobody will ever call it: an idle loop then sleeps instead of reporting
/// [`RunError::Deadlock`](crate::RunError::Deadlock).
///
/// ```
/// use roundelay_runtime::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let proxy = event_loop.proxy();
/// let thread = std::thread::spawn(move || proxy.stop());
/// event_loop.run_forever()?; // sleeps until the thread has called
/// # thread.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoopProxy {
    inbox: Arc<Inbox>,
}

impl LoopProxy {
    /// Calls `callback` on the loop's thread, in one of its next turns, and wakes the loop
    /// if it sleeps. Never waits.
    ///
    /// It sees the [context variables](crate::ContextVar) of the thread that calls, as they are
    /// now.
    ///
    /// If the loop is closed before it comes to it, the callback is dropped uncalled.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped here.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_runtime::{EventLoop, LoopClosed};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (sender, receiver) = mpsc::channel();
    /// let proxy = event_loop.proxy();
    /// proxy.call_soon_threadsafe(move || sender.send("hello").unwrap())?;
    /// event_loop.run_once()?;
    /// assert_eq!(receiver.recv()?, "hello");
    /// drop(event_loop);
    /// assert_eq!(proxy.call_soon_threadsafe(|| ()), Err(LoopClosed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoopClosed> {
        let callback: Box<dyn FnOnce() + Send> = match ContextValues::any_here() {
            true => Box::new(ContextValues::current().wrap(callback)),
            false => Box::new(callback),
        };
        self.inbox.leave(Message::Call(callback)).map_err(|_| LoopClosed)
    }

    /// Ends the loop's run after the turn that collects this message, which is often the
    /// next one; wakes the loop if it sleeps. A loop that does not run will stop after the
    /// first turn of its next run. A closed loop ignores it.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.proxy().stop(); // before the run: it ends after its first turn
    /// event_loop.run_forever()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        self.tell(Message::Stop);
    }

    /// The number of the loop behind this door.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.inbox.id
    }

    /// The loop itself, if it is the one that runs on this thread.
    ///
    /// # Errors
    /// [`WrongLoop`], which names both loops.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, FailurePolicy};
    ///
    /// let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build()?;
    /// let door = event_loop.proxy();
    /// assert!(!door.is_home()); // it does not run now
    /// assert_eq!(door.local().unwrap_err().made_on, door.id());
    /// event_loop.call_soon(move || assert!(door.local().is_ok() && door.is_home()))?;
    /// event_loop.run_once()?; // if the assertion failed, so would this
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn local(&self) -> Result<LoopRef, WrongLoop> {
        here(self.id())
    }

    /// Keeps the loop's virtual clock from jumping until the guard is dropped. A real clock
    /// does not care.
    ///
    /// For work that the loop cannot see: a thread that will answer soon. (A door alone does not
    /// hold the clock: it may never be used, and then time would stand still for ever.) Jobs
    /// awaited with `to_thread` hold the clock by themselves.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let start = event_loop.time();
    /// event_loop.call_later(Duration::from_secs(60), || ())?;
    /// let (proxy, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
    /// let worker = std::thread::spawn(move || {
    ///     proxy.call_soon_threadsafe(|| println!("done")).unwrap();
    ///     drop(hold);
    /// });
    /// event_loop.run_once()?; // waits for the thread, not for the minute
    /// assert_eq!(event_loop.time(), start);
    /// # worker.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "dropping the guard lets the clock go"]
    pub fn hold_clock(&self) -> ClockHold {
        self.inbox.hold_clock();
        ClockHold { proxy: self.clone() }
    }

    /// Tells the loop's target that what `key` waited for has happened, from any thread.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_runtime::{EventLoop, Key, Target};
    ///
    /// struct Heard(Cell<Option<Key>>);
    ///
    /// impl Target for Heard {
    ///     fn run(&self, _key: Key) {}
    ///     fn notify(&self, key: Key) {
    ///         self.0.set(Some(key));
    ///     }
    /// }
    ///
    /// let (event_loop, target) = (EventLoop::new()?, Rc::new(Heard(Cell::new(None))));
    /// event_loop.set_target(target.clone());
    /// let door = event_loop.proxy();
    /// std::thread::spawn(move || door.notify(Key::new(7, 1))).join().unwrap();
    /// event_loop.run_once()?;
    /// assert_eq!(target.0.get(), Some(Key::new(7, 1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn notify(&self, key: Key) {
        match target_at_home(self.id()) {
            Some(Some(target)) => target.notify(key),
            Some(None) => {}
            None => self.tell(Message::Notify(key)),
        }
    }

    /// As [`LoopProxy::notify`], for whoever may do so many times before anybody looks: from another
    /// thread it leaves a message only if `told` says that none is on its way.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use roundelay_runtime::{EventLoop, Key};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (door, told) = (event_loop.proxy(), Cell::new(false));
    /// for _ in 0..1000 {
    ///     door.notify_unless(Key::new(0, 1), || told.replace(true)); // one message
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn notify_unless(&self, key: Key, told: impl FnOnce() -> bool) {
        match target_at_home(self.id()) {
            Some(Some(target)) => target.notify(key),
            Some(None) => {}
            None if told() => {}
            None => self.tell(Message::Notify(key)),
        }
    }

    /// Tells the loop's observer, from any thread. Elsewhere it becomes a message, so only
    /// whoever knows that the loop is observed should ask for it.
    ///
    /// ```
    /// use std::{cell::Cell, panic::Location, rc::Rc};
    /// use roundelay_runtime::{Event, EventLoop, Moment};
    ///
    /// let heard = Rc::new(Cell::new(false));
    /// let inner = heard.clone();
    /// let ear = move |_: Moment, event: &Event| match event {
    ///     Event::Remarked { text, .. } => inner.set(text == "halfway"),
    ///     _ => (),
    /// };
    /// let event_loop = EventLoop::builder().observer(ear).build()?;
    /// let (door, at) = (event_loop.proxy(), Location::caller());
    /// let remark = Event::Remarked { text: "halfway".into(), at };
    /// std::thread::spawn(move || door.observe(remark)).join().unwrap();
    /// assert!(!heard.get()); // the message is on its way
    /// event_loop.run_once()?;
    /// assert!(heard.get());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(&self, event: Event) {
        match self.local() {
            Ok(home) => home.observe(|| event),
            Err(_) => self.tell(Message::Tell(Box::new(event))),
        }
    }

    /// Whether this thread runs the loop behind this door, or is closing it.
    #[must_use]
    pub fn is_home(&self) -> bool {
        is_current(self.id())
    }

    pub(crate) fn cancel_wait(&self, wait: WaitKey) {
        match home(self.id()) {
            Some(home) => home.cancel_wait(wait),
            None => self.tell(Message::CancelWait(wait)),
        }
    }

    /// Lets go of a source: at once for the operating system, soon for the loop's table.
    pub(crate) fn release(&self, source: Key, fd: RawFd) {
        self.inbox.deregister(fd);
        match home(self.id()) {
            Some(home) => home.forget_source(source),
            None => self.tell(Message::Forget(source)),
        }
    }

    /// Leaves a message that a closed loop may ignore.
    fn tell(&self, message: Message) {
        let refused = self.inbox.leave(message);
        drop(refused);
    }
}

impl fmt::Debug for LoopProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopProxy").field("id", &self.id()).finish()
    }
}

/// Holds the virtual clock: see [`LoopProxy::hold_clock`]. May be dropped on any thread.
#[derive(Debug)]
pub struct ClockHold {
    proxy: LoopProxy,
}

impl Drop for ClockHold {
    fn drop(&mut self) {
        let last = self.proxy.inbox.release_clock();
        // At home the loop is awake; elsewhere it may sleep on this hold's account.
        if last && !self.proxy.is_home() {
            self.proxy.tell(Message::ClockFree);
        }
    }
}
