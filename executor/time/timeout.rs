//! Time limits.
//!
//! A timeout polls what it guards first and looks at the clock second, so a result that is
//! there wins over a limit that has passed. Cancelling is dropping: the guarded future is
//! dropped before the error comes out, and nothing in it can swallow that.
//!
//! # Invariants
//! - No timer is set for a future that is ready at its first poll.
//! - When `Elapsed` comes out, the guarded future is gone.
//!
//! Tutorial: chapter 11. Before this: `sleep.rs`. After this: `../yield_now.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::error::Elapsed;
use crate::time::sleep::{Sleep, sleep, sleep_until};

/// Awaits `future`, but not longer than `limit`.
///
/// The time counts from the first poll. With a zero limit the future is polled once and
/// gets every ready task's turn as time.
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
/// use roundelay_executor::{run, sleep, timeout};
///
/// run(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
///     let slow = sleep(Duration::from_secs(60));
///     assert!(timeout(Duration::from_millis(1), slow).await.is_err());
/// });
/// ```
#[doc(alias = "wait_for")]
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { future: Some(future), sleep: sleep(limit), limit: Some(limit) }
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
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future: Some(future), sleep: sleep_until(deadline), limit: None }
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
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if Pin::new(this.sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.future.set(None);
        Poll::Ready(Err(elapsed))
    }
}
