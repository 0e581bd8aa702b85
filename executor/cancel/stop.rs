//! Stopping a task in good order, and at the latest after a while.
//!
//! ```text
//!   token.cancel() --> "please end" ------ the task ends by itself -----------> its outcome
//!                           \----- grace is over: task.cancel() --> unwound --> Cancelled
//! ```
//!
//! Tutorial: chapter 10. Before this: `cleanup.rs`. After this: `../group/error.rs`.

use std::time::Duration;

use crate::cancel::token::CancelToken;
use crate::error::TaskError;
use crate::task::Task;
use crate::time::timeout::timeout;

/// Asks `task` to end through its `token`, waits up to `grace` for that, and then cancels it.
///
/// # Errors
/// The task's: [`TaskError::Cancelled`] if it did not end in time (by now its future has been
/// dropped), or its panic.
///
/// *Cancel safety: loses data.* Dropping it ends the grace: the task is cancelled.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{CancelToken, run, spawn, stop_gracefully};
///
/// run(async {
///     let token = CancelToken::new();
///     let heard = token.clone();
///     let polite = spawn(async move { heard.cancelled().await; "all written" });
///     let end = stop_gracefully(&token, polite, Duration::from_secs(5)).await;
///     assert_eq!(end.unwrap(), "all written");
///
///     let deaf = spawn(std::future::pending::<()>());
///     let end = stop_gracefully(&token, deaf, Duration::from_millis(1)).await;
///     assert!(end.unwrap_err().is_cancelled());
/// });
/// ```
#[doc(alias = "graceful shutdown")]
pub async fn stop_gracefully<T: 'static>(
    token: &CancelToken,
    task: Task<T>,
    grace: Duration,
) -> Result<T, TaskError> {
    token.cancel();
    let mut task = CancelledOnDrop(task);
    if let Ok(outcome) = timeout(grace, &mut task.0).await {
        return outcome;
    }
    task.0.cancel();
    (&mut task.0).await
}

/// Cancels its task when it is dropped, which does nothing to one that has ended.
struct CancelledOnDrop<T>(Task<T>);

impl<T> Drop for CancelledOnDrop<T> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
