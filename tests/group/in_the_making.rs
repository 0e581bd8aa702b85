//! Eager children, whose first step changes the group that they are not yet a child of.

use super::*;

fn eager() -> TaskBuilder {
    TaskBuilder::new().eager().name("eager")
}

#[test]
fn an_eager_child_that_drops_its_group_is_dropped_before_spawn_returns() {
    let log = Log::new();
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        let guard = log.on_drop("child dropped");
        let child = group.spawn_with(eager(), async move {
            let _guard = guard;
            drop(whole);
            pending::<Result<(), _>>().await
        });
        log.add("spawned");
        assert!(!group.is_open() && group.is_empty());
        assert_eq!(roundelay::all_tasks().len(), 1);
        assert_eq!(child.await, Err(ChildEnded));
    });
    assert_eq!(log.take(), ["child dropped", "spawned"]);
}

#[test]
fn what_an_eager_child_fails_with_after_it_has_dropped_its_group_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (whole, group) = opened::<&str>().await;
            drop(group.spawn_with(eager(), async move {
                drop(whole);
                Err::<(), _>("too late")
            }));
        })
        .unwrap();
    assert_eq!(
        reports.take(),
        ["TaskFailed: its group was dropped before it could hand on this `&str`"],
    );
}

#[test]
fn a_group_that_is_polled_in_the_first_step_of_its_last_child_does_not_end_without_it() {
    run_virtual(async {
        let handle = Rc::new(RefCell::new(None));
        let give = Rc::clone(&handle);
        let mut whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
            let child = group.spawn(pending::<Result<(), _>>());
            *give.borrow_mut() = Some((group, child));
            Ok(())
        }));
        assert!(support::poll_now(&mut whole).await.is_pending());
        let (group, child) = handle.take().unwrap();
        child.cancel();
        yield_now().await;
        let whole = Rc::new(RefCell::new(whole));
        let polls = Rc::clone(&whole);
        let done = Rc::new(std::cell::Cell::new(false));
        let says = Rc::clone(&done);
        drop(group.spawn_with(eager(), async move {
            let early = poll_fn(|cx| Poll::Ready(polls.borrow_mut().as_mut().poll(cx))).await;
            assert!(early.is_pending(), "the group has ended without its child");
            yield_now().await;
            says.set(true);
            Ok(())
        }));
        poll_fn(|cx| whole.borrow_mut().as_mut().poll(cx)).await.unwrap();
        assert!(done.get());
    });
}

#[test]
fn an_eager_child_in_whose_first_step_the_group_is_cut_short_is_asked_to_end_like_the_others() {
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        let whole = Rc::new(RefCell::new(whole));
        let (polls, stops) = (Rc::clone(&whole), group.clone());
        let child = group.spawn_with(eager(), async move {
            stops.cancel();
            let early = poll_fn(|cx| Poll::Ready(polls.borrow_mut().as_mut().poll(cx))).await;
            assert!(early.is_pending(), "the group has ended without its child");
            pending::<Result<(), _>>().await
        });
        let ended = timeout(ms(5), poll_fn(|cx| whole.borrow_mut().as_mut().poll(cx))).await;
        assert!(matches!(ended, Ok(Ok(None))));
        assert_eq!(child.await, Err(ChildEnded));
    });
}
