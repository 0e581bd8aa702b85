//! Promises about tasks: when they step, what wakes them, and that their failures are never lost.
//!
//! Order facts O05 and O07 of asyncio; contracts 1, 3, 5 and 10 of the house; bug classes B1 to
//! B14.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};

use roundelay::{
    FailureKind, Queue, RunError, Runner, Semaphore, Task, TaskBuilder, TaskError, current_loop,
    current_task, gather_all, promise, sleep, spawn, yield_now,
};
use support::{
    Census, Crowd, Log, in_a_process, ms, must_end, on_drop, poll_now, races, reporting_runner,
    rounds, run_virtual, virtual_runner,
};

fn turn() -> u64 {
    current_loop().unwrap().turn()
}

// ---- O05: steps ---------------------------------------------------------------------------

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
fn tasks_that_give_way_take_turns_in_the_order_of_their_creation() {
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

// ---- names and places ----------------------------------------------------------------------

#[test]
fn every_task_has_a_number_a_name_and_the_line_that_spawned_it() {
    run_virtual(async {
        assert_eq!(current_task().unwrap().name, "main");
        let (task, line) = (spawn(async { current_task().unwrap() }), line!());
        let place = task.spawned_at().unwrap();
        assert!(place.file().ends_with("tasks.rs") && place.line() == line, "{place}");
        let id = task.id();
        assert_eq!(task.name(), format!("Task-{id}"));
        assert_eq!(task.await.unwrap().id, id);
        let named = TaskBuilder::new().name("fetch").spawn(async { current_task().unwrap().name });
        assert_eq!((named.name(), named.await.unwrap()), ("fetch".into(), "fetch".into()));
    });
    assert_eq!(current_task(), None);
}

#[test]
fn a_task_keeps_its_number_name_and_place_after_its_outcome_was_taken() {
    run_virtual(async {
        let mut task = TaskBuilder::new().name("fetch").spawn(async {});
        let (id, place) = (task.id(), task.spawned_at());
        (&mut task).await.unwrap();
        assert_eq!((task.name(), task.id()), ("fetch".to_owned(), id));
        assert_eq!(task.spawned_at(), place);
        assert!(task.is_finished() && !task.cancel());
    });
}

#[test]
fn an_outcome_that_was_taken_is_not_a_cancel_when_it_is_asked_for_again() {
    // B45: whoever polls a handle again after its answer must hear what the mistake is.
    run_virtual(async {
        let mut task = spawn(async { 7 });
        assert_eq!((&mut task).await.unwrap(), 7);
        let again = futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(&mut task));
        if let Ok(outcome) = again.await {
            assert!(!outcome.unwrap_err().is_cancelled(), "nobody cancelled this task");
        }
    });
}

// ---- contract 3: what nobody can take is reported ---------------------------------------------

#[test]
fn a_panic_of_a_detached_task_is_reported_once_with_number_name_place_and_age() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let task = TaskBuilder::new().name("worker").spawn(async {
                sleep(ms(50)).await;
                panic!("out of luck");
            });
            let (id, line) = (task.id(), line!() - 4);
            task.detach();
            sleep(ms(100)).await;
            let failures = reports.take_whole();
            assert_eq!(failures.len(), 1);
            let failure = &failures[0];
            assert_eq!(
                (failure.kind, &*failure.message),
                (FailureKind::TaskPanicked, "out of luck")
            );
            assert_eq!(failure.age, Some(ms(50)));
            let origin = failure.origin.unwrap();
            assert!(origin.file().ends_with("tasks.rs") && origin.line() == line, "{origin}");
            assert!(failure.who.contains("worker"), "the name is missing: {}", failure.who);
            assert!(
                failure.who.contains(&id.to_string()),
                "the number is missing: {}",
                failure.who
            );
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_handle_dropped_after_the_panic_reports_it_then_and_one_that_was_awaited_never() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (kept, awaited) =
                (spawn(async { panic!("kept") }), spawn(async { panic!("told") }));
            yield_now().await;
            assert!(kept.is_finished() && reports.len() == 0);
            drop::<Task<()>>(kept);
            assert_eq!(reports.take(), ["TaskPanicked: kept"]);
            let outcome: Result<(), _> = awaited.await;
            let Err(TaskError::Panicked(panic)) = outcome else { panic!("no panic") };
            assert_eq!(panic.message(), "told");
            let payload = panic.into_payload();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"told"));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_panic_is_reported_when_the_future_that_awaits_its_task_is_dropped() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let waiter = spawn(async {
                let task: Task<()> = spawn(async {
                    yield_now().await;
                    panic!("unheard")
                });
                let _ = task.await;
            });
            yield_now().await;
            waiter.cancel();
            assert!(waiter.await.unwrap_err().is_cancelled());
            yield_now().await;
            assert_eq!(reports.take(), ["TaskPanicked: unheard"]);
        })
        .unwrap();
}

#[test]
fn report_errors_reports_an_error_and_keeps_quiet_about_success_and_cancel() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            spawn(async { Err::<(), _>("no route") }).report_errors();
            spawn(async { Ok::<_, String>(()) }).report_errors();
            let cancelled = spawn(pending::<Result<(), String>>());
            cancelled.cancel();
            cancelled.report_errors();
            for _ in 0..4 {
                yield_now().await;
            }
            assert_eq!(reports.take(), ["TaskFailed: no route"]);
        })
        .unwrap();
}

#[test]
fn report_errors_reports_a_panic_too() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let task: Task<Result<(), String>> = spawn(async { panic!("worse than an error") });
            task.report_errors();
            for _ in 0..4 {
                yield_now().await;
            }
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: worse than an error"]);
}

#[test]
fn a_panic_that_is_left_when_the_runner_closes_is_reported() {
    let (runner, reports) = reporting_runner();
    let task: Task<()> = runner.run(async { spawn(async { panic!("late") }) }).unwrap();
    runner.close();
    assert_eq!(reports.len(), 0, "the handle is still there");
    drop(task);
    assert_eq!(reports.take(), ["TaskPanicked: late"]);
}

// ---- contract 5: panics stay where they happen --------------------------------------------------

#[test]
fn a_panic_in_one_task_does_not_touch_the_others() {
    let (runner, _reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let seen = log.clone();
            let bystander = spawn(async move {
                for _ in 0..3 {
                    yield_now().await;
                }
                seen.add("bystander");
            });
            let bad: Task<()> = spawn(async { panic!("bad") });
            assert!(bad.await.is_err());
            bystander.await.unwrap();
        })
        .unwrap();
    assert_eq!(log.take(), ["bystander"]);
}

#[test]
fn a_panic_in_a_tasks_destructor_is_reported_and_the_task_still_ends() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let bomb = on_drop(|| panic!("in a destructor"));
            let task = spawn(async move {
                let _bomb = bomb;
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: in a destructor"]);
}

#[test]
fn a_panic_on_top_of_a_panic_is_contained() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            struct Twice(#[expect(dead_code)] support::OnDrop);
            impl Future for Twice {
                type Output = ();
                fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
                    panic!("in poll")
                }
            }
            let task = spawn(Twice(on_drop(|| panic!("in the destructor, too"))));
            let Err(TaskError::Panicked(panic)) = task.await else { panic!("no panic") };
            assert_eq!(panic.message(), "in poll");
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: in the destructor, too"]);
}

#[test]
fn a_panicking_foreign_waker_does_not_reach_the_task_that_wakes_it() {
    // Three ways to wake a stranger: a promise, a permit, a task's end.
    let (runner, _reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let waker = support::panicking_waker();
            let (set, mut value) = promise::<u8>();
            assert!(support::poll_once(&mut value, &waker).is_pending());
            let seen = log.clone();
            let task = spawn(async move {
                set.resolve(7).unwrap();
                seen.add("resolved");
            });
            task.await.unwrap();
            assert_eq!(value.await, Ok(7));

            let semaphore = Semaphore::new(1);
            let permit = semaphore.try_acquire().unwrap();
            let mut waits = semaphore.acquire();
            assert!(support::poll_once(&mut waits, &waker).is_pending());
            let seen = log.clone();
            let task = spawn(async move {
                drop(permit);
                seen.add("gave back");
            });
            task.await.unwrap();
            drop(waits.await);

            let mut child = spawn(async {});
            assert!(support::poll_once(&mut child, &waker).is_pending());
            child.await.unwrap();
            log.add("joined");
        })
        .unwrap();
    assert_eq!(log.take(), ["resolved", "gave back", "joined"]);
}

#[test]
fn a_panicking_foreign_waker_does_not_abort_a_task_that_is_already_panicking() {
    let name = "a_panicking_foreign_waker_does_not_abort_a_task_that_is_already_panicking";
    in_a_process(name, || {
        let (runner, reports) = reporting_runner();
        runner
            .run(async {
                let semaphore = Semaphore::new(1);
                let permit = semaphore.try_acquire().unwrap();
                let mut waits = semaphore.acquire();
                let polled = support::poll_once(&mut waits, &support::panicking_waker());
                assert!(polled.is_pending());
                // The permit is given back while the panic unwinds, and wakes the stranger.
                let task = spawn(async move {
                    let _permit = permit;
                    panic!("while holding a permit");
                });
                assert!(matches!(task.await, Err(TaskError::Panicked(_))));
                drop(waits.await);
            })
            .unwrap();
        drop(reports);
    })
    .well();
}

// ---- waking ---------------------------------------------------------------------------------

#[test]
fn many_wakes_before_a_step_are_one_poll() {
    run_virtual(async {
        let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
        let (count, store) = (Rc::clone(&polls), Rc::clone(&waker));
        let task = spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *store.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        yield_now().await;
        for round in 2..5 {
            let waker = waker.borrow().clone().unwrap();
            for _ in 0..10 {
                waker.wake_by_ref();
                let clone = waker.clone();
                clone.wake();
            }
            yield_now().await;
            assert_eq!(polls.get(), round);
            yield_now().await;
            assert_eq!(polls.get(), round, "a wake too many was kept");
        }
        task.cancel();
        assert!(task.await.is_err());
    });
}

#[test]
fn a_task_that_wakes_itself_is_polled_again_in_the_next_turn_and_not_sooner() {
    run_virtual(async {
        let start = turn();
        let mut polls = Vec::new();
        let task = spawn(poll_fn(move |cx| {
            polls.push(turn() - start);
            cx.waker().wake_by_ref();
            if polls.len() < 4 { Poll::Pending } else { Poll::Ready(std::mem::take(&mut polls)) }
        }));
        assert_eq!(task.await.unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_wake_during_the_poll_is_not_lost_even_if_the_waker_is_dropped_then() {
    // B6: the wake is posted, the waker is gone, the task says Pending.
    run_virtual(async {
        let mut polls = 0;
        let task = spawn(poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            waker.wake();
            if polls < 5 { Poll::Pending } else { Poll::Ready(polls) }
        }));
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn a_waker_that_outlives_its_task_wakes_nobody_who_came_after() {
    // B5: the slot is used again, the key is not.
    run_virtual(async {
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..rounds(100) {
            let store = Rc::clone(&wakers);
            spawn(poll_fn(move |cx| {
                store.borrow_mut().push(cx.waker().clone());
                Poll::Ready(())
            }))
            .await
            .unwrap();
        }
        let polls = Rc::new(Cell::new(0));
        let count = Rc::clone(&polls);
        let task = spawn(poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }));
        yield_now().await;
        for waker in wakers.take() {
            waker.wake();
        }
        yield_now().await;
        assert_eq!(polls.get(), 1);
        drop(task);
    });
}

#[test]
fn wakes_from_many_threads_are_all_seen() {
    // B1: eight threads each raise their flag and wake; the task sleeps until all are up.
    must_end(|| {
        for _ in 0..races(50) {
            let flags: Arc<[AtomicBool; 8]> = Arc::default();
            let runner = Runner::new().unwrap();
            runner
                .run(async {
                    let (mut started, all) = (false, Arc::clone(&flags));
                    poll_fn(move |cx| {
                        if !std::mem::replace(&mut started, true) {
                            let barrier = Arc::new(Barrier::new(8));
                            for n in 0..8 {
                                let (all, waker) = (Arc::clone(&all), cx.waker().clone());
                                let barrier = Arc::clone(&barrier);
                                std::thread::spawn(move || {
                                    barrier.wait();
                                    all[n].store(true, Ordering::Release);
                                    waker.wake();
                                });
                            }
                        }
                        let up = all.iter().all(|flag| flag.load(Ordering::Acquire));
                        if up { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                })
                .unwrap();
        }
    });
}

#[test]
fn a_thread_that_wakes_and_lets_go_of_the_last_waker_is_not_a_deadlock() {
    // B8: between "the inbox is empty" and "nobody has a door" the thread does both. Several at a
    // time, so that the system interrupts them everywhere.
    fn many_rounds() {
        let runner = Runner::new().unwrap();
        let (sender, receiver) = mpsc::channel::<(Arc<AtomicBool>, Waker)>();
        let thread = std::thread::spawn(move || {
            for (flag, waker) in receiver {
                flag.store(true, Ordering::Release);
                waker.wake();
            }
        });
        for round in 0..races(4000) {
            let flag = Arc::new(AtomicBool::new(false));
            let mut sent = false;
            let outcome = runner.run(poll_fn(|cx| {
                if flag.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !std::mem::replace(&mut sent, true) {
                    sender.send((Arc::clone(&flag), cx.waker().clone())).unwrap();
                }
                Poll::Pending
            }));
            assert!(outcome.is_ok(), "round {round}: {}", outcome.unwrap_err());
        }
        drop(sender);
        thread.join().unwrap();
    }
    must_end(|| {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(many_rounds)).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn wakers_may_be_used_and_dropped_by_threads_while_and_after_the_loop_goes() {
    // B4: with safe code it must be a no-op.
    must_end(|| {
        for _ in 0..races(50) {
            let (sender, receiver) = mpsc::channel::<Waker>();
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = Arc::clone(&stop);
            let thread = std::thread::spawn(move || {
                let wakers: Vec<Waker> = receiver.iter().take(4).collect();
                let mut wakes = 0;
                // Miri's loop takes longer for a wake than the wake: it would never be done.
                let goes_on = || !cfg!(miri) && !stopped.load(Ordering::Acquire);
                while goes_on() || wakes < rounds(100) {
                    for waker in &wakers {
                        waker.wake_by_ref();
                        drop(waker.clone());
                    }
                    wakes += 1;
                }
                for waker in wakers {
                    waker.wake();
                }
            });
            let runner = Runner::new().unwrap();
            runner
                .run(async {
                    for _ in 0..4 {
                        let sender = sender.clone();
                        spawn(poll_fn(move |cx| {
                            let _ = sender.send(cx.waker().clone());
                            Poll::<()>::Pending
                        }))
                        .detach();
                    }
                    for _ in 0..10 {
                        yield_now().await;
                    }
                })
                .unwrap();
            drop(runner);
            stop.store(true, Ordering::Release);
            thread.join().unwrap();
        }
    });
}

#[test]
fn wakers_tasks_and_sleeps_may_be_dropped_by_a_dying_thread() {
    // B4: destructors of thread-locals, in whatever order the system calls them.
    thread_local! {
        static LEFT: RefCell<Vec<support::OnDrop>> = const { RefCell::new(Vec::new()) };
    }
    let name = "wakers_tasks_and_sleeps_may_be_dropped_by_a_dying_thread";
    in_a_process(name, || {
        std::thread::spawn(|| {
            // Touched first, so that it is among the last to be taken down.
            LEFT.with_borrow_mut(|left| left.push(on_drop(|| ())));
            let runner = virtual_runner();
            let (task, waker, nap) = runner
                .run(async {
                    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                    let mut nap = sleep(ms(1000));
                    assert!(poll_now(&mut nap).await.is_pending());
                    (spawn(pending::<()>()), waker, nap)
                })
                .unwrap();
            LEFT.with_borrow_mut(|left| {
                left.push(on_drop(move || {
                    waker.wake_by_ref();
                    drop(waker);
                    assert!(!task.is_finished() || !task.cancel());
                    drop(task);
                    drop(nap);
                }));
            });
            drop(runner);
        })
        .join()
        .unwrap();
    })
    .well();
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_runner_with_live_tasks_may_be_dropped_by_a_dying_thread() {
    thread_local! {
        static RUNNER: RefCell<Option<Runner>> = const { RefCell::new(None) };
    }
    let name = "a_runner_with_live_tasks_may_be_dropped_by_a_dying_thread";
    let ended = in_a_process(name, || {
        std::thread::spawn(|| {
            RUNNER.set(Some(virtual_runner()));
            RUNNER.with_borrow(|runner| {
                let guard = on_drop(|| println!("the future was dropped"));
                runner
                    .as_ref()
                    .unwrap()
                    .run(async move {
                        spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        })
                        .detach();
                        yield_now().await;
                    })
                    .unwrap();
            });
        })
        .join()
        .unwrap();
    })
    .well();
    assert!(ended.stdout.contains("the future was dropped"), "{ended:?}");
}

// ---- many -----------------------------------------------------------------------------------

#[test]
fn a_hundred_thousand_tasks_run_and_leave_nothing_behind() {
    let many = rounds(100_000);
    let census = Census::new();
    run_virtual(async {
        let tasks: Vec<_> = (0..many)
            .map(|n| {
                let guard = census.born();
                spawn(async move {
                    let _guard = guard;
                    yield_now().await;
                    n
                })
            })
            .collect();
        assert_eq!(census.alive(), many);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_each_awaiting_the_next_ends_and_unwinds() {
    let many = rounds(100_000);
    let name = "a_chain_of_a_hundred_thousand_tasks_each_awaiting_the_next_ends_and_unwinds";
    in_a_process(name, || {
        let chain = |last: Task<()>| {
            (0..many).fold(last, |next, _| {
                spawn(async move {
                    let _ = next.await;
                })
            })
        };
        run_virtual(async {
            chain(spawn(async {})).await.unwrap();
            // Cancelled from the outermost: the others are detached, and end with the loop.
            let outermost = chain(spawn(pending()));
            yield_now().await;
            outermost.cancel();
            assert!(outermost.await.is_err());
        });
    })
    .well();
}

// ---- foreign combinators ------------------------------------------------------------------

#[test]
fn our_futures_inside_a_foreign_combinator_are_woken_through_its_own_wakers() {
    run_virtual(async {
        let (semaphore, queue) = (Semaphore::new(1), Queue::<u32>::bounded(1));
        let (set, value) = promise::<u32>();
        let mut crowd = Crowd::<u32>::new();
        crowd.push(async move { value.await.unwrap() });
        for n in 10..13 {
            let semaphore = semaphore.clone();
            crowd.push(async move {
                let _permit = semaphore.acquire().await;
                sleep(ms(5)).await;
                n
            });
        }
        let taker = queue.clone();
        crowd.push(async move { taker.get().await.unwrap() + taker.get().await.unwrap() });
        crowd.push(async {
            spawn(async {
                yield_now().await;
                99
            })
            .await
            .unwrap()
        });
        let giver = spawn(async move {
            sleep(ms(7)).await;
            queue.put(20).await.unwrap();
            queue.put(22).await.unwrap();
            sleep(ms(1)).await;
            set.resolve(1).unwrap();
        });
        let order = (&mut crowd).await;
        assert_eq!(order, [(5, 99), (1, 10), (4, 42), (0, 1), (2, 11), (3, 12)]);
        giver.await.unwrap();
    });
}

#[test]
fn one_future_handed_from_waker_to_waker_wakes_the_last_one_only() {
    run_virtual(async {
        let semaphore = Semaphore::new(0);
        let mut waits = semaphore.acquire();
        let wakers: Vec<_> = (0..3).map(|_| support::Counter::new()).collect();
        for (_, waker) in &wakers {
            assert!(support::poll_once(&mut waits, waker).is_pending());
        }
        semaphore.add_permits(1);
        let wakes: Vec<_> = wakers.iter().map(|(counter, _)| counter.wakes()).collect();
        assert_eq!((wakes, semaphore.waiting()), (vec![0, 0, 1], 0));
        drop(waits.await);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_task_awaited_first_by_one_and_then_by_another_wakes_the_last() {
    run_virtual(async {
        let mut slow = spawn(sleep(ms(10)));
        assert!(poll_now(&mut slow).await.is_pending());
        let other = spawn(async move { slow.await.is_ok() });
        assert!(other.await.unwrap());
    });
}

#[test]
fn an_idle_loop_rests() {
    // B7: after a remote wake the loop sleeps again.
    must_end(|| {
        let runner = Runner::new().unwrap();
        runner
            .run(async {
                let (sender, receiver) = mpsc::channel::<Waker>();
                let woken = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&woken);
                let thread = std::thread::spawn(move || {
                    let waker = receiver.recv().unwrap();
                    for _ in 0..20 {
                        count.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                        std::thread::sleep(ms(2));
                    }
                });
                let start = turn();
                poll_fn(|cx| {
                    let _ = sender.send(cx.waker().clone());
                    if woken.load(Ordering::SeqCst) == 20 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                let turns = turn() - start;
                assert!(turns <= 3 * 20 + 5, "{turns} turns for 20 wakes");
                thread.join().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_task_nobody_can_wake_is_a_deadlock_and_one_that_a_stranger_can_wake_is_not() {
    must_end(|| {
        for runner in [Runner::new().unwrap(), virtual_runner()] {
            let outcome = runner.run(async {
                let (_set, value) = promise::<()>();
                let _idle = spawn(pending::<()>());
                value.await
            });
            assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
            let (sender, receiver) = mpsc::channel::<Waker>();
            let thread = std::thread::spawn(move || {
                let waker = receiver.recv().unwrap();
                std::thread::sleep(ms(5));
                waker.wake();
            });
            let mut polls = 0;
            runner
                .run(poll_fn(|cx| {
                    polls += 1;
                    let _ = sender.send(cx.waker().clone());
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                }))
                .unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_task_whose_waker_was_kept_once_is_lent_that_one_ever_after() {
    /// Four steps; in the first the task's waker is cloned, in the second the clone is dropped.
    async fn steps(keeps: bool) -> Vec<*const ()> {
        let (mut lent, mut kept) = (Vec::new(), Some(None::<Waker>));
        poll_fn(move |cx| {
            // Keeping it drops what was kept before.
            kept.replace((keeps && lent.is_empty()).then(|| cx.waker().clone()));
            lent.push(cx.waker().data());
            cx.waker().wake_by_ref();
            if lent.len() < 4 { Poll::Pending } else { Poll::Ready(std::mem::take(&mut lent)) }
        })
        .await
    }
    roundelay::run(async {
        let (keeper, other) = (spawn(steps(true)), spawn(steps(false)));
        let (keeper, other) = (keeper.await.unwrap(), other.await.unwrap());
        assert_eq!(keeper, [keeper[0]; 4]);
        assert!(!other.contains(&keeper[0]), "a waker that is somebody's is lent to nobody else");
    });
}
