//! The pool of threads: submit against cancel, close, idle threads, and those who wait.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Barrier;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use crate::as_completed::as_completed;
use crate::error::{JobError, PoolError};
use crate::hall::Hall;
use crate::job::Job;
use crate::linger::Linger;
use crate::orders::explore;
use crate::thread_pool::ThreadPool;
use crate::wait::{When, wait};

#[test]
fn submit_against_close_runs_what_was_accepted_and_refuses_the_rest() {
    explore(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let runs = Arc::new(AtomicUsize::new(0));
        let submitters = [(); 2].map(|()| {
            let (pool, runs) = (Arc::clone(&pool), Arc::clone(&runs));
            thread::spawn(move || {
                let job = pool.submit(move || runs.fetch_add(1, Ordering::SeqCst));
                match job {
                    Ok(job) => usize::from(job.wait().is_ok()),
                    Err(error) => {
                        assert!(matches!(error, PoolError::ShutDown));
                        0
                    }
                }
            })
        });
        pool.shutdown();
        assert!(pool.has_ended());
        let accepted: usize = submitters.into_iter().map(|one| one.join().unwrap()).sum();
        assert_eq!(runs.load(Ordering::SeqCst), accepted);
        assert_eq!(pool.metrics().workers, 0);
    });
}

#[test]
fn submit_against_cancel_runs_a_job_or_cancels_it_and_never_both() {
    explore(|| {
        let pool = ThreadPool::new(1);
        let runs = Arc::new(AtomicUsize::new(0));
        let own = Arc::clone(&runs);
        let job = Arc::new(pool.submit(move || own.fetch_add(1, Ordering::SeqCst)).unwrap());
        let cancellers = [(); 2].map(|()| {
            let job = Arc::clone(&job);
            thread::spawn(move || job.cancel())
        });
        let said = cancellers.map(|one| one.join().unwrap());
        let outcome = job.wait();
        assert_eq!(said[0], said[1], "the answers agree");
        assert_eq!(matches!(outcome, Err(JobError::Cancelled)), said[0]);
        assert_eq!(runs.load(Ordering::SeqCst), usize::from(!said[0]));
        pool.shutdown();
    });
}

#[test]
fn cancelling_what_is_queued_against_close_and_submit_leaves_no_thread_asleep() {
    explore(|| {
        let pool = Arc::new(ThreadPool::new(1));
        let first = pool.submit(|| ()).unwrap();
        let (other, canceller) = (Arc::clone(&pool), Arc::clone(&pool));
        let submitter = thread::spawn(move || other.submit(|| ()).map(|job| job.wait()).is_ok());
        let canceller = thread::spawn(move || canceller.cancel_queued());
        pool.close();
        assert!(canceller.join().unwrap() <= 2);
        submitter.join().unwrap();
        assert!(matches!(first.wait(), Ok(()) | Err(JobError::Cancelled)));
        pool.shutdown();
    });
}

#[test]
fn jobs_that_wait_for_jobs_of_their_own_full_pool_end_against_cancel_and_close() {
    explore(|| {
        let pool = Arc::new(ThreadPool::new(1));
        let inside = Arc::clone(&pool);
        let outer = pool.submit(move || {
            let Ok(inner) = inside.submit(|| 1) else { return 0 };
            inner.wait().unwrap_or(10)
        });
        let outer = outer.unwrap();
        let other = Arc::clone(&pool);
        let meddler = thread::spawn(move || {
            other.cancel_queued();
            other.close();
        });
        // Refused, run, or cancelled (the inner or the outer one); but it ends.
        assert!(matches!(outer.wait(), Ok(0 | 1 | 10) | Err(JobError::Cancelled)));
        meddler.join().unwrap();
        pool.shutdown();
        assert_eq!(pool.metrics().queued, 0);
    });
}

#[test]
fn two_threads_that_wait_for_each_others_jobs_run_each_job_once() {
    explore(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let runs = Arc::new(AtomicUsize::new(0));
        let outer = [(); 2].map(|()| {
            let (inside, runs) = (Arc::clone(&pool), Arc::clone(&runs));
            let nested = move || {
                let jobs = [(); 2].map(|()| {
                    let runs = Arc::clone(&runs);
                    inside.submit(move || runs.fetch_add(1, Ordering::SeqCst)).unwrap()
                });
                as_completed(jobs).map(|(_, run)| run.unwrap()).count()
            };
            pool.submit(nested).unwrap()
        });
        assert_eq!(outer.map(|job| job.wait().unwrap()), [2, 2]);
        assert_eq!(runs.load(Ordering::SeqCst), 4);
        pool.shutdown();
        assert_eq!(pool.metrics().done, 6);
    });
}

#[test]
fn where_threads_cannot_always_be_started_each_job_ends_or_was_refused() {
    explore(|| {
        let stack = crate::shim::thread::STACK_THAT_MAY_NOT_BE_HAD;
        let pool = ThreadPool::builder().threads(2).stack_size(stack).build();
        let pool = Arc::new(pool);
        let submitters = [1, 2, 3].map(|n| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || match pool.submit(move || n) {
                Ok(job) => assert_eq!(job.wait().unwrap(), n),
                Err(error) => assert!(matches!(error, PoolError::Os { .. })),
            })
        });
        for one in submitters {
            one.join().unwrap();
        }
        pool.shutdown();
        assert_eq!((pool.metrics().workers, pool.metrics().queued), (0, 0));
    });
}

#[test]
fn waiting_for_the_first_of_two_is_not_held_up_by_the_other() {
    type First = fn(Job<()>, Job<()>) -> (usize, Option<Job<()>>);
    let ways: [First; 2] = [
        |a, b| {
            let mut results = as_completed([a, b]);
            let (first, _) = results.next().unwrap();
            (first, results.into_pending().pop().map(|(_, job)| job))
        },
        |mut a, mut b| {
            let first = wait([&mut a, &mut b], When::FirstCompleted, None).done[0];
            (first, Some(b))
        },
    ];
    for way in ways {
        explore(move || {
            let pool = Arc::new(ThreadPool::new(2));
            let inside = Arc::clone(&pool);
            let outer = pool.submit(move || {
                // The second job waits for a word that comes when the first has ended.
                let word = Arc::new(Barrier::new(2));
                let listener = Arc::clone(&word);
                let first = inside.submit(|| ()).unwrap();
                let second = inside
                    .submit(move || {
                        listener.wait();
                    })
                    .unwrap();
                let (first, rest) = way(first, second);
                assert_eq!(first, 0);
                word.wait();
                rest.map(|second| second.wait().unwrap())
            });
            outer.unwrap().wait().unwrap();
            pool.shutdown();
        });
    }
}

#[test]
fn an_idle_thread_that_leaves_never_leaves_a_job_behind() {
    explore(|| {
        let pool = ThreadPool::builder().threads(1).idle_timeout(Duration::ZERO).build();
        for n in 0..3 {
            assert_eq!(pool.submit(move || n).unwrap().wait().unwrap(), n);
        }
        pool.shutdown();
    });
}

#[test]
fn a_full_queue_holds_submitters_back_and_lets_each_of_them_in() {
    explore(|| {
        let pool = Arc::new(ThreadPool::builder().threads(1).capacity(1).build());
        let submitters = [0, 1, 2].map(|n| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.submit(move || n).unwrap().wait().unwrap())
        });
        assert_eq!(submitters.map(|one| one.join().unwrap()), [0, 1, 2]);
        pool.shutdown();
    });
}

#[test]
fn a_refused_submit_to_a_full_queue_against_close_leaves_no_thread_asleep() {
    explore(|| {
        let pool = Arc::new(ThreadPool::builder().threads(1).capacity(1).build());
        let submitters = [(); 3].map(|()| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || drop(pool.try_submit(|| ())))
        });
        pool.close();
        for one in submitters {
            one.join().unwrap();
        }
        pool.shutdown();
    });
}

#[test]
fn each_thing_in_the_hall_wakes_a_thread_of_its_own() {
    explore(|| {
        let hall = Arc::new(Hall::new(None));
        // Whoever has taken one of the two waits for whoever takes the other.
        let both = Arc::new(Barrier::new(2));
        let takers = [(); 2].map(|()| {
            let (hall, both) = (Arc::clone(&hall), Arc::clone(&both));
            thread::spawn(move || {
                let taken = hall.take(None, &mut Linger::new());
                both.wait();
                taken.unwrap()
            })
        });
        let putter = Arc::clone(&hall);
        let putter = thread::spawn(move || putter.put(1, None).unwrap());
        hall.put(2, None).unwrap();
        putter.join().unwrap();
        let mut taken = takers.map(|one| one.join().unwrap());
        taken.sort_unstable();
        assert_eq!((taken, hall.len()), ([1, 2], 0));
    });
}

#[test]
fn a_thread_that_gives_up_waiting_leaves_its_call_to_another() {
    explore(|| {
        let hall = Arc::new(Hall::new(None));
        let impatient = Arc::clone(&hall);
        let impatient = thread::spawn(move || {
            impatient.take(Some(Duration::ZERO), &mut Linger::new());
        });
        let patient = Arc::clone(&hall);
        let patient = thread::spawn(move || patient.take(None, &mut Linger::new()));
        hall.put(1, None).unwrap();
        hall.put(2, None).unwrap();
        impatient.join().unwrap();
        assert!(patient.join().unwrap().is_some());
    });
}

#[test]
fn dropping_the_pool_lets_its_jobs_run() {
    explore(|| {
        let pool = ThreadPool::new(2);
        let jobs = [1, 2, 3].map(|n| pool.submit(move || n).unwrap());
        drop(pool);
        assert_eq!(jobs.map(|job| job.wait().unwrap()), [1, 2, 3]);
    });
}

#[test]
fn each_job_is_completed_once_for_whoever_waits_for_many() {
    explore(|| {
        let pool = ThreadPool::new(2);
        let mut jobs = [1, 2].map(|n| pool.submit(move || n).unwrap());
        let waited = wait(&mut jobs, When::FirstCompleted, None);
        assert!(!waited.done.is_empty());
        let mut all: Vec<_> = as_completed(jobs).map(|(at, n)| (at, n.unwrap())).collect();
        all.sort();
        assert_eq!(all, [(0, 1), (1, 2)]);
        pool.shutdown();
    });
}

#[test]
fn callbacks_are_called_once_whenever_they_come() {
    explore(|| {
        let pool = ThreadPool::new(1);
        let calls = Arc::new(AtomicUsize::new(0));
        let job = pool.submit(|| ()).unwrap();
        for _ in 0..2 {
            let calls = Arc::clone(&calls);
            job.on_done(move |_| {
                calls.fetch_add(1, Ordering::SeqCst);
            });
        }
        pool.shutdown();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    });
}
