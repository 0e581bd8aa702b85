//! O06: a value that someone else sets.

use std::future::pending;

use roundelay::{Abandoned, promise, spawn, yield_now};

use crate::support::run_virtual;

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
