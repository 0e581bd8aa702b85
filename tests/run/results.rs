//! What a run gives back: the value of its main task, a panic, a stop.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

use roundelay::{RunError, current_loop, sleep, spawn, yield_now};

use crate::holding;
use crate::support::{Log, OnDrop, in_a_process, ms, on_drop, virtual_runner};

#[test]
fn run_returns_what_main_returns_and_main_may_borrow() {
    let (text, mut count) = (String::from("borrowed"), 0);
    let length = roundelay::run(async {
        yield_now().await;
        count += 1;
        text.len()
    });
    assert_eq!((length, count, &*text), (8, 1, "borrowed"));
}

#[test]
fn tasks_stay_alive_between_the_runs_of_one_runner_and_are_paused() {
    let (runner, log) = (virtual_runner(), Log::new());
    let seen = log.clone();
    let task = runner
        .run(async {
            spawn(async move {
                for n in 0..3 {
                    sleep(ms(10)).await;
                    seen.add(n.to_string());
                }
            })
        })
        .unwrap();
    assert_eq!(log.take(), [""; 0]);
    runner.run(sleep(ms(15))).unwrap();
    assert_eq!(log.take(), ["0"]);
    runner.run(task).unwrap().unwrap();
    assert_eq!(log.take(), ["1", "2"]);
}

#[test]
fn a_panic_of_main_comes_out_with_its_payload_after_the_cleanup() {
    let log = Log::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        roundelay::run(async {
            let guard = log.on_drop("task unwound");
            spawn(holding(guard)).detach();
            yield_now().await;
            std::panic::panic_any(42_u8);
        })
    }));
    log.add("panic came out");
    assert_eq!(panic.unwrap_err().downcast_ref::<u8>(), Some(&42));
    assert_eq!(log.take(), ["task unwound", "panic came out"]);
    assert!(current_loop().is_none());
}

#[test]
fn when_main_panics_other_tasks_may_panic_in_their_destructors_too() {
    let name = "results::when_main_panics_other_tasks_may_panic_in_their_destructors_too";
    in_a_process(name, || {
        let outcome = catch_unwind(|| {
            roundelay::run(async {
                for _ in 0..3 {
                    let bomb = on_drop(|| panic!("in a destructor"));
                    spawn(holding(bomb)).detach();
                }
                yield_now().await;
                panic!("main");
            })
        });
        let panic = outcome.map(|(): ()| ()).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"main"));
    })
    .well();
}

#[test]
fn the_panic_of_main_is_not_replaced_by_one_of_its_destructor_and_the_runner_still_closes() {
    let name = "results::the_panic_of_main_is_not_replaced_by_one_of_its_destructor_and_the_runner_still_closes";
    in_a_process(name, || {
        struct Main(#[expect(dead_code)] OnDrop);
        impl Future for Main {
            type Output = ();
            fn poll(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<()> {
                panic!("main")
            }
        }
        let runner = virtual_runner();
        let main = Main(on_drop(|| panic!("main's destructor")));
        let panic = catch_unwind(AssertUnwindSafe(|| runner.run(main))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"main"));
        runner.run(yield_now()).unwrap();
        runner.close();
    })
    .well();
}

#[test]
fn a_main_that_panics_when_it_is_dropped_halfway_does_not_hang_the_runner() {
    // Stopped in the middle, main is dropped by `run`, and a local's destructor panics.
    let name = "results::a_main_that_panics_when_it_is_dropped_halfway_does_not_hang_the_runner";
    in_a_process(name, || {
        let runner = virtual_runner();
        // As long as there is a door, a loop with nothing to do sleeps and does not give up.
        let _door = runner.loop_ref().proxy();
        let bomb = on_drop(|| panic!("main's local"));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runner.run(async move {
                let _bomb = bomb;
                current_loop().unwrap().stop();
                pending::<()>().await;
            })
        }));
        drop(outcome);
        runner.close();
    })
    .well();
}

#[test]
fn a_stopped_run_says_so_and_main_is_dropped() {
    let (runner, log) = (virtual_runner(), Log::new());
    let guard = log.on_drop("main dropped");
    let outcome = runner.run(async move {
        let _guard = guard;
        current_loop().unwrap().stop();
        pending::<()>().await;
    });
    assert!(matches!(outcome, Err(RunError::Stopped)));
    assert_eq!(log.take(), ["main dropped"]);
}

#[test]
fn a_main_that_ends_in_the_turn_of_the_stop_gives_its_value() {
    let runner = virtual_runner();
    let outcome = runner.run(async {
        current_loop().unwrap().stop();
        7
    });
    assert_eq!(outcome.unwrap(), 7);
    assert_eq!(runner.run(async { 8 }).unwrap(), 8);
}

#[test]
fn a_run_after_a_stopped_one_begins_with_a_clean_main() {
    // Main was woken and the loop was stopped: the wake belongs to a main that is gone.
    let (runner, log) = (virtual_runner(), Log::new());
    let outcome = runner.run(async {
        current_loop().unwrap().stop();
        yield_now().await;
        unreachable!("the loop was stopped before");
    });
    assert!(matches!(outcome.map(|(): ()| ()), Err(RunError::Stopped)));
    let seen = log.clone();
    runner
        .run(async {
            let child = spawn(async move { seen.add("child") });
            yield_now().await;
            log.add("main after giving way");
            child.await.unwrap();
        })
        .unwrap();
    assert_eq!(log.take(), ["child", "main after giving way"]);
}
