//! O13: a child's error and a cancel from outside at the same moment.

use std::future::pending;

use roundelay::{CancelScope, CancelToken, TaskGroup, now, spawn, task_group, yield_now};

use crate::support::{Log, ms, run_virtual};

#[test]
fn o13_1_a_cancel_that_meets_a_childs_error_is_not_lost() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let parent = spawn(async move {
            let outcome = task_group(async |group: TaskGroup<&'static str>| {
                drop(group.spawn(async { Err::<(), _>("child") }));
                pending::<Result<(), _>>().await
            })
            .await;
            seen.add(format!("handled {}", outcome.unwrap_err()));
            yield_now().await;
            seen.add("went on past the next await");
        });
        yield_now().await;
        yield_now().await;
        // The child has failed; its parent has not unwound.
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
    });
    let lines = log.take();
    assert!(!lines.iter().any(|line| line.contains("went on")), "{lines:?}");
}

#[test]
fn o13_2_a_cancel_that_was_asked_for_is_not_taken_back_but_one_that_was_planned_can_be() {
    run_virtual(async {
        // What `uncancel` is there for: a deadline that has been moved in time does nothing.
        let scope = CancelScope::after(ms(1));
        scope.set_deadline(Some(now() + ms(3)));
        assert_eq!(scope.run(roundelay::sleep(ms(2))).await, Some(()));
        // Nor does a guard that has been disarmed.
        let token = CancelToken::new().drop_guard().disarm();
        assert!(!token.is_cancelled());
        // What has been asked for stands, although it has not been delivered.
        let task = spawn(yield_now());
        assert!(task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}
