//! Shields: code that a cancelled scope lets run to its end.
//!
//! ```text
//!   scope.run(async {
//!       work().await;                              cancelled here: dropped here
//!       CancelScope::shield(commit()).await;       cancelled here: goes on to its end ...
//!       more_work().await;                         ... and is dropped here
//!   })
//! ```
//!
//! Keep shields short, or give them a limit of their own: a scope with a deadline *inside*
//! of the shield is cut short by that deadline and by nothing further out.
//!
//! # Invariants
//! - A shield holds off every scope around it, up to the next shield, from its first poll
//!   until it has ended or is dropped. It does not hold off whoever drops directly.
//!
//! Tutorial: chapter 10. Before this: `scoped.rs`. After this: `move_on.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::region::{Region, innermost};
use crate::cancel::scope::CancelScope;

impl CancelScope {
    /// Awaits `future` to its end even if a scope around it is cancelled meanwhile. The scope
    /// then ends at the next suspension after it.
    ///
    /// Whatever else runs *concurrently in the same scope*, beside the shield, goes on until
    /// the shield has ended: one future cannot be dropped in part. What has a scope of its
    /// own or is the child of a group is dropped without waiting for a shield that is not its
    /// own.
    ///
    /// A shield that has begun holds the scope off until it has ended or is dropped, *whether or
    /// not somebody still polls it*: a limit around it does not count meanwhile. So await it, or
    /// drop it. A `timeout` around a borrowed shield (`&mut`) that is then kept and not polled on
    /// takes the limit off its scope without a word; give the shield a limit of its own inside.
    ///
    /// This is trio's shield. asyncio's, which lets work go on when nobody awaits it any
    /// more, is a task: spawn the work and await its handle.
    ///
    /// *Cancel safety:* that of `future`: a `timeout`, a `race`, `Task::cancel` and the end of
    /// the run drop it like any other.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{CancelScope, move_on_after, run, yield_now};
    ///
    /// run(async {
    ///     let (scope, mut log) = (CancelScope::new(), Vec::new());
    ///     let inner = scope.clone();
    ///     scope.run(async {
    ///         // The usual form: shielded, but with a limit of its own.
    ///         CancelScope::shield(move_on_after(Duration::from_secs(1), async {
    ///             inner.cancel();
    ///             yield_now().await;
    ///             log.push("committed");
    ///         })).await;
    ///         yield_now().await;
    ///         log.push("not reached");
    ///     }).await;
    ///     assert_eq!(log, ["committed"]);
    /// });
    /// ```
    pub fn shield<F: Future>(future: F) -> Shielded<F> {
        Shielded { future: Some(future), region: Region::shield(), begun: false }
    }
}

pin_project! {
    /// The future of [`CancelScope::shield`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct Shielded<F> {
        // Emptied when it has ended.
        #[pin]
        future: Option<F>,
        region: Rc<Region>,
        begun: bool,
    }

    impl<F> PinnedDrop for Shielded<F> {
        fn drop(this: Pin<&mut Self>) {
            // Through the projection: `this.region` would be a `&` to the whole, and void a `&mut`
            // that the future holds to a variable of its own.
            this.project().region.lower();
        }
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.region.set_outer(innermost());
        if !std::mem::replace(this.begun, true) {
            this.region.raise();
        }
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a shielded future that has ended is polled again");
        let polled = this.region.poll_inside(|| future.poll(cx));
        if polled.is_ready() {
            // Dropped while the shield is still up, as it ran.
            this.future.set(None);
            this.region.lower();
        }
        polled
    }
}

impl<F> fmt::Debug for Shielded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shielded").field("begun", &self.begun).finish_non_exhaustive()
    }
}
