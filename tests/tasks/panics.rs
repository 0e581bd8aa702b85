//! Panics stay where they happen: no other task, and no one who wakes a stranger, feels them.
//!
//! Contract 5 of the house; bug class B14.

use std::future::pending;
use std::pin::Pin;
use std::task::Poll;

use roundelay::{Semaphore, Task, TaskError, promise, spawn, yield_now};

use crate::support::{self, Log, in_a_process, on_drop, reporting_runner};

#[test]
fn a_panic_in_one_task_does_not_touch_the_others() {
    let (runner, _reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let seen = log.clone();
            let bystander = spawn(async move {
                for _ in 0..3 {
                    yield_now().await;
                }
                seen.add("bystander");
            });
            let bad: Task<()> = spawn(async { panic!("bad") });
            assert!(bad.await.is_err());
            bystander.await.unwrap();
        })
        .unwrap();
    assert_eq!(log.take(), ["bystander"]);
}

#[test]
fn a_panic_in_a_tasks_destructor_is_reported_and_the_task_still_ends() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let bomb = on_drop(|| panic!("in a destructor"));
            let task = spawn(async move {
                let _bomb = bomb;
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: in a destructor"]);
}

#[test]
fn a_panic_on_top_of_a_panic_is_contained() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            struct Twice(#[expect(dead_code)] support::OnDrop);
            impl Future for Twice {
                type Output = ();
                fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
                    panic!("in poll")
                }
            }
            let task = spawn(Twice(on_drop(|| panic!("in the destructor, too"))));
            let Err(TaskError::Panicked(panic)) = task.await else { panic!("no panic") };
            assert_eq!(panic.message(), "in poll");
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: in the destructor, too"]);
}

#[test]
fn a_panicking_foreign_waker_does_not_reach_the_task_that_wakes_it() {
    // Three ways to wake a stranger: a promise, a permit, a task's end.
    let (runner, _reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let waker = support::panicking_waker();
            let (set, mut value) = promise::<u8>();
            assert!(support::poll_once(&mut value, &waker).is_pending());
            let seen = log.clone();
            let task = spawn(async move {
                set.resolve(7).unwrap();
                seen.add("resolved");
            });
            task.await.unwrap();
            assert_eq!(value.await, Ok(7));

            let semaphore = Semaphore::new(1);
            let permit = semaphore.try_acquire().unwrap();
            let mut waits = semaphore.acquire();
            assert!(support::poll_once(&mut waits, &waker).is_pending());
            let seen = log.clone();
            let task = spawn(async move {
                drop(permit);
                seen.add("gave back");
            });
            task.await.unwrap();
            drop(waits.await);

            let mut child = spawn(async {});
            assert!(support::poll_once(&mut child, &waker).is_pending());
            child.await.unwrap();
            log.add("joined");
        })
        .unwrap();
    assert_eq!(log.take(), ["resolved", "gave back", "joined"]);
}

#[test]
fn a_panicking_foreign_waker_does_not_abort_a_task_that_is_already_panicking() {
    let name = "panics::a_panicking_foreign_waker_does_not_abort_a_task_that_is_already_panicking";
    in_a_process(name, || {
        let (runner, reports) = reporting_runner();
        runner
            .run(async {
                let semaphore = Semaphore::new(1);
                let permit = semaphore.try_acquire().unwrap();
                let mut waits = semaphore.acquire();
                let polled = support::poll_once(&mut waits, &support::panicking_waker());
                assert!(polled.is_pending());
                // The permit is given back while the panic unwinds, and wakes the stranger.
                let task = spawn(async move {
                    let _permit = permit;
                    panic!("while holding a permit");
                });
                assert!(matches!(task.await, Err(TaskError::Panicked(_))));
                drop(waits.await);
            })
            .unwrap();
        drop(reports);
    })
    .well();
}
