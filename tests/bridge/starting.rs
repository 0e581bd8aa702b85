//! Tasks that another thread starts: what crosses, in which order, and who answers.

use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use roundelay::{RemoteError, RemoteTask, current_task, run, sleep, spawner, to_thread, yield_now};

use crate::elsewhere;
use crate::support::{on_drop, reporting_runner, run_virtual, virtual_runner};

#[test]
fn a_result_crosses_to_the_thread_that_waits() {
    let answer = run(elsewhere(|home| home.spawn(|| async { 6 * 7 }).wait()));
    assert_eq!(answer.unwrap().unwrap(), 42);
}

#[test]
fn the_future_is_made_driven_and_dropped_on_the_loops_thread() {
    let (tell, told) = mpsc::channel::<(&str, ThreadId)>();
    let home = thread::current().id();
    run(elsewhere(move |home| {
        let task = home.spawn(move || {
            let not_send = Rc::new(tell);
            not_send.send(("made", thread::current().id())).unwrap();
            async move {
                let last = Rc::clone(&not_send);
                let _guard = on_drop(move || {
                    last.send(("dropped", thread::current().id())).unwrap();
                });
                not_send.send(("polled", thread::current().id())).unwrap();
                std::future::pending::<()>().await;
            }
        });
        // Once it runs, the handle goes, and with it, in a wrong design, the future.
        while home.spawn(|| async {}).wait().is_err() {}
        task.cancel();
        assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
    }))
    .unwrap();
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told, [("made", home), ("polled", home), ("dropped", home)]);
}

#[test]
fn orders_of_one_thread_are_taken_up_in_the_order_of_giving() {
    let names = run(elsewhere(|home| {
        let (tell, told) = mpsc::channel();
        let tasks: Vec<RemoteTask<()>> = (0..5)
            .map(|n| {
                let tell = tell.clone();
                home.spawn(move || async move { tell.send(n).unwrap() })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.wait().unwrap());
        drop(tell);
        told.iter().collect::<Vec<i32>>()
    }));
    assert_eq!(names.unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_panic_crosses_with_its_payload() {
    let outcome =
        run(elsewhere(|home| home.spawn(|| async { std::panic::panic_any(7_u8) }).wait()));
    let Err(RemoteError::Panicked(panic)) = outcome.unwrap() else { panic!("it panicked") };
    assert_eq!(panic.into_payload().downcast_ref::<u8>(), Some(&7));
}

#[test]
fn a_panic_in_the_closure_that_makes_the_future_is_the_tasks() {
    fn make() -> std::future::Ready<()> {
        panic!("no future today")
    }
    let outcome = run(elsewhere(|home| home.spawn(make).wait()));
    let Err(RemoteError::Panicked(panic)) = outcome.unwrap() else { panic!("it panicked") };
    assert_eq!(panic.message(), "no future today");
}

#[test]
fn a_panic_that_nobody_waits_for_is_reported_with_the_line_that_spawned_it() {
    let (runner, reports) = reporting_runner();
    let line = line!() + 3;
    let outcome = runner.run(elsewhere(|home| {
        // The second answer comes after the first task has ended.
        home.spawn_named("lost", || async { panic!("unheard") }).detach();
        home.spawn(|| async { yield_now().await }).wait().unwrap();
    }));
    outcome.unwrap().unwrap();
    let failures = reports.take_whole();
    assert_eq!(failures.len(), 1);
    assert_eq!((&*failures[0].who, &*failures[0].message), ("task lost", "unheard"));
    assert_eq!(failures[0].origin.unwrap().line(), line);
}

#[test]
fn a_cancel_from_the_thread_reaches_the_task_and_the_answer_comes_after_the_drop() {
    let log = run_virtual(async {
        let (tell, told) = mpsc::channel();
        let seen = tell.clone();
        elsewhere(move |home| {
            let task = home.spawn(move || async move {
                let _guard = on_drop(move || tell.send("future dropped").unwrap());
                sleep(Duration::from_secs(3600)).await;
            });
            home.spawn(|| async { yield_now().await }).wait().unwrap();
            assert!(task.cancel());
            assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
            seen.send("cancelled").unwrap();
            assert!(!task.cancel());
        })
        .await
        .unwrap();
        told.iter().collect::<Vec<_>>()
    });
    assert_eq!(log, ["future dropped", "cancelled"]);
}

#[test]
fn a_cancel_before_the_loop_takes_the_order_up_means_that_nothing_is_called() {
    let runner = virtual_runner();
    let home = runner.spawner();
    let task = home.spawn(|| -> std::future::Ready<()> { panic!("called") });
    assert!(task.cancel());
    assert!(matches!(runner.run(task).unwrap(), Err(RemoteError::Cancelled)));
}

#[test]
fn a_cancel_by_the_loop_crosses_too() {
    let mut kept = None;
    run(async {
        let home = spawner();
        let task = thread::spawn(move || {
            home.spawn_named("victim", || async {
                // It asks the loop to end everything: the run is over.
                std::future::pending::<()>().await;
            })
        });
        let task = task.join().unwrap();
        yield_now().await;
        kept = Some(task);
    });
    // The loop is closed by now.
    assert!(matches!(kept.unwrap().wait(), Err(RemoteError::Cancelled)));
}

#[test]
fn a_remote_task_is_awaited_on_another_loop() {
    let (give, given) = mpsc::channel();
    let (close, closed) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        run(async move {
            give.send(spawner()).unwrap();
            to_thread(move || closed.recv().unwrap_err()).await.unwrap();
        });
    });
    let other = given.recv().unwrap();
    let answer = run(async {
        let task = other.spawn(|| async { yield_now().await });
        task.await.unwrap();
        other.spawn(|| async { current_task().unwrap().name }).await
    });
    assert!(answer.unwrap().starts_with("Task-"));
    drop(close);
    server.join().unwrap();
}

#[test]
fn an_outcome_is_given_once() {
    run(async {
        let mut task = spawner().spawn(|| async { 7 });
        assert!(task.outcome().is_none());
        assert_eq!((&mut task).await.unwrap(), 7);
        assert!(matches!(task.outcome(), Some(Err(RemoteError::Taken))));
        assert!(matches!((&mut task).await, Err(RemoteError::Taken)));
    });
}
