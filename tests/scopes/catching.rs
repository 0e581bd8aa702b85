//! What a scope catches, and what it lets through.

use std::future::pending;
use std::time::Duration;

use roundelay::{
    CancelScope, block_for, current_loop, fail_after, fail_at, move_on_after, move_on_at, now,
    promise, sleep, spawn, yield_now,
};

use crate::support::{Log, ms, poll_now, run_virtual};

#[test]
fn a_scope_that_is_cancelled_from_elsewhere_drops_its_future_and_moves_on() {
    let log = Log::new();
    run_virtual(async {
        let scope = CancelScope::new();
        let other = scope.clone();
        spawn(async move {
            sleep(ms(5)).await;
            assert!(other.cancel() && !other.cancel());
        })
        .detach();
        let outcome = scope
            .run(async {
                let _guard = log.on_drop("dropped");
                pending::<()>().await;
            })
            .await;
        log.add(format!("{outcome:?}"));
        assert!(scope.cancel_called() && scope.cancelled_caught());
    });
    assert_eq!(log.take(), ["dropped", "None"]);
}

#[test]
fn a_scope_whose_future_ends_first_was_not_caught() {
    run_virtual(async {
        let scope = CancelScope::after(ms(5));
        assert_eq!(scope.run(async { 7 }).await, Some(7));
        sleep(ms(10)).await;
        assert!(!scope.cancel_called() && !scope.cancelled_caught());
        let scope = CancelScope::new();
        let inner = scope.clone();
        assert_eq!(scope.run(async move { inner.cancel() }).await, Some(true));
        assert!(scope.cancel_called() && !scope.cancelled_caught());
    });
}

#[test]
fn a_scope_that_was_cancelled_before_never_begins_and_an_explicit_cancel_wins_over_a_result() {
    run_virtual(async {
        let scope = CancelScope::new();
        scope.cancel();
        assert_eq!(scope.run(async { panic!("it begins") }).await, None::<()>);
        let scope = CancelScope::new();
        let (promise, value) = promise();
        let mut scoped = Box::pin(scope.run(value));
        assert!(poll_now(&mut scoped).await.is_pending());
        promise.resolve(7).unwrap();
        scope.cancel();
        assert_eq!(scoped.await, None);
    });
}

#[test]
fn move_on_and_fail_know_limits_and_deadlines_and_a_result_wins_over_a_deadline() {
    run_virtual(async {
        assert_eq!(move_on_after(ms(5), sleep(ms(9))).await, None);
        assert_eq!(move_on_after(ms(5), sleep(ms(5))).await, Some(()));
        assert_eq!(fail_after(ms(5), sleep(ms(9))).await.unwrap_err().limit(), Some(ms(5)));
        let soon = now() + ms(5);
        assert_eq!(move_on_at(soon, pending::<()>()).await, None);
        assert_eq!(now(), soon);
        assert_eq!(fail_at(soon, pending::<()>()).await.unwrap_err().limit(), None);
        assert_eq!(fail_at(soon, async { 7 }).await, Ok(7));
        assert_eq!(move_on_after(Duration::MAX, sleep(ms(1))).await, Some(()));
        assert_eq!(move_on_after(Duration::ZERO, async { 7 }).await, Some(7));
    });
}

/// As with a timeout. The scope waited for a timer that was due in the next turn, and whoever only
/// gave way went on meanwhile.
#[test]
fn a_deadline_that_has_passed_leaves_one_poll_and_so_does_one_that_is_moved_into_the_past() {
    run_virtual(async {
        sleep(ms(5)).await;
        let past = now().checked_sub(ms(1)).unwrap();
        let turn = current_loop().unwrap().turn();
        assert_eq!(move_on_after(Duration::ZERO, yield_now()).await, None);
        assert_eq!(current_loop().unwrap().turn(), turn + 1, "others have their turn");
        assert_eq!(move_on_at(past, yield_now()).await, None);
        assert!(fail_after(Duration::ZERO, yield_now()).await.is_err());
        assert_eq!(move_on_at(past, async { 7 }).await, Some(7));

        let scope = CancelScope::new();
        let (inner, log) = (scope.clone(), Log::new());
        let noted = log.clone();
        let outcome = scope.run(async move {
            yield_now().await;
            inner.set_deadline(Some(now()));
            noted.add("the last step");
            yield_now().await;
            noted.add("not reached");
        });
        assert_eq!(outcome.await, None);
        assert_eq!(log.take(), ["the last step"]);

        // A shield is waited for all the same.
        let shielded = CancelScope::shield(async {
            yield_now().await;
            sleep(ms(1)).await;
            8
        });
        assert_eq!(move_on_at(past, shielded).await, Some(8));
    });
}

#[test]
fn a_deadline_can_be_moved_from_inside_and_outside_and_taken_away() {
    run_virtual(async {
        let start = now();
        let scope = CancelScope::after(ms(5));
        assert_eq!(scope.deadline(), None);
        let inner = scope.clone();
        let body = async move {
            sleep(ms(4)).await;
            assert_eq!(inner.deadline(), Some(start + ms(5)));
            inner.set_deadline(Some(start + ms(20)));
            sleep(ms(10)).await;
            pending::<()>().await;
        };
        assert_eq!(scope.run(body).await, None);
        assert_eq!(now() - start, ms(20));
        // From outside, to something earlier, while it waits.
        let start = now();
        let scope = CancelScope::after(ms(1000));
        let other = scope.clone();
        spawn(async move { other.set_deadline(Some(start + ms(3))) }).detach();
        assert_eq!(scope.run(pending::<()>()).await, None);
        assert_eq!(now() - start, ms(3));
        // What is late stays late.
        scope.set_deadline(None);
        assert!(scope.cancel_called() && scope.cancelled_caught());
    });
}

#[test]
#[should_panic(expected = "a cancel scope guards one future")]
fn a_scope_refuses_a_second_future() {
    let scope = CancelScope::new();
    let _one = scope.run(async {});
    let _two = scope.run(async {});
}

#[test]
fn a_scope_swallows_only_its_own_cancellation_and_no_code_runs_in_between() {
    let log = Log::new();
    run_virtual(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let (one, two) = (outer.clone(), inner.clone());
        let outcome = outer
            .run(async {
                let got = inner
                    .run(async move {
                        // Both at once: it is the outer one's affair.
                        two.cancel();
                        one.cancel();
                        yield_now().await;
                    })
                    .await;
                log.add(format!("in between: {got:?}"));
            })
            .await;
        assert_eq!(outcome, None);
        assert!(outer.cancelled_caught() && !inner.cancelled_caught());
    });
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn a_limit_counts_from_the_beginning_of_the_first_poll_however_long_that_takes() {
    run_virtual(async {
        let slow = || async {
            block_for(ms(1000));
            sleep(ms(5)).await;
        };
        let start = now();
        assert_eq!(move_on_after(ms(10), slow()).await, None);
        assert!(fail_after(ms(10), slow()).await.is_err());
        assert_eq!(now() - start, ms(2000));
        let scope = CancelScope::after(ms(1001));
        assert_eq!(scope.run(slow()).await, None);
        assert_eq!(now() - start, ms(3001));
        // Known from the beginning of the first poll on.
        let scope = CancelScope::after(ms(10));
        let (inner, moment) = (scope.clone(), now());
        scope.run(async move { assert_eq!(inner.deadline(), Some(moment + ms(10))) }).await;
    });
}
