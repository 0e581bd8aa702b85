//! Trying, and waiting when the system says `WouldBlock`.
//!
//! ```text
//!   poll: try --> done
//!            \--> WouldBlock: latch cleared, callback left with the reactor, Pending
//! ```
//!
//! Every operation on every socket is this one dance with another system call in it.
//!
//! # Invariants
//! - Try first: readiness is looked at only to spare a try that is known to fail.
//! - The socket's descriptor is closed after its registration has ended (field order).
//!
//! Tutorial: chapter 7. Before this: `../patterns/pipeline.rs`. After this: `stream.rs`.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use roundelay_runtime::{Awaited, Direction, Source, WaitKey, current_loop};

use crate::own_step::{self, Wait};
use crate::task_table::Waiter;
use crate::told::awaits_numbered;
use crate::yield_now::yield_now;

/// A descriptor that does not block, watched by the loop on which this was made: what every
/// socket here is made of, and the way to await one that this crate does not know.
///
/// It may be sent to another thread and dropped there; used there, it answers with an error
/// that names both loops. Dropping it ends the watch, and then drops the file.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use roundelay_executor::{Watched, run};
/// use roundelay_runtime::Direction;
///
/// run(async {
///     let (here, mut there) = UnixStream::pair()?;
///     here.set_nonblocking(true)?;
///     let here = Watched::new(here)?;
///     there.write_all(b"ping")?;
///     let mut bytes = [0; 8];
///     let count = here.io(Direction::Read, |mut socket| socket.read(&mut bytes)).await?;
///     assert_eq!(&bytes[..count], b"ping");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "add_reader")]
#[doc(alias = "AsyncFd")]
#[derive(Debug)]
pub struct Watched<T> {
    // Dropped first, in the order of declaration: the watch ends before the file is closed.
    source: Source,
    pub(crate) file: T,
    /// Whether a short read or write means that there is no more: see `poll_transfer`.
    pub(crate) short_is_all: bool,
}

impl<T: AsFd> Watched<T> {
    /// Registers `file` with the loop that runs here. It must not block (`O_NONBLOCK`), or
    /// the loop would stand still with it.
    ///
    /// # Errors
    /// What the system says, for instance of a regular file, which nobody can wait for; no
    /// loop runs on this thread.
    pub fn new(file: T) -> io::Result<Watched<T>> {
        let home = current_loop().ok_or_else(no_loop)?;
        Ok(Watched { source: home.register(&file)?, file, short_is_all: true })
    }

    /// The file itself, for what does not wait.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.file
    }

    /// Ends the watch, and gives the file back. It still does not block.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::os::unix::net::UnixStream;
    /// use roundelay_executor::{Watched, run};
    ///
    /// run(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let here = Watched::new(here)?;
    ///     assert!(here.get_ref().local_addr()?.is_unnamed());
    ///     let mut here = here.into_inner();
    ///     assert_eq!(here.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        let Watched { source, file, .. } = self;
        drop(source);
        file
    }

    /// Tries `operation`; if it would block, leaves word and is pending. `wait` remembers
    /// the word left, from poll to poll.
    pub(crate) fn poll_io<R>(
        &self,
        wait: &mut Option<WaitKey>,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        while self.source.is_ready(direction)? {
            if is_time_to_give_way() {
                Waiter::wake_poller(cx);
                return Poll::Pending;
            }
            match operation(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.clear_ready(direction)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => {
                    self.cancel_wait(wait);
                    return Poll::Ready(outcome);
                }
            }
        }
        *wait = self.source.wait(direction, wait.take(), Waiter::callback(cx))?;
        let source = self.source.key();
        let wait = match direction {
            Direction::Read => Wait::ToRead(source),
            Direction::Write => Wait::ToWrite(source),
        };
        awaits_numbered(wait, move || Awaited::Source(source));
        Poll::Pending
    }

    /// As [`Watched::poll_io`], for a stream of bytes: one that moves fewer than the `room` it
    /// was given has nothing more to give or to take, and is not tried again before the next
    /// event. That halves the system calls of one who answers short messages. (Where a transfer
    /// may be short for another reason, `short_is_all` says no; several buffers are such a case,
    /// for the system takes only so many at once, and do not come here.)
    pub(crate) fn poll_transfer(
        &self,
        wait: &mut Option<WaitKey>,
        cx: &mut Context<'_>,
        direction: Direction,
        room: usize,
        operation: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let moved = ready!(self.poll_io(wait, cx, direction, operation))?;
        // None at all is the end of the stream, and stays.
        if self.short_is_all && moved > 0 && moved < room {
            self.source.clear_drained(direction)?;
        }
        Poll::Ready(Ok(moved))
    }

    pub(crate) fn cancel_wait(&self, wait: &mut Option<WaitKey>) {
        if let Some(wait) = wait.take() {
            self.source.cancel_wait(wait);
        }
    }

    /// Tries `operation` until it says something else than `WouldBlock`, and waits in between.
    /// Several tasks may wait at once, also for the same direction.
    ///
    /// # Errors
    /// Those of the operation; [`WrongLoop`](roundelay_runtime::WrongLoop) (inside of the
    /// `io::Error`) where its loop does not run.
    ///
    /// *Cancel safety: safe*, if an operation that would block has done nothing.
    #[doc(alias = "sock_recv")]
    #[doc(alias = "sock_sendall")]
    #[doc(alias = "sock_accept")]
    pub async fn io<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut word = Word { watched: self, wait: None };
        poll_fn(|cx| {
            let outcome = ready!(self.poll_io(&mut word.wait, cx, direction, &mut operation));
            Poll::Ready(outcome)
        })
        .await
    }

    /// Tries `operation` once, whatever was known of the direction, and leaves it known: for what
    /// may block over something else than this file.
    pub(crate) async fn try_io<R>(
        &self,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        // Only to hear whether this is its loop.
        self.source.is_ready(Direction::Write)?;
        if is_time_to_give_way() {
            yield_now().await;
        }
        loop {
            match operation(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

/// Takes its word back when dropped.
struct Word<'a, T: AsFd> {
    watched: &'a Watched<T>,
    wait: Option<WaitKey>,
}

impl<T: AsFd> Drop for Word<'_, T> {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
    }
}

/// Whether somebody else should have a turn: a task that always finds something to read would
/// never come to an end of its step. Once in so many operations it gives way, and then goes on
/// even if it is polled again at once, so that no combinator can go round in circles over it.
///
/// (The simple version counted the loop's operations. Then it was now and then the first one of a
/// step that gave way, and whoever had only that one poll was told that there is nothing to read.)
pub(crate) fn is_time_to_give_way() -> bool {
    own_step::gives_way_after(OPERATIONS_AT_A_STRETCH)
}

/// How many operations of sockets a step does before it gives way.
const OPERATIONS_AT_A_STRETCH: u16 = 128;

fn no_loop() -> io::Error {
    io::Error::other(
        "a socket needs a running event loop on this thread; open it inside \
         `roundelay::run(async { .. })`",
    )
}
