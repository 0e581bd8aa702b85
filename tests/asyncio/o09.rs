//! O09: cancel against completion, and how far a cancel reaches.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;

use roundelay::{Queue, Semaphore, Task, promise, sleep, spawn, task_group, yield_now};

use crate::support::{Log, ms, run_virtual};

#[test]
fn o09_1_a_value_set_first_and_a_cancel_before_the_waiter_ran_the_cancel_wins() {
    run_virtual(async {
        let (set, value) = promise();
        let task = spawn(value);
        yield_now().await;
        set.resolve("ready").unwrap();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn o09_1_what_a_waiter_was_to_take_goes_to_the_next_if_it_is_cancelled() {
    run_virtual(async {
        let queue = Queue::unbounded();
        let getters =
            [queue.clone(), queue.clone()].map(|queue| spawn(async move { queue.get().await }));
        let permits = Semaphore::new(0);
        let takers = [permits.clone(), permits.clone()]
            .map(|permits| spawn(async move { permits.acquire().await.forget() }));
        yield_now().await;
        queue.try_put("item").unwrap();
        permits.add_permits(1);
        assert!(getters[0].cancel() && takers[0].cancel());
        let [_, getter] = getters;
        let [_, taker] = takers;
        assert_eq!(getter.await.unwrap(), Ok("item"));
        taker.await.unwrap();
    });
}

#[test]
fn o09_2_a_value_set_after_the_cancel_was_delivered_is_handed_back() {
    run_virtual(async {
        let (set, value) = promise();
        let task = spawn(value);
        yield_now().await;
        task.cancel();
        yield_now().await;
        assert!(!set.is_awaited());
        assert_eq!(set.resolve("ready"), Err("ready"));
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

/// A task that sleeps, and says when it unwinds.
fn sleeper(log: &Log, name: &'static str) -> Task<()> {
    let log = log.clone();
    spawn(async move {
        let _finally = log.on_drop(format!("{name} finally"));
        sleep(ms(10)).await;
        log.add(format!("{name} goes on"));
    })
}

#[test]
fn o09_3_cancelling_one_who_awaits_a_task_detaches_that_task() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let middle = spawn(async move {
            let inner = sleeper(&seen, "inner");
            let _finally = seen.on_drop("middle finally");
            let _ = inner.await;
        });
        yield_now().await;
        yield_now().await;
        middle.cancel();
        assert!(middle.await.unwrap_err().is_cancelled());
        sleep(ms(20)).await;
    });
    assert_eq!(log.take(), ["middle finally", "inner goes on", "inner finally"]);
}

#[test]
fn o09_3_in_a_group_the_inner_task_is_cancelled_with_the_outer_one() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let middle = spawn(async move {
            let _finally = seen.on_drop("middle finally");
            let guard = seen.on_drop("inner finally");
            let _: Result<(), _> = task_group::<_, (), _>(async |group| {
                let child = group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), ()>>().await
                });
                let _ = child.await;
                Ok(())
            })
            .await;
        });
        yield_now().await;
        yield_now().await;
        middle.cancel();
        assert!(middle.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["inner finally", "middle finally"]);
}

#[test]
fn o09_4_of_two_who_await_one_task_cancelling_one_does_not_touch_the_other() {
    let log = Log::new();
    run_virtual(async {
        // The handle cannot be cloned: it is shared by whoever polls it.
        let shared = Rc::new(RefCell::new(sleeper(&log, "shared")));
        let users = ["a", "b"].map(|name| {
            let (shared, log) = (Rc::clone(&shared), log.clone());
            spawn(async move {
                let outcome = poll_fn(|cx| Pin::new(&mut *shared.borrow_mut()).poll(cx)).await;
                log.add(format!("{name} got {outcome:?}"));
            })
        });
        yield_now().await;
        let [first, second] = users;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        second.await.unwrap();
    });
    assert_eq!(log.take(), ["shared goes on", "shared finally", "b got Ok(())"]);
}
