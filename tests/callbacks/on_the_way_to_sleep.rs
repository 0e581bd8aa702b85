//! Whoever is told of something while the loop falls asleep may leave it something to do, and the
//! loop does not sleep over it.
//!
//! Bug class B8. Most of these run on the real clock, for only there a loop sleeps; one that did
//! sleep over its work would hang.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use roundelay::runtime::{EventLoopBuilder, Failure, FailureKind};
use roundelay::{
    EventLoop, FailurePolicy, LoopRef, Moment, RunError, Runner, current_loop, promise,
    runtime::Event, spawn,
};

use crate::support::{ms, must_end};

/// What is left to do, each of which ends the run in the end.
const DEEDS: [fn(&LoopRef); 5] = [
    |home| home.stop(),
    |home| {
        let inner = home.clone();
        home.call_soon(move || inner.stop()).unwrap();
    },
    |home| {
        let inner = home.clone();
        home.call_later(ms(1), move || inner.stop()).unwrap();
    },
    |home| {
        let inner = home.clone();
        home.call_at(home.time(), move || inner.stop()).unwrap();
    },
    |home| {
        let door = home.proxy();
        let inner = home.clone();
        let key = home.call_later(Duration::from_secs(3600), || unreachable!()).unwrap();
        home.call_soon(move || {
            key.cancel();
            inner.call_soon(move || door.stop()).unwrap();
        })
        .unwrap();
    },
];

/// Runs a loop for each deed, done once, when the first event comes that `is_it`.
fn deeds_are_done_at(
    build: fn() -> EventLoopBuilder,
    is_it: fn(&Event) -> bool,
    begin: fn(&EventLoop),
) {
    for deed in DEEDS {
        must_end(move || {
            let is_done = Cell::new(false);
            let observer = move |_: Moment, event: &Event| {
                if is_it(event) && !is_done.replace(true) {
                    deed(&current_loop().unwrap());
                }
            };
            let event_loop = build().observer(observer).build().unwrap();
            // Somebody might still leave a message: the loop sleeps, and is not stuck.
            let _door = event_loop.proxy();
            begin(&event_loop);
            event_loop.run_forever().unwrap();
        });
    }
}

fn never_ends(event: &Event) -> bool {
    matches!(event, Event::WaitBegins { at_most: None })
}

#[test]
fn work_that_is_left_when_an_endless_wait_begins_is_done() {
    deeds_are_done_at(EventLoop::builder, never_ends, |_| ());
}

#[test]
fn work_that_is_left_when_a_wait_with_an_end_begins_does_not_wait_for_that_end() {
    let has_an_end = |event: &Event| match event {
        Event::WaitBegins { at_most } => at_most.is_some_and(|at_most| at_most > ms(1000)),
        _ => false,
    };
    deeds_are_done_at(EventLoop::builder, has_an_end, |event_loop| {
        event_loop.call_later(Duration::from_secs(3600), || unreachable!()).unwrap();
    });
}

#[test]
fn work_that_is_left_when_a_virtual_clock_waits_for_its_holder_is_done() {
    for deed in [DEEDS[0], DEEDS[1], DEEDS[4]] {
        must_end(move || {
            let observer = move |_: Moment, event: &Event| {
                if never_ends(event) {
                    deed(&current_loop().unwrap());
                }
            };
            let builder = EventLoop::builder().virtual_clock();
            let event_loop = builder.observer(observer).build().unwrap();
            let _hold = event_loop.proxy().hold_clock();
            event_loop.call_later(ms(1), || unreachable!("the clock is held")).unwrap();
            event_loop.run_forever().unwrap();
        });
    }
}

#[test]
fn work_that_is_left_by_whoever_is_told_that_the_loop_was_held_up_is_done() {
    let any_call_is_slow = || EventLoop::builder().slow_limit(Duration::from_nanos(1));
    let held_up = |event: &Event| matches!(event, Event::HeldUp(_));
    deeds_are_done_at(any_call_is_slow, held_up, |event_loop| {
        event_loop.call_soon(|| ()).unwrap();
    });
}

#[test]
fn a_nearer_deadline_that_is_set_by_whoever_is_told_of_a_slow_call_is_where_the_clock_jumps() {
    must_end(|| {
        let observer = |_: Moment, event: &Event| {
            if let Event::HeldUp(_) = event {
                let home = current_loop().unwrap();
                let inner = home.clone();
                home.call_later(ms(1), move || inner.stop()).unwrap();
            }
        };
        let event_loop = EventLoop::builder().virtual_clock().observer(observer).build().unwrap();
        let inner = event_loop.loop_ref().clone();
        event_loop.call_soon(move || inner.block_for(Duration::from_secs(1))).unwrap();
        event_loop.call_later(Duration::from_secs(3600), || ()).unwrap();
        let start = event_loop.time();
        event_loop.run_forever().unwrap();
        assert_eq!(event_loop.time() - start, ms(1001));
    });
}

#[test]
fn work_that_is_left_by_a_handler_of_warnings_is_done() {
    for deed in DEEDS {
        must_end(move || {
            let is_done = Cell::new(false);
            let policy = FailurePolicy::Handler(Rc::new(move |failure: &Failure| {
                if failure.kind == FailureKind::TooSlow && !is_done.replace(true) {
                    deed(&current_loop().unwrap());
                }
            }));
            let builder = EventLoop::builder().virtual_clock().debug(true).slow_limit(ms(100));
            let event_loop = builder.failure_policy(policy).build().unwrap();
            let _door = event_loop.proxy();
            // Too slow together only: that is noticed when the loop falls asleep.
            for _ in 0..2 {
                let inner = event_loop.loop_ref().clone();
                event_loop.call_soon(move || inner.block_for(ms(60))).unwrap();
            }
            event_loop.run_forever().unwrap();
        });
    }
}

#[test]
fn a_task_that_is_spawned_when_a_wait_begins_takes_its_step() {
    must_end(|| {
        let (resolver, promise) = promise();
        let resolver = Cell::new(Some(resolver));
        let observer = move |_: Moment, event: &Event| {
            if never_ends(event)
                && let Some(resolver) = resolver.take()
            {
                spawn(async move { resolver.resolve(7).unwrap() }).detach();
            }
        };
        let runner = Runner::builder().observer(observer).build().unwrap();
        let _door = runner.loop_ref().proxy();
        assert_eq!(runner.run(promise).unwrap(), Ok(7));
    });
}

#[test]
fn a_loop_that_is_stuck_goes_on_if_its_observer_leaves_something_to_do() {
    let told = Rc::new(Cell::new(0));
    let count = Rc::clone(&told);
    let observer = move |_: Moment, event: &Event| {
        if let Event::Stuck = event {
            count.set(count.get() + 1);
            if count.get() < 3 {
                current_loop().unwrap().call_soon(|| ()).unwrap();
            }
        }
    };
    let runner = Runner::builder().virtual_clock().observer(observer).build().unwrap();
    assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    assert_eq!(told.get(), 3);
}
