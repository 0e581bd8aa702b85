//! Promises about cancelling: it is a request, it drops, and it never lies.
//!
//! Order facts O08 and O09 of asyncio (in the forms that dropping has); contract 2 of the house;
//! bug classes B42 to B45.

mod support;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::thread::ThreadId;

use proptest::prelude::*;
use roundelay::{
    Moment, Queue, Runner, Semaphore, Task, TaskEnd, TaskError, current_loop, promise,
    runtime::Event, sleep, spawn, timeout, yield_now,
};
use support::{Log, ms, must_end, on_drop, reporting_runner, rounds, run_virtual};

fn turn() -> u64 {
    current_loop().unwrap().turn()
}

// ---- O08 ------------------------------------------------------------------------------------

#[test]
fn a_task_cancelled_before_its_first_step_never_runs_and_is_over_one_turn_later() {
    let log = Log::new();
    run_virtual(async {
        let (seen, guard) = (log.clone(), log.on_drop("captures dropped"));
        let task = spawn(async move {
            let _guard = guard;
            seen.add("body");
        });
        assert!(task.cancel());
        assert!(!task.is_finished());
        assert_eq!(log.take(), [""; 0], "cancelling is a request");
        yield_now().await;
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["captures dropped"]);
}

#[test]
fn cancelling_a_finished_task_says_no_and_keeps_the_output() {
    run_virtual(async {
        let task = spawn(async { 7 });
        yield_now().await;
        assert!(!task.cancel() && !task.cancel());
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn two_requests_before_the_step_are_one_cancel() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("dropped");
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        assert!(task.cancel() && task.cancel());
        assert!(!task.is_finished(), "it ends in its own step, not in ours");
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn a_task_that_cancels_itself_and_returns_is_cancelled_and_its_value_is_lost() {
    let log = Log::new();
    run_virtual(async {
        let (set, handle) = promise::<Rc<Task<support::OnDrop>>>();
        let (value, seen) = (log.on_drop("value dropped"), log.clone());
        let task = spawn(async move {
            let me = handle.await.unwrap();
            seen.add(format!("cancel says {}", me.cancel()));
            seen.add("still running");
            value
        });
        let task = Rc::new(task);
        assert!(set.resolve(Rc::clone(&task)).is_ok());
        yield_now().await;
        yield_now().await;
        let task = Rc::try_unwrap(task).unwrap();
        let outcome = task.try_outcome().map(|outcome| outcome.map(drop)).unwrap();
        assert!(matches!(outcome, Err(TaskError::Cancelled)));
    });
    assert_eq!(log.take(), ["cancel says true", "still running", "value dropped"]);
}

#[test]
fn a_task_that_cancels_itself_is_dropped_at_its_next_await() {
    let log = Log::new();
    run_virtual(async {
        let (set, handle) = promise::<Rc<Task<()>>>();
        let (seen, guard) = (log.clone(), log.on_drop("dropped"));
        let task = spawn(async move {
            let _guard = guard;
            let me = handle.await.unwrap();
            me.cancel();
            drop(me);
            seen.add("until the next await");
            yield_now().await;
            seen.add("not reached");
        });
        let task = Rc::new(task);
        assert!(set.resolve(Rc::clone(&task)).is_ok());
        for _ in 0..3 {
            yield_now().await;
        }
        assert!(task.is_finished());
    });
    assert_eq!(log.take(), ["until the next await", "dropped"]);
}

#[test]
fn cancelling_drops_the_innermost_first() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let task = spawn(async move {
            let _outer = seen.on_drop("outer");
            let middle = async {
                let _middle = seen.on_drop("middle");
                let inner = async {
                    let (_first, _second) = (seen.on_drop("first"), seen.on_drop("second"));
                    pending::<()>().await;
                };
                inner.await;
            };
            middle.await;
        });
        yield_now().await;
        task.cancel();
        assert!(task.await.is_err());
    });
    assert_eq!(log.take(), ["second", "first", "middle", "outer"]);
}

#[test]
fn a_cancelled_task_that_panics_in_its_last_step_has_panicked() {
    let (runner, _reports) = reporting_runner();
    runner
        .run(async {
            let (set, handle) = promise::<Rc<Task<()>>>();
            let task = Rc::new(spawn(async move {
                handle.await.unwrap().cancel();
                panic!("on the way out");
            }));
            assert!(set.resolve(Rc::clone(&task)).is_ok());
            for _ in 0..3 {
                yield_now().await;
            }
            let task = Rc::try_unwrap(task).unwrap();
            assert!(matches!(task.try_outcome().unwrap(), Err(TaskError::Panicked(_))));
        })
        .unwrap();
}

// ---- O09: cancel against completion ---------------------------------------------------------

#[test]
fn a_value_set_before_the_cancel_but_not_yet_taken_is_lost_with_the_waiter() {
    let log = Log::new();
    run_virtual(async {
        let (set, value) = promise();
        let waiter = spawn(value);
        yield_now().await;
        assert!(set.resolve(log.on_drop("value dropped")).is_ok());
        assert!(waiter.cancel());
        assert!(waiter.await.map(drop).unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["value dropped"]);
}

#[test]
fn a_value_set_after_the_waiter_has_unwound_is_handed_back() {
    run_virtual(async {
        let (set, value) = promise();
        let waiter = spawn(value);
        yield_now().await;
        waiter.cancel();
        yield_now().await;
        assert!(!set.is_awaited());
        assert_eq!(set.resolve(7), Err(7));
        assert!(waiter.await.is_err());
    });
}

#[test]
fn cancelled_is_only_answered_after_the_future_was_dropped() {
    // B44, both for a handle that is awaited and for one that is asked.
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("dropped");
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        task.cancel();
        log.add(format!("finished: {}", task.is_finished()));
        let outcome = task.await;
        log.add(format!("cancelled: {}", outcome.unwrap_err().is_cancelled()));
    });
    assert_eq!(log.take(), ["finished: false", "dropped", "cancelled: true"]);
}

#[test]
fn cancelling_one_who_awaits_a_task_detaches_that_task() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outer = spawn(async move {
            let inner = spawn(async move {
                sleep(ms(10)).await;
                seen.add("inner went on");
            });
            inner.await.unwrap();
        });
        yield_now().await;
        yield_now().await;
        outer.cancel();
        assert!(outer.await.is_err());
        sleep(ms(20)).await;
    });
    assert_eq!(log.take(), ["inner went on"]);
}

#[test]
fn a_task_that_awaits_by_reference_can_let_go_and_come_back() {
    run_virtual(async {
        let mut slow = spawn(async {
            sleep(ms(30)).await;
            "done"
        });
        assert!(timeout(ms(10), &mut slow).await.is_err());
        assert!(timeout(ms(10), &mut slow).await.is_err());
        assert_eq!(slow.await.unwrap(), "done");
    });
}

#[test]
fn a_cancel_costs_one_turn_and_the_waiter_goes_on_in_the_one_after() {
    run_virtual(async {
        let task = spawn(pending::<()>());
        yield_now().await;
        let start = turn();
        task.cancel();
        assert!(task.await.is_err());
        assert_eq!(turn() - start, 2);
    });
}

// ---- who is asked, who answers ----------------------------------------------------------------

#[test]
fn destructors_of_a_cancelled_task_may_spawn_cancel_and_wake() {
    let log = Log::new();
    run_virtual(async {
        let (set, value) = promise();
        let other = Rc::new(spawn(pending::<()>()));
        let (seen, victim) = (log.clone(), Rc::clone(&other));
        let guard = on_drop(move || {
            seen.add(format!("cancelled another: {}", victim.cancel()));
            set.resolve("from a destructor").unwrap();
            let line = seen.clone();
            spawn(async move { line.add("spawned in a destructor") }).detach();
        });
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        task.cancel();
        assert_eq!(value.await, Ok("from a destructor"));
        assert!(task.is_finished());
        yield_now().await;
        assert!(other.is_finished());
    });
    assert_eq!(log.take(), ["cancelled another: true", "spawned in a destructor"]);
}

#[test]
fn two_tasks_that_hold_and_cancel_each_other_both_end() {
    must_end(|| {
        let (runner, reports) = reporting_runner();
        runner
            .run(async {
                let handles = Rc::new(RefCell::new(Vec::<Task<()>>::new()));
                for n in 0..2 {
                    let reach = Rc::clone(&handles);
                    let guard = on_drop(move || {
                        for task in &*reach.borrow() {
                            task.cancel();
                        }
                    });
                    let task = spawn(async move {
                        let _guard = guard;
                        if n == 0 {
                            sleep(ms(1)).await;
                        } else {
                            pending::<()>().await;
                        }
                    });
                    handles.borrow_mut().push(task);
                }
                sleep(ms(5)).await;
                assert!(handles.borrow().iter().all(Task::is_finished));
                handles.borrow_mut().clear();
            })
            .unwrap();
        assert_eq!(reports.take(), [""; 0]);
    });
}

#[test]
fn every_future_is_dropped_on_the_thread_of_its_loop() {
    // B9: wherever its wakers and doors have been.
    must_end(|| {
        let home = std::thread::current().id();
        let dropped_on = Rc::new(RefCell::new(Vec::<ThreadId>::new()));
        let runner = Runner::new().unwrap();
        runner
            .run(async {
                let (sender, receiver) = std::sync::mpsc::channel();
                let note = Rc::clone(&dropped_on);
                let guard = on_drop(move || note.borrow_mut().push(std::thread::current().id()));
                let task = spawn(async move {
                    let _guard = guard;
                    poll_fn(|cx| {
                        let _ = sender.send(cx.waker().clone());
                        Poll::<()>::Pending
                    })
                    .await;
                });
                yield_now().await;
                let waker = receiver.recv().unwrap();
                let thread = std::thread::spawn(move || {
                    waker.wake_by_ref();
                    drop(waker);
                    drop(receiver);
                });
                task.cancel();
                assert!(task.await.is_err());
                thread.join().unwrap();
            })
            .unwrap();
        assert_eq!(*dropped_on.borrow(), [home]);
    });
}

#[test]
fn the_observer_hears_of_each_request_and_of_one_end() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&told);
    let observer = move |_: Moment, event: &Event| {
        let line = match event {
            Event::TaskCancelRequested { .. } => "requested".to_owned(),
            Event::TaskEnded { how, .. } => format!("{how:?}"),
            _ => return,
        };
        ear.borrow_mut().push(line);
    };
    let runner = Runner::builder().virtual_clock().observer(observer).build().unwrap();
    runner
        .run(async {
            let task = spawn(pending::<()>());
            yield_now().await;
            task.cancel();
            task.cancel();
            assert!(task.await.is_err());
        })
        .unwrap();
    let cancelled = format!("{:?}", TaskEnd::Cancelled);
    let finished = format!("{:?}", TaskEnd::Finished);
    assert_eq!(*told.borrow(), ["requested", "requested", &cancelled, &finished]);
}

#[test]
fn a_million_cancelled_waits_leave_nothing_behind() {
    // B13, on one semaphore, one queue and one sleeping loop. Counted, not measured.
    run_virtual(async {
        let (semaphore, queue) = (Semaphore::new(0), Queue::<u8>::bounded(1));
        for _ in 0..rounds(50_000) {
            let (mut permit, mut item) = (semaphore.acquire(), queue.get());
            assert!(support::poll_now(&mut permit).await.is_pending());
            assert!(support::poll_now(&mut item).await.is_pending());
        }
        assert_eq!(semaphore.waiting(), 0);
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1), "nobody in line has a right to it");
        semaphore.add_permits(1);
        assert!(semaphore.try_acquire().is_some());
    });
}

// ---- every order of completion, cancel and deadline -------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Resolve,
    Cancel,
    Yield,
}

proptest! {
    #![proptest_config(crate::support::properties(400))]

    /// A task waits for a promise while somebody resolves, cancels and gives way in any order.
    /// B43: the outcome and the answers of `cancel` and `resolve` always fit together, and the
    /// value is dropped exactly once or taken exactly once.
    #[test]
    fn in_any_order_of_cancel_and_completion_nothing_is_lost_and_nobody_lies(
        deeds in prop::collection::vec(
            prop_oneof![Just(Deed::Resolve), Just(Deed::Cancel), Just(Deed::Yield)], 0..8,
        ),
        start_late in any::<bool>(),
    ) {
        let log = Log::new();
        let (outcome, resolved_at, cancelled_at, refused) = run_virtual(async {
            let (set, value) = promise();
            let mut set = Some(set);
            let task = spawn(value);
            if !start_late {
                yield_now().await;
            }
            let (mut resolved_at, mut cancelled_at, mut refused) = (None, None, false);
            for deed in &deeds {
                match deed {
                    Deed::Resolve => {
                        if let Some(set) = set.take() {
                            match set.resolve(log.on_drop("value dropped")) {
                                Ok(()) => resolved_at = Some(turn()),
                                Err(value) => {
                                    refused = true;
                                    value.disarm();
                                }
                            }
                        }
                    }
                    Deed::Cancel => {
                        if task.cancel() && cancelled_at.is_none() {
                            cancelled_at = Some(turn());
                        }
                    }
                    Deed::Yield => yield_now().await,
                }
            }
            yield_now().await;
            let outcome = match task.try_outcome() {
                Ok(Ok(Ok(value))) => {
                    value.disarm();
                    "value"
                }
                Ok(Ok(Err(_))) => "abandoned",
                Ok(Err(error)) => {
                    assert!(error.is_cancelled());
                    "cancelled"
                }
                Err(task) => {
                    drop(task);
                    "waiting"
                }
            };
            // A promise that was never set is dropped here, after the answer.
            drop(set);
            (outcome, resolved_at, cancelled_at, refused)
        });
        let dropped = log.take().len();
        match outcome {
            "value" => prop_assert!(cancelled_at.is_none() && resolved_at.is_some() && dropped == 0),
            "cancelled" => {
                prop_assert!(cancelled_at.is_some());
                // Resolved and then cancelled before the step: the value goes with the waiter.
                prop_assert_eq!(dropped, usize::from(resolved_at.is_some()));
            }
            "waiting" => prop_assert!(resolved_at.is_none() && cancelled_at.is_none() && dropped == 0),
            other => prop_assert!(false, "{other}"),
        }
        if refused {
            prop_assert_eq!(outcome, "cancelled");
        }
    }
}
