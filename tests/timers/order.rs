//! Timers fire in the order of their deadlines, and never in the turn that set them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use roundelay::{block_for, current_loop, now, sleep, sleep_until, spawn};

use crate::support::{Log, ms, rounds, run_virtual, virtual_loop};

#[test]
fn timers_are_called_by_deadline() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    for delay in [4, 2, 3, 1] {
        event_loop.call_later(ms(delay), log.adds(format!("{delay} ms"))).unwrap();
    }
    while event_loop.run_once().is_ok() {}
    assert_eq!(log.take(), ["1 ms", "2 ms", "3 ms", "4 ms"]);
}

#[test]
fn timers_with_one_deadline_are_called_in_the_order_of_setting() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let deadline = event_loop.time() + ms(10);
    for n in 0..100 {
        event_loop.call_at(deadline, log.adds(n.to_string())).unwrap();
    }
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_cancelled_timer_never_fires_and_does_not_disturb_the_others() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let handles: Vec<_> = (0..200_u64)
        .map(|n| event_loop.call_later(ms(n % 7), log.adds(format!("{:03}", n))).unwrap())
        .collect();
    for handle in handles.iter().step_by(3) {
        assert!(handle.is_waiting() && handle.cancel() && !handle.is_waiting());
        assert!(!handle.cancel());
    }
    while event_loop.run_once().is_ok() {}
    let mut expected: Vec<u64> = (0..200).filter(|n| n % 3 != 0).collect();
    expected.sort_by_key(|n| n % 7);
    assert_eq!(log.take(), expected.iter().map(|n| format!("{n:03}")).collect::<Vec<_>>());
}

#[test]
fn a_due_timer_can_be_cancelled_by_another_of_the_same_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let victim = Rc::new(RefCell::new(None::<roundelay::CallHandle>));
    let (reach, seen) = (Rc::clone(&victim), log.clone());
    event_loop
        .call_later(ms(1), move || {
            let victim = reach.borrow_mut().take().unwrap();
            seen.add(format!("waiting {}, cancelled {}", victim.is_waiting(), victim.cancel()));
        })
        .unwrap();
    *victim.borrow_mut() = Some(event_loop.call_later(ms(1), log.adds("victim")).unwrap());
    event_loop.call_later(ms(1), log.adds("bystander")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["waiting true, cancelled true", "bystander"]);
}

#[test]
fn a_timer_set_inside_a_turn_never_fires_in_that_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    event_loop
        .call_later(ms(1), move || {
            let deep = seen.clone();
            let turn = inner.turn();
            let at = inner.clone();
            let check = move || deep.add(format!("{} turn later", at.turn() - turn));
            inner.call_at(inner.time() - ms(100), check).unwrap();
        })
        .unwrap();
    while event_loop.run_once().is_ok() {}
    assert_eq!(log.take(), ["1 turn later"]);
}

#[test]
fn a_hundred_thousand_timers_fire_in_order_and_as_many_are_cancelled() {
    let many = rounds(100_000) as u64;
    let event_loop = virtual_loop();
    let last = Rc::new(Cell::new((0, 0)));
    let fired = Rc::new(Cell::new(0));
    let mut cancelled = Vec::new();
    for n in 0..2 * many {
        // A permutation of the deadlines: neighbours are far apart.
        let deadline = n * 7919 % (many + 3);
        let (last, fired) = (Rc::clone(&last), Rc::clone(&fired));
        let callback = move || {
            assert!(last.replace((deadline, n)) <= (deadline, n));
            fired.set(fired.get() + 1);
        };
        let handle = event_loop.call_later(ms(deadline), callback).unwrap();
        if n % 2 == 1 {
            cancelled.push(handle);
        }
    }
    assert!(cancelled.iter().all(roundelay::CallHandle::cancel));
    while event_loop.run_once().is_ok() {}
    assert_eq!(fired.get(), many);
}

#[test]
fn who_sets_timers_for_the_past_again_and_again_keeps_nobody_from_his_turn() {
    run_virtual(async {
        let past = now();
        for _ in 0..300 {
            spawn(async move {
                loop {
                    sleep_until(past).await;
                    block_for(Duration::from_micros(1));
                }
            })
            .detach();
        }
        let (start, sleeps) = (current_loop().unwrap().turn(), 10);
        for _ in 0..sleeps {
            sleep(ms(10)).await;
        }
        // 128 due timers in a turn, each of which is followed by a microsecond of work.
        let turns = current_loop().unwrap().turn() - start;
        assert!(turns < sleeps * 200, "{turns} turns for {sleeps} sleeps of 10 ms");
    });
}
