//! O19: events and conditions.

use roundelay::{Condition, Event, Lock, Task, spawn, yield_now};

use crate::support::{Log, run_virtual};
use crate::{settle, turn};

fn waiter(condition: &Condition<Vec<u8>>, log: &Log, name: &'static str) -> Task<()> {
    let (condition, log) = (condition.clone(), log.clone());
    spawn(async move {
        let guard = condition.lock().lock().await;
        let _guard = condition.wait(guard).await;
        log.add(name);
    })
}

#[test]
fn o19_1_set_releases_all_who_wait_in_order_even_if_clear_follows_at_once() {
    let log = Log::new();
    run_virtual(async {
        let event = Event::new();
        let tasks = ["0", "1", "2", "3"].map(|name| {
            let (event, log) = (event.clone(), log.clone());
            spawn(async move {
                event.wait().await;
                log.add(name);
            })
        });
        yield_now().await;
        event.set();
        event.clear();
        log.add("set+clear returned");
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!event.is_set());
    });
    assert_eq!(log.take(), ["set+clear returned", "0", "1", "2", "3"]);
}

#[test]
fn o19_2_waiting_for_a_set_event_does_not_give_way() {
    run_virtual(async {
        let event = Event::new();
        event.set();
        let start = turn();
        event.wait().await;
        assert_eq!(turn() - start, 0);
    });
}

#[test]
fn o19_3_notify_wakes_so_many_in_order_once_the_lock_is_free() {
    let log = Log::new();
    run_virtual(async {
        let condition = Condition::new(&Lock::new(Vec::new()));
        let tasks = ["0", "1", "2", "3"].map(|name| waiter(&condition, &log, name));
        settle().await;
        let guard = condition.lock().lock().await;
        condition.notify(&guard, 2);
        log.add("notify returned");
        settle().await;
        assert_eq!(log.take(), ["notify returned"], "the lock is held");
        drop(guard);
        settle().await;
        assert_eq!(log.take(), ["0", "1"]);
        let guard = condition.lock().lock().await;
        condition.notify_all(&guard);
        drop(guard);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["2", "3"]);
}

#[test]
fn o19_4_both_take_the_guard_so_they_cannot_be_called_without_the_lock() {
    run_virtual(async {
        let condition = Condition::new(&Lock::new(Vec::<u8>::new()));
        let guard = condition.lock().lock().await;
        condition.notify_all(&guard);
        // A guard of another lock is refused with a sentence.
        let other = Lock::new(Vec::new());
        let stranger = other.lock().await;
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            condition.notify_all(&stranger);
        }));
        assert!(refused.is_err());
        drop(guard);
    });
}

#[test]
fn o19_5_wait_for_gives_the_predicates_value() {
    run_virtual(async {
        let condition = Condition::new(&Lock::new(Vec::new()));
        let inner = condition.clone();
        let task = spawn(async move {
            let guard = inner.lock().lock().await;
            let (_guard, value) =
                inner.wait_for(guard, |items| (items.len() > 1).then_some("truthy value")).await;
            value
        });
        for item in [1, 2] {
            settle().await;
            assert!(!task.is_finished());
            let mut guard = condition.lock().lock().await;
            guard.push(item);
            condition.notify_all(&guard);
        }
        assert_eq!(task.await.unwrap(), "truthy value");
    });
}

#[test]
fn o19_6_a_notification_for_one_who_is_cancelled_is_passed_on() {
    let log = Log::new();
    run_virtual(async {
        let condition = Condition::new(&Lock::new(Vec::new()));
        let [a, b] = ["a", "b"].map(|name| waiter(&condition, &log, name));
        settle().await;
        let guard = condition.lock().lock().await;
        condition.notify_one(&guard);
        a.cancel();
        drop(guard);
        settle().await;
        assert_eq!(log.take(), ["b"]);
        assert!(a.await.unwrap_err().is_cancelled());
        b.await.unwrap();
        assert!(!condition.lock().is_locked());
    });
}
