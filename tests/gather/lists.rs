//! A list of futures: results in its order, the first error at once, no failure lost.

use std::future::pending;

use roundelay::{
    GatherCause, Task, TaskError, gather, gather_all, promise, sleep, spawn, timeout, yield_now,
};

use crate::support::{Census, Log, ms, reporting_runner, rounds, run_virtual};

#[test]
fn results_come_in_the_order_of_the_argument_whatever_the_order_of_finishing() {
    run_virtual(async {
        let waits = [30, 10, 20].map(|delay| async move {
            sleep(ms(delay)).await;
            Ok::<_, ()>(delay)
        });
        assert_eq!(gather(waits).await.unwrap(), [30, 10, 20]);
        let waits = [30, 10, 20].map(|delay| async move {
            sleep(ms(delay)).await;
            delay
        });
        let all: Vec<_> = gather_all(waits).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(all, [30, 10, 20]);
    });
}

#[test]
fn the_first_error_comes_out_at_once_and_the_others_go_on() {
    let log = Log::new();
    run_virtual(async {
        let start = roundelay::now();
        let seen = log.clone();
        let waits = [(60, "slow"), (10, "first"), (20, "second")].map(|(delay, name)| {
            let log = seen.clone();
            async move {
                sleep(ms(delay)).await;
                log.add(name);
                if name == "slow" { Ok(()) } else { Err(name) }
            }
        });
        let error = gather(waits).await.unwrap_err();
        assert_eq!(roundelay::now() - start, ms(10));
        assert_eq!(error.index, 1);
        assert!(matches!(error.cause, GatherCause::Failed("first")));
        log.add("caught");
        sleep(ms(80)).await;
    });
    assert_eq!(log.take(), ["first", "caught", "second", "slow"]);
}

#[test]
fn of_two_errors_in_one_turn_the_one_that_happened_first_comes_out() {
    run_virtual(async {
        let ((set_0, wait_0), (set_1, wait_1)) = (promise::<()>(), promise::<()>());
        let waits = [(0, wait_0), (1, wait_1)].map(|(number, wait)| async move {
            let _ = wait.await;
            Err::<(), _>(number)
        });
        let gathered = spawn(gather(waits));
        yield_now().await;
        yield_now().await;
        // Number 1 is woken first, so it fails first.
        set_1.resolve(()).unwrap();
        set_0.resolve(()).unwrap();
        let error = gathered.await.unwrap().unwrap_err();
        assert!(matches!(error.cause, GatherCause::Failed(1)), "{error:?}");
        assert_eq!(error.index, 1);
    });
}

#[test]
fn nothing_to_gather_is_an_empty_list_without_a_turn() {
    run_virtual(async {
        let turn = roundelay::current_loop().unwrap().turn();
        let none: [std::future::Ready<Result<(), ()>>; 0] = [];
        assert!(gather(none).await.unwrap().is_empty());
        let none: [std::future::Ready<()>; 0] = [];
        assert!(gather_all(none).await.is_empty());
        assert_eq!(roundelay::current_loop().unwrap().turn(), turn);
    });
}

#[test]
fn gathered_futures_begin_in_order_even_if_the_gather_is_never_polled() {
    let log = Log::new();
    run_virtual(async {
        let gathered = gather_all(["a", "b"].map(|name| {
            let log = log.clone();
            async move { log.add(name) }
        }));
        assert_eq!(log.len(), 0, "spawning never polls");
        yield_now().await;
        drop(gathered);
    });
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn gather_all_keeps_errors_and_panics_in_their_places() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let outcomes = gather_all((0..3).map(|n| async move {
                sleep(ms(10 - n)).await;
                assert!(n != 1, "number one");
                if n == 2 { Err("two") } else { Ok(n) }
            }))
            .await;
            assert!(matches!(outcomes[0], Ok(Ok(0))));
            let Err(TaskError::Panicked(panic)) = &outcomes[1] else { panic!("{outcomes:?}") };
            assert!(panic.message().contains("number one"));
            assert!(matches!(outcomes[2], Ok(Err("two"))));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_panic_among_the_gathered_is_an_error_with_its_place() {
    run_virtual(async {
        let error = gather((0..3).map(|n| async move {
            assert!(n != 1, "bad luck");
            sleep(ms(5)).await;
            Ok::<_, ()>(n)
        }))
        .await
        .unwrap_err();
        assert_eq!(error.index, 1);
        let GatherCause::Task(TaskError::Panicked(panic)) = error.cause else { panic!("no panic") };
        assert!(panic.message().contains("bad luck"));
    });
}

#[test]
fn a_second_panic_in_the_turn_of_the_first_is_reported_and_not_lost() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let failing = ["first", "second"].map(|name| async move {
                if name.is_empty() {
                    return Ok::<(), ()>(());
                }
                panic!("{name}")
            });
            assert_eq!(gather(failing).await.unwrap_err().index, 0);
            yield_now().await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: second"]);
}

#[test]
fn a_panic_that_a_dropped_gather_had_collected_is_reported_and_not_lost() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let gathered = gather_all((0..2).map(|n| async move {
                assert!(n != 0, "collected");
                pending::<()>().await;
            }));
            assert!(timeout(ms(5), gathered).await.is_err());
            yield_now().await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: collected"]);
}

#[test]
fn a_panic_after_the_answer_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let error = gather((0..2).map(|n| async move {
                sleep(ms(n * 5)).await;
                assert!(n != 1, "too late to be taken");
                Err::<(), _>("first")
            }))
            .await
            .unwrap_err();
            assert_eq!(error.index, 0);
            sleep(ms(10)).await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: too late to be taken"]);
}

#[test]
fn a_gather_that_is_cancelled_cancels_all_its_children_in_order() {
    let log = Log::new();
    run_virtual(async {
        let gathering = |log: Log| async move {
            gather_all(["p", "q"].map(|name| {
                let guard = log.on_drop(format!("{name} cancelled"));
                async move {
                    let _guard = guard;
                    pending::<()>().await;
                }
            }))
            .await;
        };
        let outer = spawn(gathering(log.clone()));
        yield_now().await;
        yield_now().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        yield_now().await;
    });
    assert_eq!(log.take(), ["p cancelled", "q cancelled"]);
}

#[test]
fn dropping_a_gather_that_has_answered_cancels_nobody() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let mut gathered = gather((0..2).map(|n| {
            let log = seen.clone();
            async move {
                sleep(ms(n * 10)).await;
                log.add(n.to_string());
                Err::<(), _>(n)
            }
        }));
        assert_eq!((&mut gathered).await.unwrap_err().index, 0);
        drop(gathered);
        sleep(ms(20)).await;
    });
    assert_eq!(log.take(), ["0", "1"]);
}

#[test]
fn a_child_that_is_cancelled_from_inside_is_an_error_and_its_siblings_go_on() {
    let log = Log::new();
    run_virtual(async {
        // A gathered task has no handle of its own; its body is a task that has.
        let inner: Task<()> = spawn(pending());
        inner.cancel();
        let seen = log.clone();
        let sibling = spawn(async move {
            sleep(ms(5)).await;
            seen.add("sibling went on");
        });
        let tasks = [inner, sibling];
        let error =
            gather(tasks.map(|task| async move { task.await.map_err(|e| e.is_cancelled()) }))
                .await
                .unwrap_err();
        assert!(matches!(error.cause, GatherCause::Failed(true)) && error.index == 0);
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), ["sibling went on"]);
}

#[test]
fn ten_thousand_gathered_futures_leave_nothing_behind() {
    let census = Census::new();
    run_virtual(async {
        let outcomes = gather_all((0..rounds(10_000)).map(|n| {
            let guard = census.born();
            async move {
                yield_now().await;
                drop(guard);
                n
            }
        }))
        .await;
        assert!(outcomes.into_iter().map(Result::unwrap).eq(0..rounds(10_000)));
        assert_eq!(census.alive(), 0);
    });
}
