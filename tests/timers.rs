//! Promises about time: deadlines, their order, both clocks, and the largest numbers there are.
//!
//! Order facts O03 (timers) and O14.2 of asyncio; bug classes B17 to B22.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use roundelay::{
    EventLoop, Moment, RunError, Runner, gather_all, now, runtime::Event, sleep, sleep_until,
    spawn, timeout, timeout_at, yield_now,
};
use support::{Crowd, Log, ms, must_end, races, rounds, run_virtual, virtual_loop, virtual_runner};

// ---- order --------------------------------------------------------------------------------

#[test]
fn timers_are_called_by_deadline() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    for delay in [4, 2, 3, 1] {
        event_loop.call_later(ms(delay), log.adds(format!("{delay} ms"))).unwrap();
    }
    while event_loop.run_once().is_ok() {}
    assert_eq!(log.take(), ["1 ms", "2 ms", "3 ms", "4 ms"]);
}

#[test]
fn timers_with_one_deadline_are_called_in_the_order_of_setting() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let deadline = event_loop.time() + ms(10);
    for n in 0..100 {
        event_loop.call_at(deadline, log.adds(n.to_string())).unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_cancelled_timer_never_fires_and_does_not_disturb_the_others() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let handles: Vec<_> = (0..200_u64)
        .map(|n| event_loop.call_later(ms(n % 7), log.adds(format!("{:03}", n))).unwrap())
        .collect();
    for handle in handles.iter().step_by(3) {
        assert!(handle.is_waiting() && handle.cancel() && !handle.is_waiting());
        assert!(!handle.cancel());
    }
    while event_loop.run_once().is_ok() {}
    let mut expected: Vec<u64> = (0..200).filter(|n| n % 3 != 0).collect();
    expected.sort_by_key(|n| n % 7);
    assert_eq!(log.take(), expected.iter().map(|n| format!("{n:03}")).collect::<Vec<_>>());
}

#[test]
fn a_due_timer_can_be_cancelled_by_another_of_the_same_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let victim = Rc::new(RefCell::new(None::<roundelay::CallHandle>));
    let (reach, seen) = (Rc::clone(&victim), log.clone());
    event_loop
        .call_later(ms(1), move || {
            let victim = reach.borrow_mut().take().unwrap();
            seen.add(format!("waiting {}, cancelled {}", victim.is_waiting(), victim.cancel()));
        })
        .unwrap();
    *victim.borrow_mut() = Some(event_loop.call_later(ms(1), log.adds("victim")).unwrap());
    event_loop.call_later(ms(1), log.adds("bystander")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["waiting true, cancelled true", "bystander"]);
}

#[test]
fn a_timer_set_inside_a_turn_never_fires_in_that_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    event_loop
        .call_later(ms(1), move || {
            let deep = seen.clone();
            let turn = inner.turn();
            let at = inner.clone();
            let check = move || deep.add(format!("{} turn later", at.turn() - turn));
            inner.call_at(inner.time() - ms(100), check).unwrap();
        })
        .unwrap();
    while event_loop.run_once().is_ok() {}
    assert_eq!(log.take(), ["1 turn later"]);
}

#[test]
fn a_hundred_thousand_timers_fire_in_order_and_as_many_are_cancelled() {
    let many = rounds(100_000) as u64;
    let event_loop = virtual_loop();
    let last = Rc::new(Cell::new((0, 0)));
    let fired = Rc::new(Cell::new(0));
    let mut cancelled = Vec::new();
    for n in 0..2 * many {
        // A permutation of the deadlines: neighbours are far apart.
        let deadline = n * 7919 % (many + 3);
        let (last, fired) = (Rc::clone(&last), Rc::clone(&fired));
        let callback = move || {
            assert!(last.replace((deadline, n)) <= (deadline, n));
            fired.set(fired.get() + 1);
        };
        let handle = event_loop.call_later(ms(deadline), callback).unwrap();
        if n % 2 == 1 {
            cancelled.push(handle);
        }
    }
    assert!(cancelled.iter().all(roundelay::CallHandle::cancel));
    while event_loop.run_once().is_ok() {}
    assert_eq!(fired.get(), many);
}

// ---- the largest numbers ----------------------------------------------------------------------

#[test]
fn a_crowd_of_due_timers_is_served_in_its_order_and_128_in_a_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let deadline = event_loop.time() + ms(1);
    for n in 0..300 {
        event_loop.call_at(deadline, log.adds(n.to_string())).unwrap();
    }
    let (mut served, mut order) = (Vec::new(), Vec::new());
    while event_loop.run_once().is_ok() {
        let called = log.take();
        served.push(called.len());
        order.extend(called);
    }
    assert_eq!(served, [128, 128, 44]);
    assert_eq!(order, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_delay_without_end_never_fires_and_shifts_nobody() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let never = event_loop.call_later(Duration::MAX, log.adds("never")).unwrap();
    event_loop.call_later(ms(1), log.adds("1 ms")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["1 ms"]);
    assert!(never.is_waiting() && never.cancel() && !never.is_waiting());
}

#[test]
fn a_timer_for_never_alone_is_a_deadlock_and_neither_a_busy_loop_nor_the_end_of_time() {
    must_end(|| {
        for event_loop in [virtual_loop(), EventLoop::new().unwrap()] {
            event_loop.call_later(Duration::MAX, || panic!("the end of time")).unwrap();
            let (start, turns) = (event_loop.time(), Cell::new(0));
            let outcome = event_loop.run_until(|| {
                turns.set(turns.get() + 1);
                turns.get() > 20 // it would turn for ever
            });
            let year = Duration::from_secs(365 * 24 * 3600);
            assert!(event_loop.time() - start < year, "the clock went to the end of time");
            assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
        }
    });
}

#[test]
fn the_largest_durations_are_welcome_everywhere() {
    must_end(|| {
        run_virtual(async {
            let forever = sleep(Duration::MAX);
            assert!(timeout(ms(1), forever).await.is_err());
            assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
            assert_eq!(
                timeout(Duration::MAX, async {
                    sleep(ms(3)).await;
                    2
                })
                .await,
                Ok(2)
            );
            let almost = Duration::MAX - Duration::from_nanos(1);
            assert!(timeout(ms(1), sleep(almost)).await.is_err());
            let task = spawn(sleep(Duration::MAX));
            yield_now().await;
            assert!(task.cancel() && task.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn deadlines_centuries_away_are_reached_in_order_and_beyond_all_numbers_never() {
    must_end(|| {
        let year = Duration::from_secs(365 * 24 * 3600);
        let (event_loop, log) = (virtual_loop(), Log::new());
        let start = event_loop.time();
        for years in [400, 100, 2, 1] {
            event_loop.call_later(year * years, log.adds(format!("{years} years"))).unwrap();
        }
        // Boundaries at which others went wrong: 2^31 ms, 2^36 ms, 2^63 ns.
        for (name, delay) in
            [("2^31 ms", 1 << 31), ("2^36 ms", 1 << 36), ("2^63 ns", (1_u64 << 63) / 1_000_000)]
        {
            event_loop.call_later(ms(delay), log.adds(name)).unwrap();
        }
        let never = event_loop.call_later(year * 5000, log.adds("5000 years")).unwrap();
        for _ in 0..7 {
            event_loop.run_once().unwrap();
        }
        assert_eq!(
            log.take(),
            ["2^31 ms", "1 years", "2 years", "2^36 ms", "100 years", "2^63 ns", "400 years"],
        );
        assert_eq!(event_loop.time() - start, year * 400);
        assert!(never.is_waiting());
    });
}

#[test]
fn deadlines_far_in_the_past_keep_their_order() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let now = event_loop.time();
    for seconds in [1, 5, 3, 0] {
        let Some(deadline) = now.checked_sub(Duration::from_secs(seconds)) else { continue };
        event_loop.call_at(deadline, log.adds(format!("-{seconds}"))).unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["-5", "-3", "-1", "-0"]);
}

#[test]
fn time_never_goes_back_whoever_asks() {
    let event_loop = EventLoop::new().unwrap();
    let mut last = (event_loop.time(), event_loop.now());
    for _ in 0..rounds(10_000) {
        let next = (event_loop.time(), event_loop.now());
        assert!(next.0 >= last.0 && next.1 >= last.1);
        last = next;
    }
}

// ---- the virtual clock --------------------------------------------------------------------

#[test]
fn the_virtual_clock_jumps_from_deadline_to_deadline_and_only_when_all_is_done() {
    let jumps = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&jumps);
    let event_loop =
        EventLoop::builder().virtual_clock().observer(move |_: Moment, event: &Event| {
            if let Event::ClockJumps { from, to } = event {
                let since = |moment: &Moment| moment.since(Moment::START).as_millis();
                ear.borrow_mut().push((since(from), since(to)));
            }
        });
    let event_loop = event_loop.build().unwrap();
    for delay in [10, 10, 25] {
        event_loop.call_later(ms(delay), || ()).unwrap();
    }
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_soon(move || {
            let start = inner.time();
            let again = inner.clone();
            inner.call_soon(move || assert_eq!(again.time(), start)).unwrap();
        })
        .unwrap();
    while event_loop.run_once().is_ok() {}
    assert_eq!(*jumps.borrow(), [(0, 10), (10, 25)]);
}

#[test]
fn the_virtual_clock_waits_for_whoever_holds_it() {
    must_end(|| {
        let event_loop = virtual_loop();
        let start = event_loop.time();
        let log = Log::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        event_loop.call_later(Duration::from_secs(3600), log.adds("an hour later")).unwrap();
        let (proxy, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
        let thread = std::thread::spawn(move || {
            proxy.call_soon_threadsafe(move || sender.send(()).unwrap()).unwrap();
            drop(hold);
        });
        while receiver.try_recv().is_err() {
            assert_eq!(event_loop.time(), start);
            event_loop.run_once().unwrap();
        }
        thread.join().unwrap();
        while log.len() == 0 {
            event_loop.run_once().unwrap();
        }
        assert_eq!(event_loop.time() - start, Duration::from_secs(3600));
    });
}

#[test]
fn what_a_thread_left_before_it_let_the_clock_go_is_done_before_the_clock_jumps() {
    // B22: the moment between "the inbox is empty" and "nobody holds the clock".
    must_end(|| {
        for round in 0..races(2000) {
            let event_loop = virtual_loop();
            let start = event_loop.time();
            event_loop.call_later(Duration::from_secs(3600), || ()).unwrap();
            let (proxy, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
            let (sender, receiver) = std::sync::mpsc::channel();
            let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
            let ready = std::sync::Arc::clone(&barrier);
            let thread = std::thread::spawn(move || {
                ready.wait();
                proxy.call_soon_threadsafe(move || sender.send(()).unwrap()).unwrap();
                drop(hold);
            });
            barrier.wait();
            while receiver.try_recv().is_err() {
                assert_eq!(event_loop.time(), start, "round {round}: the clock jumped too early");
                event_loop.run_once().unwrap();
            }
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_day_of_sleeps_in_virtual_time_shows_the_same_moments_in_every_run() {
    let story = || {
        let log = Log::new();
        run_virtual(async {
            let start = now();
            let tasks: Vec<_> = (1..=5_u64)
                .map(|n| {
                    let log = log.clone();
                    spawn(async move {
                        for _ in 0..4 {
                            sleep(Duration::from_secs(n * 1217)).await;
                            log.add(format!("{n} at {:?}", now() - start));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        log.take()
    };
    let first = story();
    assert_eq!(first.len(), 20);
    assert_eq!(first, story());
    assert_eq!(first.last().unwrap(), "5 at 24340s");
}

// ---- the real clock -----------------------------------------------------------------------

#[test]
fn on_the_real_clock_nothing_fires_early_and_a_sleep_takes_few_turns() {
    let runner = Runner::new().unwrap();
    runner
        .run(async {
            for micros in [0, 1, 300, 999, 1000, 1001, 2500, 7003] {
                let (start, turn) = (Instant::now(), turns());
                let delay = Duration::from_micros(micros);
                sleep(delay).await;
                assert!(start.elapsed() >= delay, "{micros} us: early");
                assert!(turns() - turn <= 8, "{micros} us took {} turns", turns() - turn);
            }
        })
        .unwrap();
}

fn turns() -> u64 {
    roundelay::current_loop().unwrap().turn()
}

#[test]
fn a_shorter_timer_set_by_another_thread_shortens_the_sleep() {
    // B8: the hour must not be slept through.
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        event_loop.call_later(Duration::from_secs(3600), || ()).unwrap();
        let proxy = event_loop.proxy();
        let thread = std::thread::spawn(move || {
            proxy
                .call_soon_threadsafe(|| {
                    let inner = roundelay::current_loop().unwrap();
                    let stop = inner.clone();
                    inner.call_later(ms(1), move || stop.stop()).unwrap();
                })
                .unwrap();
        });
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}

// ---- sleep and timeout ----------------------------------------------------------------------

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
        assert!(support::poll_now(&mut nap).await.is_pending());
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
                    assert!(support::poll_now(nap).await.is_pending());
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

// ---- random programs of sleeping tasks ------------------------------------------------------

proptest! {
    #![proptest_config(crate::support::properties(100))]

    /// Each task sleeps its delays one after the other; some are cancelled at a given time.
    /// The model: a task's k-th wake-up is at the sum of its first k delays.
    #[test]
    fn any_sleepers_wake_at_the_sums_of_their_delays(
        programs in prop::collection::vec(
            (prop::collection::vec(0_u64..40, 0..6), prop::option::of(1_u64..100)),
            0..12,
        ),
    ) {
        let log = Rc::new(RefCell::new(BTreeMap::<usize, Vec<u64>>::new()));
        let runner = virtual_runner();
        let outcomes = runner.run(async {
            let start = now();
            let tasks = programs.iter().cloned().enumerate().map(|(number, (delays, limit))| {
                let log = Rc::clone(&log);
                async move {
                    let walk = async {
                        for delay in delays {
                            sleep(ms(delay)).await;
                            let at = (now() - start).as_millis() as u64;
                            log.borrow_mut().entry(number).or_default().push(at);
                        }
                    };
                    match limit {
                        // Half a millisecond away from every deadline: no ties.
                        Some(limit) => timeout(ms(limit) - ms(1) / 2, walk).await.is_ok(),
                        None => {
                            walk.await;
                            true
                        }
                    }
                }
            });
            gather_all(tasks).await
        }).unwrap();
        for (number, (delays, limit)) in programs.iter().enumerate() {
            let mut sums: Vec<u64> = delays
                .iter()
                .scan(0, |sum, delay| {
                    *sum += delay;
                    Some(*sum)
                })
                .collect();
            let all = sums.len();
            if let Some(limit) = limit {
                sums.retain(|sum| sum < limit);
            }
            prop_assert_eq!(log.borrow().get(&number).cloned().unwrap_or_default(), &*sums);
            prop_assert_eq!(*outcomes[number].as_ref().unwrap(), sums.len() == all);
        }
    }
}

#[test]
fn a_deadline_that_has_passed_is_due_in_the_next_turn_however_busy_the_loop_is() {
    let event_loop = EventLoop::new().unwrap();
    let inner = event_loop.loop_ref().clone();
    fn keep_busy(inner: roundelay::LoopRef, turns: u32) {
        let again = inner.clone();
        if turns > 0 {
            inner.call_soon(move || keep_busy(again, turns - 1)).unwrap();
        }
    }
    keep_busy(inner.clone(), 20);
    let called = std::rc::Rc::new(std::cell::Cell::new(0));
    let seen = called.clone();
    event_loop
        .call_soon(move || {
            let deadline = std::time::Instant::now();
            let loop_ref = inner.clone();
            inner.call_at(deadline, move || seen.set(loop_ref.turn())).unwrap();
        })
        .unwrap();
    event_loop.run_until(|| called.get() > 0).unwrap();
    assert_eq!(called.get(), 2);
}
