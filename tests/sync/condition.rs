//! Promises about conditions: no notification is lost, and whoever is notified comes back with
//! the lock.
//!
//! Order facts O19.3 to O19.6 of asyncio, the last as of 3.13; bug classes B36 and B37.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roundelay::{Condition, Lock, LockGuard, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Log, ms, run_virtual};

/// A task that waits for a notification once, and then logs its name with the lock in hand.
fn waiter(condition: &Condition<()>, log: &Log, name: impl Into<String>) -> roundelay::Task<()> {
    let (condition, log, name) = (condition.clone(), log.clone(), name.into());
    spawn(async move {
        let guard = condition.lock().lock().await;
        let _guard = condition.wait(guard).await;
        log.add(name);
    })
}

#[test]
fn o19_3_notified_in_order_after_the_notifier_has_released_the_lock() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let tasks: Vec<_> = (0..4).map(|n| waiter(&condition, &log, n.to_string())).collect();
        yield_now().await;
        yield_now().await;
        let guard = lock.lock().await;
        condition.notify(&guard, 2);
        log.add("notify returned");
        yield_now().await;
        drop(guard);
        roundelay::sleep(ms(10)).await;
        assert_eq!(log.take(), ["notify returned", "0", "1"]);
        condition.notify_all(&lock.lock().await);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["2", "3"]);
}

#[test]
fn o19_5_wait_for_gives_what_the_looker_found() {
    run_virtual(async {
        let lock = Lock::new(Vec::new());
        let condition = Condition::new(&lock);
        let (waits, locked) = (condition.clone(), lock.clone());
        let task = spawn(async move {
            let look = |list: &mut Vec<u8>| (list.len() > 1).then(|| list.iter().sum::<u8>());
            waits.wait_for(locked.lock().await, look).await.1
        });
        for n in [3, 4] {
            yield_now().await;
            let mut list = lock.lock().await;
            list.push(n);
            condition.notify_all(&list);
        }
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(condition.wait_for(lock.lock().await, |list| list.pop()).await.1, 4);
    });
}

#[test]
fn o19_6_a_notified_waiter_that_is_cancelled_passes_the_notification_on() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let (a, b) = (waiter(&condition, &log, "a"), waiter(&condition, &log, "b"));
        yield_now().await;
        yield_now().await;
        let guard = lock.lock().await;
        condition.notify_one(&guard);
        a.cancel();
        drop(guard);
        b.await.unwrap();
        assert!(a.await.is_err());
        assert!(!lock.is_locked());
    });
    assert_eq!(log.take(), ["b"]);
}

#[test]
fn cancelled_while_it_queues_for_the_lock_it_passes_the_notification_on_too() {
    let log = Log::new();
    run_virtual(async {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let (a, b) = (waiter(&condition, &log, "a"), waiter(&condition, &log, "b"));
        yield_now().await;
        yield_now().await;
        let guard = lock.lock().await;
        condition.notify_one(&guard);
        yield_now().await;
        assert_eq!((lock.waiting(), condition.waiting()), (1, 1));
        a.cancel();
        yield_now().await;
        drop(guard);
        b.await.unwrap();
    });
    assert_eq!(log.take(), ["b"]);
}

#[test]
fn a_cancelled_wait_has_no_guard_and_the_lock_is_free() {
    run_virtual(async {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let never_polled = condition.wait(lock.lock().await);
        assert!(lock.is_locked());
        drop(never_polled);
        assert!(!lock.is_locked());
        let late = roundelay::timeout(ms(1), condition.wait(lock.lock().await)).await;
        assert!(late.is_err() && !lock.is_locked());
        assert_eq!(condition.waiting(), 0);
    });
}

#[test]
fn a_looker_that_panics_releases_the_lock() {
    run_virtual(async {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let locked = lock.clone();
        let task = spawn(async move {
            let looks = |(): &mut ()| -> Option<()> { panic!("looking") };
            drop(condition.wait_for(locked.lock().await, looks).await);
        });
        assert!(task.await.is_err());
        assert!(!lock.is_locked());
    });
}

#[test]
#[should_panic(expected = "the guard of another lock")]
fn the_guard_of_another_lock_is_refused() {
    let condition = Condition::new(&Lock::new(()));
    condition.notify_one(&Lock::new(()).try_lock().unwrap());
}

#[derive(Clone, Debug)]
enum Ask {
    Lock,
    Wait,
}

#[derive(Clone, Debug)]
enum Deed {
    Notify(usize),
    All,
}

#[derive(Clone, Copy, PartialEq)]
enum Notice {
    One,
    All,
}

struct ConditionGame {
    lock: Lock<()>,
    condition: Condition<()>,
    locked: bool,
    /// Who queues for the lock; with the notification that brought them here, if one did.
    queue: Line<Option<Notice>, Option<Notice>>,
    line: Line<(), Notice>,
    calls: Vec<usize>,
    /// Waits that were made and hold the lock until their first poll.
    holding: BTreeMap<usize, ()>,
}

impl ConditionGame {
    fn free(&mut self) {
        self.locked = !self.queue.standing.is_empty();
        if self.locked {
            let notice = self.queue.standing[0].1;
            self.queue.call(0, notice);
            self.calls.extend(self.queue.calls());
        }
    }

    fn lock(&mut self, who: usize, notice: Option<Notice>) -> Option<()> {
        if self.locked {
            self.queue.stands(who, notice);
            return None;
        }
        self.locked = true;
        Some(())
    }

    fn notify(&mut self, count: usize, notice: Notice) {
        for _ in 0..count.min(self.line.standing.len()) {
            self.line.call(0, notice);
        }
        self.calls.extend(self.line.calls());
    }
}

impl Game for ConditionGame {
    type Ask = Ask;
    type Deed = Deed;
    type Got = LockGuard<()>;
    type Seen = ();

    fn begin(
        &mut self,
        who: usize,
        ask: &Ask,
        held: &mut Held<Self::Got>,
    ) -> Option<Boxed<Self::Got>> {
        match ask {
            Ask::Lock => {
                self.queue.comes(who, None);
                Some(Box::pin(self.lock.lock()))
            }
            Ask::Wait => {
                let (_, guard) = held.pop()?;
                self.holding.insert(who, ());
                Some(Box::pin(self.condition.wait(guard)))
            }
        }
    }

    fn poll(&mut self, who: usize) -> Option<()> {
        if self.holding.remove(&who).is_some() {
            self.line.stands(who, ());
            self.free();
            return None;
        }
        if let Some(notice) = self.line.takes(who) {
            return self.lock(who, Some(notice));
        }
        if let Some(notice) = self.queue.enters(who) {
            return self.lock(who, notice);
        }
        self.queue.takes(who).map(|_| ())
    }

    fn seen(_: &LockGuard<()>) {}

    fn gives_up(&mut self, who: usize) {
        if self.holding.remove(&who).is_some() {
            return self.free();
        }
        let mut notice = None;
        match self.queue.leaves(who) {
            Left::Called(one) => {
                notice = one;
                self.free();
            }
            Left::Standing(one) => notice = one,
            Left::Outside => {
                if let Left::Called(one) = self.line.leaves(who) {
                    notice = Some(one);
                }
            }
        }
        if notice == Some(Notice::One) {
            self.notify(1, Notice::One);
        }
    }

    fn end(&mut self, _: usize, got: LockGuard<()>) {
        drop(got);
        self.free();
    }

    fn act(&mut self, deed: &Deed, held: &mut Held<Self::Got>) {
        let Some((_, guard)) = held.first() else { return };
        match *deed {
            Deed::Notify(count) => {
                self.condition.notify(guard, count);
                self.notify(count, Notice::One);
            }
            Deed::All => {
                self.condition.notify_all(guard);
                self.notify(usize::MAX, Notice::All);
            }
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.calls)
    }

    fn check(&self) {
        assert_eq!(self.lock.is_locked(), self.locked);
        assert_eq!(self.lock.waiting(), self.queue.standing.len());
        assert_eq!(self.condition.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(800))]

    #[test]
    fn any_life_of_a_condition_loses_no_notification_and_no_lock(
        moves in moves(
            prop_oneof![Just(Ask::Lock), Just(Ask::Wait)],
            prop_oneof![3 => (0_usize..4).prop_map(Deed::Notify), 1 => Just(Deed::All)],
        ),
    ) {
        let lock = Lock::new(());
        let condition = Condition::new(&lock);
        let game = play(ConditionGame {
            lock,
            condition,
            locked: false,
            queue: Line::new(),
            line: Line::new(),
            calls: Vec::new(),
            holding: BTreeMap::new(),
        }, moves);
        prop_assert!(!game.lock.is_locked());
        drop(game.condition);
        prop_assert!(game.lock.into_inner().is_ok());
    }
}
