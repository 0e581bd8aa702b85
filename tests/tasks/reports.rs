//! What nobody can take is reported: once, with the task that it came from.
//!
//! Contract 3 of the house; order fact O07 of asyncio.

use std::future::pending;

use roundelay::{FailureKind, Task, TaskBuilder, TaskError, sleep, spawn, yield_now};

use crate::support::{ms, reporting_runner};

#[test]
fn a_panic_of_a_detached_task_is_reported_once_with_number_name_place_and_age() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let task = TaskBuilder::new().name("worker").spawn(async {
                sleep(ms(50)).await;
                panic!("out of luck");
            });
            let (id, line) = (task.id(), line!() - 4);
            task.detach();
            sleep(ms(100)).await;
            let failures = reports.take_whole();
            assert_eq!(failures.len(), 1);
            let failure = &failures[0];
            assert_eq!(
                (failure.kind, &*failure.message),
                (FailureKind::TaskPanicked, "out of luck")
            );
            assert_eq!(failure.age, Some(ms(50)));
            let origin = failure.origin.unwrap();
            assert!(origin.file().ends_with("reports.rs") && origin.line() == line, "{origin}");
            assert!(failure.who.contains("worker"), "the name is missing: {}", failure.who);
            assert!(
                failure.who.contains(&id.to_string()),
                "the number is missing: {}",
                failure.who
            );
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_handle_dropped_after_the_panic_reports_it_then_and_one_that_was_awaited_never() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (kept, awaited) =
                (spawn(async { panic!("kept") }), spawn(async { panic!("told") }));
            yield_now().await;
            assert!(kept.is_finished() && reports.len() == 0);
            drop::<Task<()>>(kept);
            assert_eq!(reports.take(), ["TaskPanicked: kept"]);
            let outcome: Result<(), _> = awaited.await;
            let Err(TaskError::Panicked(panic)) = outcome else { panic!("no panic") };
            assert_eq!(panic.message(), "told");
            let payload = panic.into_payload();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"told"));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_panic_is_reported_when_the_future_that_awaits_its_task_is_dropped() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let waiter = spawn(async {
                let task: Task<()> = spawn(async {
                    yield_now().await;
                    panic!("unheard")
                });
                let _ = task.await;
            });
            yield_now().await;
            waiter.cancel();
            assert!(waiter.await.unwrap_err().is_cancelled());
            yield_now().await;
            assert_eq!(reports.take(), ["TaskPanicked: unheard"]);
        })
        .unwrap();
}

#[test]
fn report_errors_reports_an_error_and_keeps_quiet_about_success_and_cancel() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            spawn(async { Err::<(), _>("no route") }).report_errors();
            spawn(async { Ok::<_, String>(()) }).report_errors();
            let cancelled = spawn(pending::<Result<(), String>>());
            cancelled.cancel();
            cancelled.report_errors();
            for _ in 0..4 {
                yield_now().await;
            }
            assert_eq!(reports.take(), ["TaskFailed: no route"]);
        })
        .unwrap();
}

#[test]
fn report_errors_reports_a_panic_too() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let task: Task<Result<(), String>> = spawn(async { panic!("worse than an error") });
            task.report_errors();
            for _ in 0..4 {
                yield_now().await;
            }
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: worse than an error"]);
}

#[test]
fn a_panic_that_is_left_when_the_runner_closes_is_reported() {
    let (runner, reports) = reporting_runner();
    let task: Task<()> = runner.run(async { spawn(async { panic!("late") }) }).unwrap();
    runner.close();
    assert_eq!(reports.len(), 0, "the handle is still there");
    drop(task);
    assert_eq!(reports.take(), ["TaskPanicked: late"]);
}
