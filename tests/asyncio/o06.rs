//! O06: a value that someone else sets.

use std::future::pending;

use roundelay::{Abandoned, promise, spawn, yield_now};

use crate::support::{Log, reporting_runner, run_virtual};

/// The program with which this was seen: callbacks of one future, two of them taken back, one
/// that fails, one that comes late.
#[test]
fn o06_1_callbacks_are_scheduled_in_the_order_of_registration_also_a_late_one() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let (set, value) = promise();
            let value = value.shared();
            let registers = |name: &'static str| {
                let log = log.clone();
                value.on_settled(move |_| log.add(name))
            };
            registers("1st");
            let again = registers("twice");
            registers("2nd");
            assert!(again.remove());
            let bad = log.clone();
            value.on_settled(move |_| {
                bad.add("bad");
                panic!("in a callback");
            });
            registers("3rd");
            set.resolve("v").unwrap();
            log.add("resolve returned");
            registers("late");
            log.add("late registration returned");
            yield_now().await;
        })
        .unwrap();
    let order = ["resolve returned", "late registration returned", "1st", "2nd", "bad", "3rd"];
    let lines = log.take();
    assert_eq!((&lines[..6], &lines[6..]), (&order.map(String::from)[..], &["late".into()][..]));
    assert_eq!(reports.take(), ["CallbackPanicked: in a callback"]);
}

#[test]
fn o06_2_a_registration_can_be_taken_back_once() {
    let log = Log::new();
    run_virtual(async {
        let (set, value) = promise();
        let value = value.shared();
        let seen = log.clone();
        let twice = [(); 2].map(|()| {
            let seen = seen.clone();
            value.on_settled(move |_| seen.add("called"))
        });
        // Each registration is taken back by its own handle: two are two.
        assert_eq!(twice.iter().filter(|registered| registered.remove()).count(), 2);
        assert_eq!(twice.iter().filter(|registered| registered.remove()).count(), 0);
        set.resolve(()).unwrap();
        yield_now().await;
        // The same for the end of a task.
        let task = spawn(async {});
        let registered = task.on_done(move |_| seen.add("called"));
        assert!(registered.remove() && !registered.remove());
        task.await.unwrap();
        yield_now().await;
    });
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn o06_3_a_callback_that_fails_is_reported_and_the_next_one_runs() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let task = spawn(async {});
            task.on_done(|_| panic!("in a callback"));
            let seen = log.clone();
            task.on_done(move |_| seen.add("next"));
            task.await.unwrap();
            yield_now().await;
        })
        .unwrap();
    assert_eq!(log.take(), ["next"]);
    assert_eq!(reports.take(), ["CallbackPanicked: in a callback"]);
}

#[test]
fn o06_4_setting_twice_does_not_compile_and_reading_too_early_gives_the_waiter_back() {
    run_virtual(async {
        let (set, value) = promise();
        assert!(!value.is_settled());
        // `resolve` uses the promise up: a second call is a compile error.
        set.resolve("v").unwrap();
        assert!(value.is_settled());
        assert_eq!(value.await, Ok("v"));
        // Set after the waiter is gone: the value comes back.
        let (set, value) = promise();
        drop(value);
        assert_eq!(set.resolve("late"), Err("late"));
        // Never set at all: an answer, where asyncio's waiter hangs.
        let (set, value) = promise::<()>();
        drop(set);
        assert_eq!(value.await, Err(Abandoned));
        // The outcome of a task that still runs: the handle comes back.
        let task = spawn(async { 7 }).try_outcome().unwrap_err();
        yield_now().await;
        assert_eq!(task.try_outcome().unwrap().unwrap(), 7);
    });
}

#[test]
fn o06_5_cancel_says_yes_while_it_is_pending_and_no_afterwards() {
    run_virtual(async {
        let (set, value) = promise::<()>();
        assert!(set.is_awaited());
        // To cancel a waiter is to drop it, and that can be done once.
        drop(value);
        assert!(!set.is_awaited());
        let task = spawn(pending::<()>());
        assert!(task.cancel());
        yield_now().await;
        assert!(!task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}
