//! Not more than so many starts in a while; and no start is lost.

mod support;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{RateLimiter, Runner, gather_all, now, sleep, spawn, timeout};

use support::{length, ms, run_virtual, virtual_runner};

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// The moments, in ms, at which `n` tasks that all ask at once get through.
async fn moments(limiter: &RateLimiter, n: u32) -> Vec<u128> {
    let start = now();
    let all = (0..n).map(|_| {
        let limiter = limiter.clone();
        async move {
            limiter.acquire().await;
            (now() - start).as_millis()
        }
    });
    gather_all(all).await.into_iter().map(Result::unwrap).collect()
}

#[test]
fn starts_are_evenly_spaced() {
    let limiter = RateLimiter::new(count(5), Duration::from_secs(1));
    assert_eq!(run_virtual(moments(&limiter, 4)), [0, 200, 400, 600]);
}

#[test]
fn a_rate_below_one_a_second_limits_too() {
    let limiter = RateLimiter::new(count(1), Duration::from_secs(2));
    assert_eq!(run_virtual(moments(&limiter, 4)), [0, 2000, 4000, 6000]);
}

#[test]
fn a_bucket_lets_a_burst_through_and_fills_again() {
    let limiter = RateLimiter::new(count(10), Duration::from_secs(1)).burst(count(3));
    let log = run_virtual(async {
        let first = moments(&limiter, 5).await;
        sleep(ms(150)).await;
        let second = moments(&limiter, 3).await;
        sleep(Duration::from_secs(60)).await;
        (first, second, moments(&limiter, 4).await)
    });
    assert_eq!(log.0, [0, 0, 0, 100, 200]);
    // After 150 ms one token is there, and half of the next.
    assert_eq!(log.1, [0, 50, 150]);
    assert_eq!(log.2, [0, 0, 0, 100]);
}

#[test]
fn nothing_is_lost_from_one_run_of_the_loop_to_the_next() {
    let runner = virtual_runner();
    let limiter = RateLimiter::new(count(2), Duration::from_secs(1)).burst(count(2));
    assert_eq!(runner.run(moments(&limiter, 2)).unwrap(), [0, 0]);
    assert_eq!(runner.run(moments(&limiter, 2)).unwrap(), [500, 1000]);
}

#[test]
fn a_waiter_that_is_dropped_gives_its_place_to_the_next() {
    let limiter = RateLimiter::new(count(1), Duration::from_secs(1));
    let log = run_virtual(async {
        let (start, log) = (now(), Rc::new(RefCell::new(Vec::new())));
        limiter.acquire().await;
        let ask = |name: &'static str| {
            let (limiter, log) = (limiter.clone(), log.clone());
            spawn(async move {
                limiter.acquire().await;
                log.borrow_mut().push((name, (now() - start).as_millis()));
            })
        };
        let (first, second, third) = (ask("first"), ask("second"), ask("third"));
        sleep(ms(300)).await;
        first.cancel(); // it sleeps for the next token
        second.cancel(); // it stands in line
        third.await.unwrap();
        assert_eq!(limiter.waiting(), 0);
        log.take()
    });
    assert_eq!(log, [("third", 1000)]);
}

#[test]
fn who_only_tries_does_not_overtake_and_takes_nothing_in_vain() {
    let limiter = RateLimiter::new(count(1), Duration::from_secs(1));
    run_virtual(async {
        assert!(limiter.try_acquire());
        assert!(!limiter.try_acquire());
        let waits = limiter.clone();
        let task = spawn(async move { waits.acquire().await });
        sleep(ms(500)).await;
        assert!(!limiter.try_acquire());
        task.await.unwrap();
        sleep(ms(1000)).await;
        assert!(limiter.try_acquire());
    });
}

#[test]
fn a_period_of_zero_limits_nothing() {
    let limiter = RateLimiter::new(count(1), Duration::ZERO);
    assert_eq!(run_virtual(moments(&limiter, 3)), [0, 0, 0]);
}

#[test]
fn a_period_that_no_clock_can_hold_lets_its_burst_through_and_nobody_else() {
    let limiter = RateLimiter::new(count(1), Duration::MAX).burst(count(2));
    run_virtual(async {
        limiter.acquire().await;
        limiter.acquire().await;
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, limiter.acquire()).await.is_err());
    });
}

/// One who asks: when, and after how long it gives up.
#[derive(Clone, Debug)]
struct Asks {
    at: u64,
    patience: Option<u64>,
}

fn asks() -> impl Strategy<Value = Vec<Asks>> {
    let one = (0_u64..2000, prop::option::of(0_u64..1500));
    prop::collection::vec(one.prop_map(|(at, patience)| Asks { at, patience }), 1..length(40))
}

proptest! {
    #[test]
    fn a_window_never_holds_more_than_the_bucket_and_no_token_is_lost(
        asks in asks(),
        interval in 1_u64..200,
        burst in 1_u32..5,
    ) {
        let runner = Runner::builder().virtual_clock().build().unwrap();
        let starts = runner.run(async {
            let limiter = RateLimiter::new(count(1), ms(interval)).burst(count(burst));
            let (start, starts) = (now(), Rc::new(RefCell::new(Vec::new())));
            let all = asks.clone().into_iter().map(|Asks { at, patience }| {
                let (limiter, starts) = (limiter.clone(), starts.clone());
                async move {
                    sleep(ms(at)).await;
                    let acquire = limiter.acquire();
                    let came = match patience {
                        None => { acquire.await; true }
                        Some(patience) => timeout(ms(patience), acquire).await.is_ok(),
                    };
                    if came {
                        starts.borrow_mut().push((now() - start).as_millis() as u64);
                    }
                }
            });
            gather_all(all).await;
            assert_eq!(limiter.waiting(), 0);
            // Nothing was lost: a whole bucket is there when it had time to fill.
            sleep(ms(interval * u64::from(burst))).await;
            for _ in 0..burst {
                assert!(limiter.try_acquire());
            }
            assert!(!limiter.try_acquire());
            starts.take()
        }).unwrap();
        // In any span from one start to another: no more than the burst, and one per interval.
        for (first, from) in starts.iter().enumerate() {
            for (last, to) in starts.iter().enumerate().skip(first) {
                let allowed = u64::from(burst) + (to - from) / interval;
                prop_assert!((last - first + 1) as u64 <= allowed, "{starts:?}");
            }
        }
        // Nobody who does not give up is left out.
        let patient = asks.iter().filter(|asks| asks.patience.is_none()).count();
        prop_assert!(starts.len() >= patient);
    }
}
