//! Shielding: work that is not given up when its caller is.
//!
//! ```text
//!   caller:  shield(work).await --- cancelled, or out of time
//!   work:    ......................................... goes on to its end, as a task
//! ```
//!
//! Cancelling a future is dropping it, so what must survive its caller must not live in it:
//! it must be a task. A shield is a task and its handle, and nothing else. The name says why.
//!
//! # Who owns the children
//! The loop. Dropping the handle detaches.
//!
//! Tutorial: chapter 10. Before this: `join.rs`. After this: `inputs.rs`.

use std::future::Future;

use crate::task::{Task, spawn};

/// Starts `future` as a task of its own, so that it goes on when whoever awaits it is
/// cancelled, runs out of time, or drops it for any other reason.
///
/// To wait again later, keep the handle and await `&mut handle`: `timeout(limit, &mut
/// handle)` gives up the waiting and not the work.
///
/// # When it is needed, and when not
/// It is needed for work that is half done in the world, such as a payment that has been
/// sent. It is *not* needed to clean up: destructors run in any case, and cannot be
/// cancelled. And it protects from the caller only, not from the end of the loop: when the
/// main future has ended, every task is cancelled, shielded or not. (In asyncio, too, a
/// shielded cleanup is lost if the loop ends before it.)
///
/// # Errors
/// [`TaskError`](crate::TaskError), when the inner task itself was cancelled or panicked. If
/// nobody awaits it any more, a panic is reported to the loop's failure policy; that an
/// `Err` is reported as well, ask [`Task::report_errors`] for.
///
/// *Cancel safety: safe.* That is what it is for.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, shield, sleep, timeout};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let mut payment = shield(async {
///         sleep(Duration::from_millis(5)).await;
///         "paid"
///     });
///     assert!(timeout(Duration::from_millis(1), &mut payment).await.is_err());
///     assert_eq!(payment.await.unwrap(), "paid");
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn shield<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn(future)
}
