//! What a pool must be able to do to take part: threads awaited in a task, threads waited for by
//! a blocked thread, processes.
//!
//! A job that has been submitted is a future, or a closure that blocks until the result is there:
//! each pool has its own handle, and a wrapper around it would be measured, too.

use std::fmt::Debug;
use std::future::Future;

use roundelay::Bytes;

use crate::peer::Peer;

/// A thread pool whose jobs are awaited in a task of some runtime.
pub trait AwaitedThreads {
    /// Where the task runs.
    type Host: Peer;

    /// The pool.
    type Pool: 'static;

    /// A pool with [`WORKERS`](crate::peer::WORKERS) threads. Called while the host runs.
    fn pool() -> Self::Pool;

    /// Hands over a job at once; the future gives the result.
    fn submit<T: Send + 'static>(
        pool: &Self::Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static;

    /// The shortest way to one job, if the host has a shorter one.
    fn call<T: Send + 'static>(
        pool: &Self::Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        Self::submit(pool, work)
    }
}

/// A thread pool whose jobs are waited for by a thread that blocks.
pub trait BlockingThreads {
    /// The pool.
    type Pool;

    /// A pool with [`WORKERS`](crate::peer::WORKERS) threads.
    fn pool() -> Self::Pool;

    /// Hands over a job at once; the closure waits for the result.
    fn submit<T: Send + 'static>(
        pool: &Self::Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl FnOnce() -> T;
}

/// A pool of processes. What is submitted is waited for with the closure that comes back.
pub trait Processes {
    /// The pool.
    type Pool;

    /// A pool of so many processes.
    fn pool(workers: usize) -> Self::Pool;

    /// A tiny job: [`double`](crate::peers::processes::double).
    fn double(pool: &Self::Pool, n: u64) -> impl FnOnce() -> u64;

    /// Bytes that come back as they are.
    fn echo(pool: &Self::Pool, bytes: Bytes) -> impl FnOnce() -> Bytes;

    /// Work for a processor: [`spin`](crate::peers::processes::spin).
    fn spin(pool: &Self::Pool, steps: u64) -> impl FnOnce() -> u64;

    /// Ends the workers, and waits for that.
    fn close(pool: Self::Pool);
}
