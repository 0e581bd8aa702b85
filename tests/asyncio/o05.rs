//! O05: steps of tasks, counted in turns.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{current_loop, gather_all, promise, sleep, sleep_until, spawn, yield_now};

use crate::support::{Log, ms, run_virtual};
use crate::turn;

#[test]
fn o05_1_a_first_step_comes_one_turn_later_and_the_parent_goes_on_two_turns_later() {
    run_virtual(async {
        let start = turn();
        let first = spawn(async { turn() }).await.unwrap();
        assert_eq!((first - start, turn() - start), (1, 2));
    });
}

#[test]
fn o05_2_awaiting_a_plain_future_or_a_finished_task_costs_no_turn() {
    run_virtual(async {
        let start = turn();
        async {}.await;
        assert_eq!(turn() - start, 0);
        let task = spawn(async {});
        yield_now().await;
        assert!(task.is_finished());
        let start = turn();
        task.await.unwrap();
        assert_eq!(turn() - start, 0);
    });
}

#[test]
fn o05_3_a_sleep_of_no_time_costs_exactly_one_turn() {
    run_virtual(async {
        let start = turn();
        yield_now().await;
        assert_eq!(turn() - start, 1);
        let start = turn();
        sleep(Duration::ZERO).await;
        assert_eq!(turn() - start, 1);
    });
}

#[test]
fn o05_3_a_deadline_that_has_passed_costs_a_timer_and_so_two_turns() {
    // asyncio has no sleep with a deadline; its negative delays cost one turn. A negative delay
    // cannot be written here.
    run_virtual(async {
        let start = turn();
        sleep_until(roundelay::now() - ms(1000)).await;
        assert_eq!(turn() - start, 2);
    });
}

#[test]
fn o05_4_tasks_that_give_way_take_turns_in_the_order_of_creation() {
    let log = Log::new();
    run_virtual(async {
        let tasks = ["A", "B", "C"].map(|name| {
            let log = log.clone();
            async move {
                for round in 0..3 {
                    log.add(format!("{name}{round}"));
                    yield_now().await;
                }
            }
        });
        gather_all(tasks).await;
    });
    assert_eq!(log.take().join(" "), "A0 B0 C0 A1 B1 C1 A2 B2 C2");
}

#[test]
fn o05_5_completing_returns_at_once_and_wakes_tasks_and_callbacks_in_one_line() {
    let log = Log::new();
    run_virtual(async {
        let setters = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for n in 0..4 {
            let (set, value) = promise::<()>();
            setters.borrow_mut().push(set);
            let log = log.clone();
            tasks.push(spawn(async move {
                value.await.unwrap();
                log.add(n.to_string());
            }));
        }
        yield_now().await;
        for set in setters.take() {
            set.resolve(()).unwrap();
        }
        current_loop().unwrap().call_soon(log.adds("cb")).unwrap();
        log.add("resolve returned");
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["resolve returned", "0", "1", "2", "3", "cb"]);
}
