//! Failures that nobody asks for, and what waits while they are reported: more of what `endings`
//! begins with.

mod support;
mod workers;

use std::sync::{Arc, OnceLock, mpsc};

use roundelay_pools::{JobError, ProcessPool, remote};
use support::SAFETY;
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
