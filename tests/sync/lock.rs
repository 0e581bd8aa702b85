//! Promises about locks: one at a time, the value goes from hand to hand, nobody overtakes.
//!
//! Order facts O17 of asyncio; bug classes B36 and B37.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use proptest::prelude::*;
use roundelay::{Lock, LockGuard, current_loop, gather_all, sleep, spawn, timeout, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{self, Census, Log, ms, poll_once, run_virtual};

#[test]
fn o17_1_first_come_first_served() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        gather_all((0..5).map(|n| {
            let (lock, log) = (lock.clone(), log.clone());
            async move {
                let _guard = lock.lock().await;
                log.add(n.to_string());
                yield_now().await;
            }
        }))
        .await;
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn o17_2_whoever_releases_cannot_overtake_the_one_who_waits() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let (waits, seen) = (lock.clone(), log.clone());
        let waiter = spawn(async move {
            let _guard = waits.lock().await;
            seen.add("B");
        });
        yield_now().await;
        drop(guard);
        // Stronger than asyncio, where it looks free for a moment.
        assert!(lock.is_locked() && lock.try_lock().is_none());
        let _guard = lock.lock().await;
        log.add("A again");
        waiter.await.unwrap();
    });
    assert_eq!(log.take(), ["B", "A again"]);
}

#[test]
fn o17_3_any_task_or_callback_may_release_by_dropping_the_guard_it_was_given() {
    run_virtual(async {
        let lock = Lock::new(1);
        let guard = lock.lock().await;
        let _ = current_loop().unwrap().call_soon(move || drop(guard));
        let guard = lock.lock().await;
        let task = spawn(async move { *guard });
        assert_eq!((task.await.unwrap(), *lock.lock().await), (1, 1));
    });
}

#[test]
fn o17_4_a_woken_waiter_that_is_cancelled_passes_the_lock_on() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let (lock, log) = (lock.clone(), log.clone());
                spawn(async move {
                    let _guard = lock.lock().await;
                    log.add(n.to_string());
                })
            })
            .collect();
        yield_now().await;
        drop(guard);
        tasks[0].cancel();
        for task in tasks {
            let _ = task.await;
        }
        assert!(!lock.is_locked());
    });
    assert_eq!(log.take(), ["1", "2"]);
}

#[test]
fn o17_5_a_cancelled_waiter_leaves_no_trace() {
    run_virtual(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let waits = lock.clone();
        let task = spawn(async move { drop(waits.lock().await) });
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(lock.waiting(), 0);
        drop(guard);
        assert!(!lock.is_locked());
        assert_eq!(lock.into_inner().ok(), Some(()));
    });
}

#[test]
fn o17_6_it_is_not_reentrant() {
    run_virtual(async {
        let lock = Lock::new(());
        let twice = async {
            let _outer = lock.lock().await;
            let _inner = lock.lock().await;
        };
        assert!(timeout(ms(20), twice).await.is_err());
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_free_lock_is_taken_without_giving_way() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let _ = current_loop().unwrap().call_soon(log.adds("another"));
        for _ in 0..100 {
            drop(lock.lock().await);
        }
        log.add("a hundred locks");
        yield_now().await;
    });
    assert_eq!(log.take(), ["a hundred locks", "another"]);
}

#[test]
fn a_panic_with_the_guard_in_hand_releases_the_lock_and_leaves_the_value() {
    run_virtual(async {
        let lock = Lock::new(0);
        let inside = lock.clone();
        let task = spawn(async move {
            let mut guard = inside.lock().await;
            *guard = 7;
            panic!("with the guard in hand")
        });
        let task: Result<(), _> = task.await;
        assert!(task.is_err());
        assert_eq!(*lock.try_lock().unwrap(), 7);
    });
}

#[test]
fn the_value_lives_as_long_as_a_handle_a_guard_or_a_waiter_does_and_no_longer() {
    let census = Census::new();
    let lock = Lock::new(census.born());
    let guard = lock.try_lock().unwrap();
    let mut waits = lock.lock();
    assert!(poll_once(&mut waits, Waker::noop()).is_pending());
    drop(lock);
    drop(guard);
    assert_eq!(census.alive(), 1);
    drop(waits);
    assert_eq!(census.alive(), 0);
}

#[test]
fn without_locking_the_value_is_to_be_had_only_by_who_is_alone() {
    let mut lock = Lock::new(1);
    *lock.get_mut().unwrap() = 2;
    let clone = lock.clone();
    assert!(lock.get_mut().is_none());
    let lock = lock.into_inner().unwrap_err();
    drop(clone);
    let guard = lock.try_lock().unwrap();
    let lock = lock.into_inner().unwrap_err();
    drop(guard);
    assert_eq!(lock.into_inner().unwrap(), 2);
}

#[test]
fn debug_shows_the_value_if_it_is_free() {
    let lock = Lock::new(7);
    assert_eq!(format!("{lock:?}"), "Lock { value: 7, waiting: 0 }");
    let guard = lock.try_lock().unwrap();
    assert_eq!(format!("{lock:?} {guard:?}"), "Lock { value: <locked>, waiting: 0 } 7");
}

#[test]
fn a_debug_that_uses_the_lock_or_panics_does_no_harm() {
    struct Prints(Option<Lock<Prints>>);
    impl std::fmt::Debug for Prints {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            assert!(self.0.as_ref().unwrap().try_lock().is_none());
            panic!("while it is printed")
        }
    }
    let lock = Lock::new(Prints(None));
    lock.try_lock().unwrap().0 = Some(lock.clone());
    assert!(catch_unwind(AssertUnwindSafe(|| format!("{lock:?}"))).is_err());
    assert!(!lock.is_locked());
    lock.try_lock().unwrap().0 = None;
}

#[test]
#[should_panic(expected = "has given its answer")]
fn a_future_that_has_given_the_guard_says_so_when_it_is_polled_again() {
    let mut waits = Lock::new(()).lock();
    drop(poll_once(&mut waits, Waker::noop()));
    let _ = poll_once(&mut waits, Waker::noop());
}

#[test]
fn philosophers_who_all_take_the_left_fork_first_are_told_that_nothing_can_happen() {
    let runner = support::virtual_runner();
    let outcome = runner.run(async {
        let forks: Vec<_> = (0..5).map(|_| Lock::new(())).collect();
        gather_all((0..5).map(|seat| {
            let (left, right) = (forks[seat].clone(), forks[(seat + 1) % 5].clone());
            async move {
                let _left = left.lock().await;
                sleep(ms(1)).await;
                let _right = right.lock().await;
            }
        }))
        .await
    });
    assert!(matches!(outcome, Err(roundelay::RunError::Deadlock(_))), "{outcome:?}");
}

struct LockGame {
    lock: Lock<u32>,
    line: Line<(), ()>,
    locked: bool,
    value: u32,
}

impl LockGame {
    fn free(&mut self) {
        self.locked = !self.line.standing.is_empty();
        if self.locked {
            self.line.call(0, ());
        }
    }
}

impl Game for LockGame {
    type Ask = ();
    type Deed = ();
    type Got = LockGuard<u32>;
    type Seen = u32;

    fn begin(&mut self, who: usize, (): &(), _: &mut Held<Self::Got>) -> Option<Boxed<Self::Got>> {
        self.line.comes(who, ());
        Some(Box::pin(self.lock.lock()))
    }

    fn poll(&mut self, who: usize) -> Option<u32> {
        let got = match self.line.enters(who) {
            Some(()) if self.locked => {
                self.line.stands(who, ());
                false
            }
            Some(()) => true,
            None => self.line.takes(who).is_some(),
        };
        self.locked |= got;
        got.then_some(self.value)
    }

    fn seen(got: &LockGuard<u32>) -> u32 {
        **got
    }

    fn gives_up(&mut self, who: usize) {
        if let Left::Called(()) = self.line.leaves(who) {
            self.free();
        }
    }

    fn end(&mut self, _: usize, mut got: LockGuard<u32>) {
        *got += 1;
        drop(got);
        self.value += 1;
        self.free();
    }

    /// Tries.
    fn act(&mut self, (): &(), held: &mut Held<Self::Got>) {
        let guard = self.lock.try_lock();
        assert_eq!(guard.is_none(), self.locked);
        if let Some(guard) = guard {
            self.locked = true;
            held.push((usize::MAX, guard));
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.lock.is_locked(), self.locked);
        assert_eq!(self.lock.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(500))]

    #[test]
    fn any_life_of_a_lock_has_one_holder_and_a_line(moves in moves(Just(()), Just(()))) {
        let (lock, line) = (Lock::new(0), Line::new());
        let game = play(LockGame { lock, line, locked: false, value: 0 }, moves);
        prop_assert_eq!(game.lock.into_inner().ok(), Some(game.value));
    }
}
