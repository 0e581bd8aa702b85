//! Promises about callbacks: their order, their handles, stopping, closing, failing.
//!
//! Order facts O01 (the ready queue), O04 (stop and close), O06.3 and O07 (failures) of asyncio.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use roundelay::runtime::{Callback, Direction};
use roundelay::{
    EventLoop, Failure, FailureKind, FailurePolicy, LoopClosed, LoopRef, Moment, RunError,
    current_loop, runtime::Event,
};
use support::{
    Log, Reports, in_a_process, in_a_process_with, length, ms, must_end, on_drop, panicking_waker,
    poll_once, rounds, virtual_loop,
};

// ---- O01: the ready queue ---------------------------------------------------------------

#[test]
fn callbacks_are_called_in_the_order_in_which_they_were_scheduled() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    for name in ["a", "b", "c"] {
        event_loop.call_soon(log.adds(name)).unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["a", "b", "c"]);
}

#[test]
fn what_a_callback_schedules_runs_in_the_next_turn_behind_what_was_queued_before() {
    fn callback(
        inner: LoopRef,
        log: Log,
        name: &str,
        more: &'static [&'static str],
    ) -> impl FnOnce() {
        let name = name.to_owned();
        move || {
            log.add(format!("{name} in turn {}", inner.turn()));
            for name in more {
                inner.call_soon(callback(inner.clone(), log.clone(), name, &[])).unwrap();
            }
        }
    }
    let (event_loop, log) = (virtual_loop(), Log::new());
    let inner = event_loop.loop_ref().clone();
    for (name, more) in [("a", &["a1", "a2"][..]), ("b", &["b1"]), ("c", &[])] {
        event_loop.call_soon(callback(inner.clone(), log.clone(), name, more)).unwrap();
    }
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(
        log.take(),
        [
            "a in turn 1",
            "b in turn 1",
            "c in turn 1",
            "a1 in turn 2",
            "a2 in turn 2",
            "b1 in turn 2"
        ],
    );
}

#[test]
fn a_callback_of_the_same_turn_can_cancel_one_that_comes_after_it() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let victim = Rc::new(RefCell::new(None::<roundelay::CallHandle>));
    let (reach, seen) = (Rc::clone(&victim), log.clone());
    event_loop
        .call_soon(move || {
            let victim = reach.borrow_mut().take().unwrap();
            seen.add(format!("waiting {}, cancelled {}", victim.is_waiting(), victim.cancel()));
            seen.add(format!("waiting {}, cancelled {}", victim.is_waiting(), victim.cancel()));
        })
        .unwrap();
    *victim.borrow_mut() = Some(event_loop.call_soon(log.adds("victim")).unwrap());
    event_loop.call_soon(log.adds("bystander")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(
        log.take(),
        ["waiting true, cancelled true", "waiting false, cancelled false", "bystander"],
    );
}

#[test]
fn zero_delays_and_past_deadlines_run_behind_all_that_was_ready_by_deadline() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    event_loop.call_soon(log.adds("soon 1")).unwrap();
    event_loop.call_later(Duration::ZERO, log.adds("later 0")).unwrap();
    event_loop.call_at(event_loop.time() - ms(5000), log.adds("later -5")).unwrap();
    event_loop.call_soon(log.adds("soon 2")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["soon 1", "soon 2", "later -5", "later 0"]);
}

#[test]
fn dropping_a_handle_cancels_nothing() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    drop(event_loop.call_soon(log.adds("called")));
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["called"]);
}

#[test]
fn a_handle_of_a_called_callback_cancels_nobody_else() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let old = event_loop.call_soon(|| ()).unwrap();
    event_loop.run_once().unwrap();
    event_loop.call_soon(log.adds("new")).unwrap();
    assert!(!old.is_waiting() && !old.cancel());
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["new"]);
}

#[test]
fn a_callback_that_cancels_itself_hears_that_it_is_too_late() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let me = Rc::new(RefCell::new(None::<roundelay::CallHandle>));
    let (reach, seen) = (Rc::clone(&me), log.clone());
    let handle = event_loop
        .call_soon(move || {
            let me = reach.borrow().clone().unwrap();
            seen.add(format!("waiting {}, cancelled {}", me.is_waiting(), me.cancel()));
        })
        .unwrap();
    *me.borrow_mut() = Some(handle);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["waiting false, cancelled false"]);
}

#[test]
fn a_cancelled_callback_is_dropped_at_once_and_may_schedule_from_its_destructor() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    let guard = on_drop(move || {
        seen.add("dropped");
        inner.call_soon(seen.adds("scheduled by the destructor")).unwrap();
    });
    let handle = event_loop.call_soon(move || drop(guard)).unwrap();
    assert!(handle.cancel());
    assert_eq!(log.take(), ["dropped"]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["scheduled by the destructor"]);
}

#[test]
fn a_million_callbacks_are_called_each_once_and_in_order() {
    let many = rounds(1_000_000);
    let event_loop = virtual_loop();
    let next = Rc::new(Cell::new(0));
    for n in 0..many {
        let next = Rc::clone(&next);
        event_loop
            .call_soon(move || {
                assert_eq!(next.get(), n);
                next.set(n + 1);
            })
            .unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(next.get(), many);
}

#[test]
fn what_other_threads_send_keeps_its_order_and_runs_behind_what_was_ready() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (sender, receiver) = std::sync::mpsc::channel();
    let proxy = event_loop.proxy();
    std::thread::spawn(move || {
        for n in 0..5 {
            let sender = sender.clone();
            proxy.call_soon_threadsafe(move || sender.send(n).unwrap()).unwrap();
        }
    })
    .join()
    .unwrap();
    event_loop.call_soon(log.adds("soon")).unwrap();
    let seen = log.clone();
    event_loop.call_later(Duration::ZERO, move || seen.add("timer")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["soon", "timer"]);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

// ---- fairness: nobody is starved by callbacks that never rest ------------------------------

/// So many callbacks schedule each other for ever; each adds one to the count.
fn hot(event_loop: &EventLoop, callbacks: usize) -> Rc<Cell<usize>> {
    fn again(inner: LoopRef, count: Rc<Cell<usize>>) {
        count.set(count.get() + 1);
        let next = inner.clone();
        let _ = inner.call_soon(move || again(next, count));
    }
    let count = Rc::new(Cell::new(0));
    for _ in 0..callbacks {
        let (inner, count) = (event_loop.loop_ref().clone(), Rc::clone(&count));
        event_loop.call_soon(move || again(inner, count)).unwrap();
    }
    count
}

#[test]
#[cfg_attr(miri, ignore = "sets an option of a socket pair")]
fn a_ready_socket_is_noticed_within_a_bounded_number_of_callbacks() {
    let event_loop = EventLoop::new().unwrap();
    let (here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let source = event_loop.register(&here).unwrap();
    let count = hot(&event_loop, 3);
    let noticed = Rc::new(Cell::new(None));
    let (seen, at) = (Rc::clone(&noticed), Rc::clone(&count));
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_soon(move || {
            source.clear_ready(Direction::Read).unwrap();
            there.write_all(b"x").unwrap();
            let start = at.get();
            let callback = Callback::new(move || {
                seen.set(Some(at.get() - start));
                inner.stop();
            });
            source.wait(Direction::Read, None, callback).unwrap();
            std::mem::forget((source, there));
        })
        .unwrap();
    event_loop.run_until(|| count.get() > 10_000).unwrap_err();
    let passed = noticed.get().unwrap();
    assert!(passed <= 128 + 2 * 4, "{passed} callbacks ran before the socket's");
}

#[test]
fn a_due_timer_is_noticed_within_a_bounded_number_of_callbacks() {
    let event_loop = EventLoop::new().unwrap();
    let count = hot(&event_loop, 3);
    let due_at = Instant::now() + ms(2);
    let late = Rc::new(Cell::new(None));
    let first_late = Rc::new(Cell::new(None));
    let (seen, at, first) = (Rc::clone(&late), Rc::clone(&count), Rc::clone(&first_late));
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_at(due_at, move || {
            seen.set(Some(at.get() - first.get().unwrap_or(at.get())));
            inner.stop();
        })
        .unwrap();
    // Asked before each turn: the first turn that begins after the deadline starts the count.
    let at = Rc::clone(&count);
    let outcome = event_loop.run_until(|| {
        if first_late.get().is_none() && Instant::now() >= due_at {
            first_late.set(Some(at.get()));
        }
        false
    });
    assert!(matches!(outcome, Err(RunError::Stopped)));
    let passed = late.get().unwrap();
    assert!(passed <= 128 + 2 * 4, "{passed} callbacks ran after the deadline");
}

// ---- O04: stop and close ------------------------------------------------------------------

#[test]
fn stop_finishes_the_turn_and_leaves_the_rest_for_the_next_run() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    event_loop
        .call_soon(move || {
            seen.add("a");
            inner.stop();
            inner.call_soon(seen.adds("scheduled by a")).unwrap();
        })
        .unwrap();
    event_loop.call_soon(log.adds("b")).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["a", "b"]);
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["scheduled by a"]);
}

#[test]
fn stop_before_the_run_gives_exactly_one_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    event_loop
        .call_soon(move || {
            seen.add("first turn");
            inner.call_soon(seen.adds("second turn")).unwrap();
        })
        .unwrap();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!((log.take(), event_loop.turn()), (vec!["first turn".to_owned()], 1));
}

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
            log.add(format!("{}", outer.file().ends_with("callbacks.rs")));
            log.add(format!("{}", inner.file().ends_with("callbacks.rs")));
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

// ---- O06.3, O07: failures -----------------------------------------------------------------

fn reporting_loop() -> (EventLoop, Reports) {
    let reports = Reports::new();
    let builder = EventLoop::builder().virtual_clock().failure_policy(reports.policy());
    (builder.build().unwrap(), reports)
}

#[test]
fn a_panicking_callback_is_reported_and_the_others_of_its_turn_still_run() {
    let (event_loop, reports) = reporting_loop();
    let log = Log::new();
    event_loop.call_soon(log.adds("before")).unwrap();
    event_loop.call_soon(|| panic!("in a callback")).unwrap();
    event_loop.call_later(Duration::ZERO, || panic!("in a timer")).unwrap();
    event_loop.call_soon(log.adds("after")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["before", "after"]);
    assert_eq!(reports.take(), ["CallbackPanicked: in a callback", "CallbackPanicked: in a timer"],);
}

#[test]
fn a_panic_with_a_payload_that_panics_when_dropped_is_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the payload's destructor");
        }
    }
    let (event_loop, reports) = reporting_loop();
    let log = Log::new();
    event_loop.call_soon(|| std::panic::panic_any(Bomb)).unwrap();
    event_loop.call_soon(log.adds("after")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!((log.take().len(), reports.take().len()), (1, 1));
}

#[test]
fn a_handler_that_panics_does_not_end_the_loop() {
    let calls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&calls);
    let handler = FailurePolicy::Handler(Rc::new(move |_| {
        seen.set(seen.get() + 1);
        panic!("in the handler");
    }));
    let event_loop = EventLoop::builder().virtual_clock().failure_policy(handler);
    let (event_loop, log) = (event_loop.build().unwrap(), Log::new());
    event_loop.call_soon(|| panic!("first")).unwrap();
    event_loop.call_soon(|| panic!("second")).unwrap();
    event_loop.call_soon(log.adds("after")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!((log.take(), calls.get()), (vec!["after".to_owned()], 2));
}

#[test]
fn a_handler_may_schedule_and_stop() {
    let log = Log::new();
    let seen = log.clone();
    let handler = FailurePolicy::Handler(Rc::new(move |failure| {
        let inner = current_loop().unwrap();
        let line = format!("after {}", failure.message);
        inner.call_soon(seen.adds(line)).unwrap();
        inner.stop();
    }));
    let event_loop = EventLoop::builder().virtual_clock().failure_policy(handler);
    let event_loop = event_loop.build().unwrap();
    event_loop.call_soon(|| panic!("seven")).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), [""; 0]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["after seven"]);
}

#[test]
fn the_policy_stop_finishes_the_turn_and_returns_the_first_failure() {
    let event_loop = EventLoop::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
    let (event_loop, log) = (event_loop.build().unwrap(), Log::new());
    event_loop.call_soon(|| panic!("first")).unwrap();
    event_loop.call_soon(|| panic!("second")).unwrap();
    event_loop.call_soon(log.adds("same turn")).unwrap();
    let Err(RunError::Failed(failure)) = event_loop.run_forever() else { panic!("not failed") };
    assert_eq!((failure.kind, &*failure.message), (FailureKind::CallbackPanicked, "first"));
    assert_eq!(log.take(), ["same turn"]);
    // The failure was told; the loop is as good as new.
    let inner = event_loop.loop_ref().clone();
    let seen = log.clone();
    event_loop
        .call_later(ms(1), move || {
            seen.add("goes on");
            inner.stop()
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["goes on"]);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn the_policy_report_writes_to_standard_error_and_goes_on() {
    let name = "the_policy_report_writes_to_standard_error_and_goes_on";
    let ended = in_a_process(name, || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.call_soon(|| panic!("the reason why")).unwrap();
        event_loop.call_soon(|| println!("went on")).unwrap();
        event_loop.run_once().unwrap();
    })
    .well();
    assert!(ended.stdout.contains("went on"), "{ended:?}");
    let told = ended.stderr.contains("roundelay: a callback panicked: the reason why");
    assert!(told, "{}", ended.stderr);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_failure_is_survived_when_standard_error_cannot_be_written() {
    let name = "a_failure_is_survived_when_standard_error_cannot_be_written";
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = in_a_process_with(name, Stdio::from(full), || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.call_soon(|| panic!("nobody will read this")).unwrap();
        event_loop.call_soon(|| println!("went on")).unwrap();
        event_loop.run_once().unwrap();
    })
    .well();
    assert!(ended.stdout.contains("went on"), "{ended:?}");
}

#[test]
fn a_destructor_that_panics_while_the_loop_closes_is_reported_and_the_rest_is_dropped() {
    let (event_loop, reports) = reporting_loop();
    let log = Log::new();
    let (bomb, quiet) =
        (on_drop(|| panic!("in a destructor")), log.on_drop("dropped all the same"));
    event_loop.call_later(ms(1), move || drop(bomb)).unwrap();
    event_loop.call_soon(move || drop(quiet)).unwrap();
    drop(event_loop);
    assert_eq!(log.take(), ["dropped all the same"]);
    assert_eq!(reports.take(), ["DestructorPanicked: in a destructor"]);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_failure_while_the_loop_closes_is_told_even_if_the_policy_is_to_stop() {
    let name = "a_failure_while_the_loop_closes_is_told_even_if_the_policy_is_to_stop";
    let ended = in_a_process(name, || {
        let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build().unwrap();
        let bomb = on_drop(|| panic!("too late to stop anything"));
        event_loop.call_soon(move || drop(bomb)).unwrap();
        drop(event_loop);
    })
    .well();
    // The panic hook writes a line of its own; the loop's has its name in front.
    let told = ended.stderr.lines().any(|line| line.starts_with("roundelay: "));
    assert!(told, "nobody was told: {}", ended.stderr);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_failure_kept_for_the_next_run_is_told_at_closing_and_stops_nothing() {
    let name = "a_failure_kept_for_the_next_run_is_told_at_closing_and_stops_nothing";
    let ended = in_a_process(name, || {
        let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build().unwrap();
        event_loop.report(Failure::new(FailureKind::TaskFailed, "fetch", "no route"));
        event_loop.begin_closing();
        let (done, inner) = (Rc::new(Cell::new(false)), event_loop.loop_ref().clone());
        let ends = done.clone();
        let first = move || drop(inner.call_soon(move || ends.set(true)));
        event_loop.call_soon(first).unwrap();
        event_loop.run_until(|| done.get()).unwrap(); // two turns
    })
    .well();
    assert!(ended.stderr.contains("no route"), "nobody was told: {}", ended.stderr);
}

#[test]
fn a_destructor_that_panics_in_what_another_thread_let_go_does_not_end_the_run() {
    // A foreign waker hangs on a timer; the timer is cancelled from another thread; so the
    // waker is dropped inside the turn, and its destructor panics there.
    must_end(|| {
        let (event_loop, reports) = reporting_loop();
        let log = Log::new();
        let seen = log.clone();
        let inner = event_loop.loop_ref().clone();
        event_loop
            .call_soon(move || {
                let waker = support::waker_that_panics_when_dropped();
                let mut sleep = roundelay::sleep(ms(1000));
                assert!(poll_once(&mut sleep, &waker).is_pending());
                drop(waker);
                let proxy = inner.proxy();
                std::thread::spawn(move || {
                    drop(sleep);
                    let _ = proxy.call_soon_threadsafe(|| ());
                })
                .join()
                .unwrap();
                inner.call_soon(move || seen.add("next turn")).unwrap();
            })
            .unwrap();
        event_loop.run_once().unwrap();
        event_loop.run_once().expect("the run goes on");
        assert_eq!(log.take(), ["next turn"]);
        assert_eq!(reports.take(), ["DestructorPanicked: a waker that panics when it is dropped"],);
    });
}

#[test]
fn a_waker_that_panics_when_its_timer_is_due_is_reported_and_the_loop_goes_on() {
    let (event_loop, reports) = reporting_loop();
    let log = Log::new();
    let seen = log.clone();
    event_loop
        .call_soon(move || {
            let mut sleep = roundelay::sleep(ms(1));
            assert!(poll_once(&mut sleep, &panicking_waker()).is_pending());
            std::mem::forget(sleep);
            let inner = current_loop().unwrap();
            let stop = inner.clone();
            inner
                .call_later(ms(2), move || {
                    seen.add("went on");
                    stop.stop()
                })
                .unwrap();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["went on"]);
    assert_eq!(reports.take(), ["CallbackPanicked: a waker that panics"]);
}

// ---- observers ----------------------------------------------------------------------------

#[test]
fn an_observer_that_panics_changes_nothing() {
    let log = Log::new();
    let event_loop = EventLoop::builder().virtual_clock();
    let event_loop =
        event_loop.observer(|_: Moment, _: &Event| panic!("observer")).build().unwrap();
    event_loop.call_soon(log.adds("soon")).unwrap();
    event_loop.call_later(ms(1), log.adds("later")).unwrap();
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["soon", "later"]);
}

#[test]
fn an_observer_that_schedules_at_every_event_does_not_recurse() {
    let name = "an_observer_that_schedules_at_every_event_does_not_recurse";
    in_a_process(name, || {
        let observer = |_: Moment, _: &Event| {
            if let Some(inner) = current_loop() {
                let _ = inner.call_soon(|| ());
                let _ = inner.call_later(ms(1), || ()).map(|handle| handle.cancel());
            }
        };
        let event_loop = EventLoop::builder().virtual_clock().observer(observer).build().unwrap();
        event_loop.call_soon(|| println!("called")).unwrap();
        event_loop.run_once().unwrap();
        event_loop.run_once().unwrap();
    })
    .well();
}

#[test]
fn the_same_program_tells_an_observer_the_same_story_twice() {
    let story = || {
        let told = Rc::new(RefCell::new(Vec::new()));
        let ear = Rc::clone(&told);
        let event_loop = EventLoop::builder().virtual_clock();
        let event_loop = event_loop
            .observer(move |now: Moment, event: &Event| {
                ear.borrow_mut().push(format!("{:?} {event:?}", now.since(Moment::START)));
            })
            .build()
            .unwrap();
        let inner = event_loop.loop_ref().clone();
        event_loop.call_later(ms(3), || panic!("no")).unwrap();
        event_loop.call_soon(|| ()).unwrap().cancel();
        event_loop.call_later(ms(5), move || inner.stop()).unwrap();
        event_loop.run_forever().unwrap();
        told.take()
    };
    let (first, second) = (story(), story());
    assert_eq!(first, second);
    assert!(first.iter().any(|line| line.contains("ClockJumps")), "{first:#?}");
}

// ---- random programs against the plain model --------------------------------------------------

#[derive(Clone, Debug)]
enum Act {
    Soon(Vec<Act>),
    Later(u64, Vec<Act>),
    /// Cancels the n-th handle made so far, counted around.
    Cancel(usize),
    Panic,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leaf = prop_oneof![
        4 => Just(Act::Soon(Vec::new())),
        4 => (0_u64..6).prop_map(|delay| Act::Later(delay, Vec::new())),
        3 => any::<usize>().prop_map(Act::Cancel),
        1 => Just(Act::Panic),
    ];
    let act = leaf.prop_recursive(4, 60, 6, |inner| {
        let inner = prop::collection::vec(inner, 0..6);
        prop_oneof![
            inner.clone().prop_map(Act::Soon),
            (0_u64..6, inner).prop_map(|(delay, acts)| Act::Later(delay, acts)),
        ]
    });
    prop::collection::vec(act, 0..length(12))
}

/// The real thing: every callback writes its number and the time, then does its acts.
struct Real {
    inner: LoopRef,
    start: Instant,
    log: RefCell<Vec<(usize, u64)>>,
    answers: RefCell<Vec<bool>>,
    handles: RefCell<Vec<roundelay::CallHandle>>,
}

impl Real {
    fn act(self: &Rc<Self>, acts: &[Act]) {
        for act in acts {
            let number = self.handles.borrow().len();
            let body = |acts: &Vec<Act>| {
                let (this, acts) = (Rc::clone(self), acts.clone());
                move || {
                    let now = (this.inner.time() - this.start).as_millis() as u64;
                    this.log.borrow_mut().push((number, now));
                    this.act(&acts);
                }
            };
            match act {
                Act::Soon(acts) => {
                    let handle = self.inner.call_soon(body(acts)).unwrap();
                    self.handles.borrow_mut().push(handle);
                }
                Act::Later(delay, acts) => {
                    let handle = self.inner.call_later(ms(*delay), body(acts)).unwrap();
                    self.handles.borrow_mut().push(handle);
                }
                Act::Cancel(which) if number > 0 => {
                    let handle = self.handles.borrow()[which % number].clone();
                    let waiting = handle.is_waiting();
                    let answer = handle.cancel();
                    assert_eq!(answer, waiting);
                    self.answers.borrow_mut().push(answer);
                }
                Act::Cancel(_) => {}
                Act::Panic => panic!("an act of the random program"),
            }
        }
    }
}

/// The model: a list of what is ready, taken turn by turn, and a list of timers that is
/// sorted by deadline and order of setting when somebody looks.
#[derive(Default)]
struct Model {
    now: u64,
    ready: VecDeque<(usize, Vec<Act>)>,
    timers: Vec<(u64, usize, Vec<Act>)>,
    scheduled: usize,
    panics: usize,
    log: Vec<(usize, u64)>,
    answers: Vec<bool>,
}

impl Model {
    fn act(&mut self, acts: &[Act], turn: &mut VecDeque<(usize, Vec<Act>)>) {
        for act in acts {
            match act {
                Act::Soon(acts) => {
                    self.ready.push_back((self.scheduled, acts.clone()));
                    self.scheduled += 1;
                }
                Act::Later(delay, acts) => {
                    self.timers.push((self.now + delay, self.scheduled, acts.clone()));
                    self.scheduled += 1;
                }
                Act::Cancel(which) if self.scheduled > 0 => {
                    let which = which % self.scheduled;
                    let count = |model: &Model, turn: &VecDeque<_>| {
                        model.ready.len() + model.timers.len() + turn.len()
                    };
                    let before = count(self, turn);
                    self.ready.retain(|&(number, _)| number != which);
                    turn.retain(|&(number, _): &(usize, _)| number != which);
                    self.timers.retain(|&(_, number, _)| number != which);
                    self.answers.push(count(self, turn) < before);
                }
                Act::Cancel(_) => {}
                Act::Panic => {
                    self.panics += 1;
                    return;
                }
            }
        }
    }

    /// `false` when there is nothing left to do.
    fn turn(&mut self) -> bool {
        self.timers.sort_by_key(|&(deadline, number, _)| (deadline, number));
        if self.ready.is_empty() {
            match self.timers.first() {
                Some(&(deadline, ..)) => self.now = self.now.max(deadline),
                None => return false,
            }
        }
        let due = self.timers.iter().take_while(|&&(deadline, ..)| deadline <= self.now).count();
        let due = self.timers.drain(..due).map(|(_, number, acts)| (number, acts));
        self.ready.extend(due);
        let mut turn = std::mem::take(&mut self.ready);
        while let Some((number, acts)) = turn.pop_front() {
            self.log.push((number, self.now));
            self.act(&acts, &mut turn);
        }
        true
    }
}

proptest! {
    #![proptest_config(crate::support::properties(300))]

    #[test]
    fn any_program_of_callbacks_runs_as_the_plain_model_says(program in acts()) {
        let (event_loop, reports) = reporting_loop();
        let real = Rc::new(Real {
            inner: event_loop.loop_ref().clone(),
            start: event_loop.time(),
            log: RefCell::default(),
            answers: RefCell::default(),
            handles: RefCell::default(),
        });
        // The program's first acts happen in a callback, like all others.
        let (root, acts) = (Rc::clone(&real), program.clone());
        event_loop.call_soon(move || root.act(&acts)).unwrap();
        while event_loop.run_once().is_ok() {}

        let mut model = Model::default();
        model.act(&program, &mut VecDeque::new());
        while model.turn() {}

        prop_assert_eq!(&*real.log.borrow(), &model.log);
        prop_assert_eq!(&*real.answers.borrow(), &model.answers);
        prop_assert_eq!(reports.len(), model.panics);
        prop_assert!(!real.handles.borrow().iter().any(roundelay::CallHandle::is_waiting));
    }
}
