//! Time limits as scopes: `move_on_after`, `fail_after`, and the same with a deadline.
//!
//! ```text
//!   move_on_after(limit, future)   Option      too late is nothing special
//!   fail_after(limit, future)      Result      too late is an error
//!   timeout(limit, future)         Result      too late is an error, and no shield is heeded
//! ```
//!
//! Each is a [`CancelScope`] with a deadline, so a shield inside holds it off. A
//! [`timeout`](crate::timeout()) is the plain thing: cheaper, and when its time has come
//! the future is dropped whatever it is doing.
//!
//! Tutorial: chapter 11. Before this: `shield.rs`. After this: `cleanup.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::cancel::scope::CancelScope;
use crate::cancel::scoped::Scoped;
use crate::error::Elapsed;

/// Awaits `future`, but moves on with `None` when `limit` has passed since the beginning of the
/// first poll. A shield inside is waited for.
///
/// A borrowed future (`move_on_after(limit, &mut work)`) loses nothing by that: it goes on where
/// it stood when it is polled again, and the children of a borrowed group meanwhile.
///
/// *Cancel safety:* that of `future`.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{move_on_after, run, sleep};
///
/// run(async {
///     assert_eq!(move_on_after(Duration::from_secs(1), async { 7 }).await, Some(7));
///     let slow = sleep(Duration::from_secs(60));
///     assert_eq!(move_on_after(Duration::from_millis(1), slow).await, None);
/// });
/// ```
pub fn move_on_after<F: Future>(limit: Duration, future: F) -> Scoped<F> {
    CancelScope::after(limit).run(future)
}

/// Awaits `future`, but moves on with `None` when the loop's clock shows `deadline`. A shield
/// inside is waited for.
///
/// *Cancel safety:* that of `future`.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{move_on_at, now, run};
///
/// run(async {
///     let deadline = now() + Duration::from_secs(1);
///     assert_eq!(move_on_at(deadline, async { 7 }).await, Some(7));
/// });
/// ```
pub fn move_on_at<F: Future>(deadline: Instant, future: F) -> Scoped<F> {
    CancelScope::at(deadline).run(future)
}

/// Awaits `future`, and fails when `limit` has passed since the beginning of the first poll. A
/// shield inside is waited for.
///
/// # Errors
/// [`Elapsed`]; the future has been dropped then. The same if it was itself only borrowed by a
/// scope that was cancelled, and had to end there while a shield kept that scope waiting.
///
/// *Cancel safety:* that of `future`.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{fail_after, run, sleep};
///
/// run(async {
///     assert_eq!(fail_after(Duration::from_secs(1), async { 7 }).await, Ok(7));
///     let slow = sleep(Duration::from_secs(60));
///     assert!(fail_after(Duration::from_millis(1), slow).await.is_err());
/// });
/// ```
pub fn fail_after<F: Future>(limit: Duration, future: F) -> FailAfter<F> {
    FailAfter { scoped: move_on_after(limit, future), limit: Some(limit) }
}

/// Awaits `future`, and fails when the loop's clock shows `deadline`. A shield inside is
/// waited for.
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
/// use roundelay_executor::{fail_at, now, run};
///
/// run(async {
///     let deadline = now() + Duration::from_secs(1);
///     assert_eq!(fail_at(deadline, async { 7 }).await, Ok(7));
/// });
/// ```
pub fn fail_at<F: Future>(deadline: Instant, future: F) -> FailAfter<F> {
    FailAfter { scoped: move_on_at(deadline, future), limit: None }
}

pin_project! {
    /// The future of [`fail_after`] and [`fail_at`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct FailAfter<F> {
        #[pin]
        scoped: Scoped<F>,
        limit: Option<Duration>,
    }
}

impl<F: Future> Future for FailAfter<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let limit = *this.limit;
        this.scoped.poll(cx).map(|output| output.ok_or(Elapsed { limit }))
    }
}

impl<F> fmt::Debug for FailAfter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailAfter").field("limit", &self.limit).finish_non_exhaustive()
    }
}
