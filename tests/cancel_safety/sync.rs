//! Meeting points. Whoever leaves the line leaves nothing behind in it.

use roundelay::{
    Barrier, Borrower, BoundedSemaphore, CapacityLimiter, Condition, Event, Lock, Notify, OnceCell,
    RwLock, Semaphore, sleep, spawn,
};

use crate::support::ms;
use crate::{Case, Count, Entry, LosesPlace, Safe, case, give_up_everywhere, settle, soon};

#[test]
fn a_waiter_that_leaves_takes_nothing_along() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("Lock::lock", LosesPlace, lock),
        ("RwLock::read", LosesPlace, read),
        ("RwLock::write", LosesPlace, write),
        ("Semaphore::acquire", LosesPlace, || permits(1)),
        ("Semaphore::acquire_many", LosesPlace, || permits(2)),
        ("BoundedSemaphore::acquire", LosesPlace, || bounded_permits(1)),
        ("BoundedSemaphore::acquire_many", LosesPlace, || bounded_permits(2)),
        ("CapacityLimiter::acquire", LosesPlace, || token(false)),
        ("CapacityLimiter::acquire_on_behalf_of", LosesPlace, || token(true)),
        ("Condition::wait", LosesPlace, condition),
        ("Condition::wait_for", LosesPlace, condition_for),
        ("Event::wait", Safe, event),
        ("Barrier::wait", LosesPlace, barrier),
        ("Notify::notified", LosesPlace, notified),
        ("OnceCell::get_or_init", LosesPlace, init),
        ("OnceCell::get_or_try_init", LosesPlace, try_init),
        ("OnceCell::wait", Safe, cell),
    ]
}

fn lock() -> Case {
    let lock = Lock::new(0);
    let held = lock.try_lock();
    soon(move || drop(held));
    let mine = lock.clone();
    let add = async move { *mine.lock().await += 1 };
    case(add, async move |finished| {
        settle().await;
        assert_eq!(lock.waiting(), 0);
        assert_eq!(*lock.try_lock().unwrap(), i32::from(finished));
    })
}

fn read() -> Case {
    let lock = RwLock::new(7);
    let held = lock.try_write();
    soon(move || drop(held));
    let mine = lock.clone();
    let look = async move { assert_eq!(*mine.read().await, 7) };
    case(look, async move |_| {
        settle().await;
        assert!(lock.waiting() == 0 && lock.try_write().is_some());
    })
}

fn write() -> Case {
    let lock = RwLock::new(0);
    let held = lock.try_read();
    soon(move || drop(held));
    let (mine, behind) = (lock.clone(), lock.clone());
    // A reader behind the writer is not held up by one who has left.
    spawn(async move { drop(behind.read().await) }).detach();
    let add = async move { *mine.write().await += 1 };
    case(add, async move |finished| {
        settle().await;
        assert!(lock.waiting() == 0);
        assert_eq!(*lock.try_write().unwrap(), i32::from(finished));
    })
}

fn permits(count: usize) -> Case {
    let doors = Semaphore::new(2);
    let held = doors.try_acquire_many(2);
    soon(move || drop(held));
    let mine = doors.clone();
    case(async move { drop(mine.acquire_many(count).await) }, async move |_| {
        settle().await;
        assert_eq!((doors.available_permits(), doors.waiting()), (2, 0));
    })
}

fn bounded_permits(count: usize) -> Case {
    let doors = BoundedSemaphore::new(2);
    let held = doors.try_acquire_many(2);
    soon(move || drop(held));
    let mine = doors.clone();
    case(async move { drop(mine.acquire_many(count).await) }, async move |_| {
        settle().await;
        assert_eq!((doors.available_permits(), doors.waiting()), (2, 0));
        // No permit came back twice.
        assert!(doors.release().is_err());
    })
}

fn token(on_behalf: bool) -> Case {
    let limiter = CapacityLimiter::new(1);
    let somebody = Borrower::new("somebody");
    let held = limiter.try_acquire_on_behalf_of(&somebody).unwrap();
    soon(move || drop(held));
    let mine = limiter.clone();
    let borrow = async move {
        let me = Borrower::new("me");
        let token = match on_behalf {
            true => mine.acquire_on_behalf_of(&me).await,
            false => mine.acquire().await,
        };
        drop(token.unwrap());
    };
    case(borrow, async move |_| {
        settle().await;
        let seen = limiter.statistics();
        assert_eq!((seen.borrowed, seen.waiting, seen.borrowers.len()), (0, 0, 0));
    })
}

/// One notification; somebody who stands behind gets it if the first one leaves.
fn a_waiting_room() -> (Condition<usize>, Count) {
    let lock = Lock::new(0);
    let (condition, served) = (Condition::new(&lock), Count::default());
    let bell = condition.clone();
    let later = async move {
        sleep(ms(1)).await;
        let mut guard = bell.lock().lock().await;
        *guard += 1;
        bell.notify_one(&guard);
    };
    spawn(later).detach();
    (condition, served)
}

fn condition() -> Case {
    let (condition, served) = a_waiting_room();
    let customer = |condition: Condition<usize>, served: Count| async move {
        let guard = condition.lock().lock().await;
        drop(condition.wait(guard).await);
        served.add();
    };
    let first = customer(condition.clone(), served.clone());
    case(first, async move |finished| {
        // The bell has not rung yet: who stands here now is next.
        let second = spawn(customer(condition.clone(), served.clone()));
        settle().await;
        assert!(!condition.lock().is_locked());
        assert_eq!((served.get(), condition.waiting()), (1, usize::from(finished)));
        second.cancel();
    })
}

fn condition_for() -> Case {
    let (condition, _) = a_waiting_room();
    let mine = condition.clone();
    let take = async move {
        let guard = mine.lock().lock().await;
        let look = |count: &mut usize| (*count > 0).then(|| std::mem::take(count));
        let (_guard, taken) = mine.wait_for(guard, look).await;
        assert_eq!(taken, 1);
    };
    case(take, async move |finished| {
        settle().await;
        assert_eq!(condition.waiting(), 0);
        assert_eq!(*condition.lock().try_lock().unwrap(), usize::from(!finished));
    })
}

fn event() -> Case {
    let event = Event::new();
    let (bell, mine) = (event.clone(), event.clone());
    soon(move || bell.set());
    case(async move { mine.wait().await }, async move |_| {
        event.wait().await;
        assert_eq!(event.waiting(), 0);
    })
}

fn barrier() -> Case {
    let barrier = Barrier::new(2);
    let (mine, other) = (barrier.clone(), barrier.clone());
    let comes = async move {
        sleep(ms(1)).await;
        other.wait().await.unwrap();
    };
    let other = spawn(comes);
    case(async move { assert!(mine.wait().await.unwrap() < 2) }, async move |finished| {
        settle().await;
        // The place of one who has left is free: the other is not let through by it.
        assert_eq!((other.is_finished(), barrier.waiting()), (finished, usize::from(!finished)));
        if !finished {
            barrier.wait().await.unwrap();
        }
        other.await.unwrap();
    })
}

fn notified() -> Case {
    let notify = Notify::new();
    let (bell, mine) = (notify.clone(), notify.clone());
    soon(move || bell.notify_one());
    case(async move { mine.notified().await }, async move |finished| {
        if !finished {
            notify.notified().await;
        }
        assert_eq!(notify.waiting(), 0);
    })
}

fn init() -> Case {
    let cell = OnceCell::new();
    let mine = cell.clone();
    let make = async move {
        let first = async || {
            sleep(ms(1)).await;
            1
        };
        assert_eq!(*mine.get_or_init(first).await, 1);
    };
    case(make, async move |finished| {
        let value = *cell.get_or_init(async || 2).await;
        assert_eq!(value, if finished { 1 } else { 2 });
    })
}

fn try_init() -> Case {
    let cell = OnceCell::new();
    let (mine, other) = (cell.clone(), cell.clone());
    // Somebody else is making it, and fails: then it is this one's turn.
    let fails = async move {
        let nothing = async || {
            sleep(ms(1)).await;
            Err::<i32, _>("no")
        };
        assert_eq!(other.get_or_try_init(nothing).await, Err("no"));
    };
    let other = spawn(fails);
    let make = async move {
        sleep(ms(0)).await;
        let first = async || {
            sleep(ms(1)).await;
            Ok::<_, &str>(1)
        };
        assert_eq!(mine.get_or_try_init(first).await, Ok(&1));
    };
    case(make, async move |finished| {
        other.await.unwrap();
        let value = *cell.get_or_init(async || 2).await;
        assert_eq!(value, if finished { 1 } else { 2 });
    })
}

fn cell() -> Case {
    let cell = OnceCell::new();
    let (mine, setter) = (cell.clone(), cell.clone());
    soon(move || setter.set(7).unwrap());
    case(async move { assert_eq!(*mine.wait().await, 7) }, async move |_| {
        assert_eq!(*cell.wait().await, 7);
    })
}
