//! How a thread pool is made: its settings.
//!
//! # Invariants
//! - A setting that could never work is refused where it is written, in words; not later, by the
//!   first `submit`.
//!
//! Tutorial: the chapter on thread pools. Before this: `thread_pool.rs`. After this: `thread_map.rs`.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::crew::{Crew, Settings};
use crate::headcount::MOST_THREADS;
use crate::thread_pool::ThreadPool;

impl ThreadPool {
    /// A pool of at most `threads` threads. They are started when there is work for them.
    ///
    /// # Panics
    /// If `threads` is zero: no job could ever run.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// assert_eq!(pool.submit(|| 6 * 7)?.wait()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(threads: usize) -> ThreadPool {
        ThreadPool::builder().threads(threads).build()
    }

    /// A pool with other settings than the usual ones.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }
}

impl Default for ThreadPool {
    /// A pool with the usual settings.
    fn default() -> ThreadPool {
        ThreadPool::builder().build()
    }
}

/// The settings of a [`ThreadPool`] that is about to be made.
///
/// ```
/// use std::time::Duration;
/// use roundelay_pools::ThreadPool;
///
/// let pool = ThreadPool::builder()
///     .threads(2)
///     .name("files")
///     .idle_timeout(Duration::from_secs(1))
///     .capacity(100)
///     .stack_size(256 * 1024)
///     .initializer(|| println!("{:?} begins", std::thread::current().name()))
///     .build();
/// let job = pool.submit(|| std::thread::current().name().map(str::to_owned))?;
/// assert!(job.wait()?.unwrap().starts_with("files-"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    fn new() -> ThreadPoolBuilder {
        ThreadPoolBuilder {
            threads: default_threads(),
            name: "pool".to_owned(),
            idle_timeout: Some(Duration::from_secs(10)),
            capacity: None,
            stack_size: None,
            initializer: None,
        }
    }

    /// At most this many threads. Default: the number of processors and 4, at most 32 (Python's
    /// default, made for jobs that mostly wait).
    ///
    /// # Panics
    /// If it is zero: no job could ever run.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).build();
    /// let who = || std::thread::current().id();
    /// assert_eq!(pool.submit(who)?.wait()?, pool.submit(who)?.wait()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().name("files").build();
    /// let job = pool.submit(|| std::thread::current().name().map(str::to_owned))?;
    /// assert_eq!(job.wait()?.as_deref(), Some("files-0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// `try_submit` is refused. Default: no limit, and memory is the limit. A job that was
    /// cancelled by its handle, or run out of turn by a thread that waited for it, keeps its place
    /// until its turn comes; [`cancel_queued`](ThreadPool::cancel_queued) gives up all places.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_pools::{PoolError, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().threads(1).capacity(1).build();
    /// let (begun, begins) = mpsc::channel();
    /// let (open, door) = mpsc::channel::<()>();
    /// let busy = pool.submit(move || (begun.send(()), door.recv()))?;
    /// begins.recv()?; // the only thread is busy
    /// let waits = pool.submit(|| ())?; // and the only place in the queue is taken
    /// assert!(matches!(pool.try_submit(|| ()), Err(PoolError::QueueFull { capacity: 1 })));
    /// drop(open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "a queue needs room for at least one job");
        self.capacity = Some(jobs);
        self
    }

    /// The size of each thread's stack, in bytes. Default: that of std. One that the system does
    /// not give makes `submit` fail with [`PoolError::Os`](crate::PoolError::Os).
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// fn depth(n: u32) -> u32 { if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) } }
    ///
    /// let pool = ThreadPool::builder().stack_size(32 << 20).build(); // 32 MiB
    /// assert_eq!(pool.submit(|| depth(20_000))?.wait()?, 20_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called once on each thread before its first job. If it panics, the pool is broken:
    /// what is queued fails with [`JobError::BrokenPool`](crate::JobError::BrokenPool), and
    /// `submit` with [`PoolError::Broken`](crate::PoolError::Broken).
    ///
    /// ```
    /// use roundelay_pools::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::builder()
    ///     .threads(1)
    ///     .initializer(|| panic!("no such device"))
    ///     .build();
    /// let job = pool.submit(|| unreachable!("a broken pool runs nothing"));
    /// if let Ok(job) = job { // the thread may begin, and fail, before `submit` is through
    ///     let outcome: Result<(), JobError> = job.wait();
    ///     assert!(matches!(outcome, Err(JobError::BrokenPool(_))));
    /// }
    /// ```
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

fn default_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (processors + 4).min(32)
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
