//! Promises about the end of a task: who is told of it, in which order; who is there before it.
//!
//! Order facts O05.5, O06, O08.4, O08.5 and O30.3 of asyncio.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

mod support;

use std::future::pending;
use std::time::Duration;

use roundelay::{
    Task, TaskBuilder, TaskEnd, TaskState, all_tasks, current_task, sleep, spawn, yield_now,
};
use support::{Log, OnDrop, ms, poll_now, reporting_runner, run_virtual, virtual_runner};

#[test]
fn callbacks_are_queued_in_order_of_registration_and_never_called_inline() {
    let log = Log::new();
    run_virtual(async {
        let task = spawn(async {});
        for name in ["first", "second"] {
            let log = log.clone();
            task.on_done(move |_| log.add(name));
        }
        assert!(log.take().is_empty());
        yield_now().await; // the task's only step
        assert!(task.is_finished() && log.take().is_empty());
        let late = log.clone();
        task.on_done(move |_| late.add("late"));
        log.add("late add returned");
        yield_now().await;
    });
    assert_eq!(log.take(), ["late add returned", "first", "second", "late"]);
}

#[test]
fn whoever_awaits_stands_in_the_same_line_as_the_callbacks() {
    let log = Log::new();
    run_virtual(async {
        let mut task = spawn(async {});
        let add = |name: &'static str, task: &Task<()>| {
            let log = log.clone();
            task.on_done(move |_| log.add(name));
        };
        add("before", &task);
        assert!(poll_now(&mut task).await.is_pending());
        add("behind", &task);
        // Polling again, for whatever reason, keeps the place.
        assert!(poll_now(&mut task).await.is_pending());
        task.await.unwrap();
        log.add("the awaiting task");
        yield_now().await;
    });
    assert_eq!(log.take(), ["before", "the awaiting task", "behind"]);
}

#[test]
fn a_callback_hears_who_ended_and_how() {
    run_virtual(async {
        let seen = Log::new();
        let told = |task: &Task<()>| {
            let seen = seen.clone();
            task.on_done(move |ended| seen.add(format!("{} {:?}", ended.name, ended.how)));
        };
        let named = |name: &str| TaskBuilder::new().name(name);
        let finished = named("a").spawn(async {});
        let cancelled = named("b").spawn(pending());
        let panicked = named("c").spawn(async { panic!("no") });
        let _ = [&finished, &cancelled, &panicked].map(told);
        cancelled.cancel();
        yield_now().await;
        yield_now().await;
        assert_eq!(seen.take(), ["a Finished", "b Cancelled", "c Panicked"]);
        let id = finished.id();
        finished.on_done(move |ended| assert_eq!((ended.id, ended.how), (id, TaskEnd::Finished)));
        // Also when the outcome has been taken long ago.
        let mut panicked = panicked;
        assert!((&mut panicked).await.is_err());
        told(&panicked);
        yield_now().await;
        assert_eq!(seen.take(), ["c Panicked"]);
    });
}

#[test]
fn a_removed_callback_is_dropped_and_not_called() {
    let log = Log::new();
    run_virtual(async {
        let task = spawn(async {});
        let add = |name: &'static str| {
            let (guard, log): (OnDrop, Log) = (log.on_drop(format!("{name} dropped")), log.clone());
            task.on_done(move |_| {
                drop(guard);
                log.add(name);
            })
        };
        let (_a, b, _c) = (add("a"), add("b"), add("c"));
        assert!(b.remove());
        assert!(!b.remove());
        assert_eq!(log.take(), ["b dropped"]);
        yield_now().await;
        assert!(!_a.remove(), "the task has ended");
        yield_now().await;
    });
    assert_eq!(log.take(), ["a dropped", "a", "c dropped", "c"]);
}

#[test]
fn a_callback_that_panics_is_reported_and_the_next_is_called() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    let after = log.clone();
    runner
        .run(async move {
            let task = spawn(async {});
            task.on_done(|_| panic!("in a callback"));
            task.on_done(move |_| after.add("after"));
            task.await.unwrap();
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["CallbackPanicked: in a callback"]);
    assert_eq!(log.take(), ["after"]);
}

#[test]
fn callbacks_stay_when_the_handle_is_dropped_and_may_use_everything() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let task = spawn(yield_now());
        task.on_done(move |_| {
            assert_eq!(current_task(), None);
            let again = inner.clone();
            spawn(async move { again.add("spawned at the end of another") }).detach();
            inner.add("called");
        });
        drop(task);
        sleep(ms(1)).await;
    });
    assert_eq!(log.take(), ["called", "spawned at the end of another"]);
}

#[test]
fn callbacks_of_tasks_that_the_shutdown_cancels_are_called_before_run_returns() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        spawn(pending::<()>()).on_done(move |ended| inner.add(format!("{:?}", ended.how)));
        yield_now().await;
    });
    assert_eq!(log.take(), ["Cancelled"]);
}

#[test]
fn cancel_and_wait_answers_when_the_future_is_gone_and_gives_what_came_before() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let task = spawn(async move {
            let _guard = inner.on_drop("dropped");
            pending::<()>().await;
        });
        yield_now().await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        log.add("answered");
        let finished = spawn(async { 7 });
        yield_now().await;
        assert_eq!(finished.cancel_and_wait().await.unwrap(), 7);
    });
    assert_eq!(log.take(), ["dropped", "answered"]);
}

#[test]
fn whoever_gives_up_on_cancel_and_wait_leaves_the_task_cancelled() {
    run_virtual(async {
        let task = spawn(pending::<()>());
        let log = Log::new();
        let inner = log.clone();
        task.on_done(move |ended| inner.add(format!("{:?}", ended.how)));
        drop(poll_now(&mut Box::pin(task.cancel_and_wait())).await);
        yield_now().await;
        yield_now().await;
        assert_eq!(log.take(), ["Cancelled"]);
    });
}

#[test]
fn a_task_may_cancel_and_await_itself_without_hanging() {
    run_virtual(async {
        let (give, take) = roundelay::promise::<Task<()>>();
        let task = spawn(async move {
            let me = take.await.unwrap();
            drop(me.cancel_and_wait().await);
            unreachable!("it is dropped at that await");
        });
        give.resolve(task).unwrap_or_else(|_| panic!("it waits"));
        sleep(ms(1)).await;
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn all_tasks_are_those_that_have_not_ended_oldest_first_and_what_they_do() {
    run_virtual(async {
        let named = |name: &str| TaskBuilder::new().name(name);
        let waits = named("waits").spawn(sleep(Duration::from_secs(60)));
        let ends = named("ends").spawn(async {});
        sleep(ms(5)).await;
        let _new = named("new").spawn(async {});
        let line = line!() - 1;
        let tasks = all_tasks();
        let known: Vec<_> = tasks.iter().map(|t| (t.name.as_str(), t.state)).collect();
        use TaskState::{Running, Scheduled, Waiting};
        assert_eq!(known, [("main", Running), ("waits", Waiting), ("new", Scheduled)]);
        assert_eq!((tasks[1].id, tasks[1].age), (waits.id(), ms(5)));
        assert_eq!((tasks[2].spawned_at.line(), tasks[2].spawned_at.file()), (line, file!()));
        assert!(tasks[1].cancel() && ends.is_finished());
        yield_now().await;
        assert!(waits.is_finished() && !tasks[1].cancel());
    });
    assert!(all_tasks().is_empty());
}

#[test]
fn what_is_known_of_a_task_cancels_nothing_on_another_loop() {
    let runner = virtual_runner();
    let task = runner.run(async { spawn(pending::<()>()) }).unwrap();
    let known = runner.run(async { all_tasks().pop().unwrap() }).unwrap();
    virtual_runner()
        .run(async {
            let _same_slot = spawn(pending::<()>());
            assert!(!known.cancel());
        })
        .unwrap();
    assert!(!task.is_finished());
}
