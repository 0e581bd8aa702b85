//! Promises about windows: many futures, a few at a time.

mod support;

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;

use futures_lite::{StreamExt, stream};
use roundelay::{
    GatherCause, TaskError, for_each_concurrent, map_concurrent, now, sleep, timeout, window,
    yield_now,
};
use support::{Census, Log, ms, reporting_runner, rounds, run_virtual};

#[test]
fn the_next_begins_when_one_has_ended_and_outcomes_come_in_the_order_of_ending() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let naps = [30, 10, 20, 5].map(|delay| {
            let log = log.clone();
            async move {
                log.add(format!("{delay} begins at {:?}", now() - start));
                sleep(ms(delay)).await;
            }
        });
        let mut naps = window(2, naps);
        while let Some((index, outcome)) = naps.next().await {
            outcome.unwrap();
            log.add(format!("number {index} at {:?}", now() - start));
        }
    });
    assert_eq!(
        log.take(),
        [
            "30 begins at 0ns",
            "10 begins at 0ns",
            "number 1 at 10ms",
            "20 begins at 10ms",
            "number 0 at 30ms",
            "number 2 at 30ms",
            "5 begins at 30ms",
            "number 3 at 35ms",
        ]
    );
}

#[test]
fn an_endless_input_is_pulled_only_as_far_as_there_is_room() {
    let pulled = Rc::new(Cell::new(0));
    let census = Census::new();
    run_virtual(async {
        let inputs = (0..).map(|n| {
            pulled.set(n + 1);
            let guard = census.born();
            async move {
                let _guard = guard;
                yield_now().await;
            }
        });
        let mut naps = window(3, inputs);
        assert_eq!(pulled.get(), 0, "nothing before it is asked");
        let taken = rounds(100) as u64;
        for _ in 0..taken {
            naps.next().await.unwrap().1.unwrap();
        }
        assert!(pulled.get() <= taken + 3, "{}", pulled.get());
        assert!(census.most() <= 3, "{}", census.most());
        drop(naps);
        assert_eq!(census.alive(), 0, "a dropped window has dropped its tasks");
    });
}

#[test]
fn a_stream_that_has_nothing_yet_does_not_hold_up_those_that_run() {
    run_virtual(async {
        let inputs = stream::unfold(0, |n| async move {
            sleep(ms(10)).await;
            (n < 3).then(|| (sleep(ms(15)), n + 1))
        });
        let start = now();
        let mut naps = pin!(window(8, inputs));
        let mut ends = Vec::new();
        while let Some((index, _)) = naps.next().await {
            ends.push((index, (now() - start).as_millis()));
        }
        assert_eq!(ends, [(0, 25), (1, 35), (2, 45)]);
    });
}

#[test]
fn a_panic_is_an_outcome_and_stops_nothing() {
    run_virtual(async {
        let mut naps = window(1, (0..3).map(|n| async move { assert!(n != 1, "bad luck") }));
        let mut panicked = Vec::new();
        while let Some((index, outcome)) = naps.next().await {
            if matches!(outcome, Err(TaskError::Panicked(_))) {
                panicked.push(index);
            }
        }
        assert_eq!(panicked, [1]);
    });
}

#[test]
#[should_panic(expected = "in a window of width zero nothing can ever run")]
fn a_window_of_width_zero_is_refused() {
    drop(window(0, [async {}]));
}

#[test]
fn mapped_outcomes_stand_in_the_order_of_the_input() {
    run_virtual(async {
        let start = now();
        let doubled = map_concurrent(2, [30, 10, 20], async |delay| {
            sleep(ms(delay)).await;
            delay * 2
        });
        let doubled: Vec<_> = doubled.await.into_iter().map(Result::unwrap).collect();
        assert_eq!((doubled, now() - start), (vec![60, 20, 40], ms(30)));
        let none = map_concurrent(1, Vec::<u8>::new(), async |n| n).await;
        assert!(none.is_empty());
    });
}

#[test]
fn a_panic_that_a_dropped_map_had_collected_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let mapped = map_concurrent(2, 0..2, async |n| {
                assert!(n != 0, "collected");
                pending::<()>().await;
            });
            assert!(timeout(ms(5), mapped).await.is_err());
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: collected"]);
}

#[test]
fn the_first_failure_stops_the_pulling_and_comes_out_when_nobody_runs_any_more() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let failed = for_each_concurrent(2, 0.., move |n| {
            let guard = seen.on_drop(format!("{n} is gone"));
            async move {
                let _guard = guard;
                sleep(ms(if n == 1 { 5 } else { 10 })).await;
                if n == 1 { Err("one") } else { Ok(()) }
            }
        });
        let error = failed.await.unwrap_err();
        assert_eq!(error.index, 1);
        assert!(matches!(error.cause, GatherCause::Failed("one")));
        log.add("caught");
    });
    assert_eq!(log.take(), ["1 is gone", "0 is gone", "caught"]);
}

#[test]
fn for_each_ends_well_when_all_did_and_takes_streams_too() {
    run_virtual(async {
        let sum = Rc::new(Cell::new(0));
        let seen = Rc::clone(&sum);
        let added = for_each_concurrent(3, stream::iter(1..=10), move |n| {
            let sum = Rc::clone(&seen);
            async move {
                yield_now().await;
                sum.set(sum.get() + n);
                Ok::<_, ()>(())
            }
        });
        added.await.unwrap();
        assert_eq!(sum.get(), 55);
    });
}

#[test]
fn a_task_of_a_window_was_spawned_where_the_window_was_made() {
    let (runner, reports) = reporting_runner();
    let line = line!() + 3;
    runner
        .run(async {
            let mut bad = window(1, [async { panic!("here") }]);
            let asked = pin!(bad.next());
            let mut asked = asked;
            assert!(support::poll_now(&mut asked).await.is_pending());
            yield_now().await;
        })
        .unwrap();
    drop(runner);
    let failure = reports.take_whole().pop().unwrap();
    let origin = failure.origin.unwrap();
    assert_eq!((origin.file(), origin.line()), (file!(), line));
}

/// A window is `Unpin` over an iterator, whatever the iterator is.
#[test]
fn a_window_over_an_iterator_needs_no_pin() {
    fn unpin<T: Unpin>(value: T) -> T {
        value
    }
    let boxed: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    let mut empty = unpin(window(1, boxed));
    run_virtual(async move { assert!(empty.next().await.is_none()) });
}
