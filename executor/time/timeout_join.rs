//! A time limit for a task, waited for to its real end.
//!
//! ```text
//!   limit passes --> cancel --> the task unwinds --> it has ended --> Err(Elapsed)
//! ```
//!
//! A [`timeout`](crate::timeout()) around a borrowed task stops only the waiting; around an
//! owned one it detaches the task. Here the limit is meant for the task.
//!
//! # Invariants
//! - When an answer comes out, or this is dropped, the task has ended and its future is gone
//!   (one that is taking a step at that very moment: when the step ends).
//!
//! Tutorial: chapter 11. Before this: `timeout.rs`. After this: `deadline.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::{Elapsed, TaskError};
use crate::task::Task;
use crate::time::sleep::{Sleep, sleep};

/// Awaits a task, but cancels it when `limit` has passed, and then waits until it has ended.
///
/// The time counts from the first poll, so it is the waiting that is limited, not the task's
/// life. Unwinding is quick (the future is dropped in the task's next step), but not before
/// the step that it is taking.
///
/// This is the task version of asyncio's `wait_for`, which also returns only when the task is
/// gone.
///
/// # Errors
/// [`Elapsed`], if the limit passed first; the task has ended by then. Otherwise its outcome,
/// which may be an error of its own.
///
/// *Cancel safety: loses data.* Dropping it drops the task's future, before that drop
/// returns.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::future::pending;
/// use std::time::Duration;
/// use roundelay_executor::{run, spawn, timeout_join};
///
/// run(async {
///     let limit = Duration::from_millis(1);
///     assert_eq!(timeout_join(limit, spawn(async { 7 })).await.unwrap().unwrap(), 7);
///     assert!(timeout_join(limit, spawn(pending::<()>())).await.is_err());
/// });
/// ```
#[doc(alias = "wait_for")]
pub fn timeout_join<T: 'static>(limit: Duration, task: Task<T>) -> TimeoutJoin<T> {
    TimeoutJoin { task, sleep: sleep(limit), limit, asked: false }
}

/// The future of [`timeout_join`].
#[must_use = "a timeout that is not awaited limits nothing"]
pub struct TimeoutJoin<T> {
    task: Task<T>,
    sleep: Sleep,
    limit: Duration,
    /// The limit has passed, and the task has been asked to end.
    asked: bool,
}

impl<T: 'static> Future for TimeoutJoin<T> {
    type Output = Result<Result<T, TaskError>, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(outcome) = Pin::new(&mut this.task).poll(cx) {
            let by_us = this.asked && matches!(outcome, Err(TaskError::Cancelled));
            let elapsed = Elapsed { limit: Some(this.limit) };
            return Poll::Ready(if by_us { Err(elapsed) } else { Ok(outcome) });
        }
        if !this.asked {
            ready!(Pin::new(&mut this.sleep).poll(cx));
            this.asked = true;
            this.task.cancel();
        }
        Poll::Pending
    }
}

impl<T> Drop for TimeoutJoin<T> {
    fn drop(&mut self) {
        if !self.task.is_finished() {
            self.task.drop_now();
        }
    }
}

impl<T> fmt::Debug for TimeoutJoin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutJoin")
            .field("task", &self.task)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
