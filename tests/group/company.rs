//! Groups in strange company: foreign combinators, callbacks, other tasks.

use super::*;

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
            assert_eq!(outcome.await.unwrap(), None);
        })
        .unwrap();
}
