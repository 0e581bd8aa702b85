//! When a group is dropped, and when its children are.

use super::*;

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
    let name =
        "nobody_left::groups_nested_a_hundred_thousand_deep_are_dropped_without_a_deep_stack";
    in_a_process(name, || {
        let alive = nest(rounds(100_000), 1);
        assert_eq!(alive, 0);
    })
    .well();
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_deep_group_with_very_many_children_is_dropped_without_a_deep_stack() {
    let name = "nobody_left::a_deep_group_with_very_many_children_is_dropped_without_a_deep_stack";
    in_a_process(name, || {
        // From some depth on, drops wait for a shallower stack; the depths around it.
        for depth in [63, 64, 65] {
            assert_eq!(nest(depth, rounds(50_000)), 0);
        }
    })
    .well();
}

/// Groups so deep, with so many children in the innermost; the outermost is dropped. Says how many
/// guards are alive afterwards.
fn nest(depth: usize, children: usize) -> usize {
    fn level(left: usize, children: usize, census: Census) -> Boxed<()> {
        Box::pin(cancellable_group(async move |group: CancellableGroup<()>| {
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

#[test]
fn a_lost_error_whose_destructor_panics_while_the_body_panics_is_reported_and_kills_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }
    let name = "nobody_left::\
                a_lost_error_whose_destructor_panics_while_the_body_panics_is_reported_and_kills_nobody";
    in_a_process(name, || {
        let (runner, reports) = reporting_runner();
        runner
            .run(async {
                let task = spawn(task_group(async |group: TaskGroup<Bomb>| {
                    let eager = TaskBuilder::new().eager();
                    drop(group.spawn_with(eager, async { Err::<(), _>(Bomb) }));
                    // The child has failed, and the group has not heard of it.
                    if true {
                        panic!("the body");
                    }
                    Ok(())
                }));
                assert!(task.await.is_err_and(|error| error.to_string().contains("the body")));
            })
            .unwrap();
        let reports = reports.take();
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert!(reports[0].contains("before it could hand on"), "{reports:?}");
        assert_eq!(reports[1], "DestructorPanicked: a destructor");
    })
    .well();
}
