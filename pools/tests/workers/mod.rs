//! What the tests of the process pool share: a pool, and functions for its workers.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::process;
use std::time::{Duration, Instant};

use roundelay_pools::{Bytes, Job, ProcessPool, remote};

/// Long enough for the slowest machine; reached only by a test that fails.
pub(crate) const SAFETY: Duration = Duration::from_secs(60);

pub(crate) fn pool(workers: usize) -> ProcessPool {
    ProcessPool::builder().workers(workers).build().unwrap()
}

#[remote(crate = roundelay_pools)]
pub(crate) fn double(n: u64) -> u64 {
    n * 2
}

#[remote(crate = roundelay_pools)]
pub(crate) fn own_pid() -> u32 {
    process::id()
}

#[remote(crate = roundelay_pools)]
pub(crate) fn echo(bytes: Bytes) -> Bytes {
    bytes
}

#[remote(crate = roundelay_pools)]
pub(crate) fn park_for_ever() {
    loop {
        std::thread::park();
    }
}

/// A job that has certainly started, and never ends by itself.
pub(crate) fn running_job(pool: &ProcessPool) -> Job<()> {
    let job = pool.submit(park_for_ever, ()).unwrap();
    let limit = Instant::now() + SAFETY;
    while !job.is_running() {
        assert!(Instant::now() < limit);
        std::thread::yield_now();
    }
    job
}
