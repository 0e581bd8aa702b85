//! A callback, a destructor or a waker that panics is reported, and the others go on.
//!
//! Order facts O06.3 and O07 of asyncio.

use std::cell::Cell;
use std::fs::File;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{EventLoop, Failure, FailureKind, FailurePolicy, RunError, current_loop};

use crate::reporting_loop;
use crate::support::{
    self, Log, in_a_process, in_a_process_with, ms, must_end, on_drop, panicking_waker, poll_once,
};

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
    let name = "failures::the_policy_report_writes_to_standard_error_and_goes_on";
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
    let name = "failures::a_failure_is_survived_when_standard_error_cannot_be_written";
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
    let name = "failures::a_failure_while_the_loop_closes_is_told_even_if_the_policy_is_to_stop";
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
    let name = "failures::a_failure_kept_for_the_next_run_is_told_at_closing_and_stops_nothing";
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
