//! Promises about shared outcomes: several waiters, one line, nothing left behind.
//!
//! Order facts O05.5, O06.1, O06.3, O09.4 and O31.3 of asyncio.

mod support;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use roundelay::{Abandoned, TaskError, current_loop, promise, spawn, yield_now};
use support::{Log, poll_now, reporting_runner, rounds, run_virtual};

#[test]
fn waiters_and_callbacks_go_on_in_the_order_of_arrival_and_never_inside_resolve() {
    let log = Log::new();
    run_virtual(async {
        let (promise, future) = promise();
        let shared = future.shared();
        let mut tasks = Vec::new();
        for n in 0..2 {
            let (log, shared) = (log.clone(), shared.clone());
            tasks.push(spawn(async move { log.add(format!("task {n}: {:?}", shared.await)) }));
        }
        yield_now().await;
        let inner = log.clone();
        let _registered = shared.on_settled(move |value| inner.add(format!("callback: {value:?}")));
        let (inner, last) = (log.clone(), shared.clone());
        tasks.push(spawn(async move { inner.add(format!("task 2: {:?}", last.await)) }));
        yield_now().await;
        promise.resolve(7).unwrap();
        log.add("resolve returned");
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected = ["resolve returned", "task 0: Ok(7)", "task 1: Ok(7)", "callback: Ok(7)"];
    assert_eq!(log.take(), [&expected[..], &["task 2: Ok(7)"]].concat());
}

#[test]
fn a_settled_outcome_is_given_at_once_and_again_and_again() {
    run_virtual(async {
        let task = spawn(async { String::from("x") });
        let shared = task.shared();
        assert_eq!(shared.try_get().map(Result::unwrap), None);
        assert_eq!(shared.clone().await.unwrap(), "x");
        let turn = current_loop().unwrap().turn();
        assert_eq!(shared.clone().await.unwrap(), "x");
        assert_eq!(shared.try_get().unwrap().unwrap(), "x");
        assert_eq!(current_loop().unwrap().turn(), turn);
    });
}

#[test]
fn a_callback_that_comes_late_is_queued_and_a_removed_one_is_not_called() {
    let log = Log::new();
    run_virtual(async {
        let (promise, future) = promise();
        let shared = future.shared();
        let (inner, never) = (log.clone(), log.clone());
        let _early = shared.on_settled(move |_| inner.add("early"));
        let removed = shared.on_settled(move |_| never.add("never"));
        assert!(removed.remove() && !removed.remove());
        promise.resolve(()).unwrap();
        let inner = log.clone();
        let late = shared.on_settled(move |_| inner.add("late"));
        log.add("late add returned");
        assert!(!late.remove());
        yield_now().await;
    });
    assert_eq!(log.take(), ["late add returned", "early", "late"]);
}

#[test]
fn a_broken_promise_and_a_failed_task_are_told_to_everybody() {
    run_virtual(async {
        let (promise, future) = promise::<u8>();
        let shared = future.shared();
        drop(promise);
        assert_eq!((shared.clone().await, shared.await), (Err(Abandoned), Err(Abandoned)));

        let shared = spawn(async { panic!("once") }).shared();
        let first: Result<(), TaskError> = shared.clone().await;
        let second = shared.await;
        let text = "the task panicked: once";
        assert_eq!((first.as_ref().unwrap_err().to_string(), text), (text.into(), text));
        // The first to ask for the payload gets it; the other gets the text.
        for error in [first.unwrap_err(), second.unwrap_err()] {
            let TaskError::Panicked(panic) = error else { panic!("it panicked") };
            let payload = panic.into_payload();
            let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
            assert_eq!(text.or(payload.downcast_ref::<String>().cloned()), Some("once".into()));
        }
    });
}

#[test]
fn cancelling_one_waiter_touches_neither_the_task_nor_the_others() {
    run_virtual(async {
        let (promise, future) = promise();
        let shared = spawn(async move { future.await.unwrap() }).shared();
        let [a, b] = [shared.clone(), shared].map(spawn);
        yield_now().await;
        assert!(a.cancel_and_wait().await.is_err());
        promise.resolve(7).unwrap();
        assert_eq!(b.await.unwrap().unwrap(), 7);
    });
}

#[test]
fn waiters_that_give_up_leave_nothing_behind() {
    let alive = Rc::new(());
    run_virtual(async {
        let (promise, future) = promise();
        let shared = future.shared();
        for _ in 0..rounds(1000) {
            let mut waiter = shared.clone();
            assert!(poll_now(&mut waiter).await.is_pending());
        }
        drop(shared);
        assert!(!promise.is_awaited());
        let unwanted = Rc::clone(&alive);
        assert!(promise.resolve(unwanted).is_err());
    });
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn a_registered_callback_keeps_the_outcome_wanted_and_is_gone_after_the_call() {
    let alive = Rc::new(());
    run_virtual(async {
        let (promise, future) = promise();
        let called = Rc::new(Cell::new(false));
        let (kept, inner) = (Rc::clone(&alive), Rc::clone(&called));
        let _registered = future.shared().on_settled(move |value: Result<u8, _>| {
            inner.set(value == Ok(7) && Rc::strong_count(&kept) == 2);
        });
        promise.resolve(7).unwrap();
        yield_now().await;
        assert!(called.get());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_callback_of_a_promise_that_is_never_kept_dies_with_it() {
    let alive = Rc::new(());
    run_virtual(async {
        let (promise, future) = promise::<u8>();
        let kept = Rc::clone(&alive);
        let _registered = future.shared().on_settled(move |_| drop(kept));
        drop(promise);
        yield_now().await;
    });
    assert_eq!(Rc::strong_count(&alive), 1);
    // The same with a task that the shutdown cancels.
    run_virtual(async {
        let kept = Rc::clone(&alive);
        let _registered = spawn(pending::<()>()).shared().on_settled(move |_| drop(kept));
        yield_now().await;
    });
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn a_panic_that_no_sharer_has_heard_of_is_reported_and_one_that_was_heard_is_not() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let unheard = spawn(async { panic!("unheard") }).shared();
            let heard = spawn(async { panic!("heard") }).shared();
            let two = heard.clone();
            let _: Result<(), _> = heard.await;
            drop((unheard, two));
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: unheard"]);
}

#[test]
fn fail_gives_the_waiter_an_error_and_the_sender_its_error_back_if_nobody_waits() {
    run_virtual(async {
        let (failing, future) = promise::<Result<u8, &str>>();
        failing.fail("no").unwrap();
        assert_eq!(future.await, Ok(Err("no")));
        let (failing, future) = promise::<Result<u8, &str>>();
        drop(future);
        assert_eq!(failing.fail("no"), Err("no"));
    });
}
