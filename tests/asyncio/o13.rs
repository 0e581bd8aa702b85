//! O13: a child's error and a cancel from outside at the same moment.

use std::future::pending;

use roundelay::{TaskGroup, spawn, task_group, yield_now};

use crate::support::{Log, run_virtual};

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
