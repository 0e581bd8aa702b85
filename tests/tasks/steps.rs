//! When a task steps: never inside `spawn`, in the order of the line, and not a turn later than it
//! must.
//!
//! Order fact O05 of asyncio; its plainest rows are in `tests/asyncio/o05.rs`.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use roundelay::{current_loop, current_task, promise, spawn, yield_now};

use crate::support::{Log, run_virtual, virtual_runner};
use crate::turn;

#[test]
fn spawn_never_polls() {
    let log = Log::new();
    run_virtual(async {
        let task = spawn({
            let log = log.clone();
            async move { log.add("child") }
        });
        log.add("spawn returned");
        assert!(!task.is_finished());
        task.await.unwrap();
    });
    assert_eq!(log.take(), ["spawn returned", "child"]);
}

#[test]
fn a_first_step_comes_in_the_next_turn_and_the_parent_goes_on_in_the_one_after() {
    run_virtual(async {
        let start = turn();
        let first_step = spawn(async { turn() }).await.unwrap();
        assert_eq!((first_step - start, turn() - start), (1, 2));
    });
}

#[test]
fn a_task_of_one_runner_wakes_the_task_of_another_that_awaits_it_and_nobody_with_the_same_key() {
    let (one, other) = (virtual_runner(), virtual_runner());
    let (letter, arrives) = promise();
    let steps_here = Rc::new(Cell::new(0));
    let counted = Rc::clone(&steps_here);
    // The first task of each runner: what waits in `other` has the key of the bystander in `one`.
    let (bystander, task) = one
        .run(async move {
            let bystander = spawn(poll_fn(move |_| {
                counted.set(counted.get() + 1);
                Poll::<()>::Pending
            }));
            let task = spawn(arrives);
            yield_now().await;
            (bystander, task)
        })
        .unwrap();
    let waiting = other
        .run(async move {
            let waiting = spawn(task);
            yield_now().await;
            waiting
        })
        .unwrap();
    assert!(!waiting.is_finished());
    one.run(async move {
        letter.resolve("read").unwrap();
        yield_now().await;
        yield_now().await;
    })
    .unwrap();
    assert_eq!(steps_here.get(), 1, "the bystander took its first step, and was never woken");
    assert_eq!(other.run(waiting).unwrap().unwrap().unwrap(), Ok("read"));
    drop(bystander);
}

#[test]
fn awaiting_a_plain_future_or_a_finished_task_costs_no_turn() {
    run_virtual(async {
        let start = turn();
        async {}.await;
        assert_eq!(turn(), start);
        let task = spawn(async {});
        yield_now().await;
        let start = turn();
        task.await.unwrap();
        assert_eq!(turn(), start);
    });
}

#[test]
fn tasks_take_their_first_steps_in_the_order_of_spawning() {
    let log = Log::new();
    run_virtual(async {
        for n in 0..5 {
            let log = log.clone();
            spawn(async move { log.add(n.to_string()) }).detach();
        }
        yield_now().await;
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn callbacks_and_tasks_stand_in_one_line() {
    let log = Log::new();
    run_virtual(async {
        let inner = current_loop().unwrap();
        let (first, second) = (log.clone(), log.clone());
        spawn(async move { first.add("task 1") }).detach();
        inner.call_soon(log.adds("callback")).unwrap();
        spawn(async move { second.add("task 2") }).detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["task 1", "callback", "task 2"]);
}

#[test]
fn resolving_a_promise_returns_at_once_and_waiters_go_on_in_order_of_resolving() {
    let log = Log::new();
    run_virtual(async {
        let mut promises = Vec::new();
        for n in 0..4 {
            let (set, value) = promise::<()>();
            let log = log.clone();
            spawn(async move {
                value.await.unwrap();
                log.add(n.to_string());
            })
            .detach();
            promises.push(set);
        }
        yield_now().await;
        for set in promises.into_iter().rev() {
            set.resolve(()).unwrap();
        }
        log.add("resolve returned");
        yield_now().await;
    });
    assert_eq!(log.take(), ["resolve returned", "3", "2", "1", "0"]);
}

#[test]
fn a_task_spawned_from_a_callback_runs_like_any_other() {
    run_virtual(async {
        let (set, value) = promise();
        let callback = move || spawn(async move { set.resolve(current_task()).unwrap() }).detach();
        current_loop().unwrap().call_soon(callback).unwrap();
        assert_eq!(value.await.unwrap().unwrap().name, "Task-2");
    });
}
