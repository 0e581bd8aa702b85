//! The ready queue: first in, first out, turn by turn, and whoever is cancelled in time is not
//! called.
//!
//! Order fact O01 of asyncio; its plainest rows are in `tests/asyncio/o01.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use roundelay::LoopRef;

use crate::support::{Log, ms, on_drop, rounds, virtual_loop};

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
