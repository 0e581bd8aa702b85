//! Starting a service and waiting until it is ready.

use super::*;

#[test]
fn start_gives_what_the_child_announces_and_the_child_goes_on() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outcome = task_group(async move |group: TaskGroup<()>| {
            let inside = seen.clone();
            let port = group.start(async move |ready| {
                sleep(ms(5)).await;
                inside.add("bound");
                ready.announce(8080);
                inside.add("serves in the same step");
                sleep(ms(5)).await;
                inside.add("served");
                Ok(())
            });
            let port = port.await;
            seen.add(format!("started: {port:?}"));
            Ok(())
        });
        outcome.await.unwrap();
    });
    assert_eq!(log.take(), ["bound", "serves in the same step", "started: Ok(8080)", "served"]);
}

#[test]
fn a_failure_before_it_is_ready_comes_out_of_start_and_the_group_goes_on() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            task_group(async |group: TaskGroup<&str>| {
                let failed = group.start::<(), (), _>(async |_ready| {
                    sleep(ms(5)).await;
                    Err("in use")
                });
                assert!(matches!(failed.await, Err(StartError::Failed("in use"))));
                let panicked = group.start::<(), (), _>(async |_ready| panic!("no luck"));
                let Err(StartError::Panicked(panic)) = panicked.await else { panic!() };
                assert_eq!(panic.message(), "no luck");
                let silent = group.start::<(), (), _>(async |_ready| Ok(()));
                assert!(matches!(silent.await, Err(StartError::NotReady)));
                assert!(group.is_open());
                Ok(())
            })
            .await
            .unwrap();
        })
        .unwrap();
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_failure_after_it_was_ready_is_the_groups() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<&str>| {
            let ready = group.start(async |ready| {
                ready.announce(());
                Err::<(), _>("later")
            });
            // Both at once: the start has succeeded, and the group fails.
            assert!(ready.await.is_ok());
            pending::<Result<(), _>>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["later"]);
    });
}

#[test]
fn giving_up_a_start_cancels_the_child() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        task_group(async move |group: TaskGroup<()>| {
            let guard = seen.on_drop("child dropped");
            let start = group.start::<(), (), _>(async move |_ready| {
                let _guard = guard;
                pending().await
            });
            assert!(timeout(ms(5), start).await.is_err());
            seen.add("gave up");
            Ok(())
        })
        .await
        .unwrap();
        log.add("group ended");
    });
    assert_eq!(log.take(), ["gave up", "child dropped", "group ended"]);
}

#[test]
fn a_start_that_is_dropped_after_it_succeeded_leaves_the_child_alone() {
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let start = group.start(async |ready| {
                ready.announce(());
                sleep(ms(5)).await;
                Ok(())
            });
            yield_now().await;
            yield_now().await;
            drop(start);
            yield_now().await;
            assert_eq!(group.len(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_start_given_up_in_the_turn_in_which_the_child_fails_hands_the_error_to_the_group() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<&str>| {
            let mut start = group.start::<(), (), _>(async |_ready| Err("nobody waits"));
            assert!(support::poll_now(&mut start).await.is_pending());
            let (promise, waits) = promise::<()>();
            drop(group.spawn(async move {
                // Runs after the child has failed, before the group has looked.
                drop(start);
                drop(promise);
                Ok(())
            }));
            let _ = waits.await;
            pending::<Result<(), _>>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["nobody waits"]);
    });
}

#[test]
fn a_start_in_a_group_that_ends_is_cancelled() {
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        let start = group.start::<(), (), _>(async |_ready| pending().await);
        yield_now().await;
        drop(whole);
        assert!(matches!(start.await, Err(StartError::Cancelled)));
        let late = group.start::<(), (), _>(async |_ready| pending().await);
        assert!(matches!(late.await, Err(StartError::Cancelled)));
    });
}

#[test]
fn start_hears_of_the_end_of_a_cancelled_child_whoever_holds_what_it_would_announce_with() {
    run_virtual(async {
        let (whole, group) = opened::<&str>().await;
        let kept = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&kept);
        let start = group.start::<u32, (), _>(async move |ready| {
            *keep.borrow_mut() = Some(ready);
            roundelay::current_task().unwrap().cancel();
            pending().await
        });
        let mut whole = whole;
        let mut start = Box::pin(start);
        for _ in 0..5 {
            yield_now().await;
            assert!(support::poll_now(&mut whole).await.is_pending());
        }
        kept.take().unwrap().announce(7);
        assert!(matches!(
            support::poll_now(&mut start).await,
            Poll::Ready(Err(StartError::Cancelled))
        ));
    });
}

#[test]
fn start_hears_of_the_end_of_a_child_that_is_dropped_with_its_group() {
    run_virtual(async {
        let (whole, group) = opened::<&str>().await;
        let kept = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&kept);
        let mut start = Box::pin(group.start::<u32, (), _>(async move |ready| {
            *keep.borrow_mut() = Some(ready);
            pending().await
        }));
        yield_now().await;
        drop(whole);
        assert!(matches!(
            support::poll_now(&mut start).await,
            Poll::Ready(Err(StartError::Cancelled))
        ));
        drop(kept);
    });
}
