//! Gathering: several tasks at once, their results in the order of asking.
//!
//! ```text
//!   gather([a, b, c])     each becomes a task; they run interleaved
//!   .await                Ok([a's, b's, c's])  or the first error, and the others go on
//! ```
//!
//! This is asyncio's `gather`, with its two rules that surprise: the first error comes out
//! at once, and the other tasks are *not* cancelled by it. Who wants them cancelled wants a
//! [`TaskGroup`](crate::TaskGroup).
//!
//! # Who owns the children
//! The gather does, until it gives its answer: dropped before that, it cancels those that
//! still run. After an error the rest are detached.
//!
//! Tutorial: chapter 9. Before this: `../channel/watch.rs`. After this: `../group_error.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_runtime::report_here;

use crate::error::TaskError;
use crate::task::{Task, spawn};
use crate::task_table::lost_panic;

/// Runs the futures as tasks and gives all their results, in the order of the argument.
///
/// # Errors
/// The first error, as soon as it happens: the other tasks go on and their results are
/// dropped. A child that was cancelled or panicked is an error too.
///
/// Nothing to gather gives an empty list at once.
///
/// *Cancel safety: loses data.* Dropping it cancels the children that still run, in order.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{gather, run};
///
/// run(async {
///     let squares = gather((1..=3).map(|n| async move { Ok::<_, String>(n * n) })).await;
///     assert_eq!(squares.unwrap(), [1, 4, 9]);
/// });
/// ```
#[track_caller]
pub fn gather<T, E, F>(futures: impl IntoIterator<Item = F>) -> Gather<T, E>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: 'static,
{
    Gather { children: spawn_all(futures) }
}

/// Runs the futures as tasks and gives every outcome, in the order of the argument. Never
/// fails as a whole: one that was cancelled or panicked is an `Err` in its place.
///
/// *Cancel safety: loses data.* Dropping it cancels the children that still run, in order.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{gather_all, run};
///
/// run(async {
///     let squares = gather_all((1..=3).map(|n| async move { n * n })).await;
///     assert_eq!(squares.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 4, 9]);
/// });
/// ```
#[doc(alias = "return_exceptions")]
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather_all<F>(futures: impl IntoIterator<Item = F>) -> GatherAll<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    GatherAll { children: spawn_all(futures) }
}

/// A child and, once it has ended, its outcome.
enum Child<T> {
    Running(Task<T>),
    Ended(Result<T, TaskError>),
}

#[track_caller]
fn spawn_all<F>(futures: impl IntoIterator<Item = F>) -> Vec<Child<F::Output>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut children = Vec::new();
    for future in futures {
        children.push(Child::Running(spawn(future)));
    }
    children
}

/// Looks at every child that still runs, in order. Says whether all have ended.
fn poll_all<T: 'static>(
    children: &mut [Child<T>],
    cx: &mut Context<'_>,
    mut ended: impl FnMut(usize, u32, &Result<T, TaskError>),
) -> bool {
    let mut all = true;
    for (index, child) in children.iter_mut().enumerate() {
        let Child::Running(task) = child else { continue };
        let order = task.end_order();
        match Pin::new(task).poll(cx) {
            Poll::Pending => all = false,
            Poll::Ready(outcome) => {
                ended(index, order, &outcome);
                *child = Child::Ended(outcome);
            }
        }
    }
    all
}

/// Nobody will take what the children give: those that run are cancelled, and a panic that
/// was collected is reported.
fn let_go<T>(children: &[Child<T>]) {
    for child in children {
        match child {
            Child::Running(task) => drop(task.cancel()),
            Child::Ended(outcome) => report_panic(outcome),
        }
    }
}

fn report_panic<T>(outcome: &Result<T, TaskError>) {
    if let Err(TaskError::Panicked(panic)) = outcome {
        report_here(lost_panic("a gathered task".to_owned(), panic));
    }
}

/// The future of [`gather`].
#[must_use = "the tasks run without it, but their results are lost"]
pub struct Gather<T, E> {
    children: Vec<Child<Result<T, E>>>,
}

impl<T, E> Unpin for Gather<T, E> {}

impl<T: 'static, E: 'static> Future for Gather<T, E> {
    type Output = Result<Vec<T>, GatherError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Of several that failed since the last look, the one that ended first. The count goes
        // round and round, so it is the distance that tells.
        let mut first_failure: Option<(usize, u32)> = None;
        let all = poll_all(&mut self.children, cx, |index, order, outcome| {
            let is_first =
                first_failure.is_none_or(|(_, first)| first.wrapping_sub(order) < u32::MAX / 2);
            if !matches!(outcome, Ok(Ok(_))) && is_first {
                first_failure = Some((index, order));
            }
        });
        if let Some((index, _)) = first_failure {
            // The answer is given: from now on nobody is cancelled.
            let mut children = std::mem::take(&mut self.children);
            let failed = children.swap_remove(index);
            for child in &children {
                if let Child::Ended(outcome) = child {
                    report_panic(outcome);
                }
            }
            let cause = match failed {
                Child::Ended(Ok(Err(error))) => GatherCause::Failed(error),
                Child::Ended(Err(error)) => GatherCause::Task(error),
                _ => unreachable!("a failed child has ended with a failure"),
            };
            return Poll::Ready(Err(GatherError { index, cause }));
        }
        if !all {
            return Poll::Pending;
        }
        let results =
            std::mem::take(&mut self.children).into_iter().filter_map(|child| match child {
                Child::Ended(Ok(Ok(value))) => Some(value),
                _ => None,
            });
        Poll::Ready(Ok(results.collect()))
    }
}

impl<T, E> Drop for Gather<T, E> {
    fn drop(&mut self) {
        let_go(&self.children);
    }
}

impl<T, E> fmt::Debug for Gather<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("children", &self.children.len()).finish()
    }
}

/// The future of [`gather_all`].
#[must_use = "the tasks run without it, but their results are lost"]
pub struct GatherAll<T> {
    children: Vec<Child<T>>,
}

impl<T> Unpin for GatherAll<T> {}

impl<T: 'static> Future for GatherAll<T> {
    type Output = Vec<Result<T, TaskError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !poll_all(&mut self.children, cx, |_, _, _| ()) {
            return Poll::Pending;
        }
        let outcomes =
            std::mem::take(&mut self.children).into_iter().filter_map(|child| match child {
                Child::Ended(outcome) => Some(outcome),
                Child::Running(_) => None,
            });
        Poll::Ready(outcomes.collect())
    }
}

impl<T> Drop for GatherAll<T> {
    fn drop(&mut self) {
        let_go(&self.children);
    }
}

impl<T> fmt::Debug for GatherAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherAll").field("children", &self.children.len()).finish()
    }
}

/// The first failure among gathered tasks.
#[derive(Debug)]
pub struct GatherError<E> {
    /// Which future of the argument failed, counted from zero.
    pub index: usize,
    /// How it failed.
    pub cause: GatherCause<E>,
}

/// How a gathered task failed.
#[derive(Debug)]
pub enum GatherCause<E> {
    /// It ended with an error of its own.
    Failed(E),
    /// It was cancelled, or panicked.
    Task(TaskError),
}

impl<E: fmt::Display> fmt::Display for GatherError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} of the gathered futures failed first: ", self.index)?;
        match &self.cause {
            GatherCause::Failed(error) => write!(f, "{error}"),
            GatherCause::Task(error) => write!(f, "{error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for GatherError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            GatherCause::Failed(error) => Some(error),
            GatherCause::Task(error) => Some(error),
        }
    }
}
