//! The audience: receivers who all hear the same news.
//!
//! [`broadcast`](crate::broadcast()) and [`watch`](crate::watch()) differ in what they keep for
//! whom. What they share is here: how many send and how many listen, and the line of those who
//! wait for news. News is for everybody, so nothing is granted: all are woken, in the order in
//! which they came, and each looks for itself.
//!
//! ```text
//!   [ c  b  a ] --news--> a, b and c are woken and look
//! ```
//!
//! # Invariants
//! - Whoever waits has looked after it made its waker, and found nothing.
//! - Whoever stops waiting leaves nothing behind.
//!
//! Tutorial: chapter 14. Before this: `mpsc.rs`. After this: `broadcast.rs`.

use std::cell::Cell;
use std::convert::Infallible;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Ticket, WaitQueue};
use crate::task_table::Waiter;

/// How many are at either end, and who waits.
pub(crate) struct Audience {
    pub(crate) senders: Cell<usize>,
    pub(crate) receivers: Cell<usize>,
    waiting: WaitQueue<Infallible>,
}

/// A receiver's place among those who wait, if it does.
pub(crate) type Seat = Option<Ticket>;

impl Audience {
    /// One sender and one receiver.
    pub(crate) fn new() -> Audience {
        Audience {
            senders: Cell::new(1),
            receivers: Cell::new(1),
            waiting: WaitQueue::new("channel"),
        }
    }

    /// Waits until `look` finds something. It must not run user code.
    pub(crate) fn poll<R>(
        &self,
        seat: &mut Seat,
        cx: &Context<'_>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        let mut found = look();
        if found.is_none() {
            // Cloning a foreign waker is foreign code: look once more after it.
            let me = Waiter::of(cx);
            found = look();
            if found.is_none() {
                *seat = Some(self.waiting.join(seat.take(), me));
            }
        }
        match found {
            Some(found) => {
                self.leave(seat);
                Poll::Ready(found)
            }
            None => Poll::Pending,
        }
    }

    /// Stops waiting.
    pub(crate) fn leave(&self, seat: &mut Seat) {
        if let Some(ticket) = seat.take() {
            self.waiting.leave(ticket);
        }
    }

    /// There is news.
    pub(crate) fn wake_all(&self) {
        self.waiting.dismiss_all();
    }

    pub(crate) fn add_sender(&self) {
        self.senders.set(self.senders.get() + 1);
    }

    /// One less. That the last one is gone is news.
    pub(crate) fn remove_sender(&self) {
        self.senders.set(self.senders.get() - 1);
        if self.is_closed() {
            self.wake_all();
        }
    }

    /// Nothing more will be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.senders.get() == 0
    }

    pub(crate) fn add_receiver(&self) {
        self.receivers.set(self.receivers.get() + 1);
    }

    pub(crate) fn remove_receiver(&self) {
        self.receivers.set(self.receivers.get() - 1);
    }
}
