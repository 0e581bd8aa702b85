//! What pools have in common that run closures: the seam at which a test puts its own.
//!
//! Tutorial: the chapter on pools in tests. Before this: `process_map.rs`. After this:
//! `scripted.rs`.

use crate::error::PoolError;
use crate::job::Job;
use crate::thread_pool::ThreadPool;

/// What a [`ThreadPool`] and a [`ScriptedPool`](crate::ScriptedPool) have in common.
///
/// For code that is to be tested with a script: write it for `&impl Pool`. (A process pool runs
/// named functions, not closures, so it is no such pool; a script stands in for it with
/// [`ScriptedPool::submit_remote`](crate::ScriptedPool::submit_remote).)
#[doc(alias = "Executor")]
pub trait Pool {
    /// Hands over a closure; see [`ThreadPool::submit`].
    ///
    /// # Errors
    /// [`PoolError`]: the closure was not accepted; it has been dropped and was not called.
    #[track_caller]
    fn submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Takes no more jobs. Never blocks.
    fn close(&self);

    /// Cancels each job that has not started, and says how many. Never blocks.
    fn cancel_queued(&self) -> usize;

    /// Whether its jobs end by themselves, in the world's time. A virtual clock waits for such
    /// jobs; it does not wait for a pool that lives by that very clock.
    fn takes_real_time(&self) -> bool {
        true
    }
}

impl Pool for ThreadPool {
    #[track_caller]
    fn submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ThreadPool::submit(self, work)
    }

    fn close(&self) {
        ThreadPool::close(self);
    }

    fn cancel_queued(&self) -> usize {
        ThreadPool::cancel_queued(self)
    }
}
