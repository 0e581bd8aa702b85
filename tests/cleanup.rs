//! Promises about cleanup that may await: it always runs, once, and a closing loop waits for it.
//! Features X6 and T13.

mod support;

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    CancelToken, Runner, TaskGroup, promise, sleep, spawn, stop_gracefully, task_group,
    with_cleanup, with_resource, yield_now,
};
use support::{Log, in_a_process, ms, on_drop, reporting_runner, run_virtual, virtual_runner};

const LIMIT: Duration = Duration::from_secs(5);

/// A cleanup that takes a while.
async fn slow(log: Log) {
    log.add("cleanup begins");
    sleep(ms(10)).await;
    log.add("cleanup ends");
}

#[test]
fn the_cleanup_runs_in_place_when_all_goes_well() {
    let log = Log::new();
    run_virtual(async {
        let work = async {
            let _guard = log.on_drop("work gone");
            7
        };
        log.add(with_cleanup(work, slow(log.clone()), LIMIT).await.to_string());
    });
    assert_eq!(log.take(), ["work gone", "cleanup begins", "cleanup ends", "7"]);
}

#[test]
fn a_cancelled_task_leaves_its_cleanup_to_the_loop() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("work gone");
        let work = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let task = spawn(with_cleanup(work, slow(log.clone()), LIMIT));
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        log.add("task gone");
        sleep(ms(20)).await;
        log.add("main ends");
    });
    let lines = log.take();
    assert_eq!(lines, ["work gone", "cleanup begins", "task gone", "cleanup ends", "main ends"]);
}

#[test]
fn a_cancel_in_the_middle_of_the_cleanup_does_not_stop_the_rest_of_it() {
    // M23: the second cancel.
    let log = Log::new();
    run_virtual(async {
        let task = spawn(with_cleanup(async {}, slow(log.clone()), LIMIT));
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        log.add("task gone");
    });
    assert_eq!(log.take(), ["cleanup begins", "task gone", "cleanup ends"]);
}

#[test]
fn a_panic_in_the_work_does_not_lose_the_cleanup() {
    let log = Log::new();
    run_virtual(async {
        let work = async { std::panic::resume_unwind(Box::new("bad")) };
        let task = spawn(with_cleanup::<_, _>(work, slow(log.clone()), LIMIT));
        let outcome: Result<(), _> = task.await;
        log.add(outcome.unwrap_err().to_string());
    });
    assert_eq!(log.take(), ["cleanup begins", "the task panicked: bad", "cleanup ends"]);
}

#[test]
fn work_that_was_never_begun_is_not_cleaned_up() {
    let log = Log::new();
    run_virtual(async {
        drop(with_cleanup(async {}, slow(log.clone()), LIMIT));
        let task = spawn(with_cleanup(async {}, slow(log.clone()), LIMIT));
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn a_closing_loop_cancels_the_tasks_and_waits_for_their_cleanups_and_what_these_spawn() {
    let log = Log::new();
    let runner = virtual_runner();
    let start = runner.loop_ref().time();
    runner
        .run(async {
            let inner = log.clone();
            let cleanup = async move {
                let seen = inner.clone();
                task_group(async move |group: TaskGroup<()>| {
                    for n in [20, 10] {
                        let log = seen.clone();
                        drop(group.spawn(async move {
                            sleep(ms(n)).await;
                            log.add(format!("{n} cleaned up"));
                            Ok(())
                        }));
                    }
                    Ok(())
                })
                .await
                .unwrap();
                inner.add("cleanup ends");
            };
            spawn(with_cleanup(pending::<()>(), cleanup, LIMIT)).detach();
            let guard = log.on_drop("other task gone");
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
        })
        .unwrap();
    let home = runner.loop_ref().clone();
    runner.close();
    assert_eq!(log.take(), ["other task gone", "10 cleaned up", "20 cleaned up", "cleanup ends"]);
    assert_eq!(home.time() - start, ms(20));
}

#[test]
fn a_cleanup_that_takes_too_long_is_dropped_and_reported() {
    let log = Log::new();
    let (runner, reports) = reporting_runner();
    let start = runner.loop_ref().time();
    runner
        .run(async {
            let guard = log.on_drop("cleanup dropped");
            let cleanup = async move {
                let _guard = guard;
                // What it spawns is let go of when it is over.
                spawn(pending::<()>()).detach();
                pending::<()>().await;
            };
            spawn(with_cleanup(pending::<()>(), cleanup, ms(100))).detach();
            yield_now().await;
        })
        .unwrap();
    let home = runner.loop_ref().clone();
    runner.close();
    assert_eq!(home.time() - start, ms(100));
    assert_eq!(log.take(), ["cleanup dropped"]);
    assert_eq!(reports.take(), ["TaskFailed: it had not ended after 100ms and was dropped"]);
}

#[test]
fn a_cleanup_without_any_loop_left_is_reported() {
    let (runner, reports) = reporting_runner();
    let mut work = Box::pin(with_cleanup(pending::<()>(), async {}, LIMIT));
    runner.run(async { assert!(support::poll_now(&mut work).await.is_pending()) }).unwrap();
    runner.close();
    drop(work);
    assert_eq!(reports.take(), ["TaskFailed: it could not run: its event loop is closed"]);
}

#[test]
fn a_cleanup_between_two_runs_waits_for_the_next() {
    let log = Log::new();
    let runner: Runner = virtual_runner();
    let mut work = Box::pin(with_cleanup(pending::<()>(), slow(log.clone()), LIMIT));
    runner.run(async { assert!(support::poll_now(&mut work).await.is_pending()) }).unwrap();
    drop(work);
    assert_eq!(log.len(), 0);
    runner.run(sleep(ms(50))).unwrap();
    assert_eq!(log.take(), ["cleanup begins", "cleanup ends"]);
}

#[test]
fn a_panic_in_the_cleanup_comes_out_in_place_and_is_reported_from_a_task() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let bad = || async { std::panic::resume_unwind(Box::new("bad cleanup")) };
            let task = spawn(with_cleanup(async {}, bad(), LIMIT));
            assert!(task.await.unwrap_err().to_string().contains("bad cleanup"));
            let task = spawn(with_cleanup(pending::<()>(), bad(), LIMIT));
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: bad cleanup"]);
}

// ---- resources ----------------------------------------------------------------------------------

/// Runs the body with a resource, in a task that is cancelled after so many turns, and says what
/// happened. Every await of the three parts gives way once.
fn bracket(fails: bool, cancel_after: usize) -> Vec<String> {
    let log = Log::new();
    run_virtual(async {
        let (a, b, c) = (log.clone(), log.clone(), log.clone());
        let task = spawn(with_resource(
            async move {
                yield_now().await;
                a.add("acquired");
                Ok::<_, String>(vec![1])
            },
            async move |resource: &mut Vec<i32>| {
                let _gone = on_drop(b.adds("body gone"));
                resource.push(2);
                yield_now().await;
                resource.push(3);
                yield_now().await;
                if fails { Err("bad".to_owned()) } else { Ok(resource.len()) }
            },
            move |resource: Vec<i32>| async move {
                yield_now().await;
                c.add(format!("released {resource:?}"));
            },
            LIMIT,
        ));
        for _ in 0..cancel_after {
            yield_now().await;
        }
        task.cancel();
        log.add(format!("{:?}", task.await.map_err(|error| error.is_cancelled())));
    });
    log.take()
}

#[test]
fn a_resource_is_released_once_on_every_way_out_and_never_before_the_body_is_gone() {
    assert_eq!(bracket(false, 99), ["acquired", "body gone", "released [1, 2, 3]", "Ok(Ok(3))"]);
    assert_eq!(
        bracket(true, 99),
        ["acquired", "body gone", "released [1, 2, 3]", "Ok(Err(\"bad\"))"]
    );
    for cancel_after in (0..9).step_by(if cfg!(miri) { 4 } else { 1 }) {
        let lines = bracket(false, cancel_after);
        let at = |what: &str| lines.iter().position(|line| line.starts_with(what));
        let count = lines.iter().filter(|line| line.starts_with("released")).count();
        assert_eq!(count, usize::from(at("acquired").is_some()), "{cancel_after}: {lines:?}");
        assert!(at("body gone") <= at("released"), "{cancel_after}: {lines:?}");
    }
}

#[test]
fn what_could_not_be_acquired_is_not_released() {
    run_virtual(async {
        let outcome = with_resource(
            async { Err::<u8, _>("no") },
            async |_resource: &mut u8| Ok(()),
            |_resource| async { panic!("released") },
            LIMIT,
        );
        assert_eq!(outcome.await, Err("no"));
    });
}

// ---- stopping -------------------------------------------------------------------------------------

#[test]
fn a_polite_task_is_given_its_grace_and_a_deaf_one_is_cancelled_at_its_end() {
    let log = Log::new();
    run_virtual(async {
        let token = CancelToken::new();
        let (heard, seen) = (token.child(), log.clone());
        let polite = spawn(async move {
            heard.cancelled().await;
            sleep(ms(5)).await;
            seen.add("all written");
            7
        });
        yield_now().await;
        assert_eq!(stop_gracefully(&token, polite, ms(10)).await.unwrap(), 7);
        let guard = log.on_drop("deaf one gone");
        let deaf = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let outcome = stop_gracefully(&token, deaf, ms(10)).await;
        assert!(outcome.unwrap_err().is_cancelled());
        log.add("stopped");
    });
    assert_eq!(log.take(), ["all written", "deaf one gone", "stopped"]);
}

#[test]
fn whoever_gives_up_on_a_graceful_stop_ends_the_grace() {
    run_virtual(async {
        let (promise, ended) = promise::<()>();
        let deaf = spawn(async move {
            let _promise = Rc::new(promise);
            pending::<()>().await;
        });
        yield_now().await;
        let token = CancelToken::new();
        let stop = stop_gracefully(&token, deaf, LIMIT);
        assert!(roundelay::timeout(ms(1), stop).await.is_err());
        assert!(ended.await.is_err());
    });
}

#[test]
fn a_release_that_panics_while_the_body_panics_is_reported_and_kills_nobody() {
    in_a_process(
        "a_release_that_panics_while_the_body_panics_is_reported_and_kills_nobody",
        || {
            let (runner, reports) = reporting_runner();
            runner
                .run(async {
                    let task = spawn(with_resource(
                        async { Ok::<_, ()>(5) },
                        async |_resource: &mut u32| -> Result<(), ()> { panic!("the body") },
                        |_resource| {
                            if true {
                                panic!("the release");
                            }
                            async {}
                        },
                        LIMIT,
                    ));
                    assert!(task.await.is_err_and(|error| error.to_string().contains("the body")));
                })
                .unwrap();
            assert_eq!(reports.take(), ["TaskPanicked: the release"]);
        },
    )
    .well();
}
