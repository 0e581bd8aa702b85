//! O34: one runner, several runs.

#![allow(clippy::async_yields_async, reason = "a task's handle is what a run gives back")]

use std::future::pending;

use roundelay::{ContextVar, current_loop, spawn, yield_now};

use crate::support::{Log, virtual_runner};

#[test]
fn o34_1_tasks_live_on_between_the_runs_and_closing_cancels_them() {
    let log = Log::new();
    let runner = virtual_runner();
    let first = runner.run(async { current_loop().unwrap().id() }).unwrap();
    let second = runner.run(async { current_loop().unwrap().id() }).unwrap();
    assert_eq!(first, second);
    let task = runner
        .run(async {
            let guard = log.on_drop("background task cancelled by close()");
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            task
        })
        .unwrap();
    assert!(!task.is_finished());
    // Closing takes the runner by value: to run it afterwards does not compile.
    runner.close();
    assert!(task.is_finished());
    assert_eq!(log.take(), ["background task cancelled by close()"]);
}

#[test]
fn o34_1_the_context_of_the_main_tasks_goes_on_from_run_to_run() {
    static V: ContextVar<i32> = ContextVar::new("v");
    let runner = virtual_runner();
    let puts = |value: i32| async move {
        V.set(value);
        current_loop().unwrap().id()
    };
    assert_eq!(runner.run(puts(5)).unwrap(), runner.run(puts(5)).unwrap());
    assert_eq!(runner.run(async { V.get() }).unwrap(), Some(5));
    assert_eq!(V.get(), None);
}
