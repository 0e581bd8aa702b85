//! Promises about ticks.

mod support;

use std::time::Duration;

use futures_lite::StreamExt;
use roundelay::{Interval, MissedTick, interval, interval_at, now, sleep, timeout, yield_now};
use support::{ms, run_virtual};

/// When the next `n` ticks come and for when they were planned, both in milliseconds.
async fn ticks(ticks: &mut Interval, n: usize, start: roundelay::Instant) -> Vec<(u128, u128)> {
    let mut seen = Vec::new();
    for _ in 0..n {
        let planned = ticks.tick().await;
        seen.push(((now() - start).as_millis(), (planned - start).as_millis()));
    }
    seen
}

#[test]
fn ticks_come_every_period_counted_from_the_first_and_do_not_drift() {
    run_virtual(async {
        let start = now();
        let mut every_ten = interval(ms(10));
        for n in 0..5 {
            assert_eq!(every_ten.tick().await - start, ms(10 * n));
            sleep(ms(7)).await;
        }
    });
}

#[test]
fn the_first_tick_is_counted_from_when_it_is_asked_for() {
    run_virtual(async {
        let start = now();
        let mut every_ten = interval(ms(10));
        sleep(ms(25)).await;
        assert_eq!(ticks(&mut every_ten, 2, start).await, [(25, 25), (35, 35)]);
        let mut later = interval_at(now() + ms(5), ms(10));
        assert_eq!(ticks(&mut later, 2, start).await, [(40, 40), (50, 50)]);
    });
}

#[test]
fn missed_ticks_are_made_up_for_put_off_or_left_out() {
    for (missed_tick, expected) in [
        (MissedTick::Burst, [(0, 0), (25, 10), (25, 20), (30, 30), (40, 40)]),
        (MissedTick::Delay, [(0, 0), (25, 10), (35, 35), (45, 45), (55, 55)]),
        (MissedTick::Skip, [(0, 0), (25, 10), (30, 30), (40, 40), (50, 50)]),
    ] {
        run_virtual(async {
            let start = now();
            let mut every_ten = interval(ms(10)).missed_tick(missed_tick);
            let mut seen = ticks(&mut every_ten, 1, start).await;
            sleep(ms(25)).await;
            seen.extend(ticks(&mut every_ten, 4, start).await);
            assert_eq!(seen, expected, "{missed_tick:?}");
        });
    }
}

#[test]
fn a_tick_that_is_late_by_less_than_a_period_keeps_the_rhythm() {
    for missed_tick in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        run_virtual(async {
            let start = now();
            let mut every_ten = interval(ms(10)).missed_tick(missed_tick);
            every_ten.tick().await;
            sleep(ms(19)).await;
            assert_eq!(ticks(&mut every_ten, 2, start).await, [(19, 10), (20, 20)]);
        });
    }
}

#[test]
fn a_tick_that_is_dropped_half_way_is_not_lost() {
    run_virtual(async {
        let start = now();
        let mut every_ten = interval(ms(10));
        every_ten.tick().await;
        for _ in 0..7 {
            assert!(timeout(ms(1), every_ten.tick()).await.is_err());
        }
        assert_eq!(ticks(&mut every_ten, 2, start).await, [(10, 10), (20, 20)]);
        // Also when its moment has come, and nobody has looked.
        {
            let mut tick = std::pin::pin!(every_ten.tick());
            assert!(support::poll_now(&mut tick).await.is_pending());
            sleep(ms(15)).await;
        }
        assert_eq!(ticks(&mut every_ten, 2, start).await, [(35, 30), (40, 40)]);
    });
}

#[test]
fn a_reset_begins_a_whole_period_anew() {
    run_virtual(async {
        let start = now();
        let mut every_ten = interval(ms(10));
        every_ten.tick().await;
        sleep(ms(4)).await;
        every_ten.reset();
        assert_eq!(ticks(&mut every_ten, 2, start).await, [(14, 14), (24, 24)]);
    });
}

#[test]
fn ticks_are_a_stream_that_never_ends() {
    run_virtual(async {
        let start = now();
        let planned: Vec<_> = interval(ms(10)).take(3).map(|at| at - start).collect().await;
        assert_eq!(planned, [ms(0), ms(10), ms(20)]);
    });
}

#[test]
#[should_panic(expected = "an interval of no time would tick for ever")]
fn a_period_of_zero_is_refused() {
    drop(interval(Duration::ZERO));
}

#[test]
fn a_period_that_no_clock_can_hold_ticks_once() {
    for missed_tick in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        run_virtual(async {
            let mut once = interval(Duration::MAX).missed_tick(missed_tick);
            once.tick().await;
            assert!(timeout(Duration::from_secs(1 << 32), once.tick()).await.is_err());
            once.reset();
            assert!(timeout(ms(1), once.tick()).await.is_err());
        });
    }
}

#[test]
fn a_period_of_one_nanosecond_lets_others_run() {
    run_virtual(async {
        let other = roundelay::spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        let mut busy = interval(Duration::from_nanos(1));
        while !other.is_finished() {
            busy.tick().await;
        }
    });
}
