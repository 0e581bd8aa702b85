//! Ending a group early.

use super::*;

#[test]
fn cancelling_a_group_whose_body_is_over_ends_the_children_and_keeps_the_value() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = cancellable_group(async move |group: CancellableGroup<()>| {
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
    assert_eq!(log.take(), ["child dropped", "Some(7)"]);
}

#[test]
fn a_group_that_is_cancelled_before_its_body_has_ended_has_no_value_and_no_error() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = cancellable_group(async move |group: CancellableGroup<()>| {
            let _body = seen.on_drop("body dropped");
            for n in 0..3 {
                let guard = seen.on_drop(format!("child {n} dropped"));
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
            }
            yield_now().await;
            group.cancel();
            seen.add("the step goes on");
            yield_now().await;
            seen.add("not reached");
            Ok(())
        })
        .await;
        assert_eq!(outcome.unwrap(), None);
    });
    assert_eq!(
        log.take(),
        [
            "the step goes on",
            "child 0 dropped",
            "child 1 dropped",
            "child 2 dropped",
            "body dropped",
        ],
    );
}

#[test]
fn a_body_that_cancels_its_group_and_returns_in_the_same_step_has_a_value() {
    run_virtual(async {
        let outcome = cancellable_group(async |group: CancellableGroup<()>| {
            drop(group.spawn(pending::<Result<u8, _>>()));
            group.cancel();
            Ok(7)
        });
        assert_eq!(outcome.await.unwrap(), Some(7));
    });
}

#[test]
fn an_error_at_the_same_time_as_an_early_end_is_an_error() {
    run_virtual(async {
        let outcome = cancellable_group(async |group: CancellableGroup<&str>| {
            let stops = group.clone();
            drop(group.spawn(async move {
                stops.cancel();
                Err::<(), _>("all the same")
            }));
            pending::<Result<(), _>>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["all the same"]);
    });
}

#[test]
fn a_group_that_was_cancelled_before_its_body_began_ends_at_the_first_suspension() {
    // Whoever holds a handle can cancel only after the first poll, so this is the body itself.
    run_virtual(async {
        let outcome = cancellable_group(async |group: CancellableGroup<()>| {
            group.cancel();
            assert!(!group.is_open());
            assert_eq!(group.spawn(async { Ok(()) }).await, Err(ChildEnded));
            pending::<Result<(), _>>().await
        });
        assert_eq!(outcome.await.unwrap(), None);
    });
}

#[test]
fn cancelling_twice_and_after_the_end_does_nothing() {
    run_virtual(async {
        let (mut whole, group) = opened::<()>().await;
        group.cancel();
        group.cancel();
        assert_eq!((&mut whole).await.unwrap(), None);
        group.cancel();
        assert!(!group.is_open() && group.is_empty());
    });
}

#[test]
fn a_cancelled_child_is_no_error_and_its_siblings_go_on() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<()>| {
            let child = group.spawn(pending::<Result<u8, _>>());
            let sibling = group.spawn(async {
                sleep(ms(5)).await;
                Ok("sibling")
            });
            yield_now().await;
            assert!(child.cancel());
            assert_eq!(child.await, Err(ChildEnded));
            let sibling = sibling.await;
            Ok(sibling)
        });
        assert_eq!(outcome.await.unwrap(), Ok("sibling"));
    });
}

#[test]
fn cancelling_a_child_that_is_over_or_was_refused_says_no() {
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let mut child = group.spawn(async { Ok(7) });
            assert_eq!((&mut child).await, Ok(7));
            yield_now().await;
            assert!(!child.cancel());
            Ok(())
        })
        .await
        .unwrap();
        let (whole, group) = opened::<()>().await;
        drop(whole);
        assert!(!group.spawn(async { Ok(()) }).cancel());
    });
}

#[test]
fn an_outside_cancel_together_with_an_early_end_is_not_swallowed() {
    // What asyncio's TaskGroup.cancel was reported to get wrong.
    let log = Log::new();
    run_virtual(async {
        for order in ["group first", "task first"] {
            let handle = Rc::new(RefCell::new(None));
            let (give, seen) = (Rc::clone(&handle), log.clone());
            let task = spawn(async move {
                let outcome = cancellable_group(async move |group: CancellableGroup<()>| {
                    *give.borrow_mut() = Some(group.clone());
                    drop(group.spawn(pending::<Result<(), _>>()));
                    pending::<Result<(), _>>().await
                })
                .await;
                seen.add(format!("went on with {outcome:?}"));
            });
            yield_now().await;
            let group = handle.take().unwrap();
            if order == "group first" {
                group.cancel();
                task.cancel();
            } else {
                task.cancel();
                group.cancel();
            }
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(group.is_empty());
        }
    });
    assert_eq!(log.take(), [""; 0]);
}
