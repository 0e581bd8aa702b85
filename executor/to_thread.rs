//! Blocking work, away from the loop.
//!
//! ```text
//!   task:   to_thread(f).await ......................... goes on with f's value
//!                |                                          ^
//!   thread:      +--> f() runs, the loop turns meanwhile ---+ wakes the task
//! ```
//!
//! A thread cannot be stopped. So giving up on the await frees the *task*; the function, if
//! it has begun, runs to its end and its value is dropped. Who must not forget the thread
//! chooses one of these:
//!
//! | who gives up wants... | and writes |
//! |---|---|
//! | to go on at once (asyncio's rule) | `to_thread(f).await`, and drops it |
//! | a permit to come back only when the thread is free | [`to_thread(f).holding(permit)`](ToThread::holding) |
//! | to wait for the thread after a time limit (trio's rule) | `timeout(limit, &mut job).await`, then `job.await` |
//! | the function to stop by itself | asks [`is_host_gone`](crate::is_host_gone) in it |
//!
//! # Invariants
//! - A job that has not begun when its future is dropped never begins.
//! - While a job is awaited, a virtual clock does not jump over it.
//!
//! Tutorial: chapter 15. Before this: `awaited_job.rs`. After this: `run_on.rs`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use roundelay_pools::JobError;
use roundelay_runtime::ContextValues;

use crate::awaited_job::{Announced, AwaitedJob};
use crate::current::expect_tasks;
use crate::promise::promise;
use crate::task::{Task, TaskBuilder};
use crate::told::made;

/// Calls `work` on a thread of the loop's pool, and gives what it returns.
///
/// It is handed to the pool at the first poll; up to that it can be moved about, and
/// nothing happens. For several at once, spawn or [`gather_all`](crate::gather_all()) them.
/// Inside, [`from_thread`](crate::from_thread()) calls back into the loop. It sees the task's
/// [context variables](crate::ContextVar), and what it sets stays with it.
///
/// # Errors
/// [`JobError`]: it panicked, or the pool is closed.
///
/// *Cancel safety: loses data.* A function that has not begun never will; one that runs
/// goes on to its end, and its value is dropped.
///
/// # Panics
/// When first polled where no event loop runs.
///
/// ```
/// roundelay_executor::run(async {
///     let answer = roundelay_executor::to_thread(|| 6 * 7).await;
///     assert_eq!(answer.unwrap(), 42);
/// });
/// ```
#[doc(alias = "spawn_blocking")]
#[track_caller]
pub fn to_thread<F, T>(work: F) -> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    made("job");
    ToThread { stage: Stage::New(work) }
}

/// The future of [`to_thread`].
#[must_use = "the work begins when the future is awaited"]
pub struct ToThread<F, T> {
    stage: Stage<F, T>,
}

enum Stage<F, T> {
    New(F),
    Awaited(AwaitedJob<T>),
    Over,
}

impl<F, T> Unpin for ToThread<F, T> {}

impl<F, T> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Keeps `held` until the thread is free again, whoever gives up meanwhile.
    ///
    /// A limit on threads at work is no limit if a cancelled task gives its permit back while
    /// its function still runs. So the permit goes with the job: a task of its own awaits the
    /// job, and drops `held` on the loop's thread when the function has ended or will never
    /// begin.
    ///
    /// # Errors
    /// Those of [`to_thread`].
    ///
    /// *Cancel safety: loses data.* A function that has not begun never will, and `held` is
    /// dropped soon. One that runs goes on to its end; `held` is dropped then, and so is its
    /// value. If the loop is closed before that, `held` is dropped with the loop's tasks.
    ///
    /// # Panics
    /// When first polled where no event loop runs.
    ///
    /// ```
    /// use roundelay_executor::{Semaphore, run, to_thread};
    ///
    /// run(async {
    ///     let drives = Semaphore::new(2);
    ///     let permit = drives.acquire().await;
    ///     let size = to_thread(|| "pretend that this reads a disk".len()).holding(permit).await;
    ///     assert_eq!(size.unwrap(), 30);
    ///     assert_eq!(drives.available_permits(), 2);
    /// });
    /// ```
    #[doc(alias = "abandon_on_cancel")]
    pub async fn holding<H: 'static>(self, held: H) -> Result<T, JobError> {
        let Stage::New(work) = self.stage else {
            panic!("`holding` belongs before the first await: `to_thread(f).holding(permit)`")
        };
        let mut job = submit(work)?;
        let (answer, outcome) = promise();
        let warden = TaskBuilder::new().name("to_thread, holding").spawn(async move {
            let outcome = poll_fn(|cx| {
                if !answer.is_awaited() {
                    job.give_up();
                }
                job.poll(cx)
            });
            let outcome = outcome.await;
            drop(held);
            // Refused if nobody waits any more: then the value is dropped.
            drop(answer.resolve(outcome));
        });
        // Dropped after the promise's future below: then the warden sees that nobody waits.
        let _leaving = Leaving { warden };
        outcome.await.unwrap_or(Err(JobError::Cancelled))
    }
}

/// Makes the warden look when whoever awaited its answer has left.
struct Leaving {
    warden: Task<()>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.warden.wake();
    }
}

/// Hands `work` to the loop's own pool, with a way back into the loop.
fn submit<F, T>(work: F) -> Result<AwaitedJob<T>, JobError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let tasks = expect_tasks("to_thread");
    let announced = Announced::new(&tasks, tasks.blocking.kind());
    let inside = Arc::clone(&announced.host);
    let mut values = ContextValues::current();
    match tasks.blocking.submit(move || values.run(|| inside.run(work))) {
        Ok(job) => Ok(AwaitedJob::new(&tasks, job, announced, tasks.blocking.takes_real_time())),
        Err(refusal) => {
            announced.was_refused(&tasks);
            Err(JobError::Refused(refusal.to_string()))
        }
    }
}

impl<F, T> Future for ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.stage, Stage::New(_)) {
            let Stage::New(work) = std::mem::replace(&mut self.stage, Stage::Over) else {
                unreachable!("just seen");
            };
            match submit(work) {
                Ok(job) => self.stage = Stage::Awaited(job),
                Err(refused) => return Poll::Ready(Err(refused)),
            }
        }
        let Stage::Awaited(job) = &mut self.stage else {
            panic!("a future that has given the job's result is polled again");
        };
        let outcome = job.poll(cx);
        if outcome.is_ready() {
            self.stage = Stage::Over;
        }
        outcome
    }
}

impl<F, T> fmt::Debug for ToThread<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::New(_) => "ToThread(new)",
            Stage::Awaited(_) => "ToThread(awaited)",
            Stage::Over => "ToThread(over)",
        })
    }
}
