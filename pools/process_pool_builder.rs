//! How a process pool is made: its settings, and what is checked before there is one.
//!
//! # Invariants
//! - A setting that could never work is refused where it is written; what only this process or
//!   its program can get wrong (the guard, the table) is refused by `build`.
//!
//! Tutorial: the chapter on process pools. Before this: `process_pool.rs`. After this:
//! `process_map.rs`.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::codec;
use crate::error::{JobError, PoolError};
use crate::guard::way_in;
use crate::lost::OnLost;
use crate::panic_words::MIN_FRAME;
use crate::process_pool::{ProcessPool, finish};
use crate::registry::{RemoteFn, table};
use crate::staffing::PAUSE;
use crate::supervisor::supervise;
use crate::team::{OnWorkerDeath, Settings, Team};
use crate::wire::{FrameWriter, Kind};

impl ProcessPool {
    /// A pool of as many workers as there are processors. They are started when there is work.
    ///
    /// # Errors
    /// [`PoolError::NoGuard`] if `worker_entry()` has not run in this process (the message shows
    /// the line to write); [`PoolError::GuardMissed`] in a worker that did not reach it;
    /// [`PoolError::InsideWorker`] inside a job; [`PoolError::TwoFunctions`].
    ///
    /// ```
    /// use roundelay_pools::{PoolError, ProcessPool};
    ///
    /// let unguarded = ProcessPool::new().unwrap_err(); // above it there is no `worker_entry()`
    /// assert!(matches!(unguarded, PoolError::NoGuard));
    /// ```
    pub fn new() -> Result<ProcessPool, PoolError> {
        ProcessPool::builder().build()
    }

    /// A pool with other settings than the usual ones.
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }
}

/// The settings of a [`ProcessPool`] that is about to be made.
///
/// ```
/// use std::time::Duration;
/// use roundelay_pools::{OnWorkerDeath, ProcessPool, remote};
///
/// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
/// fn prepare(name: String) { println!("{name} begins"); }
///
/// #[remote(crate = roundelay_pools)]
/// fn double(n: u64) -> u64 { n * 2 }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     roundelay_pools::worker_entry();
///     let pool = ProcessPool::builder()
///         .workers(2)
///         .eager(true)
///         .max_tasks_per_worker(100)
///         .initializer(prepare, "a worker".to_owned())
///         .on_worker_death(OnWorkerDeath::FailJob)
///         .start_timeout(Duration::from_secs(30))
///         .max_frame(16 << 20)
///         .inherit_stderr(false)
///         .build()?;
///     assert_eq!(pool.submit(double, 21)?.wait()?, 42);
///     Ok(())
/// }
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct ProcessPoolBuilder {
    workers: usize,
    eager: bool,
    max_tasks: Option<u64>,
    /// Encoded by `build`, when the limit for a frame is known.
    initializer: Option<EncodeWithLimit>,
    on_worker_death: OnWorkerDeath,
    on_lost: OnLost,
    start_timeout: Duration,
    max_frame: u32,
    inherit_stderr: bool,
}

type EncodeWithLimit = Box<dyn FnOnce(u32) -> Result<Vec<u8>, PoolError> + Send>;

impl ProcessPoolBuilder {
    pub(crate) fn new() -> ProcessPoolBuilder {
        ProcessPoolBuilder {
            workers: thread::available_parallelism().map_or(1, usize::from),
            eager: false,
            max_tasks: None,
            initializer: None,
            on_worker_death: OnWorkerDeath::FailJob,
            on_lost: None,
            start_timeout: Duration::from_secs(10),
            max_frame: 1 << 30,
            inherit_stderr: false,
        }
    }

    /// At most this many worker processes. Default: the number of processors.
    ///
    /// # Panics
    /// If it is zero: no job could ever run.
    #[doc(alias = "max_workers")]
    pub fn workers(mut self, at_most: usize) -> Self {
        assert!(at_most > 0, "a process pool needs at least one worker, or no job could ever run");
        self.workers = at_most;
        self
    }

    /// Start all workers now, instead of when there is work for them. Default: no.
    pub fn eager(mut self, yes: bool) -> Self {
        self.eager = yes;
        self
    }

    /// A worker ends after this many jobs (a chunk of a `map` is one), and a new one takes its
    /// place when there is work. For code that leaks. Default: no limit.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn who() -> u32 { std::process::id() }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().workers(1).max_tasks_per_worker(1).build()?;
    ///     assert_ne!(pool.submit(who, ())?.wait()?, pool.submit(who, ())?.wait()?);
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "max_tasks_per_child")]
    pub fn max_tasks_per_worker(mut self, jobs: u64) -> Self {
        assert!(jobs > 0, "a worker that may do no job is of no use");
        self.max_tasks = Some(jobs);
        self
    }

    /// Called once in each worker before its first job. If it panics, the pool is broken. It may
    /// take as long as it needs: neither `start_timeout` nor a job's time limit counts for it.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// static OFFSET: AtomicU64 = AtomicU64::new(0);
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn prepare(offset: u64) { OFFSET.store(offset, Ordering::Relaxed); }
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn shift(n: u64) -> u64 { n + OFFSET.load(Ordering::Relaxed) }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().workers(1).initializer(prepare, 40).build()?;
    ///     assert_eq!(pool.submit(shift, 2)?.wait()?, 42); // a worker keeps its statics
    ///     Ok(())
    /// }
    /// ```
    pub fn initializer<F: RemoteFn<Output = ()>>(mut self, _function: F, args: F::Args) -> Self {
        self.initializer = Some(Box::new(move |limit| {
            let mut out = Vec::new();
            let mut frame = FrameWriter::begin(&mut out, Kind::Init).name(F::NAME);
            codec::encode(&args, frame.rest()).map_err(PoolError::Encode)?;
            finish(frame, limit)?;
            Ok(out)
        }));
        self
    }

    /// What the death of a worker means for the pool. Default: [`OnWorkerDeath::FailJob`].
    ///
    /// ```
    /// use roundelay_pools::{OnWorkerDeath, PoolError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn crash() { std::process::abort() }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().on_worker_death(OnWorkerDeath::BreakPool).build()?;
    ///     assert!(pool.submit(crash, ())?.wait().is_err());
    ///     assert!(matches!(pool.submit(crash, ()), Err(PoolError::Broken(_))));
    ///     Ok(())
    /// }
    /// ```
    pub fn on_worker_death(mut self, policy: OnWorkerDeath) -> Self {
        self.on_worker_death = policy;
        self
    }

    /// Called when a job has failed and nobody can ask any more how it ended: its handle is gone, and
    /// none of [`Job::wait`](crate::Job::wait), [`outcome`](crate::Job::outcome),
    /// [`error`](crate::Job::error) and `.await` has told. Not for what was killed or cancelled on
    /// purpose. Default: one line on standard error, with the function and where it was submitted.
    ///
    /// It runs on the thread that lets go last: one of the pool's, or the one that drops the handle.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn fail() { panic!("no luck") }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let (tell, told) = mpsc::channel();
    ///     let tell = move |error: &JobError| tell.send(error.to_string()).unwrap();
    ///     let pool = ProcessPool::builder().on_lost(tell).build()?;
    ///     drop(pool.submit(fail, ())?);
    ///     assert!(told.recv()?.contains("no luck"));
    ///     Ok(())
    /// }
    /// ```
    pub fn on_lost(mut self, hook: impl Fn(&JobError) + Send + Sync + 'static) -> Self {
        self.on_lost = Some(Arc::new(hook));
        self
    }

    /// How long a new worker may take to say hello, which it does before its
    /// [`initializer`](Self::initializer). Default: 10 s.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The largest message, in bytes: arguments or result of one job, or of one item of a `map`.
    /// Default: 1 GiB.
    ///
    /// Never less than 4 KiB (4,096), which the pool needs for words of its own, such as a panic's:
    /// a smaller number means that one.
    ///
    /// ```
    /// use roundelay_pools::{PoolError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn length(text: String) -> usize { text.len() }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::builder().max_frame(10_000).build()?;
    ///     assert_eq!(pool.submit(length, "a".repeat(9_000))?.wait()?, 9_000);
    ///     let refused = pool.submit(length, "a".repeat(10_000));
    ///     assert!(matches!(refused, Err(PoolError::TooLarge { limit: 10_000, .. })));
    ///     Ok(())
    /// }
    /// ```
    pub fn max_frame(mut self, bytes: u32) -> Self {
        self.max_frame = bytes.max(MIN_FRAME);
        self
    }

    /// Let workers have this program's standard error itself. By default it goes through a
    /// pipe and is passed on at once, so that a worker's last words can be part of the error;
    /// then it is no terminal to the worker.
    pub fn inherit_stderr(mut self, yes: bool) -> Self {
        self.inherit_stderr = yes;
        self
    }

    /// Makes the pool.
    ///
    /// # Errors
    /// Those of [`ProcessPool::new`], and [`PoolError::Encode`] or [`PoolError::TooLarge`] for
    /// the arguments of the initializer.
    pub fn build(self) -> Result<ProcessPool, PoolError> {
        table().check()?;
        let way_in = way_in()?;
        let init_frame = self.initializer.map(|encode| encode(self.max_frame)).transpose()?;
        let settings = Settings {
            workers: self.workers,
            eager: self.eager,
            max_tasks: self.max_tasks,
            start_timeout: self.start_timeout,
            pause: PAUSE,
            max_frame: self.max_frame,
            inherit_stderr: self.inherit_stderr,
            on_worker_death: self.on_worker_death,
            on_lost: self.on_lost,
            init_frame,
            worker_arguments: way_in.arguments,
            under_test: way_in.under_test,
        };
        Ok(ProcessPool { team: Team::new(settings, supervise) })
    }
}

impl fmt::Debug for ProcessPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolBuilder")
            .field("workers", &self.workers)
            .field("eager", &self.eager)
            .field("on_worker_death", &self.on_worker_death)
            .finish_non_exhaustive()
    }
}
