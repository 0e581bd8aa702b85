//! Trying again: how often, when, and what comes out in the end.

mod support;

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{GaveUp, RetryPolicy, now, retry, retry_if, sleep, spawn, timeout, with_seed};

use support::{Log, ms, run_virtual};

fn attempts(count: u32) -> RetryPolicy {
    let count = NonZeroU32::new(count).unwrap();
    RetryPolicy::new(count).first_pause(ms(100)).jitter_percent(0)
}

/// Retries what always fails; gives the error, and the moments of the attempts in ms.
fn failing(policy: RetryPolicy, each_takes: Duration) -> (Option<GaveUp>, u32, Vec<u128>) {
    run_virtual(async move {
        let (start, moments) = (now(), RefCell::new(Vec::new()));
        let outcome = retry(&policy, async |_| {
            moments.borrow_mut().push((now() - start).as_millis());
            sleep(each_takes).await;
            Err::<(), _>("busy")
        });
        let error = outcome.await.unwrap_err();
        (Some(error.why()), error.attempts(), moments.take())
    })
}

#[test]
fn the_count_is_of_attempts_and_not_of_retries() {
    let calls = Cell::new(0);
    let error = run_virtual(retry(&attempts(3), async |_| {
        calls.set(calls.get() + 1);
        Err::<(), _>(calls.get())
    }));
    let error = error.unwrap_err();
    assert_eq!((calls.get(), error.attempts(), error.into_last()), (3, 3, Some(3)));
}

#[test]
fn one_attempt_means_no_pause() {
    let (why, count, moments) = failing(attempts(1), ms(0));
    assert_eq!((why, count, moments), (Some(GaveUp::OutOfAttempts), 1, vec![0]));
}

#[test]
fn pauses_grow_by_the_factor_up_to_the_longest() {
    let policy = attempts(6).factor(3).longest_pause(ms(1000));
    let (_, _, moments) = failing(policy, ms(0));
    assert_eq!(moments, [0, 100, 400, 1300, 2300, 3300]);
}

#[test]
fn linear_pauses_grow_by_the_first_one_up_to_the_longest() {
    let (_, _, moments) = failing(attempts(6).linear().longest_pause(ms(350)), ms(0));
    assert_eq!(moments, [0, 100, 300, 600, 950, 1300]);
}

#[test]
fn pauses_of_ones_own_are_asked_for_when_an_attempt_has_failed_and_for_no_other() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asks = Arc::clone(&asked);
    let policy = attempts(9).longest_pause(ms(500)).pauses_by(move |failed| {
        asks.lock().unwrap().push(failed);
        ms(400 * u64::from(failed % 3))
    });
    let outcome = run_virtual(async {
        let start = now();
        let outcome = retry(&policy, async |attempt| match attempt {
            5 => Ok((now() - start).as_millis()),
            _ => Err("busy"),
        });
        outcome.await
    });
    // 400, 500 and not 800, none at all, 400.
    assert_eq!((outcome, &*asked.lock().unwrap()), (Ok(1300), &vec![1, 2, 3, 4]));
}

#[test]
fn of_several_ways_to_grow_the_last_counts() {
    let pauses = |policy: RetryPolicy| policy.pauses().map(|p| p.as_millis()).collect::<Vec<_>>();
    let own = |policy: RetryPolicy| policy.pauses_by(|_| ms(7));
    assert_eq!(pauses(own(attempts(4).factor(3)).linear()), [100, 200, 300]);
    assert_eq!(pauses(own(attempts(4).linear()).factor(3)), [100, 300, 900]);
    assert_eq!(pauses(own(attempts(4).linear().factor(3))), [7, 7, 7]);
}

#[test]
fn a_panic_of_who_is_asked_for_a_pause_comes_through() {
    let policy = attempts(3).pauses_by(|_| panic!("no idea"));
    let outcome = run_virtual(async move {
        spawn(async move { retry(&policy, async |_| Err::<(), _>("busy")).await }).await
    });
    assert_eq!(outcome.unwrap_err().to_string(), "the task panicked: no idea");
}

/// How pauses grow, on paper.
#[derive(Clone, Debug)]
enum Growth {
    ByFactor(u32),
    Linear,
    Own(Vec<u64>),
}

impl Growth {
    fn of(&self, policy: RetryPolicy) -> RetryPolicy {
        match self.clone() {
            Growth::ByFactor(factor) => policy.factor(factor),
            Growth::Linear => policy.linear(),
            Growth::Own(table) => policy.pauses_by(move |failed| ms(table[failed as usize - 1])),
        }
    }

    /// In milliseconds, without a limit.
    fn pause(&self, first: u64, failed: u32) -> u128 {
        match self {
            Growth::ByFactor(factor) => {
                u128::from(first) * u128::from((*factor).max(1)).pow(failed - 1)
            }
            Growth::Linear => u128::from(first) * u128::from(failed),
            Growth::Own(table) => u128::from(table[failed as usize - 1]),
        }
    }
}

const MOST_ATTEMPTS: u32 = 12;

fn growth() -> impl Strategy<Value = Growth> {
    let table = prop::collection::vec(0_u64..5000, MOST_ATTEMPTS as usize);
    prop_oneof![
        (0_u32..5).prop_map(Growth::ByFactor),
        Just(Growth::Linear),
        table.prop_map(Growth::Own),
    ]
}

proptest! {
    #![proptest_config(crate::support::properties(200))]

    #[test]
    fn attempts_come_after_the_pauses_that_arithmetic_says_until_one_works_or_time_is_up(
        growth in growth(),
        count in 1..=MOST_ATTEMPTS,
        works in 1..=MOST_ATTEMPTS + 3,
        first in 0_u64..2000,
        longest in 0_u64..9000,
        limit in prop::option::of(1_u64..20_000),
    ) {
        let policy = growth.of(attempts(count).first_pause(ms(first)).longest_pause(ms(longest)));
        let policy = limit.iter().fold(policy, |policy, limit| policy.within(ms(*limit)));
        let moments = RefCell::new(Vec::new());
        let outcome = run_virtual(async {
            let start = now();
            let outcome = retry(&policy, async |attempt| {
                moments.borrow_mut().push((now() - start).as_millis());
                if attempt == works { Ok(attempt) } else { Err(attempt) }
            });
            outcome.await.map_err(|error| (error.why(), error.attempts(), error.into_last()))
        });
        let (mut expected, mut moment) = (vec![0], 0);
        let end = loop {
            let number = expected.len() as u32;
            if number == works {
                break Ok(number);
            }
            if number == count {
                break Err((GaveUp::OutOfAttempts, number, Some(number)));
            }
            moment += growth.pause(first, number).min(u128::from(longest));
            if limit.is_some_and(|limit| moment >= u128::from(limit)) {
                break Err((GaveUp::OutOfTime, number, Some(number)));
            }
            expected.push(moment);
        };
        prop_assert_eq!((outcome, moments.take()), (end, expected));
    }

    #[test]
    fn jitter_moves_every_pause_within_its_band_however_it_grows(
        growth in growth(),
        first in 0_u64..2000,
        longest in 0_u64..9000,
        percent in 0_u32..130,
        seed: u64,
    ) {
        let policy = attempts(MOST_ATTEMPTS).first_pause(ms(first)).longest_pause(ms(longest));
        let policy = growth.of(policy).jitter_percent(percent).seed(seed);
        let pauses: Vec<_> = policy.pauses().collect();
        prop_assert_eq!(&pauses, &policy.clone().pauses().collect::<Vec<_>>());
        let share = f64::from(percent.min(100)) / 1e2;
        for (failed, pause) in (1..).zip(pauses) {
            let even = growth.pause(first, failed).min(u128::from(longest)) as f64 / 1e3;
            let seconds = pause.as_secs_f64();
            prop_assert!(seconds >= even * (1.0 - share) - 1e-6);
            prop_assert!(seconds <= even * (1.0 + share) + 1e-6);
            prop_assert!(pause <= ms(longest));
        }
    }
}

#[test]
fn a_success_ends_it_at_once() {
    let outcome = run_virtual(retry(&attempts(9), async |attempt| match attempt {
        3 => Ok("third"),
        _ => Err("not yet"),
    }));
    assert_eq!(outcome, Ok("third"));
}

#[test]
fn an_error_that_does_not_pass_is_not_tried_again() {
    let outcome = run_virtual(retry_if(
        &attempts(9),
        |error| *error == "busy",
        async |attempt| Err::<(), _>(if attempt < 3 { "busy" } else { "no such user" }),
    ));
    let error = outcome.unwrap_err();
    assert_eq!((error.why(), error.attempts()), (GaveUp::Permanent, 3));
    assert_eq!(error.last(), Some(&"no such user"));
}

#[test]
fn the_limit_covers_attempts_and_pauses() {
    // Attempts of 50 ms at 0 and 150; the next would begin at 400, after the limit.
    let (why, count, moments) = failing(attempts(9).within(ms(390)), ms(50));
    assert_eq!((why, count, moments), (Some(GaveUp::OutOfTime), 2, vec![0, 150]));
}

#[test]
fn a_pause_that_would_end_after_the_limit_is_not_begun() {
    let took = run_virtual(async {
        let start = now();
        let policy = attempts(9).within(ms(250));
        let _ = retry(&policy, async |_| Err::<(), _>("busy")).await;
        now() - start
    });
    // Given up at 100 ms and not at 250: the second pause would have ended at 300.
    assert_eq!(took, ms(100));
}

#[test]
fn an_attempt_that_runs_into_the_limit_is_dropped_and_the_error_before_it_is_kept() {
    let log = Log::new();
    let seen = log.clone();
    let error = run_virtual(retry(&attempts(9).within(ms(250)), async |attempt| {
        let _guard = seen.on_drop(format!("attempt {attempt} dropped"));
        if attempt == 2 {
            sleep(Duration::from_secs(60)).await;
        }
        Err::<(), _>("busy")
    }));
    let error = error.unwrap_err();
    assert_eq!(
        (error.why(), error.attempts(), error.last()),
        (GaveUp::OutOfTime, 2, Some(&"busy"))
    );
    assert_eq!(log.take(), ["attempt 1 dropped", "attempt 2 dropped"]);
}

#[test]
fn a_limit_that_passes_in_the_first_attempt_leaves_no_error_to_show() {
    let policy = attempts(3).within(ms(10));
    let error = run_virtual(retry(&policy, async |_| {
        sleep(ms(20)).await;
        Err::<(), _>("late")
    }));
    let error = error.unwrap_err();
    assert_eq!((error.attempts(), error.last()), (1, None));
    assert!(error.to_string().contains("no answer at all"), "{error}");
}

#[test]
fn dropping_it_ends_the_attempts() {
    let calls = Cell::new(0);
    run_virtual(async {
        let policy = attempts(100);
        let forever = retry(&policy, async |_| {
            calls.set(calls.get() + 1);
            Err::<(), _>("busy")
        });
        assert!(timeout(ms(350), forever).await.is_err());
        sleep(Duration::from_secs(3600)).await;
    });
    assert_eq!(calls.get(), 3); // at 0, 100 and 300 ms
}

#[test]
fn a_panic_is_no_error_to_try_again_after() {
    let calls = std::rc::Rc::new(Cell::new(0));
    let seen = calls.clone();
    let outcome = run_virtual(async move {
        let task = spawn(async move {
            retry(&attempts(9), async |_| -> Result<(), ()> {
                seen.set(seen.get() + 1);
                panic!("a bug")
            })
            .await
        });
        task.await
    });
    assert!(outcome.is_err());
    assert_eq!(calls.get(), 1);
}

#[test]
fn jitter_repeats_under_a_seed_and_differs_without() {
    let policy = attempts(20).jitter_percent(50);
    let pauses = |seed| with_seed(seed, || policy.pauses().collect::<Vec<_>>());
    assert_eq!(pauses(7), pauses(7));
    assert_ne!(pauses(7), pauses(8));
    assert_ne!(policy.pauses().collect::<Vec<_>>(), policy.pauses().collect::<Vec<_>>());
}

#[test]
fn the_message_says_how_often_why_and_what() {
    let error = run_virtual(retry(&attempts(3), async |_| Err::<(), _>("no route"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "gave up after 3 attempts, which is all that the policy allows; the last error: no route"
    );
}
