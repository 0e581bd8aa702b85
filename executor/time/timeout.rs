//! Time limits.
//!
//! A timeout polls what it guards first and looks at the clock second, so a result that is
//! there wins over a limit that has passed. Cancelling is dropping: the guarded future is
//! dropped before the error comes out, and nothing in it can swallow that.
//!
//! A limit that had passed before the first poll leaves the future that one poll: what needs
//! no waiting gets its result, and the first wait is too long. asyncio's rule.
//!
//! Most limits are never reached, so setting one must be cheap. It does not read the clock: it
//! begins with the loop's next reading, which serves all the limits set before it.
//!
//! # Invariants
//! - No timer is set for a future that is ready at its first poll.
//! - A limit is never too short, and too long by no more than the first poll, the rest of its turn
//!   and one turn more.
//! - When `Elapsed` comes out, the guarded future is gone.
//!
//! Tutorial: chapter 11. Before this: `block_for.rs`. After this: `timeout_join.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::error::Elapsed;
use crate::own_step;
use crate::time::sleep::{Sleep, sleep_until};

/// Awaits `future`, but not longer than `limit`.
///
/// The time counts from the end of the first poll, or from when the loop next reads its clock:
/// before it sleeps, and at the latest in the turn after the next. What the first poll itself
/// takes comes on top. (For a moment that is exact, take [`timeout_at`](crate::timeout_at()); in
/// virtual time the end of the first poll is. [`fail_after`](crate::fail_after()) reads the clock
/// before it polls.) With a limit of zero the future is polled once: what is ready gives its result, what is not has been given up in the next turn.
/// A limit that no clock can hold never passes.
///
/// This is asyncio's `wait_for` as it is since 3.12, and its `timeout`: the future stays in
/// the caller's task. Differences: a result that is ready in the turn of the deadline wins
/// (asyncio raises `TimeoutError`); a zero limit polls once (`wait_for` does not begin at
/// all); and the guarded future cannot refuse, delay or replace the error, since it is
/// dropped. For a task that is to be waited for until it has really ended, use
/// [`timeout_join`](crate::timeout_join()); for a limit that can be moved, a
/// [`Deadline`](crate::Deadline).
///
/// To stop the waiting and not the work, guard a borrowed future: `timeout(limit, &mut task)`.
///
/// # Errors
/// [`Elapsed`]; the future has been dropped then. Of nested limits, exactly the one that
/// passed gives it.
///
/// *Cancel safety:* that of `future`.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{run, sleep, timeout};
///
/// run(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
///     let slow = sleep(Duration::from_secs(60));
///     assert!(timeout(Duration::from_millis(1), slow).await.is_err());
/// });
/// ```
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { future: Some(future), sleep: Sleep::limit(limit), limit: Some(limit), spent: false }
}

/// Awaits `future` until the loop's clock shows `deadline`: one deadline for many steps.
///
/// # Errors
/// [`Elapsed`]; the future has been dropped then.
///
/// *Cancel safety:* that of `future`.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{now, run, timeout_at};
///
/// run(async {
///     let deadline = now() + Duration::from_secs(1);
///     for step in 0..3 {
///         assert_eq!(timeout_at(deadline, async { step }).await, Ok(step));
///     }
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future: Some(future), sleep: sleep_until(deadline), limit: None, spent: false }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a timeout that is not awaited guards nothing"]
    pub struct Timeout<F> {
        // Emptied when the limit has passed.
        #[pin]
        future: Option<F>,
        sleep: Sleep,
        limit: Option<Duration>,
        // The limit had passed before the first poll, and that has been.
        spent: bool,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let elapsed = Elapsed { limit: *this.limit };
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(elapsed));
        };
        if !*this.spent {
            if let Poll::Ready(output) = future.poll(cx) {
                return Poll::Ready(Ok(output));
            }
            // What only gave way was not told yet what there is: it has its poll in the next turn.
            *this.spent = this.sleep.is_over_before_it_begins() && !own_step::gave_way();
            if Pin::new(this.sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.future.set(None);
        Poll::Ready(Err(elapsed))
    }
}
