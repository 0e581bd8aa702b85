//! How a run ends: a stop finishes the turn, a closed loop refuses everything, a loop that nobody
//! can reach says so, and two loops on one thread keep apart.
//!
//! Order fact O04 of asyncio; its plainest rows are in `tests/asyncio/o04.rs`.

use std::time::Instant;

use roundelay::{EventLoop, LoopClosed, RunError, current_loop};

use crate::support::{Log, ms, must_end, on_drop, virtual_loop};

#[test]
fn a_run_that_waits_for_something_says_that_it_was_stopped() {
    let event_loop = virtual_loop();
    let inner = event_loop.loop_ref().clone();
    event_loop.call_soon(move || inner.stop()).unwrap();
    assert!(matches!(event_loop.run_until(|| false), Err(RunError::Stopped)));
}

#[test]
fn stop_from_another_thread_ends_a_sleeping_run() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let proxy = event_loop.proxy();
        let thread = std::thread::spawn(move || proxy.stop());
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn stop_is_used_up_by_one_run() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    event_loop.stop();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    let inner = event_loop.loop_ref().clone();
    let seen = log.clone();
    event_loop
        .call_later(ms(1), move || {
            seen.add("still runs");
            inner.stop()
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["still runs"]);
}

#[test]
fn a_single_turn_is_a_run_too_and_uses_up_a_stop() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let inner = event_loop.loop_ref().clone();
    event_loop.call_soon(move || inner.stop()).unwrap();
    event_loop.run_once().unwrap();
    // Nothing is ready, so the next turn waits for the timer instead of returning at once.
    event_loop.call_later(ms(5), log.adds("timer")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["timer"]);
}

#[test]
fn a_closed_loop_refuses_everything_and_drops_what_it_was_given() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let (inner, proxy) = (event_loop.loop_ref().clone(), event_loop.proxy());
    let (soon, later) = (log.on_drop("soon dropped"), log.on_drop("later dropped"));
    let soon = event_loop.call_soon(move || drop(soon)).unwrap();
    let later = event_loop.call_later(ms(5), move || drop(later)).unwrap();
    event_loop.close();
    let mut dropped = log.take();
    dropped.sort();
    assert_eq!(dropped, ["later dropped", "soon dropped"]);
    assert!(inner.is_closed() && !soon.is_waiting() && !soon.cancel());
    assert!(!later.is_waiting() && !later.cancel());
    let refused = log.on_drop("refused");
    assert_eq!(inner.call_soon(move || drop(refused)).unwrap_err(), LoopClosed);
    assert_eq!(inner.call_later(ms(1), || ()).unwrap_err(), LoopClosed);
    assert_eq!(inner.call_at(Instant::now(), || ()).unwrap_err(), LoopClosed);
    assert_eq!(proxy.call_soon_threadsafe(|| ()), Err(LoopClosed));
    assert_eq!(log.take(), ["refused"]);
    proxy.stop();
    inner.stop();
}

#[test]
fn a_destructor_that_runs_while_the_loop_closes_may_ask_anything_of_it() {
    let (log, event_loop) = (Log::new(), virtual_loop());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    let guard = on_drop(move || {
        let same = current_loop().is_some_and(|current| current.id() == inner.id());
        seen.add(format!("at home: {same}"));
        seen.add(format!("{:?}", inner.call_soon(|| ()).map(drop)));
        inner.stop();
        let _ = (inner.time(), inner.turn(), format!("{inner:?}"));
    });
    event_loop.call_later(ms(1), move || drop(guard)).unwrap();
    drop(event_loop);
    assert_eq!(log.take(), ["at home: true", "Err(LoopClosed)"]);
}

#[test]
fn two_loops_on_one_thread_take_turns_and_keep_apart() {
    let (first, second, log) = (virtual_loop(), virtual_loop(), Log::new());
    first.call_soon(log.adds("first")).unwrap();
    second.call_soon(log.adds("second")).unwrap();
    second.run_once().unwrap();
    first.run_once().unwrap();
    assert_eq!(log.take(), ["second", "first"]);
    assert!(first.id() != second.id() && current_loop().is_none());
}

#[test]
fn a_second_loop_inside_the_first_is_refused_with_both_places() {
    let event_loop = EventLoop::new().unwrap();
    let (seen, inside) = (Log::new(), EventLoop::new().unwrap());
    let log = seen.clone();
    event_loop
        .call_soon(move || {
            let inner_line = line!() + 1;
            let Err(RunError::Nested { outer, inner }) = inside.run_once() else {
                return log.add("not refused");
            };
            log.add(format!("{}", outer.file().ends_with("stop_and_close.rs")));
            log.add(format!("{}", inner.file().ends_with("stop_and_close.rs")));
            log.add(format!("{}", inner.line() == inner_line));
            log.add(format!("{}", outer.line() != inner.line()));
        })
        .unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(seen.take(), ["true", "true", "true", "true"]);
}

#[test]
fn an_idle_loop_that_nobody_can_reach_says_deadlock_and_can_go_on_later() {
    must_end(|| {
        for event_loop in [EventLoop::new().unwrap(), virtual_loop()] {
            assert!(matches!(event_loop.run_forever(), Err(RunError::Deadlock(_))));
            assert!(matches!(event_loop.run_once(), Err(RunError::Deadlock(_))));
            let inner = event_loop.loop_ref().clone();
            event_loop.call_soon(move || inner.stop()).unwrap();
            event_loop.run_forever().unwrap();
        }
    });
}

#[test]
fn a_loop_whose_door_is_closed_says_deadlock_although_others_keep_a_door() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let door = event_loop.proxy();
        event_loop.close_door();
        assert!(matches!(event_loop.run_forever(), Err(RunError::Deadlock(_))));
        assert_eq!(door.call_soon_threadsafe(|| ()), Err(LoopClosed));
    });
}
