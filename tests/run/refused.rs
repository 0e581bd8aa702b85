//! What is refused, and what it says.

use std::cell::RefCell;
use std::future::pending;
use std::panic::catch_unwind;
use std::rc::Rc;

use roundelay::{RunError, Runner, current_loop, current_task, promise, sleep, spawn, yield_now};

use crate::holding;
use crate::support::{Crowd, Log, ms, must_end, reporting_runner, run_virtual, virtual_runner};

#[test]
fn a_run_inside_a_run_is_refused_with_both_places() {
    let runner = virtual_runner();
    let (outer_line, inner_line) = (line!() + 2, line!() + 4);
    let places = runner
        .run(async {
            let nested = virtual_runner();
            match nested.run(async {}) {
                Err(RunError::Nested { outer, inner }) => (*outer, *inner),
                other => panic!("{other:?}"),
            }
        })
        .unwrap();
    for (place, line) in [(places.0, outer_line), (places.1, inner_line)] {
        assert!(
            place.file().ends_with("refused.rs") && place.line() == line,
            "{place}, not {line}"
        );
    }
}

#[test]
fn the_short_form_names_both_places_as_well() {
    let outer_line = line!() + 1;
    let message = roundelay::run(async {
        let inner_line = line!() + 1;
        let panic = catch_unwind(|| roundelay::run(async {})).unwrap_err();
        (panic.downcast_ref::<String>().unwrap().clone(), inner_line)
    });
    let (text, inner_line) = message;
    for line in [outer_line, inner_line] {
        let place = format!("tests/run/refused.rs:{line}");
        assert!(text.contains(&place), "{place} is not named in: {text}");
    }
}

#[test]
fn the_line_of_run_is_where_the_main_task_was_spawned() {
    let told = Rc::new(RefCell::new(None));
    let ear = Rc::clone(&told);
    let runner = Runner::builder()
        .virtual_clock()
        .observer(move |_: roundelay::Moment, event: &roundelay::runtime::Event| {
            if let roundelay::runtime::Event::TaskSpawned { at, .. } = event {
                ear.borrow_mut().get_or_insert(**at);
            }
        })
        .build()
        .unwrap();
    runner.run(async {}).unwrap();
    let place = told.borrow().unwrap();
    assert!(place.file().ends_with("refused.rs") && place.line() == line!() - 2, "{place}");
}

#[test]
fn a_runner_closed_inside_another_run_still_drops_its_tasks() {
    let log = Log::new();
    run_virtual(async {
        let other = virtual_runner();
        let id = other.loop_ref().id();
        drop(other);
        assert_ne!(current_loop().unwrap().id(), id);
    });
    let other = virtual_runner();
    let guard = log.on_drop("dropped");
    other
        .run(async {
            spawn(holding(guard)).detach();
            yield_now().await;
        })
        .unwrap();
    run_virtual(async {
        let me = current_task().unwrap();
        drop(other);
        log.add("closed");
        assert_eq!(current_task().unwrap(), me);
        spawn(async {}).await.unwrap();
    });
    assert_eq!(log.take(), ["dropped", "closed"]);
}

#[test]
fn spawn_without_a_loop_says_what_to_do() {
    let panic = catch_unwind(|| spawn(async {}).detach()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("spawn needs a running event loop"), "{text}");
}

#[test]
fn deadlock_is_an_answer_and_the_runner_stays_good() {
    must_end(|| {
        let (runner, reports) = reporting_runner();
        let (mut kept, set_aside) = (None, promise::<()>());
        let waits = runner.run(async {
            let (set, value) = set_aside;
            kept = Some(set);
            spawn(value).await
        });
        assert!(matches!(waits, Err(RunError::Deadlock(_))), "{waits:?}");
        assert_eq!(runner.run(async { 7 }).unwrap(), 7);
        drop(runner);
        assert_eq!(reports.take(), [""; 0]);
    });
}

#[test]
fn a_deadlock_is_found_with_tasks_that_were_polled_by_foreign_combinators_before() {
    must_end(|| {
        let runner = virtual_runner();
        runner
            .run(async {
                let mut crowd = Crowd::new();
                crowd.push(sleep(ms(1)));
                crowd.await;
            })
            .unwrap();
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}
