//! O12: task groups.

use std::future::pending;

use roundelay::{
    ChildEnded, GroupError, TaskGroup, current_loop, now, promise, sleep, spawn, task_group,
    yield_now,
};

use crate::support::{Log, ms, poll_now, run_virtual};
use crate::turn;

/// A child that sleeps for very long and says when it is cancelled.
async fn child(log: Log, name: &'static str) -> Result<(), &'static str> {
    let _cancelled = log.on_drop(format!("{name} cancelled"));
    pending().await
}

async fn fails(delay: u64, error: &'static str) -> Result<(), &'static str> {
    sleep(ms(delay)).await;
    Err(error)
}

fn errors<E: Clone>(error: &GroupError<E>) -> Vec<E> {
    error.errors().cloned().collect()
}

#[test]
fn o12_1_a_failing_child_cancels_its_siblings_and_the_body_and_what_is_finished_keeps_its_value() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            let early = seen.clone();
            drop(group.spawn(async move {
                sleep(ms(5)).await;
                early.add("done early");
                Ok(())
            }));
            drop(group.spawn(fails(10, "boom")));
            drop(group.spawn(child(seen.clone(), "sibling")));
            let _body = seen.on_drop("body cancelled");
            pending::<Result<(), _>>().await
        })
        .await;
        assert_eq!(errors(&outcome.unwrap_err()), ["boom"]);
    });
    assert_eq!(log.take(), ["done early", "sibling cancelled", "body cancelled"]);
}

#[test]
fn o12_2_the_group_ends_when_every_child_has_been_dropped_and_the_parent_is_not_cancelled() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            drop(group.spawn(child(seen.clone(), "sibling")));
            drop(group.spawn(fails(10, "boom")));
            pending::<Result<(), _>>().await
        })
        .await;
        log.add("group over");
        assert!(outcome.is_err());
        // Unwinding takes no time: cleanup that awaits is somebody else's.
        assert_eq!(now() - start, ms(10));
        // The parent goes on as if nobody had ever asked for its end.
        yield_now().await;
        log.add("parent goes on");
    });
    assert_eq!(log.take(), ["sibling cancelled", "group over", "parent goes on"]);
}

#[test]
fn o12_3_errors_stand_in_the_order_of_completion() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<&'static str>| {
            drop(group.spawn(fails(10, "first")));
            let (set, value) = promise::<()>();
            drop(group.spawn(async {
                let _ = value.await;
                Err::<(), _>("third")
            }));
            drop(group.spawn(async move {
                sleep(ms(10)).await;
                set.resolve(()).unwrap();
                Err::<(), _>("second")
            }));
            pending::<Result<(), _>>().await
        })
        .await;
        // The third is cancelled in the turn in which it would have failed.
        assert_eq!(errors(&outcome.unwrap_err()), ["first", "second"]);
    });
}

#[test]
fn o12_3_the_bodys_own_error_comes_last_and_cancelled_children_add_none() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            drop(group.spawn(child(seen.clone(), "1")));
            drop(group.spawn(child(seen, "2")));
            yield_now().await;
            Err::<(), _>("body")
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(errors(&error), ["body"]);
        assert!(error.failures.last().unwrap().who.is_none());
    });
    assert_eq!(log.take(), ["1 cancelled", "2 cancelled"]);
}

#[test]
fn o12_4_a_cancelled_child_is_no_error() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<&'static str>| {
            let child = group.spawn(pending::<Result<(), _>>());
            yield_now().await;
            assert!(child.cancel());
            assert_eq!(child.await, Err(ChildEnded));
            Ok("a cancelled child is not an error")
        })
        .await;
        assert_eq!(outcome.unwrap(), "a cancelled child is not an error");
    });
}

#[test]
fn o12_5_a_parent_that_is_cancelled_is_cancelled_and_there_is_no_group_error() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let parent = spawn(task_group(async move |group: TaskGroup<&'static str>| {
            drop(group.spawn(child(seen, "c1")));
            Ok(())
        }));
        sleep(ms(10)).await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["c1 cancelled"]);
}

#[test]
fn o12_6_children_may_add_children_while_the_group_waits_and_nobody_may_after_it() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let group = task_group(async move |group: TaskGroup<&'static str>| {
            let inner = group.clone();
            drop(group.spawn(async move {
                let log = seen.clone();
                drop(inner.spawn(async move {
                    sleep(ms(10)).await;
                    log.add("grandchild ok");
                    Ok(())
                }));
                seen.add("spawned while the body is over");
                Ok(())
            }));
            Ok(group)
        })
        .await
        .unwrap();
        assert!(!group.is_open());
        assert_eq!(group.spawn(async { Ok(()) }).await, Err(ChildEnded));
        log.add("spawn after the end refused");
    });
    assert_eq!(
        log.take(),
        ["spawned while the body is over", "grandchild ok", "spawn after the end refused"]
    );
}

#[test]
fn o12_7_a_group_that_is_aborting_takes_nobody_in() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&'static str>| {
            let late = group.clone();
            let on_cancel = crate::support::on_drop(move || {
                if !late.is_open() && late.spawn(async { Ok(()) }).is_finished() {
                    seen.add("spawn while aborting refused");
                }
            });
            drop(group.spawn(async move {
                let _on_cancel = on_cancel;
                pending::<Result<(), _>>().await
            }));
            drop(group.spawn(fails(0, "e")));
            Ok(())
        })
        .await;
        assert_eq!(errors(&outcome.unwrap_err()), ["e"]);
    });
    assert_eq!(log.take(), ["spawn while aborting refused"]);
}

#[test]
fn o12_8_nested_groups_nest_their_errors() {
    run_virtual(async {
        let outcome = task_group(async |_outer: TaskGroup<GroupError<&'static str>>| {
            task_group(async |inner: TaskGroup<&'static str>| {
                drop(inner.spawn(fails(5, "inner")));
                Ok(())
            })
            .await
        })
        .await;
        let outer = outcome.unwrap_err();
        let inner: Vec<_> = outer.errors().collect();
        assert_eq!(inner.len(), 1);
        assert_eq!(errors(inner[0]), ["inner"]);
    });
}

#[test]
fn o12_9_an_empty_group_does_not_give_way_and_a_group_exists_only_inside_its_body() {
    let log = Log::new();
    run_virtual(async {
        current_loop().unwrap().call_soon(log.adds("other")).unwrap();
        let start = turn();
        let outcome = task_group(async |_: TaskGroup<()>| Ok("fine")).await;
        assert_eq!((outcome.unwrap(), turn() - start), ("fine", 0));
        assert_eq!(log.take(), [""; 0]);
        // A group that was never entered has no handle to spawn with: nothing runs before the
        // first poll.
        let seen = log.clone();
        let mut later = Box::pin(task_group(async move |group: TaskGroup<()>| {
            drop(group.spawn(async { Ok(()) }));
            seen.add("entered");
            Ok(())
        }));
        assert_eq!(log.take(), [""; 0]);
        assert!(poll_now(&mut later).await.is_pending());
        later.await.unwrap();
    });
    assert_eq!(log.take(), ["entered", "other"]);
}
