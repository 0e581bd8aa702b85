//! O33: who is cancelled first, and what may not pass.

use std::future::pending;

use roundelay::{TaskGroup, current_loop, gather_all, sleep, spawn, task_group, yield_now};

use crate::settle;
use crate::support::{Log, ms, reporting_runner, run_virtual};

#[test]
fn o33_1_a_gather_cancels_its_children_in_the_order_of_the_arguments() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let gathering = spawn(async move {
            let children = (0..6).map(|n| {
                let guard = seen.on_drop(n.to_string());
                async move {
                    let _guard = guard;
                    pending::<()>().await;
                }
            });
            gather_all(children).await
        });
        sleep(ms(10)).await;
        gathering.cancel();
        assert!(gathering.await.unwrap_err().is_cancelled());
        settle().await;
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn o33_2_a_group_cancels_its_children_in_the_order_of_creation() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            for n in 0..6 {
                let guard = seen.on_drop(n.to_string());
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
            }
            yield_now().await;
            drop(group.spawn(async { Err::<(), _>("boom") }));
            pending::<Result<(), _>>().await
        })
        .await;
        assert!(outcome.is_err());
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn o33_3_cancelling_a_parent_does_not_touch_what_it_merely_spawned() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let parent = spawn(async move {
            let child = seen.clone();
            spawn(async move {
                sleep(ms(5)).await;
                child.add("child goes on");
            })
            .detach();
            let _finally = seen.on_drop("parent");
            pending::<()>().await;
        });
        settle().await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["parent"]);
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), ["child goes on"]);
}

#[test]
fn o33_4_no_panic_leaves_the_loop_in_the_middle_of_a_batch() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let home = current_loop().unwrap();
            home.call_soon(|| std::panic::panic_any(3)).unwrap();
            home.call_soon(log.adds("rest of the batch")).unwrap();
            yield_now().await;
            assert_eq!(log.take(), ["rest of the batch"]);
        })
        .unwrap();
    assert_eq!(reports.take(), ["CallbackPanicked: a panic whose payload is not text"]);
}

#[test]
fn o33_5_a_panic_of_a_task_is_kept_in_the_task_and_does_not_leave_the_loop() {
    run_virtual(async {
        let task = spawn(async { std::panic::panic_any(4) });
        settle().await;
        let roundelay::TaskError::Panicked(panic) = task.await.unwrap_err() else {
            panic!("it panicked");
        };
        assert_eq!(panic.into_payload().downcast_ref::<i32>(), Some(&4));
    });
}
