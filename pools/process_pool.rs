//! The process pool: functions run in other processes.
//!
//! In Rust threads already use every processor, so what a process buys is something else: it
//! can be *killed*. A job that loops for ever, eats all memory, aborts in a C library or calls
//! `exit` ends its own worker process, and nothing else.
//!
//! ```text
//!   submit(function, args)         function: its name.  args: encoded here and now
//!      |
//!      v            one supervisor (thread) and one socket for each worker
//!   [ queue ] --+--> supervisor 0 <--- socket ---> worker process 0     this same program,
//!               +--> supervisor 1 <--- socket ---> worker process 1     stopped by the guard
//! ```
//!
//! # Invariants
//! - Jobs start in the order of their submission. They may end in any order.
//! - A worker has one job at a time, so a death concerns one job, and a job is *queued* (and
//!   can be cancelled) until a worker is free for it.
//! - No job is ever run a second time by the pool's own decision.
//!
//! What can go wrong, and what the caller then sees, is a table in the crate's documentation
//! (`FAULTS.md`), with the test of each row.
//!
//! A process pool contains accidents, not malice: a worker may do whatever the parent may.
//!
//! Tutorial: the chapter on process pools. Before this: `guard.rs`. After this:
//! `process_pool_builder.rs`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::bytes::drop_sent;
use crate::chunk::read_result;
use crate::codec;
use crate::ending::Ended;
use crate::error::PoolError;
use crate::job::Job;
use crate::leash::Reason;
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::registry::{RemoteFn, table};
use crate::remote_job::RemoteCall;
use crate::slot::Decode;
use crate::team::Team;
use crate::wire::{FrameWriter, Kind};

/// A pool of worker processes that run [`remote`](crate::remote) functions.
///
/// It is `Send + Sync`: share it by reference or in an `Arc`. It needs
/// [`worker_entry()`](crate::worker_entry) as the first line of `main`.
///
/// # When to use it
///
/// One empty job costs as much as tens of thousands of additions, so give a job at least a
/// tenth of a millisecond of work, or use `map` with chunks. For speed alone threads are
/// enough; a process is for what may have to be *stopped*, may crash, or leaks.
///
/// # What a worker is
///
/// Another copy of this program, with the same arguments, environment and current directory.
/// It keeps its statics from job to job. What a job prints goes where this program's output
/// goes; its standard input is empty.
///
/// # Dropping
///
/// Dropping the pool is [`close`](ProcessPool::close): no new jobs, what was submitted still
/// runs, **nobody waits**, so a pool may be dropped on an event loop's thread. When the program
/// ends, its workers end with it, also in the middle of a job: call
/// [`shutdown`](ProcessPool::shutdown) to wait. Dropped by a panic that unwinds, the pool kills
/// its workers instead.
///
/// A job can be awaited on any executor; `run_remote` of roundelay's makes it a part of the loop.
///
/// ```
/// use roundelay_pools::{ProcessPool, remote};
///
/// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
/// fn count_primes(below: u64) -> usize {
///     (2..below).filter(|n| (2..*n).all(|d| n % d != 0)).count()
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     roundelay_pools::worker_entry();
///
///     let pool = ProcessPool::new()?;
///     let job = pool.submit(count_primes, 1_000)?;
///     assert_eq!(job.wait()?, 168);
///     pool.shutdown();
///     Ok(())
/// }
/// ```
#[doc(alias = "ProcessPoolExecutor")]
pub struct ProcessPool {
    pub(crate) team: Arc<Team>,
}

impl ProcessPool {
    /// Hands over a call of `function`. It runs when a worker is free, after those before it.
    ///
    /// Does not wait for the pool; the arguments are encoded here, on this thread. Several
    /// arguments are a tuple, none is `()`.
    ///
    /// # Errors
    /// [`PoolError::Encode`] or [`PoolError::TooLarge`] when the arguments cannot travel;
    /// [`PoolError::ShutDown`] after `close`; [`PoolError::Broken`] when the pool is broken;
    /// [`PoolError::Os`] when there is no worker and no thread for one can be started.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn repeat(text: String, times: usize) -> String { text.repeat(times) }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     assert_eq!(pool.submit(repeat, ("ab".to_owned(), 3))?.wait()?, "ababab");
    ///     pool.close();
    ///     assert!(pool.submit(repeat, ("too late".to_owned(), 1)).is_err());
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn submit<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        let job = self.send(function, &args, None, Location::caller());
        drop_sent(args);
        job
    }

    /// A view of this pool: each job submitted through it may run this long, then its worker is
    /// killed and the job ends with [`JobError::TimedOut`](crate::JobError::TimedOut).
    ///
    /// The time counts from the moment a worker gets the job, not from `submit`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn for_ever() { loop { std::thread::park() } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let job = pool.time_limit(Duration::from_millis(50)).submit(for_ever, ())?;
    ///     assert!(matches!(job.wait(), Err(JobError::TimedOut { .. })));
    ///     Ok(())
    /// }
    /// ```
    pub fn time_limit(&self, limit: Duration) -> Limited<'_> {
        Limited { pool: self, limit }
    }

    /// Takes no more jobs. What was submitted still runs; then the workers end. Never blocks.
    pub fn close(&self) {
        self.team.close();
    }

    /// Cancels each job that has not started, and says how many. Never blocks, but their callbacks
    /// run here, on this thread. The pool stays open (or closed) as it is.
    #[doc(alias = "cancel_futures")]
    pub fn cancel_queued(&self) -> usize {
        self.team.cancel_queued()
    }

    /// [Closes](ProcessPool::close) the pool and waits until every job has ended and every
    /// worker process has been collected. What jobs wrote to standard error has been passed on then
    /// (unless nobody takes it for 5 s). The pool's threads are joined, so their callbacks have run;
    /// those on a thread that cancels jobs are not waited for.
    ///
    /// On an event loop's thread use `close` and await [`ended`](ProcessPool::ended).
    ///
    /// # Panics
    /// In a callback on one of the pool's threads: it would wait for itself.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn double(n: u64) -> u64 { n * 2 }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let job = pool.submit(double, 21)?;
    ///     pool.shutdown();
    ///     assert!(job.is_done() && pool.has_ended() && pool.worker_pids().is_empty());
    ///     assert_eq!(job.wait()?, 42);
    ///     Ok(())
    /// }
    /// ```
    pub fn shutdown(&self) {
        self.team.close();
        let ended = self.team.wait_for_end(None);
        debug_assert!(ended.is_ok(), "without a deadline there is nothing to give up");
    }

    /// Like [`shutdown`](ProcessPool::shutdown), but waits no longer than `limit`.
    ///
    /// # Errors
    /// [`StillRunning`]: the list of the jobs that have not ended. They go on, until they are
    /// done or until [`kill_workers`](ProcessPool::kill_workers).
    ///
    /// # Panics
    /// As `shutdown`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # let pool = roundelay_pools::ProcessPool::new()?;
    /// if let Err(still) = pool.shutdown_timeout(Duration::from_secs(5)) {
    ///     eprintln!("{still}");
    ///     pool.kill_workers();
    ///     pool.shutdown();
    /// }
    /// # Ok::<(), roundelay_pools::PoolError>(())
    /// ```
    pub fn shutdown_timeout(&self, limit: Duration) -> Result<(), StillRunning> {
        self.team.close();
        self.team.wait_for_end(Instant::now().checked_add(limit))
    }

    /// Closes the pool and kills its workers (SIGKILL), with what jobs have started in their process
    /// groups (see [`Job::kill`]). Never blocks. What was running ends with
    /// [`Killed`](crate::JobError::Killed), what was queued is cancelled.
    ///
    /// ```
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn for_ever() { loop { std::thread::park() } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().workers(1).build()?;
    ///     let (job, next) = (pool.submit(for_ever, ())?, pool.submit(for_ever, ())?);
    ///     while pool.running().is_empty() { std::thread::yield_now() }
    ///     assert_eq!(pool.cancel_queued(), 1); // that is `next`
    ///     pool.terminate(); // asks, in case the job knows what to do with SIGTERM
    ///     pool.kill_workers(); // does not ask
    ///     assert!(matches!(job.wait(), Err(JobError::Killed)) && next.is_cancelled());
    ///     Ok(())
    /// }
    /// ```
    pub fn kill_workers(&self) {
        self.team.stop_workers(|leash| leash.condemn(Reason::Killed));
    }

    /// Like [`kill_workers`](ProcessPool::kill_workers), but asks (SIGTERM): a job that has
    /// arranged for it can clean up. One that ignores it goes on until it is done.
    #[doc(alias = "terminate_workers")]
    pub fn terminate(&self) {
        self.team.stop_workers(|leash| leash.terminate(Reason::Killed));
    }

    /// A future of the moment when the pool is closed and its last worker has been collected.
    pub fn ended(&self) -> Ended {
        self.team.ending().future()
    }

    /// Whether the pool is closed and its last worker has been collected.
    pub fn has_ended(&self) -> bool {
        self.team.ending().has_come()
    }

    /// The process ids of the workers that are there. One that has died without a job is listed
    /// until the pool notices, which is when it would have given it one.
    pub fn worker_pids(&self) -> Vec<u32> {
        self.team.pids()
    }

    /// The jobs that workers have at this moment.
    pub fn running(&self) -> Vec<RunningJob> {
        self.team.running()
    }

    /// The numbers of the pool at this moment.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn double(n: u64) -> u64 { n * 2 }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     for n in 0..10 {
    ///         assert_eq!(pool.submit(double, n)?.wait()?, n * 2);
    ///     }
    ///     let metrics = pool.metrics();
    ///     assert_eq!((metrics.queued, metrics.running, metrics.done), (0, 0, 10));
    ///     assert_eq!(metrics.workers, pool.worker_pids().len());
    ///     Ok(())
    /// }
    /// ```
    pub fn metrics(&self) -> PoolMetrics {
        self.team.metrics()
    }
}

impl ProcessPool {
    pub(crate) fn send<F: RemoteFn>(
        &self,
        function: F,
        args: &F::Args,
        limit: Option<Duration>,
        submitted_at: &'static Location<'static>,
    ) -> Result<Job<F::Output>, PoolError> {
        let fill = |id, out: &mut Vec<u8>| {
            let mut frame = FrameWriter::begin(out, Kind::Job).u64(id).name(F::NAME);
            codec::encode(args, frame.rest()).map_err(PoolError::Encode)?;
            finish(frame, self.team.settings.max_frame)
        };
        self.send_frame(function, fill, read_result, limit, submitted_at)
    }

    /// Puts a frame together and queues it; the type of what comes back is the decoder's.
    pub(crate) fn send_frame<F: RemoteFn, T: Send + 'static>(
        &self,
        _function: F,
        fill: impl FnOnce(u64, &mut Vec<u8>) -> Result<(), PoolError>,
        decode: Decode<T>,
        limit: Option<Duration>,
        submitted_at: &'static Location<'static>,
    ) -> Result<Job<T>, PoolError> {
        if table().find(F::NAME).is_none() {
            return Err(PoolError::NotInTable(F::NAME));
        }
        let id = self.team.next_id();
        let mut frame = Vec::new();
        fill(id, &mut frame)?;
        let on_lost = self.team.on_lost();
        let job = RemoteCall::new(id, F::NAME, frame, limit, submitted_at, decode, on_lost);
        self.team.submit(Arc::clone(&job) as _)?;
        Ok(Job::new(job))
    }

    pub(crate) fn team(&self) -> &Team {
        &self.team
    }
}

pub(crate) fn finish(frame: FrameWriter<'_>, limit: u32) -> Result<(), PoolError> {
    frame.finish(limit).map_err(|bytes| PoolError::TooLarge { bytes, limit })
}

/// A view of a [`ProcessPool`] whose jobs have a time limit.
#[derive(Clone, Copy)]
pub struct Limited<'a> {
    pub(crate) pool: &'a ProcessPool,
    pub(crate) limit: Duration,
}

impl Limited<'_> {
    /// [`ProcessPool::submit`], with the time limit.
    ///
    /// # Errors
    /// Those of `submit`.
    #[track_caller]
    pub fn submit<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        let job = self.pool.send(function, &args, Some(self.limit), Location::caller());
        drop_sent(args);
        job
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        if thread::panicking() {
            self.kill_workers();
        } else {
            self.close();
        }
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("workers", &self.worker_pids())
            .field("metrics", &self.metrics())
            .finish()
    }
}

impl fmt::Debug for Limited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited").field("limit", &self.limit).finish_non_exhaustive()
    }
}
