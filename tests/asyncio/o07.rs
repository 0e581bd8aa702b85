//! O07: failures that nobody takes.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use roundelay::{
    EventLoop, FailureKind, FailurePolicy, current_loop, promise, sleep, spawn, yield_now,
};

use crate::support::{Log, in_a_process, ms, reporting_runner};

#[test]
fn o07_1_a_failing_callback_is_reported_and_the_loop_goes_on() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            current_loop().unwrap().call_soon(|| panic!("division by zero")).unwrap();
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["CallbackPanicked: division by zero"]);
}

#[test]
fn o07_2_a_task_failure_is_reported_when_the_last_handle_goes_and_not_before() {
    let (runner, reports) = reporting_runner();
    let seen = reports.clone();
    runner
        .run(async move {
            let task = spawn(async { panic!("bad") });
            yield_now().await;
            yield_now().await;
            assert!(task.is_finished());
            assert_eq!(seen.len(), 0);
            drop(task);
            let failures = seen.take_whole();
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].kind, FailureKind::TaskPanicked);
            assert_eq!(failures[0].message, "bad");
            assert!(failures[0].origin.is_some_and(|at| at.file().ends_with("o07.rs")));
        })
        .unwrap();
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn o07_3_whoever_reads_the_outcome_silences_the_report() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let read = spawn(async { panic!("read") });
            assert!(read.await.is_err());
            let looked = spawn(async { panic!("looked at") });
            yield_now().await;
            assert!(looked.try_outcome().unwrap().is_err());
        })
        .unwrap();
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn o07_4_a_pending_task_cannot_be_lost_because_the_loop_owns_it() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    let seen = log.clone();
    runner
        .run(async move {
            let guard = seen.on_drop("the waiting task unwound");
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
            let seen = seen.clone();
            spawn(async move {
                sleep(ms(5)).await;
                seen.add("the sleeping task went on without a handle");
            })
            .detach();
            sleep(ms(10)).await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(
        log.take(),
        ["the sleeping task went on without a handle", "the waiting task unwound"]
    );
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn o07_5_an_error_that_a_promise_carries_is_a_value_and_dropping_it_is_silent() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (set, value) = promise::<Result<(), &str>>();
            set.resolve(Err("nobody reads this")).unwrap();
            drop(value);
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn o07_6_a_handler_that_fails_is_replaced_by_standard_error_and_the_loop_goes_on() {
    let ended = in_a_process(
        "o07::o07_6_a_handler_that_fails_is_replaced_by_standard_error_and_the_loop_goes_on",
        || {
            std::panic::set_hook(Box::new(|_| ()));
            let handler = FailurePolicy::Handler(Rc::new(|_| panic!("in the handler")));
            let event_loop = EventLoop::builder().virtual_clock().failure_policy(handler);
            let event_loop = event_loop.build().unwrap();
            let after = Rc::new(RefCell::new(false));
            let seen = Rc::clone(&after);
            event_loop.call_soon(|| panic!("in the callback")).unwrap();
            event_loop.call_soon(move || *seen.borrow_mut() = true).unwrap();
            event_loop.run_once().unwrap();
            assert!(*after.borrow());
        },
    )
    .well();
    let told = "the failure handler panicked (in the handler) on: a callback panicked: in the \
                callback";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
