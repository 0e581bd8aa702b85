//! O24: work in threads, awaited.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
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

/// As many jobs as there are threads meet; one more waits until a thread is free.
#[test]
fn o24_3_the_default_pool_has_four_threads_more_than_cores_and_32_at_most() {
    must_end(|| {
        let threads = (thread::available_parallelism().map_or(1, usize::from) + 4).min(32);
        roundelay::run(async move {
            let meeting = Arc::new(Barrier::new(threads));
            let (begun, begins) = mpsc::channel();
            let (open, door) = mpsc::channel::<()>();
            let door = Arc::new(Mutex::new(door));
            let jobs: Vec<_> = (0..=threads)
                .map(|place| {
                    let (meeting, door) = (Arc::clone(&meeting), Arc::clone(&door));
                    let begun = begun.clone();
                    spawn(to_thread(move || {
                        begun.send(place).unwrap();
                        if place < threads {
                            meeting.wait();
                        }
                        let _ = door.lock().unwrap().recv();
                        thread::current().name().map(str::to_owned)
                    }))
                })
                .collect();
            let mut inside: Vec<_> = Vec::new();
            while inside.len() < threads {
                yield_now().await;
                inside.extend(begins.try_iter());
            }
            inside.sort_unstable();
            assert_eq!(inside, (0..threads).collect::<Vec<_>>());
            drop(open);
            let mut names = BTreeSet::new();
            for job in jobs {
                names.insert(job.await.unwrap().unwrap().unwrap());
            }
            assert_eq!(names.len(), threads);
            assert!(names.contains("roundelay-0"), "{names:?}");
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
