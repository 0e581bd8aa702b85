//! `sleep` and `timeout`: what they cost, what they count from, what they leave behind.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{RunError, now, sleep, sleep_until, spawn, timeout, timeout_at, yield_now};

use crate::support::{Crowd, Log, ms, must_end, poll_now, rounds, run_virtual, virtual_runner};
use crate::turns;

#[test]
fn giving_way_costs_exactly_one_turn() {
    run_virtual(async {
        let turn = turns();
        yield_now().await;
        assert_eq!(turns() - turn, 1);
    });
}

#[test]
fn a_sleep_of_zero_costs_exactly_one_turn() {
    // O05.3, marked "reproduce": asyncio's sleep(0) is its way to give way.
    run_virtual(async {
        let turn = turns();
        sleep(Duration::ZERO).await;
        assert_eq!(turns() - turn, 1);
    });
}

#[test]
fn a_task_whose_timer_is_due_takes_its_step_in_the_turn_after() {
    // asyncio's rhythm: the timer's callback in turn k, the task's step in turn k + 1.
    run_virtual(async {
        let inner = roundelay::current_loop().unwrap();
        let turn_of_timer = Rc::new(Cell::new(0));
        let (seen, at) = (Rc::clone(&turn_of_timer), inner.clone());
        inner.call_later(ms(5), move || seen.set(at.turn())).unwrap();
        sleep(ms(5)).await;
        assert_eq!(turns(), turn_of_timer.get() + 1);
    });
}

#[test]
fn a_dropped_sleep_takes_its_timer_out_of_the_loop() {
    must_end(|| {
        let many = rounds(1000);
        let runner = virtual_runner();
        let start = runner.loop_ref().time();
        runner
            .run(async {
                for _ in 0..many {
                    assert!(timeout(ms(1), sleep(Duration::from_secs(3600))).await.is_err());
                }
            })
            .unwrap();
        assert_eq!(runner.loop_ref().time() - start, ms(many as u64));
        // No timer is left that could be waited for.
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
        assert_eq!(runner.loop_ref().time() - start, ms(many as u64));
    });
}

#[test]
fn a_sleep_counts_from_its_first_poll_and_a_deadline_does_not() {
    run_virtual(async {
        let start = now();
        let (late, fixed) = (sleep(ms(10)), sleep_until(start + ms(10)));
        sleep(ms(7)).await;
        fixed.await;
        assert_eq!(now() - start, ms(10));
        late.await;
        assert_eq!(now() - start, ms(20));
    });
}

#[test]
fn a_sleep_that_is_polled_by_one_task_and_then_another_wakes_the_last() {
    run_virtual(async {
        let mut nap = Box::pin(sleep(ms(10)));
        assert!(poll_now(&mut nap).await.is_pending());
        let other = spawn(async move {
            nap.await;
            now()
        });
        let start = now();
        assert_eq!(other.await.unwrap() - start, ms(10));
    });
}

#[test]
fn a_finished_sleep_stays_finished() {
    run_virtual(async {
        let mut nap = sleep(ms(1));
        (&mut nap).await;
        assert!(nap.is_over());
        (&mut nap).await;
    });
}

#[test]
fn a_sleep_may_be_dropped_on_another_thread_before_and_after_its_loop_is_gone() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for nap in receiver {
            drop::<std::pin::Pin<Box<roundelay::Sleep>>>(nap);
        }
    });
    must_end(move || {
        let runner = virtual_runner();
        let late = runner
            .run(async move {
                let mut naps: Vec<_> =
                    (0..2).map(|_| Box::pin(sleep(Duration::from_secs(3600)))).collect();
                for nap in &mut naps {
                    assert!(poll_now(nap).await.is_pending());
                }
                sender.send(naps.pop().unwrap()).unwrap();
                (naps.pop().unwrap(), sender)
            })
            .unwrap();
        drop(runner);
        let (nap, sender) = late;
        sender.send(nap).unwrap();
        drop(sender);
        thread.join().unwrap();
    });
}

#[test]
fn a_result_that_is_there_wins_over_a_limit_that_has_passed() {
    run_virtual(async {
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        let past = now() - ms(5);
        assert_eq!(timeout_at(past, async { 7 }).await, Ok(7));
        assert!(timeout_at(past, pending::<()>()).await.is_err());
    });
}

#[test]
fn when_elapsed_comes_out_the_guarded_future_is_gone() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("dropped");
        let guarded = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let elapsed = timeout(ms(5), guarded).await.unwrap_err();
        log.add(format!("elapsed after {:?}", elapsed.limit().unwrap()));
    });
    assert_eq!(log.take(), ["dropped", "elapsed after 5ms"]);
}

#[test]
fn of_two_nested_limits_the_shorter_ends_its_own_future_only() {
    run_virtual(async {
        let inner_first = timeout(ms(20), timeout(ms(10), pending::<()>())).await;
        assert!(matches!(inner_first, Ok(Err(_))));
        let outer_first = timeout(ms(10), timeout(ms(20), pending::<()>())).await;
        assert!(outer_first.is_err());
    });
}

#[test]
fn sleeps_inside_a_foreign_combinator_end_in_order_with_one_poll_each() {
    run_virtual(async {
        let mut crowd = Crowd::new();
        for delay in [30, 10, 20, 10] {
            crowd.push(async move {
                sleep(ms(delay)).await;
                delay
            });
        }
        let order = (&mut crowd).await;
        assert_eq!(order, [(1, 10), (3, 10), (2, 20), (0, 30)]);
        assert_eq!(crowd.polls, 8, "one poll to begin, one to end, for each");
    });
}

#[test]
fn sleeps_inside_futures_lite_combinators_race_fairly() {
    run_virtual(async {
        use futures_lite::future::{or, zip};
        let start = now();
        let (a, b) = zip(sleep(ms(10)), sleep(ms(30))).await;
        assert_eq!(((a, b), now() - start), (((), ()), ms(30)));
        let first = or(
            async {
                sleep(ms(20)).await;
                "slow"
            },
            async {
                sleep(ms(5)).await;
                "quick"
            },
        );
        assert_eq!((first.await, now() - start), ("quick", ms(35)));
    });
}
