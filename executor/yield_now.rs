//! Giving way.
//!
//! `.await` does not give way by itself: a future that is ready goes straight on. A task
//! that computes for long is polite on purpose.
//!
//! Tutorial: chapter 5. Before this: `time/interval.rs`. After this: `promise.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_runtime::{Awaited, Event, Interest, observe_here_of};

use crate::task_table::Waiter;

/// Lets every other ready task take one step, then goes on: one turn of the loop.
///
/// asyncio writes `await asyncio.sleep(0)`.
///
/// *Cancel safety: safe.*
///
/// ```
/// use roundelay_executor::{run, spawn, yield_now};
///
/// run(async {
///     let other = spawn(async { "the other's turn" });
///     assert!(!other.is_finished());
///     yield_now().await;
///     assert!(other.is_finished());
/// });
/// ```
#[doc(alias = "sleep(0)")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "it gives way only when awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        Waiter::wake_poller(cx);
        observe_here_of(Interest::WAITS, || Event::Awaits(Awaited::NextTurn));
        Poll::Pending
    }
}
