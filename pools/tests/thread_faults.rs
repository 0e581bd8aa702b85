//! What misbehaves in or around a pool of threads, and what may not come of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use roundelay_pools::{JobError, PoolError, ThreadPool};

mod support;
mod threads;

use support::SAFETY;
use threads::{held_job, within_reason};

/// Gives other threads many occasions to do what they must not do.
fn give_way() {
    for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
        thread::yield_now();
    }
}

// ---- payloads and destructors ---------------------------------------------------------------

#[test]
fn a_panic_whose_payload_panics_when_it_is_dropped_and_so_on_leaves_the_thread_alive() {
    struct Hydra;
    impl Drop for Hydra {
        fn drop(&mut self) {
            std::panic::panic_any(Hydra);
        }
    }
    let pool = Arc::new(ThreadPool::new(1));
    let (job, open) = held_job(&pool);
    drop(job);
    drop(pool.submit(|| std::panic::panic_any(Hydra)).unwrap());
    open.send(()).unwrap();
    let next = pool.submit(|| 5).unwrap();
    assert_eq!(next.wait_timeout(SAFETY).unwrap(), 5);
    let own = Arc::clone(&pool);
    within_reason(move || own.shutdown());
    assert_eq!(pool.metrics().done, 3);
}

/// Says that it is being dropped, and lets itself be dropped when its door is opened.
struct SlowToGo {
    goes: mpsc::Sender<()>,
    door: mpsc::Receiver<()>,
    gone: Arc<AtomicBool>,
}

impl Drop for SlowToGo {
    fn drop(&mut self) {
        self.goes.send(()).unwrap();
        let _ = self.door.recv();
        self.gone.store(true, Ordering::SeqCst);
    }
}

fn slow_to_go() -> (SlowToGo, mpsc::Receiver<()>, mpsc::Sender<()>, Arc<AtomicBool>) {
    let (goes, going) = mpsc::channel();
    let (open, door) = mpsc::channel();
    let gone = Arc::new(AtomicBool::new(false));
    (SlowToGo { goes, door, gone: Arc::clone(&gone) }, going, open, gone)
}

#[test]
fn a_shutdown_waits_for_a_job_that_is_just_being_cancelled() {
    for all_at_once in [false, true] {
        let pool = Arc::new(ThreadPool::new(1));
        let (_held, open) = held_job(&pool);
        let (slow, going, let_go, _) = slow_to_go();
        let job = pool.submit(move || drop(slow)).unwrap();
        let job = Arc::new(job);
        let (canceller, own) = (Arc::clone(&job), Arc::clone(&pool));
        let canceller = thread::spawn(move || match all_at_once {
            true => own.cancel_queued() == 1,
            false => canceller.cancel(),
        });
        going.recv_timeout(SAFETY).expect("the captures are being dropped");

        pool.close();
        open.send(()).unwrap();
        give_way();
        assert!(!pool.has_ended(), "the job has not ended");
        let_go.send(()).unwrap();
        let own = Arc::clone(&pool);
        within_reason(move || own.shutdown());
        assert!(job.is_done());
        assert!(canceller.join().unwrap());
    }
}

#[test]
fn every_shutdown_waits_for_the_threads_whoever_joins_them() {
    thread_local!(static LAST: std::cell::RefCell<Option<SlowToGo>> = const { std::cell::RefCell::new(None) });
    let pool = Arc::new(ThreadPool::new(1));
    let (slow, going, let_go, gone) = slow_to_go();
    pool.submit(move || LAST.set(Some(slow))).unwrap().wait().unwrap();

    // The thread has left the pool, and is in the destructors of its thread-locals.
    pool.close();
    going.recv_timeout(SAFETY).expect("the thread ends");
    pool.shutdown_timeout(Duration::from_millis(1)).expect("its jobs have ended");
    assert!(!gone.load(Ordering::SeqCst));
    let shutdowns = [(); 2].map(|()| {
        let (pool, gone) = (Arc::clone(&pool), Arc::clone(&gone));
        thread::spawn(move || {
            pool.shutdown();
            gone.load(Ordering::SeqCst)
        })
    });
    give_way();
    let_go.send(()).unwrap();
    assert_eq!(shutdowns.map(|one| one.join().unwrap()), [true, true]);
}

#[test]
fn a_thread_that_had_left_before_is_waited_for_as_well() {
    thread_local!(static LAST: std::cell::RefCell<Option<SlowToGo>> = const { std::cell::RefCell::new(None) });
    let pool = ThreadPool::builder().threads(1).idle_timeout(Duration::ZERO).build();
    let (slow, going, let_go, gone) = slow_to_go();
    pool.submit(move || LAST.set(Some(slow))).unwrap().wait().unwrap();
    going.recv_timeout(SAFETY).expect("an idle thread leaves");
    // Others come and go meanwhile.
    for n in 0..10 {
        assert_eq!(pool.submit(move || n).unwrap().wait().unwrap(), n);
    }
    let shutdown = thread::spawn(move || {
        pool.shutdown();
        gone.load(Ordering::SeqCst)
    });
    give_way();
    let_go.send(()).unwrap();
    assert!(shutdown.join().unwrap());
}

// ---- cancelling what is queued --------------------------------------------------------------

#[test]
fn a_callback_of_a_cancelled_job_may_shut_the_pool_down() {
    for all_at_once in [true, false] {
        let pool = Arc::new(ThreadPool::new(1));
        let (_held, open) = held_job(&pool);
        let queued = pool.submit(|| 1).unwrap();
        let (tell, told) = mpsc::channel();
        let own = Arc::clone(&pool);
        queued.on_done(move |job| {
            drop(open);
            own.shutdown();
            tell.send((job.is_cancelled(), own.has_ended())).unwrap();
        });
        let own = Arc::clone(&pool);
        thread::spawn(move || match all_at_once {
            true => drop(own.cancel_queued()),
            false => drop(queued.cancel()),
        });
        assert_eq!(told.recv_timeout(SAFETY), Ok((true, true)));
    }
}

#[test]
fn cancelling_what_is_queued_makes_room_for_others_at_once() {
    let pool = ThreadPool::builder().threads(1).capacity(4).build();
    let (held, open) = held_job(&pool);
    let cancelled: Vec<_> = (0..4).map(|n| pool.try_submit(move || n).unwrap()).collect();
    assert_eq!((pool.cancel_queued(), pool.metrics().queued), (4, 0));
    let others: Vec<_> = (0..4).map(|n| pool.try_submit(move || n).unwrap()).collect();
    assert!(matches!(pool.try_submit(|| ()), Err(PoolError::QueueFull { capacity: 4 })));
    open.send(()).unwrap();
    held.wait().unwrap();
    assert!(cancelled.iter().all(|job| matches!(job.wait(), Err(JobError::Cancelled))));
    assert!((0..).zip(&others).all(|(n, job)| job.wait().unwrap() == n));
}

// ---- no thread to be had --------------------------------------------------------------------

#[test]
#[cfg_attr(miri, ignore = "Miri's threads have stacks of any size")]
fn where_no_thread_can_be_started_everybody_who_submits_is_told_and_no_job_is_accepted() {
    let pool = ThreadPool::builder().threads(4).stack_size(usize::MAX / 4).build();
    for _ in 0..500 {
        let refused = thread::scope(|scope| {
            let submitters = [(); 4].map(|()| scope.spawn(|| pool.submit(|| ())));
            submitters.map(|one| matches!(one.join().unwrap(), Err(PoolError::Os { .. })))
        });
        assert_eq!(refused, [true; 4]);
    }
    assert_eq!((pool.metrics().workers, pool.metrics().queued), (0, 0));
    pool.shutdown();
}

// ---- map ------------------------------------------------------------------------------------

#[test]
fn map_asks_its_input_no_more_once_it_has_ended() {
    let mut asked = 0;
    let input = std::iter::from_fn(move || {
        asked += 1;
        assert!(asked <= 4, "it has said that it is at its end");
        (asked <= 3).then_some(asked)
    });
    let pool = ThreadPool::new(2);
    let results: Result<Vec<_>, _> = pool.map(|n| n, input).window(2).collect();
    assert_eq!(results.unwrap(), [1, 2, 3]);
}

#[test]
fn a_map_whose_limit_passes_loses_nothing_wherever_it_waits() {
    let pool = ThreadPool::builder().threads(1).capacity(1).build();
    let (held, open) = held_job(&pool);
    let queued = pool.submit(|| ()).unwrap(); // the queue is full
    let (word, words) = mpsc::channel::<u32>();
    let words = std::sync::Mutex::new(words);
    let mut results = pool.map(move |n| n + words.lock().unwrap().recv().unwrap(), [10, 20, 30]);
    for _ in 0..3 {
        let early = results.next_timeout(Duration::from_millis(1));
        assert!(matches!(early, Err(JobError::WaitTimeout)), "it finds no room");
    }
    open.send(()).unwrap();
    held.wait().unwrap();
    queued.wait().unwrap();
    for n in 1..=3 {
        let early = results.next_timeout(Duration::ZERO);
        assert!(matches!(early, Err(JobError::WaitTimeout)), "its job waits for a word");
        word.send(n).unwrap();
        // With a limit, or without one.
        let next = if n == 2 { results.next() } else { results.next_timeout(SAFETY).unwrap() };
        assert_eq!(next.unwrap().unwrap(), 11 * n);
    }
    assert!(results.next_timeout(Duration::ZERO).unwrap().is_none());
    assert!(results.next().is_none());
}
