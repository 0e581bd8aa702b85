//! O01: the ready queue and its batches.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{CallHandle, LoopRef, current_loop, yield_now};

use crate::support::{Log, ms, run_virtual, virtual_loop};

#[test]
fn o01_1_callbacks_run_first_in_first_out() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    for name in ["a", "b", "c"] {
        event_loop.call_soon(log.adds(name)).unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["a", "b", "c"]);
}

#[test]
fn o01_2_a_callback_scheduled_by_a_callback_runs_in_the_next_turn() {
    fn schedule(home: &LoopRef, log: &Log, base: u64, name: &'static str, more: &'static [&str]) {
        let (inner, log) = (home.clone(), log.clone());
        let callback = move || {
            log.add(format!("{name} {}", inner.turn() - base));
            for name in more {
                schedule(&inner, &log, base, name, &[]);
            }
        };
        home.call_soon(callback).unwrap();
    }
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let base = home.turn();
        schedule(&home, &log, base, "a", &["a1", "a2"]);
        schedule(&home, &log, base, "b", &["b1"]);
        schedule(&home, &log, base, "c", &[]);
        for _ in 0..3 {
            yield_now().await;
        }
    });
    assert_eq!(log.take(), ["a 1", "b 1", "c 1", "a1 2", "a2 2", "b1 2"]);
}

#[test]
fn o01_3_a_cancelled_handle_is_not_called_even_if_its_own_batch_cancels_it() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    assert!(event_loop.call_soon(log.adds("never")).unwrap().cancel());
    let victim = Rc::new(RefCell::new(None::<CallHandle>));
    let reach = Rc::clone(&victim);
    let murder = move || assert!(reach.borrow().as_ref().unwrap().cancel());
    event_loop.call_soon(murder).unwrap();
    *victim.borrow_mut() = Some(event_loop.call_soon(log.adds("victim")).unwrap());
    event_loop.call_soon(log.adds("witness")).unwrap();
    event_loop.run_once().unwrap();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["witness"]);
}

#[test]
fn o01_4_zero_and_past_deadlines_run_behind_all_that_was_ready_by_deadline() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        home.call_soon(log.adds("soon1")).unwrap();
        home.call_later(Duration::ZERO, log.adds("later0")).unwrap();
        home.call_at(home.time() - ms(5000), log.adds("later-5")).unwrap();
        home.call_soon(log.adds("soon2")).unwrap();
        yield_now().await;
        // Main's own step stands before the timers of its turn.
        assert_eq!(log.take(), ["soon1", "soon2"]);
        yield_now().await;
        assert_eq!(log.take(), ["later-5", "later0"]);
    });
}
