//! Outcomes as they come: the first to end is the first to be had.
//!
//! ```text
//!   as_completed([a, b, c])         b ends, then c, then a
//!       --> (1, b's outcome), (2, c's outcome), (0, a's outcome)
//! ```
//!
//! asyncio's `as_completed`, whose asynchronous form gives the task that has ended; here the
//! task's place in the argument says which one it was.
//!
//! # Who owns the children
//! This does, handles and outcomes; but it never cancels anybody. Dropped, it detaches those
//! that have not come, as asyncio's leaves them running.
//!
//! # Invariants
//! - Each task comes once, in the order of ending: also those that had ended before.
//!
//! Tutorial: chapter 9. Before this: `wait.rs`. After this: `race.rs`.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::combinators::children::outcome;
use crate::combinators::finish_line::{AnyTask, FinishLine};
use crate::error::TaskError;
use crate::task::Task;

/// The outcomes of many tasks, each with its place in the argument, in the order in which the
/// tasks end.
///
/// A `Stream` of futures-core, so every library of stream helpers knows it; without one there
/// is [`next`](AsCompleted::next). For a time limit put `next` into a
/// [`timeout`](crate::timeout()), or every `next` into a [`timeout_at`](crate::timeout_at()).
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, as_completed, sleep, spawn};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let naps = [30, 10, 20].map(|ms| spawn(sleep(Duration::from_millis(ms))));
///     let mut order = Vec::new();
///     let mut naps = as_completed(naps);
///     while let Some((index, outcome)) = naps.next().await {
///         outcome.unwrap();
///         order.push(index);
///     }
///     assert_eq!(order, [1, 2, 0]);
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "FuturesUnordered")]
#[doc(alias = "JoinSet")]
pub fn as_completed<T>(tasks: impl IntoIterator<Item = Task<T>>) -> AsCompleted<T> {
    let tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    let line = Rc::<FinishLine>::default();
    line.watch_all(tasks.iter().flatten(), |_| || false);
    AsCompleted { open: tasks.len(), tasks, line }
}

/// The stream of [`as_completed`].
///
/// Dropping it detaches the tasks that have not come yet: they go on, and a panic among them
/// is reported. [`into_pending`](AsCompleted::into_pending) gives them back instead.
#[must_use = "a stream does nothing unless it is awaited"]
pub struct AsCompleted<T> {
    /// `None`: it has come.
    tasks: Vec<Option<Task<T>>>,
    line: Rc<FinishLine>,
    /// How many have not come.
    open: usize,
}

impl<T: 'static> AsCompleted<T> {
    /// The next task that has ended; `None` when all have come.
    ///
    /// *Cancel safety: safe.* Dropping the future loses nothing; the next call goes on.
    ///
    /// ```
    /// use roundelay_executor::{as_completed, run, spawn};
    ///
    /// run(async {
    ///     let mut tasks = as_completed([spawn(async { "only one" })]);
    ///     let (index, outcome) = tasks.next().await.unwrap();
    ///     assert_eq!((index, outcome.unwrap()), (0, "only one"));
    ///     assert!(tasks.next().await.is_none());
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<(usize, Result<T, TaskError>)> {
        poll_fn(|cx| self.poll_one(cx)).await
    }

    fn poll_one(&mut self, cx: &Context<'_>) -> Poll<Option<(usize, Result<T, TaskError>)>> {
        if self.open == 0 {
            return Poll::Ready(None);
        }
        let index = ready!(self.line.poll_next(cx));
        self.open -= 1;
        let task = self.tasks[index].take().expect("a task ends once, so it comes once");
        Poll::Ready(Some((index, outcome(task))))
    }
}

impl<T> AsCompleted<T> {
    /// How many have not come yet.
    ///
    /// ```
    /// use roundelay_executor::{as_completed, run, spawn};
    ///
    /// run(async {
    ///     let mut tasks = as_completed((0..3).map(|n| spawn(async move { n })));
    ///     tasks.next().await;
    ///     assert_eq!(tasks.pending(), 2);
    /// });
    /// ```
    #[must_use]
    pub fn pending(&self) -> usize {
        self.open
    }

    /// The tasks that have not come yet, with their places; for instance to cancel them.
    ///
    /// ```
    /// use roundelay_executor::{as_completed, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let mut tasks = as_completed((0..3).map(|n| spawn(async move { n })));
    ///     assert_eq!(tasks.next().await.unwrap().0, 0);
    ///     let rest: Vec<_> = tasks.into_pending().into_iter().map(|(index, _)| index).collect();
    ///     assert_eq!(rest, [1, 2]);
    /// });
    /// ```
    pub fn into_pending(mut self) -> Vec<(usize, Task<T>)> {
        let tasks = std::mem::take(&mut self.tasks).into_iter().enumerate();
        let tasks = tasks.filter_map(|(index, task)| Some((index, task?)));
        tasks.inspect(|(_, task)| task.tell(None)).collect()
    }
}

impl<T: 'static> Stream for AsCompleted<T> {
    type Item = (usize, Result<T, TaskError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_one(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.open, Some(self.open))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("pending", &self.open).finish_non_exhaustive()
    }
}
