//! Promises about bad company: wakers that come back while they are woken, that panic, or that
//! panic when they are dropped; and tasks that wait for what nobody can bring any more.
//!
//! Contracts 6, 7 and 14 of the house; bug classes B2, B13 and B14.

use std::cell::Cell;
use std::task::Waker;

use roundelay::{
    Barrier, BoundedSemaphore, CapacityLimiter, Condition, Event, Lock, Notify, OnceCell, Queue,
    RunError, RwLock, Semaphore,
};

use crate::support::waiting::{Boxed, Waiting};
use crate::support::{
    self, panicking_waker, poll_once, rounds, virtual_runner, waker_that_calls,
    waker_that_panics_when_dropped,
};

/// Two who wait for the same thing, in this order, and what lets the first of them go on.
struct Two {
    name: &'static str,
    waiters: [Boxed<()>; 2],
    release: Box<dyn FnOnce()>,
}

fn two<F: Future + 'static>(
    name: &'static str,
    waiter: impl Fn() -> F,
    release: impl FnOnce() + 'static,
) -> Two {
    let boxed = || -> Boxed<()> {
        let future = waiter();
        Box::pin(async { drop(future.await) })
    };
    Two { name, waiters: [boxed(), boxed()], release: Box::new(release) }
}

/// Every primitive with two who wait.
fn all() -> Vec<Two> {
    let (event, notify) = (Event::new(), Notify::new());
    let (set, knock) = (event.clone(), notify.clone());
    let (lock, other) = (Lock::new(()), Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let condition = Condition::new(&other);
    let (ring, locked) = (condition.clone(), other.clone());
    let (semaphore, bounded) = (Semaphore::new(0), BoundedSemaphore::new(1));
    let permits = semaphore.clone();
    let permit = bounded.try_acquire().unwrap();
    let (shared, limiter) = (RwLock::new(()), CapacityLimiter::new(0));
    let reader = shared.try_read().unwrap();
    let more = limiter.clone();
    let (barrier, cell) = (Barrier::new(3), OnceCell::new());
    let (breaks, filled) = (barrier.clone(), cell.clone());
    let some = || roundelay::Borrower::new("somebody");
    vec![
        two("event", move || event.wait(), move || set.set()),
        two("notify", move || notify.notified(), move || knock.notify_one()),
        two("lock", move || lock.lock(), move || drop(guard)),
        two(
            "condition",
            move || {
                let (condition, other) = (condition.clone(), other.clone());
                async move { condition.wait(other.lock().await).await }
            },
            move || ring.notify_one(&locked.try_lock().unwrap()),
        ),
        two("semaphore", move || semaphore.acquire(), move || permits.add_permits(1)),
        two("bounded semaphore", move || bounded.acquire(), move || drop(permit)),
        two("read-write lock", move || shared.write(), move || drop(reader)),
        two("limiter", move || limiter.acquire_on_behalf_of(&some()), move || more.set_total(1)),
        two("barrier", move || barrier.wait(), move || breaks.abort()),
        two(
            "cell",
            move || {
                let cell = cell.clone();
                async move {
                    cell.wait().await;
                }
            },
            move || filled.set(()).unwrap(),
        ),
    ]
}

/// Two in line, the first of them with a waker of ours.
fn line_up(two: &mut Two, first: &Waker) -> Waiting<Boxed<()>> {
    assert!(poll_once(&mut two.waiters[0], first).is_pending(), "{}", two.name);
    let second = std::mem::replace(&mut two.waiters[1], Box::pin(async {}));
    Waiting::begin(second).unwrap_or_else(|()| panic!("the second at the {} waits", two.name))
}

#[test]
fn what_the_first_in_line_was_given_reaches_the_second_even_if_the_first_ones_waker_panics() {
    for waker in [panicking_waker, waker_that_panics_when_dropped] {
        for mut two in all() {
            let mut second = line_up(&mut two, &waker());
            (two.release)();
            let [first, _] = two.waiters;
            drop(first);
            assert!(second.is_woken() && second.poll().is_ready(), "{}", two.name);
        }
    }
}

#[test]
fn a_first_in_line_that_leaves_makes_way_even_if_its_waker_panics_when_it_is_dropped() {
    for mut two in all() {
        let mut second = line_up(&mut two, &waker_that_panics_when_dropped());
        // Polled with another waker, it lets go of the first one too.
        assert!(poll_once(&mut two.waiters[0], &waker_that_panics_when_dropped()).is_pending());
        let [first, _] = two.waiters;
        drop(first);
        (two.release)();
        assert!(second.is_woken() && second.poll().is_ready(), "{}", two.name);
    }
    let semaphore = Semaphore::new(1);
    let mut big = semaphore.acquire_many(2);
    assert!(poll_once(&mut big, &waker_that_panics_when_dropped()).is_pending());
    let small = Waiting::begin(semaphore.acquire()).unwrap_or_else(|_| panic!("it waits"));
    drop(big);
    assert!(small.is_woken());
}

#[test]
fn a_waker_that_uses_what_it_is_woken_by_finds_everything_let_go() {
    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    for place in 0..all().len() {
        // The waker must be `Send`, so it makes a world of its own and also drops all of it.
        let waker = waker_that_calls(|| {
            if DEPTH.replace(DEPTH.get() + 1) == 0 {
                for mut two in all() {
                    let _second = line_up(&mut two, Waker::noop());
                    (two.release)();
                }
            }
        });
        let mut two = all().swap_remove(place);
        let second = line_up(&mut two, &waker);
        DEPTH.set(0);
        (two.release)();
        assert!(DEPTH.get() > 0, "{}", two.name);
        drop(two.waiters);
        assert!(second.is_woken(), "{}", two.name);
    }
}

#[test]
fn a_waker_that_comes_back_to_the_very_same_primitive_finds_it_let_go() {
    thread_local! {
        static THINGS: (Lock<()>, RwLock<()>, Event, Notify, Barrier, CapacityLimiter) = (
            Lock::new(()),
            RwLock::new(()),
            Event::new(),
            Notify::new(),
            Barrier::new(2),
            CapacityLimiter::new(0),
        );
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    let comes_back = || {
        if DEPTH.replace(DEPTH.get() + 1) > 3 {
            return;
        }
        THINGS.with(|(lock, shared, event, notify, barrier, limiter)| {
            let again = roundelay::Borrower::new("again");
            let (locks, writes, meets) = (lock.lock(), shared.write(), barrier.wait());
            let borrows = limiter.acquire_on_behalf_of(&again);
            let mut waits: [Boxed<()>; 6] = [
                Box::pin(async { drop(locks.await) }),
                Box::pin(async { drop(writes.await) }),
                Box::pin(async {
                    let _ = meets.await;
                }),
                Box::pin(async { drop(borrows.await) }),
                Box::pin(event.wait()),
                Box::pin(notify.notified()),
            ];
            for wait in &mut waits {
                let _ = poll_once(wait, Waker::noop());
            }
            drop((lock.try_lock(), shared.try_read(), shared.try_write()));
            let _ = format!("{lock:?} {shared:?} {event:?} {notify:?} {barrier:?} {limiter:?}");
            event.set();
            event.clear();
            notify.notify_one();
            notify.notify_all();
            barrier.reset();
            limiter.set_total(limiter.total_tokens() + 1);
        });
    };
    let waker = waker_that_calls(comes_back);
    THINGS.with(|(lock, shared, event, notify, barrier, limiter)| {
        let (guard, writer) = (lock.try_lock().unwrap(), shared.try_write().unwrap());
        let anna = roundelay::Borrower::new("anna");
        let (mut locks, mut reads, mut writes) = (lock.lock(), shared.read(), shared.write());
        let (mut waits, mut hears, mut meets) = (event.wait(), notify.notified(), barrier.wait());
        let mut borrows = limiter.acquire_on_behalf_of(&anna);
        assert!(poll_once(&mut locks, &waker).is_pending());
        assert!(poll_once(&mut reads, &waker).is_pending());
        assert!(poll_once(&mut writes, &waker).is_pending());
        assert!(poll_once(&mut waits, &waker).is_pending());
        assert!(poll_once(&mut hears, &waker).is_pending());
        assert!(poll_once(&mut meets, &waker).is_pending());
        assert!(poll_once(&mut borrows, &waker).is_pending());
        drop(guard);
        drop(writer);
        event.set();
        notify.notify_one();
        barrier.abort();
        limiter.set_total(1);
        // Each had its turn, whatever the wakers did in between.
        assert!(poll_once(&mut locks, Waker::noop()).is_ready());
        assert!(poll_once(&mut reads, Waker::noop()).is_ready());
        assert!(poll_once(&mut writes, Waker::noop()).is_ready());
        assert!(poll_once(&mut waits, Waker::noop()).is_ready());
        assert!(poll_once(&mut hears, Waker::noop()).is_ready());
        assert!(poll_once(&mut meets, Waker::noop()).is_ready());
        assert!(poll_once(&mut borrows, Waker::noop()).is_ready());
        assert!(!lock.is_locked() && !shared.is_locked());
        assert_eq!(limiter.statistics().borrowed, 0);
    });
}

#[test]
fn who_waits_for_what_nobody_can_bring_ends_the_run_with_an_error_and_does_not_hang() {
    for place in 0..all().len() {
        let Two { name, waiters: [waits, _], release } = all().swap_remove(place);
        let outcome = virtual_runner().run(waits);
        // With it go the last handles besides the waiter's own, and guards, which release.
        drop(release);
        assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{name}: {outcome:?}");
    }
}

#[test]
fn a_million_waits_that_are_given_up_leave_nothing_in_line() {
    let (semaphore, lock) = (Semaphore::new(0), Lock::new(()));
    let _guard = lock.try_lock().unwrap();
    for _ in 0..rounds(500_000) {
        assert!(poll_once(&mut semaphore.acquire(), Waker::noop()).is_pending());
        assert!(poll_once(&mut lock.lock(), Waker::noop()).is_pending());
    }
    assert_eq!((semaphore.waiting(), lock.waiting()), (0, 0));
}

#[test]
fn a_waker_that_comes_back_while_it_is_woken_finds_everything_let_go() {
    // B2: from inside the wake, the same semaphore, queue and promise are used again. The waker
    // must be `Send`, so it finds them through the thread.
    thread_local! {
        static THINGS: (Semaphore, Queue<u8>) = (Semaphore::new(0), Queue::bounded(1));
    }
    THINGS.with(|(semaphore, queue)| {
        let waker = support::waker_that_calls(|| {
            THINGS.with(|(semaphore, queue)| {
                let _ = (semaphore.available_permits(), semaphore.waiting(), queue.len());
                drop(semaphore.try_acquire());
                let _ = queue.try_get();
                let _ = queue.try_put(9);
                let mut waits = semaphore.acquire();
                drop(poll_once(&mut waits, Waker::noop()));
            });
        });
        let mut permits: Vec<_> = (0..3).map(|_| semaphore.acquire()).collect();
        let mut gets: Vec<_> = (0..3).map(|_| queue.get()).collect();
        for (permit, get) in permits.iter_mut().zip(&mut gets) {
            assert!(poll_once(permit, &waker).is_pending());
            assert!(poll_once(get, &waker).is_pending());
        }
        semaphore.add_permits(1);
        drop(permits);
        assert_eq!(semaphore.available_permits(), 1);
        let _ = queue.try_put(1);
        queue.close();
        drop(gets);
    });
}
