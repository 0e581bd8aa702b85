//! What pools have in common that run closures, and those that run named functions: the seams at
//! which a test puts its own.
//!
//! Tutorial: the chapter on pools in tests. Before this: `process_map.rs`. After this:
//! `scripted.rs`.

use crate::error::PoolError;
use crate::job::Job;
use crate::process_pool::{Limited, ProcessPool};
use crate::registry::RemoteFn;
use crate::thread_pool::ThreadPool;

/// What a [`ThreadPool`] and a [`ScriptedPool`](crate::ScriptedPool) have in common.
///
/// For code that is to be tested with a script: write it for `&impl Pool`. (A process pool runs
/// named functions, not closures: see [`RemotePool`].)
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

/// What a [`ProcessPool`], its time-limited [view](ProcessPool::time_limit) and a [`ScriptedPool`](crate::ScriptedPool)
/// have in common: they run `#[remote]` functions.
///
/// For code that is to be tested without processes: write it for `&impl RemotePool`.
///
/// ```
/// use roundelay_pools::{Job, PoolError, RemotePool, ScriptedPool, remote};
///
/// #[remote(crate = roundelay_pools)]
/// fn double(n: u64) -> u64 { n * 2 }
///
/// fn quadruple(pool: &impl RemotePool, n: u64) -> Result<Job<u64>, PoolError> {
///     pool.submit_remote(double, 2 * n)
/// }
///
/// let script = ScriptedPool::new(); // in the program itself, a process pool
/// let job = quadruple(&script, 5)?;
/// script.run(0);
/// assert_eq!(job.wait()?, 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RemotePool {
    /// Hands over a call; see [`ProcessPool::submit`].
    ///
    /// # Errors
    /// [`PoolError`]: the call was not accepted, and nothing was called.
    #[track_caller]
    fn submit_remote<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError>;
}

impl RemotePool for ProcessPool {
    #[track_caller]
    fn submit_remote<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        self.submit(function, args)
    }
}

impl RemotePool for Limited<'_> {
    #[track_caller]
    fn submit_remote<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        self.submit(function, args)
    }
}
