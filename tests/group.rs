//! Promises about task groups: no child is ever left behind.
//!
//! Order facts O12 of asyncio; contract 4 of the house; bug class B42.

mod support;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use roundelay::{
    ChildEnded, GroupCause, GroupError, TaskBuilder, TaskGroup, current_loop, promise, sleep,
    spawn, task_group, timeout, yield_now,
};
use support::{
    Census, Crowd, Log, in_a_process, ms, must_end, on_drop, reporting_runner, run_virtual,
};

fn messages<E: std::fmt::Display>(error: &GroupError<E>) -> Vec<String> {
    error
        .failures
        .iter()
        .map(|failure| match &failure.cause {
            GroupCause::Failed(error) => error.to_string(),
            GroupCause::Panicked(panic) => format!("panic: {}", panic.message()),
        })
        .collect()
}

// ---- O12 ------------------------------------------------------------------------------------

#[test]
fn a_failing_child_cancels_its_siblings_and_then_the_body_and_the_finished_keep_their_values() {
    let log = Log::new();
    run_virtual(async {
        let early = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&early);
        let outcome = task_group(async |group: TaskGroup<&'static str>| {
            let seen = log.clone();
            *keep.borrow_mut() = Some(group.spawn(async move {
                sleep(ms(5)).await;
                seen.add("early is done");
                Ok("early")
            }));
            drop(group.spawn(async {
                sleep(ms(10)).await;
                Err::<(), _>("boom")
            }));
            let guard = log.on_drop("sibling dropped");
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            let _body = log.on_drop("body dropped");
            pending::<Result<(), _>>().await
        })
        .await;
        log.add("group ended");
        assert_eq!(messages(&outcome.unwrap_err()), ["boom"]);
        let early = early.take().unwrap();
        assert_eq!(early.await, Ok("early"));
    });
    let lines = log.take();
    // Both are over before the group is; asyncio asks the children first, and a request is
    // answered in the child's own step.
    assert_eq!(lines.first().unwrap(), "early is done");
    assert_eq!(lines.last().unwrap(), "group ended");
    let mut middle = lines[1..lines.len() - 1].to_vec();
    middle.sort();
    assert_eq!(middle, ["body dropped", "sibling dropped"]);
}

#[test]
fn errors_come_in_the_order_in_which_they_happened() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<String>| {
            let (first, second) = (promise::<()>(), promise::<()>());
            for (name, wait) in [("second", second.1), ("first", first.1)] {
                drop(group.spawn(async move {
                    let _ = wait.await;
                    Err::<(), _>(name.to_owned())
                }));
            }
            yield_now().await;
            first.0.resolve(()).unwrap();
            second.0.resolve(()).unwrap();
            pending::<Result<(), _>>().await
        })
        .await;
        assert_eq!(messages(&outcome.unwrap_err()), ["first", "second"]);
    });
}

#[test]
fn an_error_of_the_body_cancels_the_children_and_comes_last() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            let guard = seen.on_drop("child dropped");
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            yield_now().await;
            Err::<(), _>("body")
        })
        .await;
        log.add("group ended");
        let error = outcome.unwrap_err();
        assert_eq!(messages(&error), ["body"]);
        assert!(error.failures.last().unwrap().who.is_none());
    });
    assert_eq!(log.take(), ["child dropped", "group ended"]);
}

#[test]
fn a_group_ends_only_when_every_child_has_ended() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let value = task_group(async move |group: TaskGroup<()>| {
            for delay in [30, 10, 20] {
                let log = seen.clone();
                drop(group.spawn(async move {
                    sleep(ms(delay)).await;
                    log.add(delay.to_string());
                    Ok(())
                }));
            }
            seen.add("body is done");
            Ok("value")
        })
        .await
        .unwrap();
        log.add(value);
    });
    assert_eq!(log.take(), ["body is done", "10", "20", "30", "value"]);
}

#[test]
fn children_may_add_children_while_the_group_waits_and_nobody_may_after_it() {
    let log = Log::new();
    run_virtual(async {
        let kept = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&kept);
        let seen = log.clone();
        task_group(async move |group: TaskGroup<()>| {
            *keep.borrow_mut() = Some(group.clone());
            let inner = group.clone();
            drop(group.spawn(async move {
                let log = seen.clone();
                drop(inner.spawn(async move {
                    sleep(ms(10)).await;
                    log.add("grandchild");
                    Ok(())
                }));
                seen.add("spawned while the body is over");
                Ok(())
            }));
            Ok(())
        })
        .await
        .unwrap();
        log.add("group ended");
        let group = kept.take().unwrap();
        assert!(!group.is_open() && group.is_empty());
        let guard = log.on_drop("refused");
        let refused = group.spawn(async move {
            let _guard = guard;
            Ok(())
        });
        assert_eq!(refused.await, Err(ChildEnded));
    });
    assert_eq!(
        log.take(),
        ["spawned while the body is over", "grandchild", "group ended", "refused"],
    );
}

#[test]
fn a_group_that_is_aborting_takes_nobody_in() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            let (inner, log) = (group.clone(), seen.clone());
            let guard = on_drop(move || {
                let late = inner.spawn(async { Ok(()) });
                log.add(format!("open: {}, spawned: {}", inner.is_open(), !late.is_finished()));
            });
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            drop(group.spawn(async { Err::<(), _>("e") }));
            pending::<Result<(), _>>().await
        })
        .await;
        assert_eq!(messages(&outcome.unwrap_err()), ["e"]);
    });
    assert_eq!(log.take(), ["open: false, spawned: false"]);
}

#[test]
fn a_cancelled_child_is_no_error_and_the_cancelled_group_has_none() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<()>| {
            let child = group.spawn(pending::<Result<u8, _>>());
            group.cancel();
            let value = child.await;
            assert_eq!(value, Err(ChildEnded));
            Ok(())
        })
        .await;
        assert!(outcome.unwrap_err().is_cancelled());
    });
}

#[test]
fn cancelling_a_group_whose_body_is_over_ends_the_children_and_keeps_the_value() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<()>| {
            let guard = seen.on_drop("child dropped");
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            let stops = group.clone();
            drop(group.spawn(async move {
                sleep(ms(5)).await;
                stops.cancel();
                Ok(())
            }));
            Ok(7)
        })
        .await;
        log.add(format!("{:?}", outcome.unwrap()));
    });
    assert_eq!(log.take(), ["child dropped", "7"]);
}

#[test]
fn nested_groups_nest_their_errors() {
    run_virtual(async {
        let outcome = task_group(async |outer: TaskGroup<String>| {
            drop(outer.spawn(async {
                task_group(async |inner: TaskGroup<String>| {
                    drop(inner.spawn(async { Err::<(), _>("innermost".to_owned()) }));
                    Ok(())
                })
                .await
                .map_err(|error| error.to_string())
            }));
            Ok(())
        })
        .await;
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("the task group failed") && text.contains("innermost"), "{text}");
    });
}

#[test]
fn an_empty_group_does_not_give_way() {
    run_virtual(async {
        let turn = current_loop().unwrap().turn();
        assert_eq!(task_group(async |_: TaskGroup<()>| Ok(7)).await.unwrap(), 7);
        assert_eq!(current_loop().unwrap().turn(), turn);
    });
}

#[test]
fn a_child_spawned_into_a_failing_group_before_the_failure_is_noticed_is_cancelled_too() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            drop(group.spawn(async { Err::<(), _>("first") }));
            let (inner, log) = (group.clone(), seen.clone());
            drop(group.spawn(async move {
                // In the same turn, after the failure.
                let guard = log.on_drop("latecomer dropped");
                drop(inner.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
                Ok(())
            }));
            pending::<Result<(), _>>().await
        })
        .await;
        assert_eq!(messages(&outcome.unwrap_err()), ["first"]);
        log.add("group ended");
    });
    assert_eq!(log.take(), ["latecomer dropped", "group ended"]);
}

#[test]
fn a_panicking_child_is_kept_with_name_and_place_and_cancels_the_rest() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let outcome = task_group(async |group: TaskGroup<String>| {
                let builder = TaskBuilder::new().name("worker");
                drop(group.spawn_with(builder, async {
                    if roundelay::current_task().is_some() {
                        panic!("out of luck");
                    }
                    Ok(())
                }));
                pending::<Result<(), _>>().await
            })
            .await;
            let error = outcome.unwrap_err();
            assert_eq!(messages(&error), ["panic: out of luck"]);
            let (name, place) = error.failures[0].who.as_ref().unwrap();
            assert_eq!(name, "worker");
            assert!(place.unwrap().file().ends_with("group.rs"));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0], "the group's error has it");
}

#[test]
fn a_panic_of_the_body_drops_the_children_and_comes_out() {
    let log = Log::new();
    let (runner, _reports) = reporting_runner();
    runner
        .run(async {
            let seen = log.clone();
            let task = spawn(task_group(async move |group: TaskGroup<()>| {
                let guard = seen.on_drop("child dropped");
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
                yield_now().await;
                if group.is_open() {
                    panic!("the body");
                }
                Ok(())
            }));
            let outcome = task.await.map(drop);
            log.add(outcome.unwrap_err().to_string());
        })
        .unwrap();
    assert_eq!(log.take(), ["child dropped", "the task panicked: the body"]);
}

// ---- contract 4: nobody is left behind --------------------------------------------------------

/// A group in a box, with a handle to it, polled once.
type Boxed<E> = Pin<Box<dyn Future<Output = Result<(), GroupError<E>>>>>;

async fn opened<E: 'static>() -> (Boxed<E>, TaskGroup<E>) {
    let handle = Rc::new(RefCell::new(None));
    let give = Rc::clone(&handle);
    let mut whole: Boxed<E> = Box::pin(task_group(async move |group: TaskGroup<E>| {
        *give.borrow_mut() = Some(group);
        pending().await
    }));
    assert!(support::poll_now(&mut whole).await.is_pending());
    let group = handle.take().unwrap();
    (whole, group)
}

#[test]
fn when_a_group_is_dropped_its_children_are_dropped_before_that_drop_returns() {
    let log = Log::new();
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        for name in ["begun", "not begun"] {
            let guard = log.on_drop(format!("{name} dropped"));
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            if name == "begun" {
                yield_now().await;
            }
        }
        drop(whole);
        log.add("drop returned");
        assert!(!group.is_open());
        yield_now().await;
    });
    assert_eq!(log.take(), ["begun dropped", "not begun dropped", "drop returned"]);
}

#[test]
fn a_handle_to_a_dropped_group_still_answers() {
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        drop(group.spawn(pending::<Result<(), _>>()));
        yield_now().await;
        assert_eq!((group.len(), group.is_empty()), (1, false));
        drop(whole);
        assert_eq!((group.len(), group.is_empty()), (0, true));
        group.cancel();
        let _ = format!("{group:?}");
    });
}

#[test]
fn cancelling_the_parent_drops_body_and_children_and_is_no_group_error() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let parent = spawn(async move {
            task_group(async move |group: TaskGroup<()>| {
                let guard = seen.on_drop("child");
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
                let _body = seen.on_drop("body");
                pending::<Result<(), _>>().await
            })
            .await
        });
        yield_now().await;
        yield_now().await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["body", "child"]);
}

#[test]
fn a_timeout_around_a_group_takes_the_children_with_it() {
    let census = Census::new();
    run_virtual(async {
        let guards: Vec<_> = (0..10).map(|_| census.born()).collect();
        let group = task_group(async move |group: TaskGroup<()>| {
            for guard in guards {
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
            }
            Ok(())
        });
        assert!(timeout(ms(5), group).await.is_err());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_childs_panic_is_reported_if_the_group_is_dropped_before_it_could_tell() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            // Once before the group has looked, and once after it has collected the panic and
            // waits for the sibling.
            for turns in [1, 2] {
                let (mut whole, group) = opened::<()>().await;
                drop(group.spawn(async {
                    if roundelay::current_task().is_some() {
                        panic!("a child");
                    }
                    Ok(())
                }));
                drop(group.spawn(pending::<Result<(), _>>()));
                for _ in 0..turns {
                    yield_now().await;
                }
                if turns == 2 {
                    assert!(support::poll_now(&mut whole).await.is_pending());
                }
                drop(whole);
                yield_now().await;
                assert_eq!(reports.take(), ["TaskPanicked: a child"], "after {turns} turns");
            }
        })
        .unwrap();
}

#[test]
fn a_child_that_drops_its_own_group_in_its_own_step_is_dropped_when_the_step_ends() {
    let log = Log::new();
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        let held = Rc::new(RefCell::new(Some(whole)));
        let (guard, seen) = (log.on_drop("child dropped"), log.clone());
        drop(group.spawn(async move {
            let _guard = guard;
            drop(held.take());
            seen.add("the step goes on");
            yield_now().await;
            seen.add("not reached");
            Ok(())
        }));
        for _ in 0..4 {
            yield_now().await;
        }
    });
    assert_eq!(log.take(), ["the step goes on", "child dropped"]);
}

#[test]
fn destructors_of_children_may_use_the_group_that_drops_them() {
    let log = Log::new();
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        for n in 0..3 {
            let (inner, seen) = (group.clone(), log.clone());
            let guard = on_drop(move || {
                drop(inner.spawn(async { Ok(()) }));
                inner.cancel();
                let _ = (inner.is_open(), inner.is_empty(), inner.len());
                seen.add(n.to_string());
            });
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
        }
        yield_now().await;
        drop(whole);
    });
    assert_eq!(log.take(), ["0", "1", "2"]);
}

#[test]
fn a_destructor_that_panics_while_a_group_is_dropped_does_not_save_its_siblings() {
    let (runner, reports) = reporting_runner();
    let census = Census::new();
    runner
        .run(async {
            let (whole, group) = opened::<()>().await;
            for n in 0..3 {
                let guard = census.born();
                drop(group.spawn(async move {
                    let _bomb = on_drop(move || assert!(n != 1, "bomb"));
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
            }
            yield_now().await;
            drop(whole);
            assert_eq!(census.alive(), 0);
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: bomb"]);
}

#[test]
fn groups_nested_a_hundred_thousand_deep_are_dropped_without_a_deep_stack() {
    let name = "groups_nested_a_hundred_thousand_deep_are_dropped_without_a_deep_stack";
    in_a_process(name, || {
        let alive = nest(100_000, 1);
        assert_eq!(alive, 0);
    })
    .well();
}

#[test]
fn a_deep_group_with_very_many_children_is_dropped_without_a_deep_stack() {
    let name = "a_deep_group_with_very_many_children_is_dropped_without_a_deep_stack";
    in_a_process(name, || {
        // From some depth on, drops wait for a shallower stack; the depths around it.
        for depth in [63, 64, 65] {
            assert_eq!(nest(depth, 50_000), 0);
        }
    })
    .well();
}

/// Groups so deep, with so many children in the innermost; the outermost is dropped. Says how many
/// guards are alive afterwards.
fn nest(depth: usize, children: usize) -> usize {
    fn level(left: usize, children: usize, census: Census) -> Boxed<()> {
        Box::pin(task_group(async move |group: TaskGroup<()>| {
            let _guard = census.born();
            if left == 0 {
                for _ in 0..children {
                    let guard = census.born();
                    drop(group.spawn(async move {
                        let _guard = guard;
                        pending::<Result<(), _>>().await
                    }));
                }
            } else {
                let census = census.clone();
                drop(group.spawn(async move {
                    let _ = level(left - 1, children, census).await;
                    Ok(())
                }));
            }
            pending().await
        }))
    }
    let census = Census::new();
    run_virtual(async {
        let mut outermost = level(depth, children, census.clone());
        assert!(support::poll_now(&mut outermost).await.is_pending());
        while census.alive() < depth + children {
            yield_now().await;
        }
        drop(outermost);
        census.alive()
    })
}

// ---- room -----------------------------------------------------------------------------------

#[test]
fn very_many_short_children_need_the_room_of_those_that_live_at_one_time() {
    let census = Census::new();
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            for n in 0..20_000 {
                let guard = census.born();
                drop(group.spawn(async move {
                    drop(guard);
                    Ok(())
                }));
                if n % 10 == 9 {
                    yield_now().await;
                    assert!(group.len() <= 20, "{} children are kept", group.len());
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    });
    assert!(census.most() <= 20, "{} were alive at one time", census.most());
}

#[test]
fn a_group_whose_body_sleeps_lets_go_of_children_that_have_ended() {
    let census = Census::new();
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let inner = group.clone();
            let spawner = census.clone();
            let child = group.spawn(async move {
                for _ in 0..1000 {
                    // The value is kept by nobody, so it must not be kept by the group.
                    let value = spawner.born();
                    drop(inner.spawn(async move { Ok(value) }));
                    yield_now().await;
                    yield_now().await;
                }
                Ok(())
            });
            child.await.unwrap();
            Ok(())
        })
        .await
        .unwrap();
    });
    assert!(census.most() <= 4, "{} were alive at one time", census.most());
}

// ---- strange company --------------------------------------------------------------------------

#[test]
fn groups_inside_a_foreign_combinator_end_like_others() {
    must_end(|| {
        run_virtual(async {
            let mut crowd = Crowd::new();
            for delay in [20, 10] {
                crowd.push(task_group(async move |group: TaskGroup<()>| {
                    let child = group.spawn(async move {
                        sleep(ms(delay)).await;
                        Ok(delay)
                    });
                    Ok(child.await.unwrap())
                }));
            }
            let order: Vec<_> =
                (&mut crowd).await.into_iter().map(|(_, outcome)| outcome.unwrap()).collect();
            assert_eq!(order, [10, 20]);
        });
    });
}

#[test]
fn a_group_that_is_polled_by_one_task_and_then_another_wakes_the_last() {
    must_end(|| {
        run_virtual(async {
            let mut whole = Box::pin(task_group(async |group: TaskGroup<()>| {
                drop(group.spawn(async {
                    sleep(ms(10)).await;
                    Ok(())
                }));
                Ok(())
            }));
            assert!(support::poll_now(&mut whole).await.is_pending());
            assert!(spawn(whole).await.unwrap().is_ok());
        });
    });
}

#[test]
fn spawning_from_a_callback_and_between_runs_works_or_says_why_and_breaks_nothing() {
    let (runner, _reports) = reporting_runner();
    let (mut whole, group) = runner.run(opened::<()>()).unwrap();
    let inner = group.clone();
    runner.loop_ref().call_soon(move || drop(inner.spawn(async { Ok(()) }))).unwrap();
    let outside = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(group.spawn(async { Ok(()) }));
    }));
    assert!(outside.is_err(), "no loop runs here");
    assert!(group.is_empty(), "who was refused does not count");
    runner
        .run(async {
            yield_now().await;
            group.cancel();
            let outcome = poll_fn(|cx| match whole.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(outcome),
                Poll::Pending => Poll::Pending,
            });
            assert!(outcome.await.unwrap_err().is_cancelled());
        })
        .unwrap();
}
