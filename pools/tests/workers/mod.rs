//! What the tests of the process pool share: a pool, and functions for its workers.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::path::PathBuf;
use std::process;

use roundelay_pools::{Bytes, Job, ProcessPool, remote};

use crate::support::wait_until;

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

/// Ends when there is a file of that name.
#[remote(crate = roundelay_pools)]
pub(crate) fn wait_for_file(name: PathBuf) {
    while !name.exists() {
        std::thread::yield_now();
    }
}

/// A job that has certainly started, and never ends by itself.
pub(crate) fn running_job(pool: &ProcessPool) -> Job<()> {
    let job = pool.submit(park_for_ever, ()).unwrap();
    wait_until("the job runs", || job.is_running());
    job
}
