//! Failures that nobody asks for, and what waits while they are reported: more of what `endings`
//! begins with.

mod support;
mod workers;

use std::sync::{Arc, OnceLock, mpsc};
use std::{fs, process};

use roundelay_pools::{JobError, ProcessPool, remote};
use support::{SAFETY, wait_until};
use workers::double;

roundelay_pools::test_worker!();

#[remote(crate = roundelay_pools)]
fn fail() {
    panic!("no luck")
}

/// A pool whose `on_lost` hands a job to that pool, and tells what it has waited for.
fn pool_that_is_asked_by_its_hook() -> (Arc<ProcessPool>, mpsc::Receiver<Result<u64, JobError>>) {
    let own: Arc<OnceLock<Arc<ProcessPool>>> = Arc::default();
    let (tell, told) = mpsc::channel();
    let asks = Arc::clone(&own);
    let hook = move |_: &JobError| {
        let job = asks.get().unwrap().submit(double, 21).unwrap();
        tell.send(job.wait_timeout(SAFETY)).unwrap();
    };
    let pool = ProcessPool::builder().workers(2).on_lost(hook).build().unwrap();
    let pool = Arc::new(pool);
    own.set(Arc::clone(&pool)).unwrap();
    (pool, told)
}

#[test]
fn while_on_lost_runs_its_worker_does_not_count_as_free() {
    let (pool, told) = pool_that_is_asked_by_its_hook();
    drop(pool.submit(fail, ()).unwrap());
    assert_eq!(told.recv().unwrap().unwrap(), 42, "another worker was started for it");
    // A callback is the last that has a handle, and does not ask.
    pool.submit(fail, ()).unwrap().on_done(|job| assert!(job.is_done()));
    assert_eq!(told.recv().unwrap().unwrap(), 42);
    pool.shutdown();
}

/// Waits for the file of that name, if there is to be one, and then exits.
#[remote(crate = roundelay_pools)]
fn exit_at(name: Option<std::path::PathBuf>) {
    if let Some(name) = name {
        while !name.exists() {
            std::thread::yield_now();
        }
        process::exit(3);
    }
}

#[test]
fn of_what_a_dropped_map_leaves_nothing_is_said_however_long_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let (tell, told) = mpsc::channel();
    let tell = move |error: &JobError| tell.send(error.clone()).unwrap();
    let pool = ProcessPool::builder().workers(1).on_lost(tell).build().unwrap();
    let mut map = pool.map(exit_at, [None, Some(name.clone())]);
    map.next().unwrap().unwrap();
    wait_until("the second one runs", || !pool.running().is_empty());
    drop(map);
    fs::write(name, "").unwrap();
    pool.shutdown();
    assert_eq!(told.try_iter().count(), 0);
}
