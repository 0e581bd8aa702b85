//! What a test may rely on that writes a script for its pools.

use std::sync::{Arc, Mutex};

use roundelay_pools::{
    Job, JobError, Pool, PoolError, ScriptedPool, ThreadPool, When, as_completed, remote, wait,
};

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}

/// Code under test that knows no particular pool.
fn square_all(pool: &impl Pool, numbers: &[u64]) -> Vec<Job<u64>> {
    numbers.iter().map(|&n| pool.submit(move || n * n).unwrap()).collect()
}

#[test]
fn nothing_runs_until_the_script_says_so_and_then_in_its_order() {
    let script = ScriptedPool::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..3)
        .map(|n| {
            let log = Arc::clone(&log);
            script.submit(move || log.lock().unwrap().push(n)).unwrap()
        })
        .collect();
    assert_eq!(script.waiting(), [0, 1, 2]);
    assert!(jobs.iter().all(|job| job.is_queued()));
    assert!(script.run(2) && script.run(0) && !script.run(0) && script.run_next());
    assert_eq!(*log.lock().unwrap(), [2, 0, 1]);
    assert!(!script.run_next());
}

#[test]
fn the_same_code_runs_on_threads_and_on_a_script() {
    let script = ScriptedPool::new();
    let scripted = square_all(&script, &[3, 4]);
    assert_eq!(script.run_all(), 2);
    let real = square_all(&ThreadPool::new(2), &[3, 4]);
    for jobs in [scripted, real] {
        let values: Result<Vec<_>, _> = jobs.iter().map(Job::wait).collect();
        assert_eq!(values.unwrap(), [9, 16]);
    }
}

#[test]
fn the_order_of_the_ends_is_the_scripts() {
    let script = ScriptedPool::new();
    let mut results = as_completed(square_all(&script, &[1, 2, 3]));
    for number in [1, 2, 0] {
        script.run(number);
        assert_eq!(results.next().unwrap().0, number);
    }
}

#[test]
fn a_started_job_can_no_longer_be_cancelled() {
    let script = ScriptedPool::new();
    let jobs = square_all(&script, &[1, 2]);
    assert!(script.start(0) && !script.start(0));
    assert!(jobs[0].is_running());
    assert_eq!([jobs[0].cancel(), jobs[1].cancel()], [false, true]);
    assert!(!script.run(1) && !script.start(1) && !script.fail(1, JobError::Killed));
    assert_eq!(script.waiting(), [0]);
    assert!(script.run(0));
    assert_eq!(jobs[0].wait().unwrap(), 1);
}

#[test]
fn a_failure_is_what_the_script_says_and_the_closure_is_dropped_uncalled() {
    let script = ScriptedPool::new();
    let captured = Arc::new(());
    let kept = Arc::clone(&captured);
    let mut job = script.submit(move || drop(kept)).unwrap();
    script.fail(0, JobError::BrokenPool("no luck".to_owned()));
    assert_eq!(Arc::strong_count(&captured), 1);
    assert_eq!(wait([&mut job], When::FirstFailure, None).done, [0]);
    assert!(matches!(job.wait(), Err(JobError::BrokenPool(_))));
}

#[test]
fn a_panic_is_contained_and_has_its_place() {
    let script = ScriptedPool::new();
    let job = script.submit(|| panic!("no luck")).unwrap();
    script.run_all();
    let Err(JobError::Panicked(report)) = job.wait() else { panic!("it panicked") };
    assert_eq!(report.message(), "no luck");
    assert!(report.location().unwrap().contains("tests/scripted.rs"));
}

#[test]
fn a_job_may_submit_and_run_others() {
    let script = ScriptedPool::new();
    let own = script.clone();
    let job = script
        .submit(move || {
            let inner = own.submit(|| 7).unwrap();
            own.run_next();
            inner.wait().unwrap()
        })
        .unwrap();
    assert_eq!(script.run_all(), 1);
    assert_eq!(job.wait().unwrap(), 7);
}

#[test]
fn a_remote_call_travels_as_to_a_worker() {
    let script = ScriptedPool::new();
    let job = script.submit_remote(double, 21).unwrap();
    script.run_all();
    assert_eq!(job.wait().unwrap(), 42);
}

#[test]
fn a_closed_script_refuses_and_a_dropped_one_leaves_nobody_waiting() {
    let script = ScriptedPool::new();
    let jobs = square_all(&script, &[1, 2]);
    script.start(0);
    script.close();
    assert!(matches!(script.submit(|| ()), Err(PoolError::ShutDown)));
    drop(script);
    assert!(matches!(jobs[0].wait(), Err(JobError::Killed)));
    assert!(matches!(jobs[1].wait(), Err(JobError::Cancelled)));
}

#[test]
fn cancelling_what_is_queued_spares_what_was_started() {
    let script = ScriptedPool::new();
    let jobs = square_all(&script, &[1, 2, 3]);
    script.start(1);
    assert_eq!(script.cancel_queued(), 2);
    assert_eq!(script.run_all(), 1);
    assert_eq!(jobs[1].wait().unwrap(), 4);
}

#[test]
fn a_panic_on_the_way_ends_a_remote_call_like_one_in_the_function() {
    struct Stuck;
    impl serde::Serialize for Stuck {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("it does not leave")
        }
    }
    impl<'de> serde::Deserialize<'de> for Stuck {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Stuck, D::Error> {
            panic!("it does not arrive")
        }
    }
    #[derive(serde::Serialize)]
    struct Fine;
    impl<'de> serde::Deserialize<'de> for Fine {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Fine, D::Error> {
            panic!("it does not arrive")
        }
    }
    #[remote(crate = roundelay_pools)]
    fn give() -> Stuck {
        Stuck
    }
    #[remote(crate = roundelay_pools)]
    fn take(_fine: Fine) {}

    let script = ScriptedPool::new();
    let given = script.submit_remote(give, ()).unwrap();
    let taken = script.submit_remote(take, Fine).unwrap();
    assert_eq!(script.run_all(), 2);
    let message = |error| match error {
        Some(JobError::Panicked(report)) => report.message().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(message(given.error()), "it does not leave");
    assert_eq!(message(taken.error()), "it does not arrive");
}

#[test]
fn a_long_script_takes_as_long_as_it_has_jobs_and_not_as_their_square() {
    let script = ScriptedPool::new();
    let jobs: Vec<_> = (0..50_000).map(|n| script.submit(move || n).unwrap()).collect();
    assert!(jobs[1].cancel());
    assert_eq!(script.run_all(), 49_999);
    assert!(script.waiting().is_empty() && jobs.iter().all(Job::is_done));
}
