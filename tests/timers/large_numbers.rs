//! The largest numbers: of timers, of a delay, of the distance to a deadline.

use std::cell::Cell;
use std::time::Duration;

use roundelay::{EventLoop, RunError, sleep, spawn, timeout, yield_now};

use crate::support::{Log, ms, must_end, rounds, run_virtual, virtual_loop};

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
