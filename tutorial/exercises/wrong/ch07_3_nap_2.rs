//! Write: a wait, from a timer and a waker.
//!
//! `Nap` knows the moment at which it is over. Set a timer with `call_at` that wakes the task. Set
//! one timer only, though the nap may be polled more often than it needs to be. It must not end
//! early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use roundelay::{Instant, current_loop, now};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch07;

/// A wait.
struct Nap {
    over: Instant,
    has_timer: bool,
}

fn nap(delay: Duration) -> Nap {
    Nap { over: now() + delay, has_timer: false }
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_timer {
            return Poll::Ready(());
        }
        self.has_timer = true;
        let waker = cx.waker().clone();
        let event_loop = current_loop().expect("inside a run there is a loop");
        event_loop.call_at(self.over, move || waker.wake()).expect("the loop is open");
        Poll::Pending
    }
}

pub(crate) fn main() -> Verdict {
    ch07::nap(nap)
}
