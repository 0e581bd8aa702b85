//! Promises about gathering: order facts O10 of asyncio, contract 8 of the house.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use roundelay::{
    GatherCause, Task, TaskError, gather, gather_all, promise, sleep, spawn, timeout, try_gather,
    yield_now,
};
use support::{Census, Log, ms, poll_now, reporting_runner, rounds, run_virtual};

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

// ---- tuples -------------------------------------------------------------------------------

#[test]
fn a_tuple_of_different_types_gives_a_tuple_of_values() {
    run_virtual(async {
        let late = async {
            sleep(ms(5)).await;
            Ok::<_, String>("late")
        };
        assert_eq!(gather((late, async { Ok(7_u8) })).await.unwrap(), ("late", 7));
        let (number, word) = gather_all((async { 7 }, async { "seven" })).await;
        assert_eq!((number.unwrap(), word.unwrap()), (7, "seven"));
        let eight = try_gather((
            async { Ok::<_, ()>(0_u8) },
            async { Ok(1_i8) },
            async { Ok(2_u16) },
            async { Ok(3_i16) },
            async { Ok('4') },
            async { Ok("5") },
            async { Ok(6.0) },
            async { Ok(Some(7)) },
        ));
        assert_eq!(eight.await.unwrap(), (0, 1, 2, 3, '4', "5", 6.0, Some(7)));
    });
}

#[test]
fn the_first_error_in_a_tuple_comes_out_with_its_place_and_the_others_go_on() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let slow = async move {
            sleep(ms(20)).await;
            seen.add("slow went on");
            Ok(())
        };
        let error = gather((slow, async { Err::<u8, _>("first") })).await.unwrap_err();
        assert_eq!(error.index, 1);
        assert!(matches!(error.cause, GatherCause::Failed("first")));
        log.add("caught");
        sleep(ms(30)).await;
    });
    assert_eq!(log.take(), ["caught", "slow went on"]);
}

#[test]
fn every_outcome_of_a_tuple_keeps_its_place_panics_too() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (a, b, c) = gather_all((
                async { Err::<(), _>("no") },
                async {
                    yield_now().await;
                    panic!("bad luck");
                },
                async { 'c' },
            ))
            .await;
            assert_eq!((a.unwrap(), c.unwrap()), (Err("no"), 'c'));
            assert!(matches!(b, Err(TaskError::Panicked(_))));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_dropped_gather_has_dropped_its_children_when_the_drop_returns() {
    let census = Census::new();
    run_virtual(async {
        let forever = |census: &Census| {
            let guard = census.born();
            async move {
                let _guard = guard;
                pending::<Result<(), ()>>().await
            }
        };
        let gathered = gather((forever(&census), forever(&census)));
        let nested = {
            let census = census.clone();
            gather_all([async move { gather_all([forever(&census)]).await }])
        };
        yield_now().await;
        yield_now().await;
        assert_eq!(census.alive(), 3);
        drop(gathered);
        drop(nested);
        assert_eq!(census.alive(), 0, "without a turn, and the grandchild too");
    });
}

// ---- all or nothing -------------------------------------------------------------------------

#[test]
fn the_first_error_of_try_gather_comes_out_when_the_others_have_unwound() {
    let log = Log::new();
    run_virtual(async {
        let start = roundelay::now();
        let seen = log.clone();
        let waits = [(60, "a"), (10, "b"), (60, "c")].map(|(delay, name)| {
            let guard = seen.on_drop(format!("{name} is gone"));
            async move {
                let _guard = guard;
                sleep(ms(delay)).await;
                Err::<(), _>(name)
            }
        });
        let error = try_gather(waits).await.unwrap_err();
        log.add("caught");
        assert_eq!((error.index, roundelay::now() - start), (1, ms(10)));
        assert!(matches!(error.cause, GatherCause::Failed("b")));
    });
    assert_eq!(log.take(), ["b is gone", "a is gone", "c is gone", "caught"]);
}

#[test]
fn try_gather_gives_all_values_in_order_and_nothing_for_nothing() {
    run_virtual(async {
        let waits = [30, 10, 20].map(|delay| async move {
            sleep(ms(delay)).await;
            Ok::<_, ()>(delay)
        });
        assert_eq!(try_gather(waits).await.unwrap(), [30, 10, 20]);
        let none: [std::future::Ready<Result<(), ()>>; 0] = [];
        assert!(try_gather(none).await.unwrap().is_empty());
    });
}

#[test]
fn a_panic_in_a_destructor_of_a_cancelled_sibling_is_reported_and_the_first_error_stays() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let bomb = async {
                let _bomb = support::on_drop(|| panic!("on the way out"));
                pending::<Result<(), _>>().await
            };
            let quick = async {
                yield_now().await;
                Err::<(), _>("first")
            };
            let error = try_gather((bomb, quick)).await.unwrap_err();
            assert!(matches!(error.cause, GatherCause::Failed("first")));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["DestructorPanicked: on the way out"]);
}

#[test]
fn a_child_may_drop_the_gather_that_owns_it() {
    let log = Log::new();
    run_virtual(async {
        let owner = Rc::new(RefCell::new(None));
        let inside = Rc::clone(&owner);
        let guard = log.on_drop("the child is gone");
        let seen = log.clone();
        let child = async move {
            let _guard = guard;
            yield_now().await;
            drop(inside.take());
            seen.add("goes on to its next wait");
            pending::<()>().await;
        };
        *owner.borrow_mut() = Some(gather_all([child]));
        for _ in 0..4 {
            yield_now().await;
        }
        log.add("end");
    });
    assert_eq!(log.take(), ["goes on to its next wait", "the child is gone", "end"]);
}

#[test]
fn a_thousand_gathers_one_inside_the_other_are_dropped_without_overflowing_the_stack() {
    fn nested(census: Census, depth: usize) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        let guard = census.born();
        Box::pin(async move {
            let _guard = guard;
            match depth {
                0 => pending().await,
                _ => drop(gather_all([nested(census, depth - 1)]).await),
            }
        })
    }
    let (census, depth) = (Census::new(), rounds(1000));
    run_virtual(async {
        let outermost = gather_all([nested(census.clone(), depth)]);
        for _ in 0..=depth {
            yield_now().await;
        }
        assert_eq!(census.alive(), depth + 1);
        drop(outermost);
        assert_eq!(census.alive(), 0, "the deepest too");
    });
}

#[test]
fn a_gather_polled_with_ever_new_foreign_wakers_wakes_the_last_of_them() {
    run_virtual(async {
        let (promise, value) = promise::<()>();
        let mut gathered = gather_all([value]);
        let (counter, _first) = support::Counter::new();
        let mut last = counter;
        for _ in 0..3 {
            let (counter, waker) = support::Counter::new();
            assert!(support::poll_once(&mut gathered, &waker).is_pending());
            last = counter;
        }
        yield_now().await;
        promise.resolve(()).unwrap();
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(last.wakes(), 1);
        assert!(gathered.await[0].as_ref().unwrap().is_ok());
    });
}

#[test]
fn a_foreign_waker_that_panics_hurts_neither_the_children_nor_the_loop() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let mut gathered = gather_all([yield_now(), yield_now()]);
            let waker = support::panicking_waker();
            assert!(support::poll_once(&mut gathered, &waker).is_pending());
            sleep(ms(5)).await;
            assert_eq!(gathered.await.len(), 2);
        })
        .unwrap();
    assert_eq!(reports.take(), ["CallbackPanicked: a waker that panics"]);
}

#[test]
#[cfg_attr(miri, ignore = "buries a million tasks")]
fn what_is_gathered_on_a_loop_that_is_closed_counts_as_cancelled() {
    /// Its destructor gathers; as long as the loop still takes tasks, it leaves an heir there.
    fn heir(log: Log) -> support::OnDrop {
        support::on_drop(move || {
            let mut all = gather_all([std::future::ready(7)]);
            let mut first_error = gather([std::future::ready(Ok::<_, ()>(7))]);
            let waker = std::task::Waker::noop();
            let polled =
                (support::poll_once(&mut all, waker), support::poll_once(&mut first_error, waker));
            let (Poll::Ready(all), Poll::Ready(first_error)) = polled else {
                let heir = heir(log);
                return spawn(async move {
                    let _heir = heir;
                    pending::<()>().await;
                })
                .detach();
            };
            assert!(matches!(all[..], [Err(TaskError::Cancelled)]));
            let cause = first_error.unwrap_err().cause;
            assert!(matches!(cause, GatherCause::Task(TaskError::Cancelled)));
            log.add("cancelled");
        })
    }
    let log = Log::new();
    let (runner, reports) = reporting_runner();
    let first = heir(log.clone());
    runner.run(async { drop(first) }).unwrap();
    drop(runner);
    assert_eq!((log.take(), reports.take()), (vec!["cancelled".to_owned()], vec![]));
}

/// Awaits something and counts how often it was polled.
async fn count_polls<F: Future>(future: F) -> (usize, F::Output) {
    let (mut polls, mut future) = (0, std::pin::pin!(future));
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    let output = output.await;
    (polls, output)
}

#[test]
fn whoever_gathers_many_is_woken_by_the_last_or_by_the_first_failure_and_by_nobody_else() {
    run_virtual(async {
        let many = if cfg!(miri) { 10 } else { 100 };
        let sleeps = || (1..=many).map(|n| sleep(ms(n as u64)));
        let (polls, all) = count_polls(gather_all(sleeps())).await;
        assert_eq!((polls, all.len()), (2, many));
        let fails_at = |place: usize| {
            sleeps().enumerate().map(move |(at, sleep)| async move {
                sleep.await;
                if at == place { Err(at) } else { Ok(at) }
            })
        };
        let (polls, values) = count_polls(gather(fails_at(1000))).await;
        assert_eq!((polls, values.unwrap().len()), (2, many));
        let (polls, values) = count_polls(gather(fails_at(many / 2))).await;
        assert_eq!((polls, values.unwrap_err().index), (2, many / 2));
        // Once for the failure, and once for the end of the last of those that it cancels: each
        // of them failed, too.
        let (polls, values) = count_polls(try_gather(fails_at(many - 2))).await;
        assert_eq!((polls, values.unwrap_err().index), (3, many - 2));
    });
}

#[test]
fn whoever_drops_a_gather_is_not_woken_by_the_children_that_go() {
    let log = Log::new();
    let seen = log.clone();
    run_virtual(async move {
        let mut waits = gather_all([pending::<()>(), pending()]);
        assert!(poll_now(&mut waits).await.is_pending());
        drop(waits);
        let other = seen.clone();
        spawn(async move { other.add("another") }).detach();
        yield_now().await;
        seen.add("whoever dropped it");
    });
    assert_eq!(log.take(), ["another", "whoever dropped it"]);
}
