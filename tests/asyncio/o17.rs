//! O17: locks.

use roundelay::{Lock, Task, current_loop, spawn, timeout, yield_now};

use crate::settle;
use crate::support::{Log, ms, run_virtual};

/// A task that takes the lock, says so and lets it go.
fn visitor(lock: &Lock<()>, log: &Log, name: &'static str) -> Task<()> {
    let (lock, log) = (lock.clone(), log.clone());
    spawn(async move {
        let _guard = lock.lock().await;
        log.add(name);
        yield_now().await;
    })
}

#[test]
fn o17_1_a_lock_is_first_in_first_out() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        for visit in ["0", "1", "2", "3", "4"].map(|name| visitor(&lock, &log, name)) {
            visit.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn o17_2_a_released_lock_is_the_waiters_and_the_releaser_cannot_overtake() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let waiter = visitor(&lock, &log, "B");
        yield_now().await;
        drop(guard);
        // asyncio says that it is free now; here it has been handed over.
        assert!(lock.is_locked() && lock.try_lock().is_none());
        let again = lock.lock().await;
        log.add("A again");
        drop(again);
        waiter.await.unwrap();
    });
    assert_eq!(log.take(), ["B", "A again"]);
}

#[test]
fn o17_3_the_guard_releases_once_and_may_be_dropped_by_anybody() {
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        // A guard is the only way to release, and it is used up by that.
        current_loop().unwrap().call_soon(move || drop(guard)).unwrap();
        let again = lock.lock().await;
        drop(again);
        assert!(!lock.is_locked());
    });
}

#[test]
fn o17_4_a_woken_waiter_that_is_cancelled_wakes_the_next() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let tasks = ["0", "1", "2"].map(|name| visitor(&lock, &log, name));
        yield_now().await;
        drop(guard);
        tasks[0].cancel();
        let [_, second, third] = tasks;
        second.await.unwrap();
        third.await.unwrap();
    });
    assert_eq!(log.take(), ["1", "2"]);
}

#[test]
fn o17_5_a_cancelled_waiter_leaves_no_trace() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let waiter = visitor(&lock, &log, "x");
        yield_now().await;
        waiter.cancel();
        assert!(waiter.await.unwrap_err().is_cancelled());
        drop(guard);
        assert_eq!((lock.is_locked(), lock.waiting()), (false, 0));
    });
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn o17_6_a_lock_is_not_reentrant() {
    run_virtual(async {
        let lock = Lock::new(());
        let twice = async {
            let _outer = lock.lock().await;
            let _inner = lock.lock().await;
        };
        assert!(timeout(ms(20), twice).await.is_err());
        settle().await;
        assert!(!lock.is_locked());
    });
}
