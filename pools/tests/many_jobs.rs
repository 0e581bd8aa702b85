//! Waiting for many jobs at once, whichever pool they are in.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_core::Stream;
use roundelay_pools::{
    Job, JobError, ProcessPool, ThreadPool, When, as_completed, remote, wait, wait_async,
};

mod block_on;

use block_on::block_on;

roundelay_pools::test_worker!();

/// A job that has certainly started, and ends when it is told to.
fn held(pool: &ThreadPool) -> (Job<u64>, mpsc::Sender<u64>) {
    let (open, door) = mpsc::channel();
    let job = pool.submit(move || door.recv().unwrap()).unwrap();
    while !job.is_running() {
        thread::yield_now();
    }
    (job, open)
}

fn failing(pool: &ThreadPool) -> Job<u64> {
    pool.submit(|| std::panic::resume_unwind(Box::new("no luck"))).unwrap()
}

fn done(value: u64, pool: &ThreadPool) -> Job<u64> {
    let job = pool.submit(move || value).unwrap();
    while !job.is_done() {
        thread::yield_now();
    }
    job
}

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}

// ---- as_completed ---------------------------------------------------------------------------

#[test]
fn results_come_in_the_order_of_the_ends_with_their_places() {
    let pool = ThreadPool::new(3);
    let (jobs, doors): (Vec<_>, Vec<_>) = (0..3).map(|_| held(&pool)).unzip();
    let mut results = as_completed(jobs);
    for index in [1, 2, 0] {
        doors[index].send(index as u64 * 10).unwrap();
        let (place, value) = results.next().unwrap();
        assert_eq!((place, value.unwrap()), (index, index as u64 * 10));
    }
    assert!(results.next().is_none());
}

#[test]
fn those_that_had_ended_before_come_first_in_the_order_of_the_input() {
    let pool = ThreadPool::new(2);
    let (late, door) = held(&pool);
    let jobs = [late, done(1, &pool), done(2, &pool)];
    let mut results = as_completed(jobs);
    assert_eq!(results.next().unwrap().0, 1);
    door.send(0).unwrap();
    assert_eq!(results.by_ref().map(|(place, _)| place).collect::<Vec<_>>(), [2, 0]);
    assert_eq!(results.len(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn jobs_of_both_pools_can_be_mixed_and_found_by_their_place() {
    let (threads, processes) = (ThreadPool::new(2), ProcessPool::new().unwrap());
    let mut jobs = Vec::new();
    for n in 0..10 {
        jobs.push(threads.submit(move || n + 100).unwrap());
        jobs.push(processes.submit(double, n).unwrap());
    }
    let values: HashMap<usize, u64> = as_completed(jobs).map(|(i, v)| (i, v.unwrap())).collect();
    for n in 0..10 {
        let place = n as usize * 2;
        assert_eq!((values[&place], values[&(place + 1)]), (n + 100, n * 2));
    }
}

#[test]
fn errors_and_cancelled_jobs_come_like_any_other() {
    let pool = ThreadPool::new(1);
    let (first, door) = held(&pool);
    let second = pool.submit(|| 2).unwrap();
    let mut results = as_completed([first, second, failing(&pool)]);
    assert_eq!(pool.cancel_queued(), 2);
    for _ in 0..2 {
        let (place, outcome) = results.next().unwrap();
        assert!(place > 0 && matches!(outcome, Err(JobError::Cancelled)));
    }
    door.send(1).unwrap();
    assert_eq!(results.next().unwrap().1.unwrap(), 1);
}

#[test]
fn a_limit_that_passes_affects_no_job_and_the_rest_can_be_had_back() {
    let pool = ThreadPool::new(2);
    let (job, door) = held(&pool);
    let mut results = as_completed([job, done(7, &pool)]);
    assert_eq!(results.next_timeout(Duration::ZERO).unwrap().unwrap().0, 1);
    let early = results.next_timeout(Duration::from_millis(1));
    assert!(matches!(early, Err(JobError::WaitTimeout)));
    assert_eq!(results.pending(), 1);
    let [(place, job)] = &results.into_pending()[..] else { panic!("one is left") };
    assert_eq!((*place, job.is_running()), (0, true));
    door.send(8).unwrap();
    assert_eq!(job.wait().unwrap(), 8);
}

#[test]
fn of_no_jobs_none_is_completed() {
    let mut none = as_completed(Vec::<Job<()>>::new());
    assert!(none.next_timeout(Duration::MAX).unwrap().is_none());
    assert!(none.next().is_none());
    assert!(block_on(none.into_stream().next()).is_none());
}

#[test]
fn a_task_gets_them_in_the_order_of_the_ends_too() {
    let pool = ThreadPool::new(3);
    let (jobs, doors): (Vec<_>, Vec<_>) = (0..3).map(|_| held(&pool)).unzip();
    let mut stream = as_completed(jobs).into_stream();
    block_on(async {
        for index in [2, 0, 1] {
            doors[index].send(5).unwrap();
            assert_eq!(stream.next().await.unwrap().0, index);
        }
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_stream_polled_by_two_tasks_in_turn_wakes_the_last_one() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let pool = ThreadPool::new(1);
    let (job, door) = held(&pool);
    let mut stream = as_completed([job]).into_stream();
    let counts = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0))));
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        let polled = Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    door.send(1).unwrap();
    pool.shutdown();
    let woken = counts.map(|count| count.0.load(Ordering::SeqCst));
    assert_eq!(woken, [0, 1]);
    assert_eq!(block_on(stream.next()).unwrap().1.unwrap(), 1);
}

#[test]
fn a_hundred_thousand_jobs_come_once_each() {
    let many = if cfg!(miri) { 40 } else { 100_000 };
    let pool = ThreadPool::new(4);
    let jobs = (0..many).map(|n| pool.submit(move || n).unwrap());
    let mut seen = vec![false; many];
    for (place, value) in as_completed(jobs) {
        assert_eq!(value.unwrap(), place);
        assert!(!std::mem::replace(&mut seen[place], true));
    }
    assert!(seen.into_iter().all(|once| once));
}

// ---- wait -----------------------------------------------------------------------------------

#[test]
fn the_first_completed_is_enough_and_the_others_go_on() {
    let pool = ThreadPool::new(2);
    let (late, door) = held(&pool);
    let mut jobs = [late, pool.submit(|| 1).unwrap()];
    let waited = wait(&mut jobs, When::FirstCompleted, None);
    assert_eq!((waited.done, waited.not_done), (vec![1], vec![0]));
    door.send(0).unwrap();
    let waited = wait(&mut jobs, When::All, None);
    assert_eq!((waited.done, waited.not_done), (vec![0, 1], vec![]));
    assert_eq!(jobs[1].wait().unwrap(), 1, "nothing has been taken");
}

#[test]
fn the_first_failure_is_enough_and_a_cancelled_job_is_none() {
    let pool = ThreadPool::new(2);
    let (late, door) = held(&pool);
    let (other, other_door) = held(&pool);
    let queued = pool.submit(|| 1).unwrap();
    assert!(queued.cancel());
    let mut jobs = [late, queued, other];
    let waited = wait(&mut jobs, When::FirstFailure, Duration::from_millis(1));
    assert_eq!(waited.done, [1], "the limit came first");
    let waited = wait(&mut jobs, When::FirstCompleted, None);
    assert_eq!(waited.done, [1], "but it is completed");

    other_door.send(0).unwrap();
    jobs[2].wait().unwrap();
    jobs[2] = failing(&pool);
    let waited = wait(&mut jobs, When::FirstFailure, None);
    assert_eq!((waited.done, waited.not_done), (vec![1, 2], vec![0]));
    door.send(0).unwrap();
}

#[test]
fn without_a_failure_waiting_for_the_first_is_waiting_for_all() {
    let pool = ThreadPool::new(4);
    let mut jobs: Vec<_> = (0..20).map(|n: u64| pool.submit(move || n).unwrap()).collect();
    assert_eq!(wait(&mut jobs, When::FirstFailure, None).done.len(), 20);
}

#[test]
fn a_limit_raises_nothing_and_cancels_nothing_and_no_jobs_are_enough() {
    let pool = ThreadPool::new(1);
    let (mut job, door) = held(&pool);
    for limit in [Duration::ZERO, Duration::from_millis(1)] {
        let waited = wait([&mut job], When::All, limit);
        assert_eq!((waited.done, waited.not_done), (vec![], vec![0]));
    }
    door.send(3).unwrap();
    assert_eq!(wait([&mut job], When::All, None).done, [0]);
    for when in [When::FirstCompleted, When::FirstFailure, When::All] {
        let none = wait(Vec::<&mut Job<()>>::new(), when, None);
        assert_eq!((none.done, none.not_done), (vec![], vec![]));
    }
}

#[test]
fn jobs_that_live_in_a_map_can_be_waited_for() {
    let pool = ThreadPool::new(2);
    let mut by_name: HashMap<&str, Job<u64>> =
        [("a", pool.submit(|| 1).unwrap()), ("b", pool.submit(|| 2).unwrap())].into();
    assert_eq!(wait(by_name.values_mut(), When::All, None).done, [0, 1]);
}

#[test]
fn a_task_waits_without_blocking_and_may_give_up() {
    let pool = ThreadPool::new(1);
    let (job, door) = held(&pool);
    let mut jobs = [job];
    {
        let mut given_up = pin!(wait_async(&mut jobs, When::All));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(given_up.as_mut().poll(&mut cx).is_pending());
    }
    let waiting = wait_async(&mut jobs, When::All);
    door.send(4).unwrap();
    assert_eq!(block_on(waiting).done, [0]);
    let [job] = jobs;
    assert_eq!(block_on(job).unwrap(), 4, "and a job that was waited for can still be awaited");
}

#[test]
fn what_waits_for_many_jobs_is_send_and_sync() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<roundelay_pools::AsCompleted<std::cell::Cell<u8>>>();
    check::<roundelay_pools::CompletedStream<std::cell::Cell<u8>>>();
    check::<roundelay_pools::WaitJobs<'_, std::cell::Cell<u8>>>();
    check::<roundelay_pools::Waited>();
}
