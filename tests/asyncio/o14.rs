//! O14: time limits.

use std::future::pending;
use std::time::Duration;

use roundelay::{Deadline, current_loop, now, sleep, spawn, timeout, timeout_at, yield_now};

use crate::support::{Log, ms, run_virtual};

#[test]
fn o14_1_of_two_nested_limits_the_shorter_fires_alone() {
    run_virtual(async {
        let start = now();
        let inner_shorter = timeout(ms(50), timeout(ms(10), pending::<()>())).await;
        assert!(matches!(inner_shorter, Ok(Err(_))), "only the inner limit has passed");
        assert_eq!(now() - start, ms(10));
        let start = now();
        let outer_shorter = timeout(ms(10), timeout(ms(50), pending::<()>())).await;
        assert_eq!(outer_shorter.unwrap_err().limit(), Some(ms(10)), "only the outer one has");
        assert_eq!(now() - start, ms(10));
    });
}

#[test]
fn o14_2_no_time_at_all_is_enough_for_what_does_not_suspend_and_for_nothing_else() {
    run_virtual(async {
        assert_eq!(timeout(Duration::ZERO, async { "completed" }).await, Ok("completed"));
        let two_turns = async {
            yield_now().await;
            yield_now().await;
        };
        assert!(timeout(Duration::ZERO, two_turns).await.is_err());
    });
}

#[test]
fn o14_2_no_time_at_all_is_over_after_one_turn() {
    run_virtual(async {
        assert!(timeout(Duration::ZERO, yield_now()).await.is_err());
    });
}

#[test]
fn o14_3_nothing_in_the_guarded_future_can_swallow_the_limit() {
    let log = Log::new();
    run_virtual(async {
        let body = log.on_drop("body dropped");
        let outcome = timeout(ms(10), async move {
            let _body = body;
            pending::<()>().await;
        })
        .await;
        log.add(format!("{}", outcome.is_err()));
    });
    assert_eq!(log.take(), ["body dropped", "true"]);
}

#[test]
fn o14_4_an_error_in_the_cleanup_cannot_replace_the_limits() {
    let limit = run_virtual(async {
        timeout(ms(10), async {
            pending::<()>().await;
            Err::<(), _>("something else")
        })
        .await
    });
    assert_eq!(limit.unwrap_err().limit(), Some(ms(10)));
}

#[test]
fn o14_5_a_deadline_can_be_shared_and_one_that_never_comes_never_fires() {
    run_virtual(async {
        let deadline = now() + ms(50);
        assert_eq!(timeout_at(deadline, sleep(ms(30))).await, Ok(()));
        assert!(timeout_at(deadline, sleep(ms(30))).await.is_err());
        assert_eq!(timeout(Duration::MAX, sleep(ms(10))).await, Ok(()));
    });
}

#[test]
fn o14_6_a_cancel_from_outside_wins_over_a_deadline_of_the_same_turn_in_either_order() {
    for cancel_first in [false, true] {
        run_virtual(async {
            let task = spawn(timeout(ms(10), pending::<()>()));
            yield_now().await;
            let home = current_loop().unwrap();
            let task = std::rc::Rc::new(task);
            let reach = std::rc::Rc::clone(&task);
            // The two timers are due in one turn, and fire in the order of their deadlines.
            let when = now() + ms(10) - if cancel_first { ms(1) } else { ms(0) };
            home.call_at(when, move || assert!(reach.cancel())).unwrap();
            sleep(ms(20)).await;
            let task = std::rc::Rc::into_inner(task).unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    }
}

#[test]
fn o14_7_whoever_leaves_in_time_is_not_cancelled_later() {
    run_virtual(async {
        assert_eq!(timeout(ms(20), async { 7 }).await, Ok(7));
        let start = now();
        sleep(ms(40)).await;
        assert_eq!(now() - start, ms(40));
    });
}

#[test]
fn o14_8_somebody_elses_cancel_passes_through_unchanged() {
    run_virtual(async {
        let inner = spawn(pending::<()>());
        inner.cancel();
        let outcome = timeout(ms(9000), inner).await;
        assert!(outcome.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn o14_5_a_deadline_that_is_moved_lets_the_future_end() {
    run_virtual(async {
        let deadline = Deadline::after(ms(10));
        let inside = deadline.clone();
        let outcome = deadline.guard(async move {
            inside.reschedule_after(ms(50));
            sleep(ms(30)).await;
        });
        assert!(outcome.await.is_ok() && !deadline.expired());
    });
}
