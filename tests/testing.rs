//! Promises about the testing aids. What `cancel_at_every_await` shows of the library's own async
//! functions is told in `cancel_safety`.

mod support;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use roundelay::testing::{
    Cut, Sequencer, SequencerBroken, cancel_at_every_await, wait_all_tasks_blocked,
};
use roundelay::{current_loop, now, sleep, spawn, yield_now};

use support::{Log, run_virtual, virtual_runner};

// ---- cancel_at_every_await -----------------------------------------------------------------------

#[test]
fn every_suspension_is_cut_once_and_then_the_future_finishes() {
    let log = Log::new();
    let suspensions = cancel_at_every_await(
        || {
            let guard = log.on_drop("dropped");
            let log = log.clone();
            let future = async move {
                let _guard = guard;
                yield_now().await;
                sleep(Duration::from_secs(60)).await;
                log.add("the end");
            };
            ((), future)
        },
        async |(), cut| log.add(format!("{cut:?}")),
    );
    assert_eq!(suspensions, 2);
    let dropped_first = ["dropped", "At(1)", "dropped", "At(2)", "the end", "dropped"];
    assert_eq!(log.take(), [&dropped_first[..], &["Finished(2)"]].concat());
}

#[test]
fn a_future_that_never_suspends_is_run_once() {
    let cuts = Cell::new(0);
    let suspensions = cancel_at_every_await(
        || ((), async {}),
        async |(), cut| {
            assert_eq!(cut, Cut::Finished(0));
            cuts.set(cuts.get() + 1);
        },
    );
    assert_eq!((suspensions, cuts.get()), (0, 1));
}

#[test]
fn a_check_that_fails_fails_the_test() {
    let outcome = catch_unwind(|| {
        cancel_at_every_await(
            || ((), yield_now()),
            async |(), cut| assert_eq!(cut, Cut::Finished(1), "cut too early"),
        )
    });
    let text = outcome.unwrap_err();
    assert!(text.downcast_ref::<String>().unwrap().contains("cut too early"));
}

#[test]
fn a_future_that_waits_for_nobody_is_told_from_one_that_is_slow() {
    let outcome = catch_unwind(|| {
        let make = || ((), std::future::pending::<()>());
        cancel_at_every_await(make, async |(), _| {})
    });
    let text = outcome.unwrap_err();
    let text = text.downcast_ref::<String>().unwrap();
    assert!(text.contains("after 1 suspensions the future waits for something"), "{text}");
}

// ---- wait_all_tasks_blocked ----------------------------------------------------------------------

#[test]
fn it_waits_until_every_other_task_waits() {
    let log = Log::new();
    run_virtual(async {
        let (seen, start) = (log.clone(), now());
        let busy = spawn(async move {
            for n in (0..300).step_by(if cfg!(miri) { 25 } else { 1 }) {
                yield_now().await;
                if n % 100 == 0 {
                    seen.add(format!("step {n}"));
                }
            }
            seen.add("now it waits");
            sleep(Duration::from_secs(60)).await;
            seen.add("after a minute");
        });
        wait_all_tasks_blocked().await;
        log.add("all blocked");
        assert_eq!(now(), start); // the clock did not move by it
        busy.await.unwrap();
    });
    let steps = ["step 0", "step 100", "step 200", "now it waits", "all blocked"];
    assert_eq!(log.take(), [&steps[..], &["after a minute"]].concat());
}

#[test]
fn callbacks_that_are_ready_count_as_well() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let (again, seen) = (home.clone(), log.clone());
        home.call_soon(move || drop(again.call_soon(seen.adds("a callback of a callback"))))
            .unwrap();
        wait_all_tasks_blocked().await;
        log.add("all blocked");
    });
    assert_eq!(log.take(), ["a callback of a callback", "all blocked"]);
}

#[test]
fn several_may_wait_for_it_and_one_may_give_up() {
    let log = Log::new();
    run_virtual(async {
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let log = log.clone();
                spawn(async move {
                    wait_all_tasks_blocked().await;
                    log.add(format!("task {n}"));
                })
            })
            .collect();
        yield_now().await;
        tasks[1].cancel();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.is_err(), n == 1);
        }
        wait_all_tasks_blocked().await;
        log.add("main");
    });
    assert_eq!(log.take(), ["task 0", "task 2", "main"]);
}

// ---- Sequencer -----------------------------------------------------------------------------------

#[test]
fn steps_happen_in_the_order_of_their_numbers_whoever_asks_first() {
    let log = Log::new();
    run_virtual(async {
        let order = Sequencer::new();
        let tasks: Vec<_> = [[3, 4], [1, 5], [0, 2]]
            .into_iter()
            .map(|turns| {
                let (order, log) = (order.clone(), log.clone());
                spawn(async move {
                    for turn in turns {
                        let _turn = order.turn(turn).await.unwrap();
                        log.add(format!("begin {turn}"));
                        yield_now().await;
                        log.add(format!("end {turn}"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected: Vec<String> =
        (0..6).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn a_turn_that_is_given_up_breaks_the_order_instead_of_hanging_it() {
    run_virtual(async {
        let order = Sequencer::new();
        let ask = |number| {
            let order = order.clone();
            spawn(async move { order.turn(number).await.map(drop) })
        };
        let (two, one) = (ask(2), ask(1));
        yield_now().await;
        one.cancel();
        let refused = two.await.unwrap().unwrap_err();
        assert_eq!(refused.given_up(), 1);
        let later: Result<_, SequencerBroken> = order.turn(7).await;
        assert!(later.is_err());
        // Not only later ones: what has not come does not come any more.
        let earlier = order.turn(0).await.unwrap_err();
        assert!(earlier.to_string().contains("the order is broken"), "{earlier}");
    });
}

#[test]
fn asking_twice_for_one_turn_is_a_bug_of_the_test() {
    let runner = virtual_runner();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(async {
            let order = Sequencer::new();
            let _first = order.turn(0).await;
            drop(order.turn(0).await);
        })
    }));
    assert!(outcome.is_err());
}
