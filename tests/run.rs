//! Promises about running: what `run` gives back, what it leaves behind (nothing), and what it
//! refuses.
//!
//! Order fact O22 of asyncio; contracts 3, 5, 9, 10 and 14 of the house.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use roundelay::{
    FailurePolicy, RunError, Runner, Task, current_loop, current_task, gather_all, promise, sleep,
    spawn, yield_now,
};
use support::{
    Census, Log, Reports, in_a_process, ms, must_end, on_drop, reporting_runner, rounds,
    run_virtual, virtual_runner,
};

// ---- what comes back ------------------------------------------------------------------------

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
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
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
    let name = "when_main_panics_other_tasks_may_panic_in_their_destructors_too";
    in_a_process(name, || {
        let outcome = catch_unwind(|| {
            roundelay::run(async {
                for _ in 0..3 {
                    let bomb = on_drop(|| panic!("in a destructor"));
                    spawn(async move {
                        let _bomb = bomb;
                        pending::<()>().await;
                    })
                    .detach();
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
    let name =
        "the_panic_of_main_is_not_replaced_by_one_of_its_destructor_and_the_runner_still_closes";
    in_a_process(name, || {
        struct Main(#[expect(dead_code)] support::OnDrop);
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
    let name = "a_main_that_panics_when_it_is_dropped_halfway_does_not_hang_the_runner";
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

// ---- O22: shutting down -----------------------------------------------------------------------

#[test]
fn when_run_returns_every_task_has_been_unwound_oldest_first() {
    let log = Log::new();
    let value = roundelay::run(async {
        for n in 0..4 {
            let guard = log.on_drop(format!("task {n} unwound"));
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
        }
        yield_now().await;
        log.add("main returns");
        5
    });
    log.add(format!("run returned {value}"));
    assert_eq!(
        log.take(),
        [
            "main returns",
            "task 0 unwound",
            "task 1 unwound",
            "task 2 unwound",
            "task 3 unwound",
            "run returned 5"
        ],
    );
}

#[test]
fn tasks_that_never_began_are_dropped_without_running() {
    let log = Log::new();
    roundelay::run(async {
        let (seen, guard) = (log.clone(), log.on_drop("dropped"));
        spawn(async move {
            let _guard = guard;
            yield_now().await;
            yield_now().await;
            seen.add("not reached");
        })
        .detach();
    });
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn a_destructor_that_panics_during_the_shutdown_is_reported_and_the_rest_goes_on() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let (bomb, guard) = (on_drop(|| panic!("in cleanup")), log.on_drop("the next one"));
            for guard in [bomb, guard] {
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .detach();
            }
            yield_now().await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(log.take(), ["the next one"]);
    assert_eq!(reports.take(), ["DestructorPanicked: in cleanup"]);
}

#[test]
fn tasks_born_of_destructors_during_the_shutdown_are_unwound_too() {
    let log = Log::new();
    roundelay::run(async {
        let seen = log.clone();
        let guard = on_drop(move || {
            let inner = seen.on_drop("child unwound");
            let again = seen.clone();
            spawn(async move {
                let _inner = inner;
                again.add("not reached");
            })
            .detach();
            seen.add("parent unwound");
        });
        spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["parent unwound", "child unwound"]);
}

#[test]
#[cfg_attr(miri, ignore = "buries a million tasks")]
fn a_family_of_tasks_that_never_dies_out_does_not_keep_the_shutdown_from_ending() {
    let name = "a_family_of_tasks_that_never_dies_out_does_not_keep_the_shutdown_from_ending";
    in_a_process(name, || {
        fn heir(births: Rc<Cell<usize>>) {
            let next = Rc::clone(&births);
            let guard = on_drop(move || {
                next.set(next.get() + 1);
                heir(next);
            });
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
        }
        let births = Rc::new(Cell::new(0));
        let first = Rc::clone(&births);
        roundelay::run(async move {
            heir(first);
            yield_now().await;
        });
        assert!(births.get() > 1);
    })
    .well();
}

#[test]
fn handles_dropped_and_asked_during_and_after_the_shutdown_answer_sensibly() {
    let (runner, log) = (virtual_runner(), Log::new());
    let (kept, seen) = (Rc::new(RefCell::new(Vec::<Task<()>>::new())), log.clone());
    let reach = Rc::clone(&kept);
    runner
        .run(async {
            let guard = on_drop(move || {
                let tasks = reach.take();
                seen.add(format!(
                    "during: {}",
                    tasks.iter().filter(|task| task.is_finished()).count()
                ));
                drop(tasks);
            });
            for guard in [Some(guard), None] {
                let task = spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
                kept.borrow_mut().push(task);
            }
            yield_now().await;
        })
        .unwrap();
    let outside = runner.run(async { spawn(pending::<()>()) }).unwrap();
    drop(runner);
    assert_eq!(log.take(), ["during: 0"]);
    assert!(outside.is_finished() && !outside.cancel());
    assert!(outside.try_outcome().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn callbacks_that_were_never_called_are_dropped_by_the_time_run_returns() {
    let census = Census::new();
    roundelay::run(async {
        let inner = current_loop().unwrap();
        for delay in [0, 1000] {
            let guard = census.born();
            inner.call_later(ms(delay), move || drop(guard)).unwrap();
        }
    });
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_loop_and_its_tasks_leave_no_cycle_behind() {
    // B12: tasks that hold wakers, handles, promises and queues of one another.
    let census = Census::new();
    run_virtual(async {
        let (set, value) = promise::<Task<()>>();
        let guard = census.born();
        let waits = spawn(async move {
            let _guard = guard;
            let _ = value.await;
        });
        let guard = census.born();
        let holds = spawn(async move {
            let _guard = guard;
            let _waits = waits;
            pending::<()>().await;
        });
        assert!(set.resolve(holds).is_ok());
        let queue = roundelay::Queue::unbounded();
        let (inside, guard) = (queue.clone(), census.born());
        let task = spawn(async move {
            let _guard = guard;
            let _ = inside.get().await;
            pending::<()>().await;
        });
        queue.try_put(task).unwrap();
        yield_now().await;
    });
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_stop_policy_failure_ends_the_run_even_in_the_turn_in_which_main_ends() {
    let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
    let runner = runner.build().unwrap();
    let outcome = runner.run(async {
        spawn(async { panic!("unheard") }).detach();
        yield_now().await;
        7
    });
    assert!(matches!(outcome, Err(RunError::Failed(_))), "the failure was swallowed: {outcome:?}");
}

#[test]
fn a_stop_policy_failure_in_the_middle_ends_the_run() {
    let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
    let runner = runner.build().unwrap();
    let outcome = runner.run(async {
        spawn(async { panic!("the reason") }).detach();
        sleep(ms(10)).await;
    });
    let Err(RunError::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.message, "the reason");
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_stop_policy_failure_during_the_shutdown_is_told_and_every_task_still_unwinds_by_itself() {
    let name =
        "a_stop_policy_failure_during_the_shutdown_is_told_and_every_task_still_unwinds_by_itself";
    let ended = in_a_process(name, || {
        let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
        let runner = runner.build().unwrap();
        runner
            .run(async {
                for n in 0..2 {
                    let guard = on_drop(move || {
                        // Born in the shutdown: it, too, is asked to end and unwinds in a turn.
                        let inner = on_drop(move || println!("child {n} unwound"));
                        spawn(async move { drop(inner) }).detach();
                        panic!("task {n} in its destructor");
                    });
                    spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    })
                    .detach();
                }
                yield_now().await;
            })
            .unwrap();
        drop(runner);
    })
    .well();
    for n in 0..2 {
        assert!(ended.stdout.contains(&format!("child {n} unwound")), "{}", ended.stdout);
        let told = format!("in a destructor: task {n} in its destructor");
        let told = ended.stderr.lines().any(|l| l.starts_with("roundelay: ") && l.contains(&told));
        assert!(told, "failure {n} was swallowed: {}", ended.stderr);
    }
}

// ---- what is refused --------------------------------------------------------------------------

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
        assert!(place.file().ends_with("run.rs") && place.line() == line, "{place}, not {line}");
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
        let place = format!("tests/run.rs:{line}");
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
    assert!(place.file().ends_with("run.rs") && place.line() == line!() - 2, "{place}");
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
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
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
                let mut crowd = support::Crowd::new();
                crowd.push(sleep(ms(1)));
                crowd.await;
            })
            .unwrap();
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

// ---- the door for other threads -----------------------------------------------------------------

#[test]
fn other_threads_come_in_through_the_door_in_order_and_are_refused_afterwards() {
    must_end(|| {
        let many = rounds(100);
        let runner = Runner::new().unwrap();
        let proxy = runner.loop_ref().proxy();
        let outside = proxy.clone();
        let got = runner
            .run(async {
                let (sender, receiver) = std::sync::mpsc::channel();
                let thread = std::thread::spawn(move || {
                    for n in 0..many {
                        let sender = sender.clone();
                        proxy.call_soon_threadsafe(move || sender.send(n).unwrap()).unwrap();
                    }
                });
                // Nothing else keeps the loop awake.
                let mut got = Vec::new();
                while got.len() < many {
                    sleep(ms(1)).await;
                    got.extend(receiver.try_iter());
                }
                thread.join().unwrap();
                got
            })
            .unwrap();
        assert_eq!(got, (0..many).collect::<Vec<_>>());
        drop(runner);
        assert!(outside.call_soon_threadsafe(|| ()).is_err());
        outside.stop();
    });
}

#[test]
fn a_call_that_arrives_just_as_the_loop_falls_asleep_wakes_it() {
    // B8, a few thousand times, in both directions.
    must_end(|| {
        let event_loop = roundelay::EventLoop::new().unwrap();
        let proxy = event_loop.proxy();
        let (to_thread, requests) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            for () in requests {
                proxy.stop();
            }
        });
        for _ in 0..rounds(5000) {
            to_thread.send(()).unwrap();
            event_loop.run_forever().unwrap();
        }
        drop(to_thread);
        thread.join().unwrap();
    });
}

#[test]
fn loops_on_several_threads_do_not_know_of_one_another() {
    must_end(|| {
        let many = if cfg!(miri) { 5 } else { 50 };
        let threads: Vec<_> = (0..4_u64)
            .map(|n| {
                std::thread::spawn(move || {
                    run_virtual(async move {
                        let sums = gather_all((0..many).map(|k| async move {
                            sleep(ms(k * n)).await;
                            k
                        }));
                        sums.await.into_iter().map(Result::unwrap).sum::<u64>()
                    })
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), many * (many - 1) / 2);
        }
    });
}

#[test]
fn reports_go_to_the_loop_of_the_task_that_failed() {
    let (first, second) = (Reports::new(), Reports::new());
    for (reports, message) in [(&first, "one"), (&second, "two")] {
        let runner = Runner::builder().virtual_clock().failure_policy(reports.policy());
        let runner = runner.build().unwrap();
        runner
            .run(async {
                spawn(async move { panic!("{message}") }).detach();
                yield_now().await;
            })
            .unwrap();
    }
    assert_eq!(
        (first.take(), second.take()),
        (vec!["TaskPanicked: one".into()], vec!["TaskPanicked: two".into()])
    );
}

#[test]
fn a_runner_that_is_closed_in_a_task_of_another_one_does_not_take_that_task_for_its_own() {
    struct Asks(Rc<Cell<Option<bool>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.set(Some(current_task().is_some()));
        }
    }
    let answer = Rc::new(Cell::new(None));
    let asks = Asks(Rc::clone(&answer));
    let other = Runner::builder().virtual_clock().build().unwrap();
    other
        .run(async {
            spawn(async move {
                let _asks = asks;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
        })
        .unwrap();
    let name = roundelay::run(async move {
        drop(other);
        current_task().unwrap().name
    });
    assert_eq!((answer.take(), name.as_str()), (Some(false), "main"));
}
