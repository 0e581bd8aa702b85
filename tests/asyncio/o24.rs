//! O24: work in threads, awaited.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use roundelay::{JobError, Runner, spawn, to_thread, yield_now};

use crate::support::must_end;

#[test]
fn o24_1_a_cancelled_job_that_runs_goes_on_and_one_that_is_queued_never_runs() {
    must_end(|| {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let runner = Runner::builder().threads(1).build().unwrap();
        let (first, second) = (Arc::clone(&ran), Arc::clone(&ran));
        runner
            .run(async move {
                let running = spawn(to_thread(move || {
                    first.lock().unwrap().push("running");
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                    first.lock().unwrap().push("went on");
                }));
                yield_now().await;
                let queued = spawn(to_thread(move || second.lock().unwrap().push("queued")));
                yield_now().await;
                begins.recv().unwrap();
                running.cancel();
                queued.cancel();
                // The awaits end at once, while the job still runs.
                assert!(running.await.unwrap_err().is_cancelled());
                assert!(queued.await.unwrap_err().is_cancelled());
                go.send(()).unwrap();
            })
            .unwrap();
        drop(runner);
        assert_eq!(*ran.lock().unwrap(), ["running", "went on"]);
    });
}

#[test]
fn o24_2_the_completion_is_delivered_on_the_loops_thread() {
    must_end(|| {
        let home = thread::current().id();
        roundelay::run(async move {
            let there = to_thread(|| thread::current().id()).await.unwrap();
            assert_ne!(there, home);
            assert_eq!(thread::current().id(), home);
        });
    });
}

#[test]
fn o24_4_a_failure_comes_through_the_await() {
    must_end(|| {
        roundelay::run(async {
            let outcome = to_thread(|| panic!("division by zero")).await;
            let Err(JobError::Panicked(panic)) = outcome else { panic!("{outcome:?}") };
            assert!(panic.to_string().contains("division by zero"), "{panic}");
        });
    });
}
