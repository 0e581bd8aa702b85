//! A job that waits for a job of its own pool: with as many of them as there are threads, nobody
//! would be left to run what they wait for. So whoever waits runs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use roundelay_pools::{Job, JobError, ThreadPool, When, as_completed, wait};

#[test]
fn a_job_may_wait_for_a_job_of_its_own_pool_of_one_thread() {
    let pool = Arc::new(ThreadPool::new(1));
    let inside = Arc::clone(&pool);
    let outer = pool.submit(move || {
        let here = thread::current().id();
        let inner = inside.submit(move || thread::current().id() == here).unwrap();
        inner.wait().unwrap()
    });
    assert!(outer.unwrap().wait().unwrap(), "the thread that waits runs it");
    pool.shutdown();
    let metrics = pool.metrics();
    assert_eq!((metrics.done, metrics.queued, metrics.running), (2, 0, 0));
}

#[test]
fn a_pool_of_two_threads_can_divide_and_conquer() {
    fn fibonacci(pool: &Arc<ThreadPool>, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let (left, right) = (Arc::clone(pool), Arc::clone(pool));
        let left = pool.submit(move || fibonacci(&left, n - 1)).unwrap();
        let right = pool.submit(move || fibonacci(&right, n - 2)).unwrap();
        left.wait().unwrap() + right.wait().unwrap()
    }
    let pool = Arc::new(ThreadPool::new(2));
    let (n, value) = if cfg!(miri) { (6, 8) } else { (15, 610) };
    assert_eq!(fibonacci(&pool, n), value);
}

#[test]
fn map_as_completed_and_wait_may_be_used_inside_a_job_of_the_same_pool() {
    let pool = Arc::new(ThreadPool::new(1));
    let inside = Arc::clone(&pool);
    let sums = pool.submit(move || {
        let mapped: u64 = inside.map(|n| n * 2, 0..10).map(Result::unwrap).sum();
        let jobs = || (0..10).map(|n: u64| inside.submit(move || n).unwrap()).collect::<Vec<_>>();
        let completed: u64 = as_completed(jobs()).map(|(_, value)| value.unwrap()).sum();
        let waited = wait(&mut jobs(), When::All, None).done.len();
        (mapped, completed, waited)
    });
    assert_eq!(sums.unwrap().wait().unwrap(), (90, 45, 10));
}

#[test]
fn a_job_that_runs_while_another_waits_for_it_ends_like_any_other() {
    let pool = Arc::new(ThreadPool::new(1));
    let inside = Arc::clone(&pool);
    let outer = pool.submit(move || {
        let panics = inside.submit(|| panic!("inner")).map(|job: Job<()>| job.wait()).unwrap();
        let cancelled = inside.submit(|| ()).unwrap();
        assert!(cancelled.cancel());
        let late = inside.submit(|| ()).unwrap().wait_timeout(Duration::from_millis(1));
        (panics, cancelled.wait(), late)
    });
    let (panics, cancelled, late) = outer.unwrap().wait().unwrap();
    let Err(JobError::Panicked(report)) = panics else { panic!("it panicked") };
    assert!(report.message() == "inner" && report.location().unwrap().contains("own_pool.rs"));
    assert!(matches!(cancelled, Err(JobError::Cancelled)));
    assert!(matches!(late, Err(JobError::WaitTimeout)), "a limit is held, and nothing is run");
}

#[test]
fn a_destructor_that_waits_for_a_job_while_its_own_panics_hides_no_place() {
    struct Waits(Arc<ThreadPool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.submit(|| ()).unwrap().wait().unwrap();
        }
    }
    let pool = Arc::new(ThreadPool::new(1));
    let inside = Arc::clone(&pool);
    let job = pool.submit(move || {
        let _waits = Waits(inside);
        panic!("outer");
    });
    let Err(JobError::Panicked(report)) = job.unwrap().wait() else { panic!("it panicked") };
    assert_eq!(report.message(), "outer");
    assert!(report.location().is_some());
}

#[test]
fn map_inside_a_job_goes_on_when_the_queue_of_its_pool_is_full() {
    let pool = Arc::new(ThreadPool::builder().threads(1).capacity(2).build());
    let inside = Arc::clone(&pool);
    let sum = pool.submit(move || inside.map(|n| n * 2, 0..40_u64).map(Result::unwrap).sum());
    let sum: u64 = sum.unwrap().wait().unwrap();
    assert_eq!(sum, 2 * 39 * 40 / 2);
    pool.shutdown();
    assert_eq!(pool.metrics().done, 41);
}

#[test]
fn whoever_waits_for_the_first_of_several_runs_none_while_another_thread_has_one() {
    /// Given two jobs, says which one ended first.
    type First = fn(Job<()>, Job<()>) -> usize;
    let ways: [First; 3] = [
        |a, b| as_completed([a, b]).next().unwrap().0,
        |mut a, mut b| wait([&mut a, &mut b], When::FirstCompleted, None).done[0],
        |a, b| wait(&mut [a, b], When::FirstFailure, None).done[0],
    ];
    for first in ways {
        let pool = Arc::new(ThreadPool::new(2));
        let inside = Arc::clone(&pool);
        let (open, door) = mpsc::channel::<()>();
        let has_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&has_begun);
        let (tell, told) = mpsc::channel();
        let outer = pool.submit(move || {
            let runs = inside.submit(move || {
                let _ = door.recv();
                std::panic::resume_unwind(Box::new("a failure is an end like another"));
            });
            let runs = runs.unwrap();
            while !runs.is_running() {
                thread::yield_now();
            }
            let queued = inside.submit(move || begun.store(true, Ordering::SeqCst)).unwrap();
            tell.send(()).unwrap();
            first(runs, queued)
        });
        told.recv().unwrap();
        for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
            thread::yield_now();
        }
        assert!(!has_begun.load(Ordering::SeqCst), "it is the turn of whoever is free first");
        open.send(()).unwrap();
        assert_eq!(outer.unwrap().wait().unwrap(), 0);
    }
}

#[test]
fn whoever_waits_for_the_first_of_several_runs_one_when_no_thread_has_any() {
    let pool = Arc::new(ThreadPool::new(1));
    let inside = Arc::clone(&pool);
    let outer = pool.submit(move || {
        let jobs = || [0, 1].map(|n: usize| inside.submit(move || n).unwrap());
        let completed = as_completed(jobs()).next().unwrap().0;
        let waited = wait(&mut jobs(), When::FirstCompleted, None).done;
        let failed = wait(&mut jobs(), When::FirstFailure, None).done;
        (completed, waited, failed)
    });
    assert_eq!(outer.unwrap().wait().unwrap(), (0, vec![0], vec![0, 1]));
}
