//! O16: `wait_for`, which here is `timeout`.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use roundelay::{
    CancelToken, current_loop, current_task, now, promise, spawn, stop_gracefully, timeout,
    timeout_at, timeout_join, yield_now,
};

use crate::support::{Log, ms, run_virtual};

#[test]
fn o16_2_a_limit_of_zero_still_asks_the_future_once() {
    run_virtual(async {
        let polls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&polls);
        let body = poll_fn(move |_| {
            seen.set(seen.get() + 1);
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, body).await.is_err());
        assert!(polls.get() >= 1, "asyncio never starts it");
        let (set, value) = promise();
        set.resolve("v").unwrap();
        assert_eq!(timeout(Duration::ZERO, value).await, Ok(Ok("v")));
    });
}

#[test]
fn o16_4_the_guarded_future_runs_in_the_callers_own_task() {
    run_virtual(async {
        let inside = timeout(ms(10), async { current_task() }).await.unwrap();
        assert_eq!(inside, current_task());
    });
}

#[test]
fn o16_5_a_result_and_a_cancel_in_one_turn_are_a_cancel() {
    run_virtual(async {
        let (set, value) = promise();
        let task = spawn(timeout(ms(9000), value));
        yield_now().await;
        set.resolve("done").unwrap();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn o16_6_a_cancel_from_outside_reaches_the_guarded_future() {
    run_virtual(async {
        let (set, value) = promise::<()>();
        let task = spawn(timeout(ms(9000), value));
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!set.is_awaited());
    });
}

#[test]
fn o16_7_a_result_that_is_there_wins_over_a_limit_that_has_passed() {
    run_virtual(async {
        for result_first in [true, false] {
            let (set, value) = promise();
            let at = now() + ms(10);
            // Both are due in one turn; the first to be set is the first to fire.
            let resolves = move || set.resolve("v").unwrap();
            let task = if result_first {
                current_loop().unwrap().call_at(at, resolves).unwrap();
                spawn(timeout_at(at, value))
            } else {
                let task = spawn(timeout_at(at, value));
                yield_now().await;
                current_loop().unwrap().call_at(at, resolves).unwrap();
                task
            };
            assert_eq!(task.await.unwrap(), Ok(Ok("v")), "result first: {result_first}");
        }
    });
}

#[test]
fn o16_1_when_the_limit_comes_out_the_guarded_future_is_gone() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let guard = log.on_drop("inner gone");
        let outcome = timeout(ms(10), async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .await;
        assert!(outcome.is_err());
        log.add("limit came out");
        assert_eq!(now() - start, ms(10));
    });
    assert_eq!(log.take(), ["inner gone", "limit came out"]);
}

#[test]
fn o16_1_the_task_form_waits_until_the_task_has_really_ended() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("task unwound");
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(timeout_join(ms(10), task).await.is_err());
        log.add("limit came out");
    });
    assert_eq!(log.take(), ["task unwound", "limit came out"]);
}

#[test]
fn o16_3_an_inner_task_that_is_asked_to_end_may_give_its_value() {
    run_virtual(async {
        let request = CancelToken::new();
        let heard = request.clone();
        let inner = spawn(async move {
            match heard.run_until_cancelled(pending::<()>()).await {
                Some(()) => "ended by itself",
                None => "returned instead",
            }
        });
        yield_now().await;
        let outcome = stop_gracefully(&request, inner, ms(10)).await;
        assert_eq!(outcome.unwrap(), "returned instead");
        // A limit proper drops what it guards, and nobody is asked.
        assert!(timeout(ms(1), pending::<()>()).await.is_err());
    });
}
