//! O04: stopping and closing.

use std::future::pending;

use roundelay::{LoopClosed, RunError, current_loop};

use crate::support::{Log, virtual_loop, virtual_runner};

#[test]
fn o04_1_stop_finishes_the_batch_and_what_it_scheduled_stays_for_the_next_run() {
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
fn o04_2_stop_before_the_run_gives_exactly_one_turn() {
    let (event_loop, log) = (virtual_loop(), Log::new());
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    let first = move || {
        seen.add("first turn");
        inner.call_soon(seen.adds("second turn")).unwrap();
    };
    event_loop.call_soon(first).unwrap();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!((log.take(), event_loop.turn()), (vec!["first turn".to_owned()], 1));
}

#[test]
fn o04_3_a_run_for_a_result_fails_if_the_loop_is_stopped_first() {
    let runner = virtual_runner();
    let outcome = runner.run(async {
        let home = current_loop().unwrap();
        home.call_soon({
            let home = home.clone();
            move || home.stop()
        })
        .unwrap();
        pending::<()>().await
    });
    assert!(matches!(outcome, Err(RunError::Stopped)), "{outcome:?}");
}

#[test]
fn o04_4_a_closed_loop_refuses_to_schedule() {
    let event_loop = virtual_loop();
    let inner = event_loop.loop_ref().clone();
    // Closing takes the loop by value: a second time does not compile, so it needs no rule.
    event_loop.close();
    assert_eq!(inner.call_soon(|| ()).unwrap_err(), LoopClosed);
    assert_eq!(inner.call_later(std::time::Duration::ZERO, || ()).unwrap_err(), LoopClosed);
}
