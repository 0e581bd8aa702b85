//! Who ends when, and in which order errors come.

use super::*;

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
    assert_eq!(log.take(), ["early is done", "sibling dropped", "body dropped", "group ended"]);
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
            assert!(place.unwrap().file().ends_with("order.rs"));
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
