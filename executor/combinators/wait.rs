//! Waiting for some of several tasks: for the first, for the first failure, or for all.
//!
//! ```text
//!   tasks: [a b c]    wait(&mut tasks, When::FirstCompleted, None).await --> [b]
//!   tasks: [a   c]                                                        b has ended
//! ```
//!
//! This only looks. It takes no outcome, it cancels nobody, and its time limit ends the
//! waiting and nothing else: asyncio's `wait`. The handles of those that have ended come
//! out, the others stay in the caller's list.
//!
//! # Who owns the children
//! The caller, always.
//!
//! # Invariants
//! - What comes out and what stays are together what went in, each in the order of the input.
//! - What comes out is not empty, unless the limit passed first.
//! - As long as it has not answered, the list is as it was.
//!
//! Tutorial: chapter 9. Before this: `gather_error.rs`. After this: `as_completed.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use roundelay_runtime::{Key, contain};

use crate::combinators::finish_line::{AnyTask, FinishLine};
use crate::error::TaskError;
use crate::task::Task;
use crate::task_table::{Tasks, Waiter};
use crate::time::sleep::{Sleep, sleep};

/// What [`wait`] waits for.
///
/// ```
/// use roundelay_executor::{When, run, spawn, wait};
///
/// run(async {
///     let mut tasks = vec![spawn(std::future::pending()), spawn(async { Err::<(), _>("no") })];
///     let failed = wait(&mut tasks, When::FirstFailure(Result::is_err), None).await;
///     assert_eq!((failed.len(), tasks.len()), (1, 1));
/// });
/// ```
#[doc(alias = "return_when")]
pub enum When<T> {
    /// One task has ended, in whatever way; being cancelled is one.
    #[doc(alias = "FIRST_COMPLETED")]
    FirstCompleted,
    /// One task has failed, or all have ended. A panic is a failure, being cancelled is none.
    /// Whether an output is one is for the function to say: for tasks that give a `Result`,
    /// write `When::FirstFailure(Result::is_err)`.
    #[doc(alias = "FIRST_EXCEPTION")]
    FirstFailure(fn(&T) -> bool),
    /// All tasks have ended.
    #[doc(alias = "ALL_COMPLETED")]
    All,
}

/// Waits until enough of the tasks have ended, or until `limit` has passed; `None`: no limit.
///
/// Gives the handles of all that have ended by then, in the order of the list: with
/// [`When::FirstCompleted`] these may be several. The others stay in the list. An outcome is
/// had from its handle, at once.
///
/// The limit is no error and cancels nobody. It counts from the first poll. Others get at
/// least one step meanwhile, even if all have ended and with a limit of zero.
///
/// *Cancel safety: safe.* Dropping it changes nothing: every handle is in the list.
///
/// # Panics
/// If there is no task, as asyncio's: "the first of none" never comes, so ask `is_empty`
/// first. When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{When, run, sleep, spawn, wait};
///
/// run(async {
///     let nap = |ms| async move { sleep(Duration::from_millis(ms)).await };
///     let mut tasks = vec![spawn(nap(60_000)), spawn(nap(1))];
///
///     let done = wait(&mut tasks, When::FirstCompleted, None).await;
///     assert_eq!((done.len(), tasks.len()), (1, 1));
///
///     // The limit ends the waiting, not the task.
///     let done = wait(&mut tasks, When::All, Duration::from_millis(1)).await;
///     assert!(done.is_empty() && !tasks[0].is_finished());
/// });
/// ```
#[track_caller]
pub fn wait<T: 'static>(
    tasks: &mut Vec<Task<T>>,
    when: When<T>,
    limit: impl Into<Option<Duration>>,
) -> Wait<'_, T> {
    assert!(
        !tasks.is_empty(),
        "`wait` needs at least one task, and there is none to wait for; ask `is_empty` first"
    );
    Wait { tasks, when, limit: limit.into().map(sleep), line: Rc::default(), stage: Stage::New }
}

/// The future of [`wait`].
#[must_use = "a wait that is not awaited does not wait"]
pub struct Wait<'a, T: 'static> {
    tasks: &'a mut Vec<Task<T>>,
    when: When<T>,
    limit: Option<Sleep>,
    line: Rc<FinishLine>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    New,
    /// So many have not arrived.
    Waiting(usize),
    /// Enough have ended.
    Enough,
    Over,
}

impl<T: 'static> Future for Wait<'_, T> {
    type Output = Vec<Task<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut first_look = false;
        if let Stage::New = this.stage {
            this.line.watch_all(this.tasks.iter(), |task| this.when.alarm(task));
            this.line.needs_all.set(matches!(this.when, When::All));
            this.line.let_sleep_until_the_last_of(this.tasks.len());
            this.stage = Stage::Waiting(this.tasks.len());
            first_look = true;
        }
        while let Stage::Waiting(running) = this.stage {
            let Poll::Ready(index) = this.line.poll_next(cx) else { break };
            let (tasks, key) = this.tasks[index].address();
            let enough = running == 1 || this.when.is_enough(&tasks, key);
            this.stage = if enough { Stage::Enough } else { Stage::Waiting(running - 1) };
        }
        let over_time =
            this.limit.as_mut().is_some_and(|limit| Pin::new(limit).poll(cx).is_ready());
        match this.stage {
            Stage::Enough if first_look => {
                Waiter::of(cx).wake();
                Poll::Pending
            }
            Stage::Waiting(_) if !over_time => Poll::Pending,
            _ => Poll::Ready(this.answer()),
        }
    }
}

impl<T: 'static> When<T> {
    /// Whether the end of this task is what is waited for.
    fn is_enough(self, tasks: &Tasks, ended: Key) -> bool {
        match self {
            When::FirstCompleted => true,
            When::All => false,
            When::FirstFailure(is_failure) => {
                let failed = tasks.peek(ended, |outcome| match outcome {
                    Ok(output) => is_failure(output),
                    Err(error) => matches!(error, TaskError::Panicked(_)),
                });
                failed.unwrap_or(false)
            }
        }
    }

    /// Asked when the task has ended: must whoever waits be woken? Also if the user's function
    /// panics: it will again, where it is his.
    fn alarm(self, task: &Task<T>) -> impl Fn() -> bool + use<T> {
        let (tasks, key) = task.address();
        move || contain(|| self.is_enough(&tasks, key)).unwrap_or(true)
    }
}

impl<T> Wait<'_, T> {
    fn answer(&mut self) -> Vec<Task<T>> {
        self.forget();
        let all = std::mem::take(self.tasks);
        let (done, pending) = all.into_iter().partition(Task::is_finished);
        *self.tasks = pending;
        done
    }

    /// No task is to tell us of its end any more.
    fn forget(&mut self) {
        if let Stage::Waiting(_) | Stage::Enough = self.stage {
            for task in self.tasks.iter() {
                task.tell(None);
            }
        }
        self.stage = Stage::Over;
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.forget();
    }
}

impl<T> Clone for When<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for When<T> {}

impl<T> fmt::Debug for When<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            When::FirstCompleted => "FirstCompleted",
            When::FirstFailure(_) => "FirstFailure",
            When::All => "All",
        })
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("tasks", &self.tasks.len())
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
