//! What a user of the thread pool may rely on.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use roundelay_pools::{JobError, PoolError, ThreadPool};

mod block_on;
mod support;
mod threads;

use block_on::block_on;
use support::SAFETY;
use threads::held_job;

#[test]
fn a_job_can_be_awaited_on_a_foreign_executor() {
    let pool = ThreadPool::new(2);
    let job = pool.submit(|| "done").unwrap();
    assert_eq!(block_on(job).unwrap(), "done");
}

#[test]
fn one_thread_runs_jobs_in_the_order_of_submission() {
    let pool = ThreadPool::new(1);
    let (log, seen) = mpsc::channel();
    let many = if cfg!(miri) { 30 } else { 100 };
    for n in 0..many {
        let log = log.clone();
        pool.submit(move || log.send(n).unwrap()).unwrap();
    }
    pool.shutdown();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), (0..many).collect::<Vec<_>>());
}

#[test]
fn an_idle_thread_is_used_again_before_a_new_one_is_started() {
    let pool = ThreadPool::builder().threads(8).name("io").build();
    let name = || thread::current().name().unwrap().to_owned();
    let many = if cfg!(miri) { 5 } else { 200 };
    let names: HashSet<String> =
        (0..many).map(|_| pool.submit(name).unwrap().wait().unwrap()).collect();
    assert_eq!(names, HashSet::from(["io-0".to_owned()]));
}

#[test]
fn threads_grow_to_the_maximum_and_not_beyond() {
    let pool = ThreadPool::builder().threads(3).name("io").build();
    // Each of the first three waits for the two others: only three threads can end them.
    let meeting = Arc::new(Barrier::new(3));
    let jobs: Vec<_> = (0..9)
        .map(|_| {
            let meeting = Arc::clone(&meeting);
            pool.submit(move || {
                meeting.wait();
                thread::current().name().unwrap().to_owned()
            })
            .unwrap()
        })
        .collect();
    let names: HashSet<String> = jobs.iter().map(|job| job.wait().unwrap()).collect();
    assert_eq!(names, ["io-0", "io-1", "io-2"].map(str::to_owned).into());
}

#[test]
fn a_thread_without_work_leaves_and_the_next_job_starts_another() {
    let pool =
        ThreadPool::builder().threads(1).idle_timeout(Duration::from_millis(1)).name("t").build();
    let name = || thread::current().name().unwrap().to_owned();
    assert_eq!(pool.submit(name).unwrap().wait().unwrap(), "t-0");
    while pool.metrics().workers > 0 {
        thread::yield_now();
    }
    assert_eq!(pool.submit(name).unwrap().wait().unwrap(), "t-1");
}

#[test]
fn a_panic_becomes_the_jobs_error_with_message_and_place() {
    let pool = ThreadPool::new(1);
    let job = pool.submit(|| panic!("no {}", "luck")).unwrap();
    let Err(JobError::Panicked(report)) = job.wait() else { panic!("it panicked") };
    assert_eq!(report.message(), "no luck");
    assert!(report.location().unwrap().contains("tests/thread_pool.rs:"), "{report}");
    assert_eq!(pool.submit(|| 1).unwrap().wait().unwrap(), 1, "the thread lives on");
    assert_eq!(pool.metrics().workers, 1);
}

#[test]
fn cancel_is_true_for_a_queued_job_however_often_and_false_for_a_running_one() {
    let pool = ThreadPool::new(1);
    let (running, open) = held_job(&pool);
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let queued = pool.submit(move || flag.store(true, Ordering::Relaxed)).unwrap();
    assert!(queued.is_queued() && running.is_running());

    assert_eq!([queued.cancel(), queued.cancel(), running.cancel()], [true, true, false]);
    assert!(!running.kill(), "a thread cannot be killed");
    assert!(queued.is_cancelled() && queued.is_done());
    assert!(matches!(queued.wait(), Err(JobError::Cancelled)));
    assert_eq!(Arc::strong_count(&ran), 1, "its captures are dropped by cancel()");
    open.send(()).unwrap();
    assert!(running.wait().is_ok());
    pool.shutdown();
    assert!(!ran.load(Ordering::Relaxed));
}

#[test]
fn a_limit_on_the_wait_leaves_the_job_alone() {
    let pool = ThreadPool::new(1);
    let (held, open) = held_job(&pool);
    for limit in [Duration::ZERO, Duration::from_millis(1)] {
        assert!(matches!(held.wait_timeout(limit), Err(JobError::WaitTimeout)));
        assert!(held.is_running());
    }
    open.send(()).unwrap();
    assert!(held.wait_timeout(Duration::MAX).is_ok());
}

#[test]
fn the_captures_are_dropped_before_the_job_counts_as_done() {
    struct Slow(Arc<AtomicBool>);
    impl Drop for Slow {
        fn drop(&mut self) {
            thread::yield_now();
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let pool = ThreadPool::new(1);
    for panics in [false, true] {
        let dropped = Arc::new(AtomicBool::new(false));
        let slow = Slow(Arc::clone(&dropped));
        let job = pool
            .submit(move || {
                let _slow = &slow;
                if panics {
                    std::panic::resume_unwind(Box::new(()));
                }
            })
            .unwrap();
        while !job.is_done() {
            std::hint::spin_loop();
        }
        assert!(dropped.load(Ordering::SeqCst));
    }
}

#[test]
fn shutdown_waits_for_everything_that_was_submitted_and_refuses_the_rest() {
    let pool = ThreadPool::new(2);
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let count = Arc::clone(&count);
        pool.submit(move || count.fetch_add(1, Ordering::Relaxed)).unwrap();
    }
    pool.shutdown();
    assert_eq!(count.load(Ordering::Relaxed), 50);
    assert!(matches!(pool.submit(|| ()), Err(PoolError::ShutDown)));
    pool.shutdown();
    assert!(pool.has_ended());
    assert_eq!(pool.metrics().workers, 0);
}

#[test]
fn cancelling_what_is_queued_spares_what_runs() {
    let pool = ThreadPool::new(1);
    let (running, open) = held_job(&pool);
    let queued: Vec<_> = (0..5).map(|_| pool.submit(|| ()).unwrap()).collect();
    pool.close();
    assert_eq!(pool.cancel_queued(), 5);
    assert!(queued.iter().all(|job| job.is_cancelled()));
    open.send(()).unwrap();
    pool.shutdown();
    assert!(running.wait().is_ok());
}

#[test]
fn a_shutdown_whose_time_is_up_says_what_still_runs() {
    let pool = ThreadPool::builder().threads(1).name("disk").build();
    let (_job, open) = held_job(&pool);
    let line = line!() + 1;
    let waiting = pool.submit(|| ()).unwrap();
    let still = pool.shutdown_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!((still.jobs.len(), still.queued), (1, 1));
    assert_eq!(still.jobs[0].worker, "disk-0");
    assert_eq!(waiting.submitted_at().line(), line);
    open.send(()).unwrap();
    pool.shutdown_timeout(SAFETY).unwrap();
    assert!(waiting.is_done());
}

#[test]
fn the_end_of_a_pool_can_be_awaited() {
    let pool = ThreadPool::new(2);
    let (_job, open) = held_job(&pool);
    let ended = pool.ended();
    pool.close();
    assert!(!pool.has_ended());
    open.send(()).unwrap();
    block_on(ended);
    assert_eq!(pool.metrics().workers, 0);
}

#[test]
fn an_empty_pool_ends_as_soon_as_it_is_closed() {
    let pool = ThreadPool::new(2);
    pool.close();
    block_on(pool.ended());
}

#[test]
fn dropping_the_pool_waits_for_nobody_and_lets_the_jobs_run() {
    let pool = ThreadPool::new(1);
    let (first, open) = held_job(&pool);
    let second = pool.submit(|| 2).unwrap();
    drop(pool);
    assert!(!first.is_done());
    open.send(()).unwrap();
    assert_eq!(second.wait().unwrap(), 2);
}

#[test]
fn a_pool_may_be_dropped_by_its_own_job() {
    let pool = Arc::new(ThreadPool::new(1));
    let own = Arc::clone(&pool);
    let (go, wait) = mpsc::channel::<()>();
    let job = pool
        .submit(move || {
            let _ = wait.recv();
            drop(own);
        })
        .unwrap();
    let ended = pool.ended();
    drop(pool);
    go.send(()).unwrap();
    job.wait().unwrap();
    block_on(ended);
}

#[test]
fn a_job_that_shuts_its_own_pool_down_is_told_instead_of_hanging() {
    let pool = Arc::new(ThreadPool::new(1));
    let own = Arc::clone(&pool);
    let job = pool.submit(move || own.shutdown()).unwrap();
    let Err(JobError::Panicked(report)) = job.wait() else { panic!("it would wait for itself") };
    assert!(report.message().contains("wait for itself"), "{report}");
}

#[test]
fn a_full_queue_refuses_try_submit_and_holds_submit_back() {
    let pool = ThreadPool::builder().threads(1).capacity(1).build();
    let (_held, open) = held_job(&pool);
    let _queued = pool.submit(|| ()).unwrap();
    assert!(matches!(pool.try_submit(|| ()), Err(PoolError::QueueFull { capacity: 1 })));
    thread::scope(|scope| {
        let late = scope.spawn(|| pool.submit(|| 7).unwrap().wait().unwrap());
        open.send(()).unwrap();
        assert_eq!(late.join().unwrap(), 7);
    });
}

#[test]
fn a_job_that_submits_to_its_own_full_queue_is_refused_instead_of_hanging() {
    let pool = Arc::new(ThreadPool::builder().threads(1).capacity(1).build());
    let own = Arc::clone(&pool);
    let (go, wait) = mpsc::channel::<()>();
    let job = pool
        .submit(move || {
            let _ = wait.recv();
            own.submit(|| ()).map(drop)
        })
        .unwrap();
    while !job.is_running() {
        thread::yield_now();
    }
    pool.submit(|| ()).unwrap();
    go.send(()).unwrap();
    assert!(matches!(job.wait().unwrap(), Err(PoolError::QueueFull { .. })));
}

#[test]
#[cfg_attr(miri, ignore = "asks the system how much memory the process has")]
fn what_a_cancelled_job_leaves_in_the_queue_is_small() {
    let pool = ThreadPool::new(1);
    let (_running, door) = held_job(&pool);
    let before = resident_kib();
    for _ in 0..1_000 {
        let large = std::hint::black_box([7_u8; 64 * 1024]);
        assert!(pool.submit(move || std::hint::black_box(large)[0]).unwrap().cancel());
    }
    // 1,000 times 64 KiB are 62 MiB.
    assert!(resident_kib().saturating_sub(before) < 16 * 1024);
    assert_eq!(pool.cancel_queued(), 0, "they have been cancelled already");
    door.send(()).unwrap();
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn settings_at_the_edge_work_or_say_why_not() {
    let many = if cfg!(miri) { 5 } else { 100 };
    let run =
        |pool: ThreadPool| (0..many).all(|n| pool.submit(move || n).unwrap().wait().unwrap() == n);
    assert!(run(ThreadPool::builder().idle_timeout(Duration::ZERO).build()));
    assert!(run(ThreadPool::builder().idle_timeout(Duration::MAX).build()));
    assert!(run(ThreadPool::builder().capacity(usize::MAX).threads(usize::MAX).build()));
    assert!(run(ThreadPool::builder().stack_size(0).build()));

    // Miri's threads have stacks of any size.
    if !cfg!(miri) {
        let no_stack = ThreadPool::builder().stack_size(usize::MAX).build();
        assert!(matches!(no_stack.submit(|| ()), Err(PoolError::Os { .. })));
        no_stack.shutdown();
    }

    let named = std::panic::catch_unwind(|| drop(ThreadPool::builder().name("a\0b")));
    assert!(named.is_err(), "and not at the first submit, which would have to be undone");
}

#[test]
fn an_initializer_runs_once_on_each_thread_before_its_first_job() {
    thread_local!(static READY: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    let pool = ThreadPool::builder().threads(2).initializer(|| READY.set(READY.get() + 1)).build();
    for _ in 0..if cfg!(miri) { 4 } else { 20 } {
        assert_eq!(pool.submit(|| READY.get()).unwrap().wait().unwrap(), 1);
    }
}

#[test]
fn a_failed_initializer_breaks_the_pool() {
    let pool = ThreadPool::builder().threads(1).initializer(|| panic!("no licence")).build();
    let job = pool.submit(|| ()).unwrap();
    let Err(JobError::BrokenPool(why)) = job.wait() else { panic!("it never ran") };
    assert!(why.contains("no licence"));
    assert!(matches!(pool.submit(|| ()), Err(PoolError::Broken(_))));
    pool.shutdown();
}

#[test]
fn callbacks_run_in_order_and_a_late_one_at_once() {
    let pool = ThreadPool::new(1);
    let (held, open) = held_job(&pool);
    let (log, seen) = mpsc::channel();
    for n in 1..=2 {
        let log = log.clone();
        held.on_done(move |job| log.send((n, job.is_done())).unwrap());
    }
    held.on_done(|_| panic!("a callback's panic goes no further"));
    open.send(()).unwrap();
    pool.shutdown();
    held.on_done(move |_| log.send((3, true)).unwrap());
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [(1, true), (2, true), (3, true)]);
}

#[test]
fn a_callback_may_submit_to_the_pool_and_wait_for_it() {
    let pool = Arc::new(ThreadPool::new(2));
    let own = Arc::clone(&pool);
    let (tell, told) = mpsc::channel();
    let job = pool.submit(|| 1).unwrap();
    job.on_done(move |_| tell.send(own.submit(|| 2).unwrap().wait()).unwrap());
    assert_eq!(told.recv_timeout(SAFETY).unwrap().unwrap(), 2);
}

#[test]
fn a_result_that_nobody_can_take_is_dropped_and_counted() {
    let pool = ThreadPool::new(1);
    let (held, open) = held_job(&pool);
    drop(held);
    let kept = pool.submit(|| ()).unwrap();
    open.send(()).unwrap();
    kept.wait().unwrap();
    pool.shutdown();
    let metrics = pool.metrics();
    assert_eq!((metrics.done, metrics.abandoned), (2, 1));
}

#[test]
fn a_result_whose_destructor_panics_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let pool = ThreadPool::new(1);
    drop(pool.submit(|| Bomb).unwrap());
    assert_eq!(pool.submit(|| 1).unwrap().wait().unwrap(), 1);
    assert_eq!(pool.metrics().workers, 1);
}

#[test]
fn of_two_threads_that_wait_for_one_job_one_gets_the_value() {
    let pool = ThreadPool::new(1);
    let (held, open) = held_job(&pool);
    let mut outcomes = thread::scope(|scope| {
        let waiters = [(); 2].map(|()| scope.spawn(|| held.wait()));
        open.send(()).unwrap();
        waiters.map(|waiter| waiter.join().unwrap().is_ok())
    });
    outcomes.sort();
    assert_eq!(outcomes, [false, true]);
    assert!(matches!(held.wait(), Err(JobError::ResultTaken)));
}

#[test]
fn jobs_and_pools_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<roundelay_pools::Job<std::cell::Cell<u8>>>();
    check::<ThreadPool>();
    check::<roundelay_pools::Ended>();
    check::<JobError>();
    check::<PoolError>();
}
