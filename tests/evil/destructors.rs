//! Destructors may panic, and may drop the next thing and so on without end; and who holds itself
//! is dropped all the same.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use roundelay::{Queue, Semaphore, Task, promise, spawn, yield_now};

use crate::support::{in_a_process, on_drop, reporting_runner, rounds, run_virtual};

#[test]
fn a_panic_in_the_destructor_of_an_output_that_nobody_takes_is_reported() {
    let (runner, reports) = reporting_runner();
    let bomb = || on_drop(|| panic!("an output that panics"));
    runner
        .run(async move {
            spawn(async move { bomb() }).detach();
            let finished = spawn(async move { bomb() });
            yield_now().await;
            yield_now().await;
            drop(finished);
        })
        .unwrap();
    let expected = "DestructorPanicked: an output that panics";
    assert_eq!(reports.take(), [expected, expected]);
}

#[test]
fn a_chain_of_outputs_each_holding_the_next_ones_handle_is_dropped_without_a_deep_stack() {
    struct Link(#[allow(dead_code, reason = "it is only held")] Option<Task<Link>>);
    let name = "destructors::a_chain_of_outputs_each_holding_the_next_ones_handle_is_dropped_without_a_deep_stack";
    in_a_process(name, || {
        run_virtual(async {
            let mut last = None;
            for _ in 0..rounds(100_000) {
                let next = last.take();
                last = Some(spawn(async move { Link(next) }));
            }
            yield_now().await;
            assert!(last.as_ref().is_some_and(Task::is_finished));
            drop(last);
        });
    })
    .well();
}

#[test]
fn a_chain_of_promises_each_abandoned_by_the_one_before_takes_no_stack() {
    let name = "destructors::a_chain_of_promises_each_abandoned_by_the_one_before_takes_no_stack";
    in_a_process(name, || {
        run_virtual(async {
            let (first, mut waits) = promise::<()>();
            let mut tasks = Vec::new();
            for _ in 0..rounds(100_000) {
                let (next, waits_next) = promise::<()>();
                let waits = std::mem::replace(&mut waits, waits_next);
                tasks.push(spawn(async move {
                    let _next = next;
                    waits.await
                }));
            }
            yield_now().await;
            drop(first);
            for task in tasks {
                assert!(task.await.unwrap().is_err());
            }
            assert!(waits.await.is_err());
        });
    })
    .well();
}

#[test]
fn a_task_that_holds_everything_of_its_own_is_dropped_and_freed() {
    // Cycles: a task in the table holds its own handle, its group, the line it stands in.
    let dropped = Rc::new(Cell::new(0));
    let (runner, reports) = reporting_runner();
    for cancelled in [true, false] {
        let guard = Rc::clone(&dropped);
        runner
            .run(async move {
                let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
                let (semaphore, queue) = (Semaphore::new(0), Queue::<()>::bounded(1));
                let (hold, guard) = (Rc::clone(&own), on_drop(move || guard.set(guard.get() + 1)));
                let task = spawn(async move {
                    let _all = (hold, guard, semaphore.clone(), queue.clone());
                    let waits = (semaphore.acquire(), queue.get());
                    let (_permit, _item) = futures_lite::future::zip(waits.0, waits.1).await;
                });
                yield_now().await;
                own.replace(Some(task));
                if cancelled {
                    own.borrow().as_ref().unwrap().cancel();
                    yield_now().await;
                }
            })
            .unwrap();
    }
    drop(runner);
    assert_eq!((dropped.get(), reports.len()), (2, 0));
}
