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
//! Tutorial: chapter 7. Before this: `../patterns/pipeline.rs`. After this: `tcp.rs`.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use roundelay_runtime::{Awaited, Direction, Source, WaitKey, current_loop};

use crate::current::current_tasks;
use crate::task_table::Waiter;
use crate::told::awaits;

/// A socket, or another descriptor that does not block, and its registration.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    // Dropped first, in the order of declaration: the watch ends before the file is closed.
    source: Source,
    pub(crate) file: T,
}

impl<T: AsFd> Watched<T> {
    /// Registers `file`, which must not block, with the loop that runs here.
    pub(crate) fn new(file: T) -> io::Result<Watched<T>> {
        let home = current_loop().ok_or_else(no_loop)?;
        Ok(Watched { source: home.register(&file)?, file })
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
                Waiter::of(cx).wake();
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
        awaits(|| Awaited::Source(self.source.key()));
        Poll::Pending
    }

    pub(crate) fn cancel_wait(&self, wait: &mut Option<WaitKey>) {
        if let Some(wait) = wait.take() {
            self.source.cancel_wait(wait);
        }
    }

    /// As [`Watched::poll_io`], to await.
    pub(crate) async fn io<R>(
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
fn is_time_to_give_way() -> bool {
    let count = current_tasks().map_or(0, |tasks| tasks.count_operation());
    count.is_multiple_of(OPERATIONS_AT_A_STRETCH) && count > 0
}

/// How many operations of sockets a loop does before the one who asks gives way.
const OPERATIONS_AT_A_STRETCH: u32 = 128;

fn no_loop() -> io::Error {
    io::Error::other(
        "a socket needs a running event loop on this thread; open it inside \
         `roundelay::run(async { .. })`",
    )
}
