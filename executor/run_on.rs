//! Blocking work on a pool of one's own.
//!
//! [`to_thread`](crate::to_thread()) uses the loop's own pool. A library that guards a scarce
//! thing (a database that takes four threads, a device that takes one) has a pool for it, and
//! a program that computes has one with as many threads as cores: make it once and hand it
//! in, for a pool per call starts threads per call.
//!
//! A process pool runs functions by name; [`run_remote`] is the same for it.
//!
//! What either adds to `pool.submit(..)?.await`: a bare [`Job`](roundelay_pools::Job) is a future on
//! any executor, so it knows no loop. A virtual clock would jump over it, an observer and a dump
//! would know nothing of it, and a queued job would run although nobody awaits it any more.
//!
//! Tutorial: chapter 15. Before this: `to_thread.rs`. After this: `bridge/remote_error.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use roundelay_pools::{Job, JobError, Pool, PoolError, RemoteFn, RemotePool};
use roundelay_runtime::ContextValues;

use crate::awaited_job::{Announced, AwaitedJob};
use crate::current::expect_tasks;
use crate::task_table::Tasks;
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
    let job = pool.submit(move || values.run(|| inside.run(work)));
    RunOn::new(&tasks, announced, job, pool.takes_real_time())
}

/// Calls a `#[remote]` function on a process of `pool`, and gives what it returns.
///
/// As [`run_on`], for functions that are called by name: the job is handed over at once, a virtual
/// clock waits for it, observers and [dumps](crate::dump()) know of it. (When it begins, no observer
/// is told; and it has no context variables and nothing to call back into, for it runs in another
/// process.) A [`ScriptedPool`](roundelay_pools::ScriptedPool) stands in for the processes in a test.
///
/// # Errors
/// [`JobError`]: it panicked, its process died, the time limit of the pool's
/// [view](roundelay_pools::ProcessPool::time_limit) has passed, or the pool did not take it
/// ([`JobError::Refused`]).
///
/// *Cancel safety: loses data.* A function that has not begun never will; one that runs goes on to
/// its end, unless it is to be [killed](RunOn::kill_on_drop).
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{run, run_remote};
/// use roundelay_pools::{ProcessPool, remote};
///
/// #[remote(crate = roundelay_pools)]
/// fn double(n: u64) -> u64 { n * 2 }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     roundelay_pools::worker_entry();
///     let pool = ProcessPool::builder().workers(1).build()?;
///     assert_eq!(run(async { run_remote(&pool, double, 21).await })?, 42);
///     Ok(())
/// }
/// ```
#[doc(alias = "run_in_executor")]
#[doc(alias = "ProcessPoolExecutor")]
#[track_caller]
pub fn run_remote<P, F>(pool: &P, function: F, args: F::Args) -> RunOn<F::Output>
where
    P: RemotePool + ?Sized,
    F: RemoteFn,
{
    made("job");
    let tasks = expect_tasks("run_remote");
    let announced = Announced::new(&tasks, std::any::type_name::<P>());
    RunOn::new(&tasks, announced, pool.submit_remote(function, args), true)
}

/// The future of [`run_on`] and [`run_remote`].
#[must_use = "dropping it cancels the job if it is still queued"]
pub struct RunOn<T> {
    stage: Stage<T>,
}

enum Stage<T> {
    Awaited(AwaitedJob<T>),
    Refused(String),
}

impl<T> RunOn<T> {
    fn new(
        tasks: &Tasks,
        announced: Announced,
        job: Result<Job<T>, PoolError>,
        holds_clock: bool,
    ) -> RunOn<T> {
        let stage = match job {
            Ok(job) => {
                let mut job = AwaitedJob::new(tasks, job, announced, holds_clock);
                job.hear_of_its_end();
                Stage::Awaited(job)
            }
            Err(refusal) => {
                announced.was_refused(tasks);
                Stage::Refused(refusal.to_string())
            }
        };
        RunOn { stage }
    }

    /// Whether a job that runs when this future is dropped is [killed](Job::kill), with its
    /// process. No by default. The job of a thread cannot be killed by anybody, and runs on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{run, run_remote, timeout};
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn for_ever() { loop { std::thread::park() } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().workers(1).build()?;
    ///     run(async {
    ///         let job = run_remote(&pool, for_ever, ()).kill_on_drop(true);
    ///         assert!(timeout(Duration::from_millis(5), job).await.is_err());
    ///     });
    ///     pool.shutdown(); // it would wait for ever
    ///     Ok(())
    /// }
    /// ```
    pub fn kill_on_drop(mut self, kills: bool) -> RunOn<T> {
        if let Stage::Awaited(job) = &mut self.stage {
            job.kills = kills;
        }
        self
    }
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
