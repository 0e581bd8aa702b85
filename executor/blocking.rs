//! The loop's own thread pool, made when it is first needed.
//!
//! Each loop has one for the blocking calls of its tasks, as an asyncio loop has its
//! default executor. A program that never blocks never starts a thread.
//!
//! # Invariants
//! - When a closed runner lets go, every thread has ended, or standard error says which
//!   job did not.
//!
//! Tutorial: chapter 15. Before this: `timed_pool.rs`. After this: `host.rs`.

use std::cell::{Cell, OnceCell};
use std::thread::available_parallelism;
use std::time::Duration;

use roundelay_pools::{Job, Pool, PoolError, ThreadPool};
use roundelay_runtime::tell_stderr;

use crate::timed_pool::TimedPool;

/// The threads behind [`to_thread`](crate::to_thread).
pub(crate) struct BlockingPool {
    threads: Option<usize>,
    /// What stands in for the threads.
    script: Option<TimedPool>,
    pool: OnceCell<ThreadPool>,
    jobs: Cell<u64>,
}

impl BlockingPool {
    pub(crate) fn new(threads: Option<usize>, script: Option<TimedPool>) -> BlockingPool {
        BlockingPool { threads, script, pool: OnceCell::new(), jobs: Cell::new(0) }
    }

    /// Hands over a job.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Job<T>, PoolError> {
        if let Some(script) = &self.script {
            return script.submit(work);
        }
        let pool = self.pool.get_or_init(|| {
            let threads = self.threads.unwrap_or_else(default_threads);
            ThreadPool::builder().threads(threads).name("roundelay").build()
        });
        pool.submit(work)
    }

    /// How observers know it.
    pub(crate) fn kind(&self) -> &'static str {
        if self.script.is_some() { std::any::type_name::<TimedPool>() } else { "threads" }
    }

    /// Whether a virtual clock has to wait for the jobs.
    pub(crate) fn takes_real_time(&self) -> bool {
        self.script.is_none()
    }

    /// The number of the next job that a task of this loop awaits, whichever pool runs it.
    pub(crate) fn next_number(&self) -> u64 {
        self.jobs.set(self.jobs.get() + 1);
        self.jobs.get()
    }

    /// Lets queued jobs run, and waits until all threads have ended, but not for ever.
    pub(crate) fn close(&self, patience: Duration) {
        if let Some(script) = &self.script {
            script.finish();
        }
        let Some(pool) = self.pool.get() else { return };
        if let Err(still_running) = pool.shutdown_timeout(patience) {
            tell_stderr(format_args!("a closing loop leaves threads behind: {still_running}"));
        }
    }
}

/// As many as Python's: blocking calls wait more than they compute.
fn default_threads() -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    (cores + 4).min(32)
}
