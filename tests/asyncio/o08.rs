//! O08: cancelling one task.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use roundelay::{CancelToken, Cancelled, Task, current_task, promise, spawn, yield_now};

use crate::support::{Log, on_drop, reporting_runner, run_virtual};

#[test]
fn o08_1_cancelled_before_its_first_step_the_body_never_runs_and_is_over_one_turn_later() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let task = spawn(async move {
            let _finally = seen.on_drop("finally");
            seen.add("started");
            pending::<()>().await;
        });
        assert!(task.cancel());
        yield_now().await;
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn o08_2_cancelling_a_finished_task_says_no_and_changes_nothing() {
    run_virtual(async {
        let task = spawn(async { 7 });
        yield_now().await;
        assert!(!task.cancel() && !task.cancel());
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn o08_3_two_requests_before_delivery_are_one_cancel_and_the_task_is_not_done_at_once() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let task = spawn(async move {
            let _finally = seen.on_drop("finally");
            seen.add("started");
            pending::<()>().await;
        });
        yield_now().await;
        assert!(task.cancel() && task.cancel());
        assert!(!task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["started", "finally"]);
}

/// A task that is given its own handle before its first step.
fn spawn_with_own_handle<T: 'static, F: Future<Output = T> + 'static>(
    body: impl FnOnce(Rc<RefCell<Option<Task<T>>>>) -> F,
) -> Rc<RefCell<Option<Task<T>>>> {
    let handle = Rc::new(RefCell::new(None));
    let task = spawn(body(Rc::clone(&handle)));
    *handle.borrow_mut() = Some(task);
    handle
}

#[test]
fn o08_4_a_task_that_cancels_itself_and_returns_is_cancelled_and_its_value_is_lost() {
    run_virtual(async {
        let handle = spawn_with_own_handle(|own| async move {
            assert!(own.borrow().as_ref().unwrap().cancel());
            "value"
        });
        yield_now().await;
        let task = handle.take().unwrap();
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn o08_5_a_task_that_cancels_itself_runs_on_to_its_next_suspension() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let handle = spawn_with_own_handle(|own| async move {
            own.borrow().as_ref().unwrap().cancel();
            seen.add("still running after cancel()");
            async {}.await;
            seen.add("a future that is ready is no suspension");
            yield_now().await;
            seen.add("not reached");
        });
        yield_now().await;
        let task = handle.take().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(
        log.take(),
        ["still running after cancel()", "a future that is ready is no suspension"]
    );
}

#[test]
fn o08_5_a_task_that_cancels_itself_stands_behind_those_whom_its_step_woke() {
    let log = Log::new();
    run_virtual(async {
        let (set, value) = promise();
        let seen = log.clone();
        let waiter = spawn(async move {
            value.await.unwrap();
            seen.add("the waiter goes on");
        });
        let seen = log.clone();
        let task = spawn(async move {
            let _finally = seen.on_drop("finally");
            current_task().unwrap().cancel();
            set.resolve(()).unwrap();
            pending::<()>().await;
        });
        assert!(task.await.unwrap_err().is_cancelled());
        waiter.await.unwrap();
    });
    assert_eq!(log.take(), ["the waiter goes on", "finally"]);
}

#[test]
fn o08_6_a_task_cannot_swallow_a_cancel_but_may_take_its_time_with_a_token() {
    run_virtual(async {
        let requests = [CancelToken::new(), CancelToken::new()];
        let heard = requests.clone();
        let stubborn = spawn(async move {
            for request in heard {
                request.cancelled().await;
            }
            "survived 2 requests"
        });
        for request in &requests {
            yield_now().await;
            assert!(request.cancel());
        }
        assert_eq!(stubborn.await.unwrap(), "survived 2 requests");
        // A cancel proper drops the future: there is nothing left that could refuse.
        let task = spawn(pending::<()>());
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn o08_7_an_error_in_reaction_replaces_no_cancel_but_may_answer_a_token() {
    run_virtual(async {
        let request = CancelToken::new();
        let heard = request.clone();
        let other = spawn(async move {
            heard.cancelled().await;
            Err::<(), _>("instead")
        });
        yield_now().await;
        request.cancel();
        assert_eq!(other.await.unwrap(), Err("instead"));
    });
    // Of a cancel proper destructors hear, and a panic in one of them is reported: the task is
    // cancelled all the same.
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let task = spawn(async {
                let _finally = on_drop(|| panic!("instead"));
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: instead"]);
}

#[test]
fn o08_8_a_task_ends_as_cancelled_by_cancelling_itself_and_not_by_a_value() {
    run_virtual(async {
        let task = spawn(async {
            current_task().unwrap().cancel();
        });
        assert!(task.await.unwrap_err().is_cancelled());
        // `Cancelled`, the answer of a token, is a value like any other.
        let task = spawn(async { Err::<(), _>(Cancelled) });
        assert_eq!(task.await.unwrap(), Err(Cancelled));
    });
}
