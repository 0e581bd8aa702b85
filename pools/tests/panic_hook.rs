//! A panic hook that uses a pool. A process has one hook, and our own is put in front of it once, so
//! this is a program of its own with one test.

mod support;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use roundelay_pools::{Job, JobError, Pool, ScriptedPool, ThreadPool};
use support::SAFETY;

/// Runs its script when it is dropped.
struct RunsItsScript(ScriptedPool);

impl Drop for RunsItsScript {
    fn drop(&mut self) {
        assert_eq!(self.0.run_all(), 1);
    }
}

#[test]
fn whoever_panics_may_be_the_first_to_use_a_pool() {
    let (tell, told) = mpsc::channel();
    panic::set_hook(Box::new(move |_| {
        let pool = ThreadPool::new(1);
        let outcome = pool.submit(|| 42).unwrap().wait_timeout(SAFETY);
        tell.send(outcome.is_ok_and(|value| value == 42)).unwrap();
    }));
    assert!(catch_unwind(|| panic!("the hook makes a pool")).is_err());
    assert!(told.recv().unwrap(), "its job has run before the hook was through");

    let script = ScriptedPool::new();
    let job = script.submit(|| 42).unwrap();
    let runs = RunsItsScript(script);
    let panics = move || {
        let _runs = runs;
        panic!("a destructor runs a script");
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(job.wait().unwrap(), 42);

    // And whoever does not panic puts ours in front of it.
    let job: Job<()> = ThreadPool::new(1).submit(|| panic!("in a job")).unwrap();
    let Err(JobError::Panicked(report)) = job.wait() else { panic!("it panicked") };
    assert!(report.location().unwrap().contains("tests/panic_hook.rs:"));
}
