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
//! Tutorial: the chapter on thread pools. Before this: `crew.rs`. After this: `thread_map.rs`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::crew::{Crew, Settings, WhenFull};
use crate::ending::Ended;
use crate::error::PoolError;
use crate::job::{Job, Shared};
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::thread_job::ThreadJob;

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
    crew: Arc<Crew>,
}

impl ThreadPool {
    /// A pool of at most `threads` threads. They are started when there is work for them.
    ///
    /// # Panics
    /// If `threads` is zero: no job could ever run.
    pub fn new(threads: usize) -> ThreadPool {
        ThreadPool::builder().threads(threads).build()
    }

    /// A pool with other settings than the usual ones.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder {
            threads: default_threads(),
            name: "pool".to_owned(),
            idle_timeout: Some(Duration::from_secs(10)),
            capacity: None,
            stack_size: None,
            initializer: None,
        }
    }

    /// Hands over a closure. It runs when a thread is free, after those submitted before it.
    ///
    /// Does not block, unless the pool was built with a [`capacity`](ThreadPoolBuilder::capacity)
    /// and its queue is full; then it waits for room.
    ///
    /// # Errors
    /// [`PoolError::ShutDown`] after `close`; [`PoolError::Broken`] after an initializer has
    /// panicked; [`PoolError::QueueFull`] when one of the pool's own threads submits to a full
    /// queue (waiting for room could be waiting for itself); [`PoolError::Os`] when there is no
    /// thread and none can be started. In each case the closure is dropped and was not called.
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
        // A job that is cancelled, or run out of turn, keeps its place in the queue until its turn
        // comes: so what stays there is to be small, however much the closure has captured.
        if size_of::<F>() > LARGEST_INLINE {
            let work = Box::new(work);
            self.queue(move || work(), submitted_at, full)
        } else {
            self.queue(work, submitted_at, full)
        }
    }

    fn queue<F, T>(
        &self,
        work: F,
        submitted_at: &'static Location<'static>,
        full: WhenFull,
    ) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = ThreadJob::new(work, submitted_at, self.crew.ending().id());
        match self.crew.accept(Arc::clone(&job) as _, full) {
            Err(PoolError::QueueFull { .. })
                if full == WhenFull::RunHere && Arc::clone(&job).run_here() => {}
            accepted => accepted?,
        }
        Ok(Job::new(job))
    }

    pub(crate) fn max_threads(&self) -> usize {
        self.crew.max_threads()
    }

    /// Takes no more jobs. What was submitted still runs; then the threads leave. Never blocks.
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
    /// In a job or a callback of this pool: it would wait for itself.
    pub fn shutdown(&self) {
        self.crew.close();
        let ended = self.crew.wait_for_end(None);
        debug_assert!(ended.is_ok(), "without a deadline there is nothing to give up");
    }

    /// Like [`shutdown`](ThreadPool::shutdown), but waits no longer than `limit`.
    ///
    /// # Errors
    /// [`StillRunning`]: the list of the jobs that have not ended. A thread cannot be stopped,
    /// so they go on; the pool stays closed and one may wait again.
    ///
    /// # Panics
    /// In a job or a callback of this pool: it would wait for itself.
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
    pub fn running(&self) -> Vec<RunningJob> {
        self.crew.running()
    }

    /// The numbers of the pool at this moment.
    pub fn metrics(&self) -> PoolMetrics {
        self.crew.metrics()
    }
}

/// The settings of a [`ThreadPool`] that is about to be made.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ThreadPoolBuilder {
    threads: usize,
    name: String,
    idle_timeout: Option<Duration>,
    capacity: Option<usize>,
    stack_size: Option<usize>,
    initializer: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl ThreadPoolBuilder {
    /// At most this many threads. Default: the number of processors and 4, at most 32 (Python's
    /// default, made for jobs that mostly wait).
    ///
    /// # Panics
    /// If it is zero: no job could ever run.
    #[doc(alias = "max_workers")]
    pub fn threads(mut self, at_most: usize) -> Self {
        assert!(at_most > 0, "a thread pool needs at least one thread, or no job could ever run");
        self.threads = at_most;
        self
    }

    /// Threads are called `prefix-0`, `prefix-1` and so on. Default: `pool`.
    ///
    /// # Panics
    /// If the prefix contains a zero byte.
    #[doc(alias = "thread_name_prefix")]
    pub fn name(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        assert!(!prefix.contains('\0'), "the system ends a thread's name at the first zero byte");
        self.name = prefix;
        self
    }

    /// A thread leaves when it has had no job for this long; `None`: never. Default: 10 s.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = limit.into();
        self
    }

    /// At most this many jobs wait in the queue; a `submit` beyond that waits for room, and a
    /// `try_submit` is refused. Default: no limit, and memory is the limit. A job that
    /// was cancelled, or run out of turn by a thread that waited for it, keeps its place until its
    /// turn comes.
    ///
    /// The queue's memory, 24 bytes for a place, is taken when the pool is built; from 16 million
    /// places on there is no limit instead.
    ///
    /// # Panics
    /// If it is zero.
    pub fn capacity(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "a queue needs room for at least one job");
        self.capacity = (jobs < NO_LIMIT).then_some(jobs);
        self
    }

    /// The size of each thread's stack, in bytes. Default: that of std. One that the system does
    /// not give makes `submit` fail with [`PoolError::Os`].
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called once on each thread before its first job. If it panics, the pool is broken:
    /// what is queued fails with [`JobError::BrokenPool`](crate::JobError::BrokenPool), and
    /// `submit` with [`PoolError::Broken`].
    pub fn initializer(mut self, initialize: impl Fn() + Send + Sync + 'static) -> Self {
        self.initializer = Some(Arc::new(initialize));
        self
    }

    /// Makes the pool. No thread is started yet.
    pub fn build(self) -> ThreadPool {
        let crew = Crew::new(Settings {
            max_threads: u32::try_from(self.threads).unwrap_or(u32::MAX).min(MOST_THREADS),
            name_prefix: self.name,
            idle_timeout: self.idle_timeout,
            capacity: self.capacity,
            stack_size: self.stack_size,
            initializer: self.initializer,
        });
        ThreadPool { crew }
    }
}

/// Larger closures get an allocation of their own, which a cancel gives back. In bytes.
const LARGEST_INLINE: usize = 256;

/// A queue of as many places would take more memory than most jobs do.
const NO_LIMIT: usize = 1 << 24;

/// What fits into the headcount's word; far more than any system gives.
const MOST_THREADS: u32 = (1 << 31) - 1;

fn default_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (processors + 4).min(32)
}

impl Default for ThreadPool {
    /// A pool with the usual settings.
    fn default() -> ThreadPool {
        ThreadPool::builder().build()
    }
}

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

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("threads", &self.threads)
            .field("name", &self.name)
            .field("idle_timeout", &self.idle_timeout)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
