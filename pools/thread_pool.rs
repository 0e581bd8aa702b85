//! The thread pool: closures run on a handful of threads.
//!
//! What blocks (a file, a name look-up, a library that knows no tasks) or computes for long
//! must not run on the event loop's thread. Hand it over here and wait for the [`Job`].
//!
//! ```text
//!    submit(closure) ---> [ queue ] ---> thread 0..n ---> Job: wait, await, look, be told
//!         |                                  ^
//!         +--- nobody free? start one -------/      (each leaves after a while without work)
//! ```
//!
//! # Invariants
//! - Jobs start in the order of their submission, except one that another job of the pool waits
//!   for. They may end in any order.
//! - A thread is started only while none is idle, and never more than the maximum.
//! - Nothing here but `shutdown`, `shutdown_timeout` and a `submit` to a full bounded queue
//!   ever blocks; dropping the pool does not.
//!
//! Tutorial: the chapter on thread pools. Before this: `crew.rs`. After this:
//! `thread_pool_builder.rs`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crew::{Crew, WhenFull};
use crate::ending::Ended;
use crate::error::PoolError;
use crate::job::Job;
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::thread_job::{Runnable, ThreadJob};

/// A pool of threads that run closures.
///
/// It is `Send + Sync`: share it by reference or in an `Arc`. One pool for a whole program is
/// the usual number.
///
/// # Dropping
///
/// Dropping the pool is [`close`](ThreadPool::close): no new jobs, what was submitted still
/// runs, the threads leave by themselves, and **nobody waits**, so a pool may be dropped on an
/// event loop's thread. At the end of `main` that means: what has not run by then, never will.
/// Call [`shutdown`](ThreadPool::shutdown) to wait.
///
/// ```
/// use roundelay_pools::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let jobs: Vec<_> = (1..=3).map(|n| pool.submit(move || n * n)).collect::<Result<_, _>>()?;
/// let squares: Vec<i32> = jobs.iter().map(|job| job.wait()).collect::<Result<_, _>>()?;
/// assert_eq!(squares, [1, 4, 9]);
/// pool.shutdown();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ThreadPoolExecutor")]
pub struct ThreadPool {
    pub(crate) crew: Arc<Crew>,
}

impl ThreadPool {
    /// Hands over a closure. It runs when a thread is free, after those submitted before it.
    ///
    /// Does not block, unless the pool was built with a
    /// [`capacity`](crate::ThreadPoolBuilder::capacity) and its queue is full; then it waits for
    /// room.
    ///
    /// # Errors
    /// [`PoolError::ShutDown`] after `close`; [`PoolError::Broken`] after an initializer has
    /// panicked; [`PoolError::QueueFull`] when one of the pool's own threads submits to a full
    /// queue (waiting for room could be waiting for itself); [`PoolError::Os`] when there is no
    /// thread and none can be started. In each case the closure is dropped and was not called.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let name = String::from("roundelay");
    /// let job = pool.submit(move || name.len())?; // what it captures moves to the thread
    /// assert_eq!(job.wait()?, 9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "spawn_blocking")]
    #[track_caller]
    pub fn submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.accept(work, Location::caller(), WhenFull::Wait)
    }

    /// Like [`submit`](ThreadPool::submit), and never blocks.
    ///
    /// # Errors
    /// Those of `submit`; [`PoolError::QueueFull`] whenever the queue is full.
    ///
    /// ```
    /// use roundelay_pools::{PoolError, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().threads(1).capacity(1).build();
    /// let refused = (0..1_000).find_map(|n| pool.try_submit(move || n).err());
    /// if let Some(error) = refused {
    ///     assert!(matches!(error, PoolError::QueueFull { capacity: 1 }));
    /// }
    /// ```
    #[track_caller]
    pub fn try_submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.accept(work, Location::caller(), WhenFull::Refuse)
    }

    pub(crate) fn accept<F, T>(
        &self,
        work: F,
        submitted_at: &'static Location<'static>,
        full: WhenFull,
    ) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (to_run, job) = self.prepare(work, submitted_at);
        self.place(to_run, job, full)
    }

    pub(crate) fn place<T>(
        &self,
        to_run: Arc<dyn Runnable>,
        job: Job<T>,
        full: WhenFull,
    ) -> Result<Job<T>, PoolError> {
        match self.crew.accept(to_run, full) {
            Err(PoolError::QueueFull { .. }) if full == WhenFull::RunHere && job.run_here() => {}
            accepted => accepted?,
        }
        Ok(job)
    }

    /// A job as the crew sees it, and as its owner does; it is not queued yet.
    pub(crate) fn prepare<F, T>(
        &self,
        work: F,
        submitted_at: &'static Location<'static>,
    ) -> (Arc<dyn Runnable>, Job<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let pool = self.crew.ending().id();
        // A job that is cancelled, or run out of turn, keeps its place in the queue until its turn
        // comes: so what stays there is to be small, however much the closure has captured.
        if size_of::<F>() > LARGEST_INLINE {
            let job = ThreadJob::new(Box::new(work), submitted_at, pool);
            (Arc::clone(&job) as _, Job::new(job))
        } else {
            let job = ThreadJob::new(work, submitted_at, pool);
            (Arc::clone(&job) as _, Job::new(job))
        }
    }

    pub(crate) fn max_threads(&self) -> usize {
        self.crew.max_threads()
    }

    /// Takes no more jobs. What was submitted still runs; then the threads leave. Never blocks.
    ///
    /// ```
    /// use roundelay_pools::{PoolError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| "accepted")?;
    /// pool.close();
    /// assert!(matches!(pool.submit(|| ()), Err(PoolError::ShutDown)));
    /// assert_eq!(job.wait()?, "accepted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.crew.close();
    }

    /// Cancels each job that has not started, and says how many. Never blocks. The pool stays
    /// open (or closed) as it is.
    ///
    /// ```
    /// # use roundelay_pools::ThreadPool;
    /// # let pool = ThreadPool::new(2);
    /// pool.close();
    /// pool.cancel_queued();
    /// pool.shutdown(); // waits only for what was running
    /// ```
    #[doc(alias = "cancel_futures")]
    pub fn cancel_queued(&self) -> usize {
        self.crew.cancel_queued()
    }

    /// [Closes](ThreadPool::close) the pool, waits until every job has ended, and joins the
    /// threads.
    ///
    /// It waits as long as it takes: see [`shutdown_timeout`](ThreadPool::shutdown_timeout). On
    /// an event loop's thread use `close` and await [`ended`](ThreadPool::ended).
    ///
    /// # Panics
    /// On a thread of this pool, in a job or a callback: it would wait for itself. (The callback of
    /// a job that somebody else cancels is called by them, and may.)
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| 42)?;
    /// pool.shutdown();
    /// assert!(job.is_done() && pool.has_ended());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self) {
        self.crew.close();
        let ended = self.crew.wait_for_end(None);
        debug_assert!(ended.is_ok(), "without a deadline there is nothing to give up");
    }

    /// Like [`shutdown`](ThreadPool::shutdown), but waits no longer than `limit`.
    ///
    /// # Errors
    /// [`StillRunning`]: the list of the jobs that have not ended. A thread cannot be stopped,
    /// so they go on; the pool stays closed and one may wait again. (Where all jobs have ended, and
    /// only the destructors of thread-locals take longer than that, it is `Ok`.)
    ///
    /// # Panics
    /// As [`shutdown`](ThreadPool::shutdown) does.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let (open, door) = mpsc::channel::<()>();
    /// pool.submit(move || door.recv())?;
    /// let still = pool.shutdown_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(still.jobs.len() + still.queued, 1);
    ///
    /// drop(open);
    /// assert!(pool.shutdown_timeout(Duration::MAX).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(&self, limit: Duration) -> Result<(), StillRunning> {
        self.crew.close();
        match Instant::now().checked_add(limit) {
            Some(deadline) => self.crew.wait_for_end(Some(deadline)),
            None => self.crew.wait_for_end(None),
        }
    }

    /// A future of the moment when the pool is closed and its last thread has left.
    ///
    /// ```no_run
    /// # async fn example(pool: roundelay_pools::ThreadPool) {
    /// pool.close();
    /// pool.ended().await; // other tasks run meanwhile
    /// # }
    /// ```
    pub fn ended(&self) -> Ended {
        self.crew.ending().future()
    }

    /// Whether the pool is closed and its last thread has left.
    pub fn has_ended(&self) -> bool {
        self.crew.ending().has_come()
    }

    /// The jobs that threads have at this moment.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).name("reader").build();
    /// let (ready, is_running) = mpsc::channel();
    /// let (open, door) = mpsc::channel::<()>();
    /// let job = pool.submit(move || { ready.send(()).unwrap(); door.recv() })?;
    /// is_running.recv()?;
    /// let running = pool.running();
    /// assert_eq!(running[0].worker, "reader-0");
    /// assert_eq!(running[0].submitted_at, job.submitted_at());
    /// drop(open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn running(&self) -> Vec<RunningJob> {
        self.crew.running()
    }

    /// The numbers of the pool at this moment.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// for n in 0..10 {
    ///     pool.submit(move || n)?.wait()?;
    /// }
    /// let metrics = pool.metrics();
    /// assert_eq!((metrics.workers, metrics.queued, metrics.running, metrics.done), (1, 0, 0, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> PoolMetrics {
        self.crew.metrics()
    }
}

/// Larger closures get an allocation of their own, which a cancel gives back. In bytes.
const LARGEST_INLINE: usize = 256;

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("metrics", &self.metrics()).finish()
    }
}
