//! A group and its surroundings: cancels from outside that coincide with errors (O13), what a
//! group leaves behind, and who is asked in which order (O33).

use super::*;

#[test]
fn o13_an_outside_cancel_that_coincides_with_a_childs_error_is_not_lost_and_neither_is_the_error() {
    let log = Log::new();
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let seen = log.clone();
            let parent = spawn(async move {
                let outcome = task_group(async |group: TaskGroup<String>| {
                    let builder = TaskBuilder::new().name("boom");
                    drop(group.spawn_with(builder, async { Err::<(), _>("child".to_owned()) }));
                    pending::<Result<(), _>>().await
                })
                .await;
                seen.add(format!("handled {outcome:?}"));
                yield_now().await;
                seen.add("went on past the next await");
            });
            yield_now().await;
            yield_now().await;
            // The child has failed, and the parent has not yet heard of it.
            parent.cancel();
            assert!(parent.await.unwrap_err().is_cancelled());
        })
        .unwrap();
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(
        reports.take(),
        ["TaskFailed: its group was dropped before it could hand on this `alloc::string::String`"],
    );
}

#[test]
fn errors_that_were_collected_before_the_group_is_dropped_are_reported_in_order() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (mut whole, group) = opened::<u8>().await;
            for name in ["one", "two"] {
                let builder = TaskBuilder::new().name(name);
                drop(group.spawn_with(builder, async { Err::<(), _>(7) }));
            }
            drop(group.spawn_group(TaskBuilder::new().name("three"), async |inner| {
                drop(inner.spawn_with(TaskBuilder::new().name("four"), async { Err::<(), _>(8) }));
                Ok(())
            }));
            drop(group.spawn(pending::<Result<(), _>>()));
            for _ in 0..5 {
                yield_now().await;
            }
            assert!(support::poll_now(&mut whole).await.is_pending());
            drop(whole);
        })
        .unwrap();
    let who: Vec<String> = reports.take_whole().into_iter().map(|failure| failure.who).collect();
    assert_eq!(who, ["task one", "task two", "task three > four"]);
}

#[test]
fn o33_children_are_cancelled_in_the_order_of_spawning_and_the_body_after_them() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&str>| {
            for n in 0..6 {
                let guard = seen.on_drop(n.to_string());
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                }));
            }
            yield_now().await;
            drop(group.spawn(async { Err::<(), _>("boom") }));
            let _body = seen.on_drop("body");
            pending::<Result<(), _>>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["boom"]);
    });
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5", "body"]);
}

#[test]
fn o33_cancelling_a_parent_does_not_touch_tasks_that_it_merely_spawned() {
    let log = Log::new();
    run_virtual(async {
        let (seen, kept) = (log.clone(), Rc::new(RefCell::new(None)));
        let keep = Rc::clone(&kept);
        let parent = spawn(async move {
            let guard = seen.on_drop("child");
            *keep.borrow_mut() = Some(spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            let _parent = seen.on_drop("parent");
            pending::<()>().await;
        });
        yield_now().await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
        let child = kept.take().unwrap();
        log.add(format!("child is over: {}", child.is_finished()));
        child.cancel();
        let _ = child.await;
    });
    assert_eq!(log.take(), ["parent", "child is over: false", "child"]);
}

#[test]
fn a_body_whose_group_fails_takes_no_further_step() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<&str>| {
            drop(group.spawn(async {
                yield_now().await;
                Err::<(), _>("boom")
            }));
            for n in 0..9 {
                seen.add(format!("step {n}"));
                yield_now().await;
            }
            Ok(())
        });
        assert!(outcome.await.is_err());
    });
    assert_eq!(log.take(), ["step 0", "step 1"]);
}

#[test]
fn a_handle_that_is_kept_after_the_end_holds_nothing_alive() {
    let census = Census::new();
    for early in [false, true] {
        let kept: Rc<RefCell<Option<TaskGroup<()>>>> = Rc::default();
        // Polled by hand with a waker that owns something: what a group notes of whoever awaits
        // it must be gone when it is over, or dropped.
        let owned = std::sync::Arc::new(());
        let held = std::sync::Arc::clone(&owned);
        let waker = support::waker_that_calls(move || drop(std::sync::Arc::clone(&held)));
        run_virtual(async {
            let guard = census.born();
            let keep = Rc::clone(&kept);
            let mut whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
                *keep.borrow_mut() = Some(group.clone());
                drop(group.spawn(async move {
                    let _guard = guard;
                    sleep(ms(5)).await;
                    Ok(())
                }));
                Ok(())
            }));
            assert!(support::poll_once(&mut whole, &waker).is_pending());
            if !early {
                sleep(ms(10)).await;
                assert!(support::poll_once(&mut whole, &waker).is_ready());
            }
            drop(whole);
            drop(waker);
            assert_eq!(census.alive(), 0);
            assert_eq!(std::sync::Arc::strong_count(&owned), 1, "early: {early}");
        });
        let group = kept.take().unwrap();
        assert!(group.is_empty() && !group.is_open());
    }
}

#[test]
fn a_group_in_a_race_that_is_lost_takes_its_children_with_it() {
    let log = Log::new();
    run_virtual(async {
        let guard = log.on_drop("child");
        let mut group = Box::pin(task_group(async move |group: TaskGroup<()>| {
            drop(group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            }));
            Ok(())
        }));
        let mut other = Box::pin(sleep(ms(5)));
        poll_fn(|cx| {
            assert!(group.as_mut().poll(cx).is_pending());
            other.as_mut().poll(cx)
        })
        .await;
        drop(group);
        log.add("the race is over");
    });
    assert_eq!(log.take(), ["child", "the race is over"]);
}
