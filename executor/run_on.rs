//! Blocking work on a pool of one's own.
//!
//! [`to_thread`](crate::to_thread()) uses the loop's own pool. A library that guards a scarce
//! thing (a database that takes four threads, a device that takes one) has a pool for it, and
//! a program that computes has one with as many threads as cores: make it once and hand it
//! in, for a pool per call starts threads per call.
//!
//! # Which way to a pool
//! - A thread pool, or a scripted one in a test: [`run_on`]. It holds the virtual clock, tells
//!   the observer, cancels a queued job when it is dropped, and lets the function
//!   [call back](crate::from_thread()).
//! - A process pool runs functions by name: `pool.submit(function, argument)?.await`. A bare
//!   [`Job`](roundelay_pools::Job) is a future on any executor, so it knows no loop: a
//!   virtual clock does not wait for it, and dropping it lets the job run.
//!
//! Tutorial: chapter 15. Before this: `to_thread.rs`. After this: `bridge/remote_error.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use roundelay_pools::{JobError, Pool};
use roundelay_runtime::ContextValues;

use crate::awaited_job::{Announced, AwaitedJob};
use crate::current::expect_tasks;
use crate::told::made;

/// Calls `work` on a thread of `pool`, and gives what it returns.
///
/// The job is handed over at once, before the first await, as asyncio's `run_in_executor`
/// does: so the future borrows nothing and can be spawned. (A pool that was built with a
/// capacity makes the whole loop wait here while its queue is full. Limit the callers with a
/// [`Semaphore`](crate::Semaphore) instead.)
///
/// The pool stays the caller's: nothing here closes it. Never shut it down on the loop's
/// thread, which would stop every task; `pool.close()` and then `pool.ended().await` do not.
///
/// It sees the [context variables](crate::ContextVar) of this moment.
///
/// # Errors
/// [`JobError`]: it panicked, or the pool did not take it ([`JobError::Refused`]).
///
/// *Cancel safety: loses data.* A function that has not begun never will; one that runs goes
/// on to its end, and its value is dropped.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{run, run_on};
/// use roundelay_pools::ThreadPool;
///
/// let cores = ThreadPool::new(2);
/// run(async {
///     let sum = run_on(&cores, || (1..=100_u64).sum::<u64>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// ```
#[doc(alias = "run_in_executor")]
#[track_caller]
pub fn run_on<P, F, T>(pool: &P, work: F) -> RunOn<T>
where
    P: Pool + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    made("job");
    let tasks = expect_tasks("run_on");
    let announced = Announced::new(&tasks, std::any::type_name::<P>());
    let inside = Arc::clone(&announced.host);
    let mut values = ContextValues::current();
    let stage = match pool.submit(move || values.run(|| inside.run(work))) {
        Ok(job) => Stage::Awaited(AwaitedJob::new(&tasks, job, announced, pool.takes_real_time())),
        Err(refusal) => {
            announced.was_refused(&tasks);
            Stage::Refused(refusal.to_string())
        }
    };
    RunOn { stage }
}

/// The future of [`run_on`].
#[must_use = "dropping it cancels the job if it is still queued"]
pub struct RunOn<T> {
    stage: Stage<T>,
}

enum Stage<T> {
    Awaited(AwaitedJob<T>),
    Refused(String),
}

impl<T> Future for RunOn<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.stage {
            Stage::Awaited(job) => job.poll(cx),
            Stage::Refused(why) => Poll::Ready(Err(JobError::Refused(why.clone()))),
        }
    }
}

impl<T> fmt::Debug for RunOn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Awaited(_) => "RunOn(awaited)",
            Stage::Refused(_) => "RunOn(refused)",
        })
    }
}
