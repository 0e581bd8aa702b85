//! Promises about time limits: order facts O14 and O16 of asyncio, and limits that move.

mod support;

use std::future::{pending, ready};
use std::time::{Duration, Instant};

use futures_lite::future::poll_once;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{
    Deadline, Queue, Runner, TaskError, duplex, fail_after, now, promise, sleep, spawn, timeout,
    timeout_at, timeout_join, yield_now,
};
use support::{Census, Log, ms, must_end, run_virtual};

// ---- a limit of zero --------------------------------------------------------------------------

#[test]
fn a_limit_that_has_passed_lets_through_what_needs_no_wait_and_nothing_else() {
    run_virtual(async {
        let past = now() - ms(5);
        assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
        assert!(timeout(Duration::ZERO, yield_now()).await.is_err());
        assert_eq!(timeout_at(past, ready(7)).await, Ok(7));
        assert!(timeout_at(past, yield_now()).await.is_err());
        for deadline in [Deadline::after(Duration::ZERO), Deadline::at(past)] {
            assert_eq!(deadline.guard(ready(7)).await, Ok(7));
            assert!(!deadline.expired());
            assert!(deadline.guard(yield_now()).await.is_err());
            assert!(deadline.expired());
        }
    });
}

#[test]
fn what_is_there_to_be_read_is_read_under_a_limit_that_has_passed_however_often() {
    // Whoever reads very often gives way now and then, and must not be told that nothing is there.
    run_virtual(async {
        let (mut here, mut there) = duplex(16);
        let (mut byte, past) = ([0; 1], now() - ms(5));
        for _ in 0..200 {
            there.write_all(b"abc").await.unwrap();
            assert_eq!(timeout(Duration::ZERO, here.read(&mut byte)).await.unwrap().unwrap(), 1);
            assert_eq!(timeout_at(past, here.read(&mut byte)).await.unwrap().unwrap(), 1);
            let deadline = Deadline::at(past);
            assert_eq!(deadline.guard(here.read(&mut byte)).await.unwrap().unwrap(), 1);
            there.write_all(b"d").await.unwrap();
            assert_eq!(fail_after(Duration::ZERO, here.read(&mut byte)).await.unwrap().unwrap(), 1);
        }
    });
}

#[test]
fn the_first_operation_of_a_step_never_gives_way() {
    run_virtual(async {
        let (mut here, mut there) = duplex(16);
        there.write_all(b"x").await.unwrap();
        for _ in 0..200 {
            yield_now().await;
            let read = poll_once(here.read(&mut [0; 1])).await;
            assert_eq!(read.expect("a byte is there").unwrap(), 1);
            yield_now().await;
            let written = poll_once(there.write(b"x")).await;
            assert_eq!(written.expect("there is room").unwrap(), 1);
        }
    });
}

#[test]
fn a_limit_that_has_passed_still_gives_way_so_that_a_loop_of_tries_starves_nobody() {
    run_virtual(async {
        let other = spawn(async {});
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        assert!(other.is_finished());
        let other = spawn(async {});
        assert!(Deadline::after(Duration::ZERO).guard(pending::<()>()).await.is_err());
        assert!(other.is_finished());
    });
}

#[test]
fn the_largest_limits_never_pass() {
    must_end(|| {
        run_virtual(async {
            let deadline = Deadline::after(Duration::MAX);
            assert_eq!(deadline.when(), None);
            let age = Duration::from_secs(1 << 32);
            deadline.guard(sleep(age)).await.unwrap();
            deadline.reschedule_after(Duration::MAX);
            deadline.guard(sleep(age)).await.unwrap();
            timeout_join(Duration::MAX, spawn(sleep(age))).await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_result_in_the_turn_of_the_deadline_wins() {
    run_virtual(async {
        let (promise, value) = promise();
        roundelay::current_loop()
            .unwrap()
            .call_later(ms(10), move || promise.resolve("in time").unwrap())
            .unwrap();
        assert_eq!(timeout(ms(10), value).await, Ok(Ok("in time")));
    });
}

#[test]
fn a_value_that_was_put_in_the_turn_of_the_deadline_is_in_the_queue_or_in_the_result() {
    run_virtual(async {
        for (limit, delay) in [(10, 10), (10, 11), (11, 10)] {
            let queue = Queue::bounded(1);
            let putter = queue.clone();
            let put = spawn(async move {
                sleep(ms(delay)).await;
                putter.put(7).await.unwrap();
            });
            let got = timeout(ms(limit), queue.get()).await;
            put.await.unwrap();
            assert_eq!(got.is_ok(), queue.is_empty(), "{limit} {delay}");
        }
    });
}

// ---- a limit that moves -----------------------------------------------------------------------

#[test]
fn a_deadline_can_be_moved_away_from_inside_of_what_it_guards() {
    run_virtual(async {
        let start = now();
        let deadline = Deadline::after(ms(10));
        let inside = deadline.clone();
        let guarded = deadline.guard(async move {
            inside.reschedule(inside.when().unwrap() + ms(40));
            sleep(ms(30)).await;
            "done"
        });
        assert_eq!(guarded.await, Ok("done"));
        assert_eq!((now() - start, deadline.expired()), (ms(30), false));
        assert_eq!(deadline.when(), Some(start + ms(50)));
    });
}

#[test]
fn a_deadline_that_is_moved_again_and_again_passes_when_it_is_left_alone() {
    run_virtual(async {
        let start = now();
        let deadline = Deadline::after(ms(10));
        let inside = deadline.clone();
        let silence = deadline.guard(async move {
            for _ in 0..5 {
                sleep(ms(8)).await;
                inside.reschedule_after(ms(10));
            }
            pending::<()>().await;
        });
        assert!(silence.await.is_err());
        assert_eq!((now() - start, deadline.expired()), (ms(50), true));
    });
}

#[test]
fn a_deadline_that_is_moved_nearer_passes_then_for_all_that_it_guards() {
    run_virtual(async {
        let start = now();
        let deadline = Deadline::at(None);
        let guarded = [0, 1].map(|_| spawn(deadline.guard(pending::<()>())));
        sleep(ms(5)).await;
        deadline.reschedule_after(ms(10));
        for guarded in guarded {
            assert!(guarded.await.unwrap().is_err());
            assert_eq!(now() - start, ms(15));
        }
        assert!(deadline.expired());
        // And moved once more it is as new.
        deadline.reschedule(None);
        assert!(!deadline.expired());
        deadline.guard(sleep(ms(100))).await.unwrap();
    });
}

/// asyncio's `reschedule` into the past lets nothing go on that gives way. Here it went on for two
/// steps, or three.
#[test]
fn a_deadline_that_is_moved_into_the_past_leaves_one_poll() {
    run_virtual(async {
        for from_inside in [true, false] {
            let (deadline, log) = (Deadline::at(None), Log::new());
            let (inside, noted) = (deadline.clone(), log.clone());
            let guarded = spawn(deadline.guard(async move {
                noted.add("begins");
                yield_now().await;
                noted.add("goes on");
                if from_inside {
                    inside.reschedule(now());
                }
                for step in 0..5 {
                    yield_now().await;
                    noted.add(format!("step {step}"));
                }
            }));
            yield_now().await;
            if !from_inside {
                deadline.reschedule(now());
            }
            assert!(guarded.await.unwrap().is_err());
            assert_eq!(log.take(), ["begins", "goes on"]);
        }
        // What is ready in that poll gives its result.
        let (deadline, (promise, future)) = (Deadline::at(None), promise());
        let guarded = spawn(deadline.guard(future));
        yield_now().await;
        deadline.reschedule(now());
        promise.resolve(7).unwrap();
        assert_eq!(guarded.await.unwrap(), Ok(Ok(7)));
    });
}

#[test]
fn a_deadline_of_never_never_passes() {
    run_virtual(async {
        let deadline = Deadline::after(ms(10));
        let inside = deadline.clone();
        let guarded = deadline.guard(async move {
            inside.reschedule(None);
            sleep(Duration::from_secs(3600)).await;
        });
        guarded.await.unwrap();
        assert_eq!((deadline.when(), deadline.expired()), (None, false));
    });
}

#[test]
fn of_nested_deadlines_exactly_the_one_that_passed_says_so() {
    run_virtual(async {
        for (outer, inner, said) in [(50, 10, (false, true)), (10, 50, (true, false))] {
            let (outer, inner) = (Deadline::after(ms(outer)), Deadline::after(ms(inner)));
            let nested = outer.guard(inner.guard(pending::<()>())).await;
            assert_eq!((nested.is_err(), nested.is_ok_and(|inner| inner.is_err())), said);
            assert_eq!((outer.expired(), inner.expired()), said);
        }
    });
}

#[test]
fn leaving_in_time_leaves_no_late_end_and_no_timer() {
    must_end(|| {
        run_virtual(async {
            let start = now();
            let deadline = Deadline::after(Duration::from_secs(3600));
            deadline.guard(sleep(ms(5))).await.unwrap();
            drop(deadline.guard(pending::<()>()));
            sleep(ms(5)).await;
            assert_eq!((now() - start, deadline.expired()), (ms(10), false));
        });
    });
}

#[test]
fn when_a_deadline_has_passed_the_guarded_future_is_gone() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("dropped");
        let deadline = Deadline::after(ms(5));
        let guarded = deadline.guard(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        guarded.await.unwrap_err();
        log.add("elapsed");
    });
    assert_eq!(log.take(), ["dropped", "elapsed"]);
}

#[test]
fn a_deadline_may_be_moved_while_its_guarded_future_is_dropped() {
    run_virtual(async {
        let deadline = Deadline::after(ms(5));
        let inside = deadline.clone();
        let guard = support::on_drop(move || inside.reschedule(None));
        let guarded = deadline.guard(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(guarded.await.is_err());
        assert_eq!(deadline.when(), None);
    });
}

// ---- a limit for a task -----------------------------------------------------------------------

#[test]
fn a_task_that_is_out_of_time_has_ended_when_that_is_said() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let guard = log.on_drop("unwound");
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let elapsed = timeout_join(ms(10), task).await.unwrap_err();
        log.add("elapsed");
        assert_eq!((elapsed.limit(), now() - start), (Some(ms(10)), ms(10)));
    });
    assert_eq!(log.take(), ["unwound", "elapsed"]);
}

#[test]
fn an_outcome_in_time_comes_out_as_it_is() {
    run_virtual(async {
        assert_eq!(timeout_join(ms(10), spawn(sleep(ms(5)))).await.unwrap().unwrap(), ());
        let cancelled = spawn(pending::<()>());
        cancelled.cancel();
        let outcome = timeout_join(ms(10), cancelled).await.unwrap();
        assert!(matches!(outcome, Err(TaskError::Cancelled)), "not by the limit");
        let panicked = spawn(async { panic!("down") });
        let outcome = timeout_join(ms(10), panicked).await.unwrap();
        assert!(matches!(outcome, Err(TaskError::Panicked(_))));
    });
}

#[test]
fn a_limit_for_a_task_that_is_dropped_drops_the_task() {
    let census = Census::new();
    run_virtual(async {
        let guard = census.born();
        let limited = timeout_join(
            ms(10),
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }),
        );
        yield_now().await;
        drop(limited);
        assert_eq!(census.alive(), 0);
    });
}

// ---- the real clock -----------------------------------------------------------------------

#[test]
fn on_the_real_clock_a_limit_is_never_early_whether_the_loop_sleeps_or_works() {
    for works in [false, true] {
        let runner = Runner::new().unwrap();
        let outcome = runner.run(async move {
            let busy = works.then(|| {
                spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            });
            for micros in [1, 300, 1000, 2500] {
                let (start, limit) = (Instant::now(), Duration::from_micros(micros));
                assert!(timeout(limit, pending::<()>()).await.is_err());
                assert!(start.elapsed() >= limit, "{micros} us: early, working: {works}");
            }
            assert!(busy.is_none_or(|busy| busy.cancel()));
        });
        outcome.unwrap();
    }
}

#[test]
fn on_the_real_clock_equal_limits_and_sleeps_end_in_the_order_of_their_first_polls() {
    let (runner, log) = (Runner::new().unwrap(), Log::new());
    runner
        .run(async {
            let tasks = (0..6).map(|n| {
                let log = log.clone();
                spawn(async move {
                    // The first reading of the clock after a limit begins it.
                    match n % 2 {
                        0 => drop(timeout(ms(2), pending::<()>()).await),
                        _ => sleep(ms(2)).await,
                    }
                    log.add(n.to_string());
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        })
        .unwrap();
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn a_limit_that_was_set_in_a_run_counts_while_no_loop_runs() {
    let runner = Runner::new().unwrap();
    let task = runner.run(async {
        let task = spawn(timeout(ms(5), pending::<()>()));
        yield_now().await;
        (task,)
    });
    std::thread::sleep(ms(5));
    let ended = runner.run(async {
        let (task,) = task.unwrap();
        let _ = now();
        // A turn to notice, one for the wake-up, one for the step, one to hear of it.
        for _ in 0..4 {
            yield_now().await;
        }
        task.is_finished()
    });
    assert!(ended.unwrap());
}
