//! Shields inside of scopes.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;

use roundelay::{
    CancelScope, TaskGroup, move_on_after, now, sleep, spawn, task_group, timeout, yield_now,
};

use crate::support::{Log, ms, poll_now, poll_once, run_virtual, waker_that_calls};

#[test]
fn a_shield_runs_to_its_end_and_the_first_suspension_after_it_unwinds() {
    let log = Log::new();
    run_virtual(async {
        let scope = CancelScope::after(ms(5));
        let start = now();
        let outcome = scope
            .run(async {
                CancelScope::shield(async {
                    sleep(ms(10)).await;
                    log.add("committed");
                })
                .await;
                log.add("goes on to the next await");
                yield_now().await;
                log.add("not reached");
            })
            .await;
        assert_eq!((outcome, now() - start), (None, ms(10)));
        assert!(scope.cancelled_caught());
    });
    assert_eq!(log.take(), ["committed", "goes on to the next await"]);
}

#[test]
fn a_shield_with_a_limit_of_its_own_is_cut_by_that_and_by_nothing_further_out() {
    run_virtual(async {
        let start = now();
        let outcome = move_on_after(ms(5), async {
            let own = move_on_after(ms(20), pending::<()>());
            assert_eq!(CancelScope::shield(own).await, None);
            assert_eq!(now() - start, ms(20));
            yield_now().await;
        });
        assert_eq!(outcome.await, None);
        assert_eq!(now() - start, ms(20));
    });
}

#[test]
fn a_shield_that_is_dropped_holds_nobody_any_more() {
    run_virtual(async {
        let start = now();
        let outcome = move_on_after(ms(5), async {
            // A timeout drops directly: no shield holds it off.
            assert!(timeout(ms(9), CancelScope::shield(pending::<()>())).await.is_err());
            yield_now().await;
            panic!("it goes on");
        });
        let outcome: Option<()> = outcome.await;
        assert_eq!((outcome, now() - start), (None, ms(9)));
    });
}

#[test]
fn cancelling_the_task_a_lost_race_and_the_end_of_the_run_heed_no_shield() {
    let log = Log::new();
    run_virtual(async {
        let shielded = |name: &'static str| {
            let guard = log.on_drop(name);
            CancelScope::new().run(CancelScope::shield(async move {
                let _guard = guard;
                pending::<()>().await;
            }))
        };
        let task = spawn(shielded("task"));
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        let mut loser = Box::pin(shielded("race"));
        assert!(poll_now(&mut loser).await.is_pending());
        drop(loser);
        spawn(shielded("run")).detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["task", "race", "run"]);
}

/// Polls both, whoever was woken, until the first has ended.
async fn both<A: Future>(
    mut a: Pin<Box<A>>,
    mut b: Pin<Box<dyn Future<Output = ()>>>,
) -> A::Output {
    let mut b_over = false;
    poll_fn(|cx| {
        if !b_over {
            b_over = b.as_mut().poll(cx).is_ready();
        }
        a.as_mut().poll(cx)
    })
    .await
}

#[test]
fn what_has_a_scope_of_its_own_is_dropped_without_waiting_for_a_shield_beside_it() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let (shielded, beside) = (log.clone(), log.clone());
        let guard = log.on_drop("beside dropped");
        let outcome = move_on_after(ms(5), async {
            let shield = CancelScope::shield(async move {
                sleep(ms(20)).await;
                shielded.add("shield is over");
            });
            let other = CancelScope::new().run(async move {
                let _guard = guard;
                loop {
                    sleep(ms(2)).await;
                    beside.add("beside");
                }
            });
            both(Box::pin(shield), Box::pin(async { assert!(other.await.is_none()) })).await;
            yield_now().await;
        });
        assert_eq!((outcome.await, now() - start), (None, ms(20)));
    });
    assert_eq!(log.take(), ["beside", "beside", "beside dropped", "shield is over"]);
}

#[test]
fn the_children_of_a_group_belong_to_the_scope_around_it() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let seen = log.clone();
        let outcome = move_on_after(
            ms(5),
            task_group(async move |group: TaskGroup<()>| {
                let (a, b) = (seen.clone(), seen.clone());
                let guards =
                    (seen.on_drop("shielded child dropped"), seen.on_drop("plain child dropped"));
                drop(group.spawn(async move {
                    let _guard = guards.0;
                    CancelScope::shield(sleep(ms(20))).await;
                    a.add("shield is over");
                    yield_now().await;
                    a.add("not reached");
                    Ok(())
                }));
                drop(group.spawn::<(), _>(async move {
                    let _guard = guards.1;
                    loop {
                        sleep(ms(3)).await;
                        b.add("plain child");
                    }
                }));
                let _body = seen.on_drop("body dropped");
                pending::<Result<(), _>>().await
            }),
        )
        .await;
        log.add(format!("{} after {:?}", outcome.is_none(), now() - start));
    });
    // The plain child ends at its own next step; the shielded one when its shield has ended. The
    // body lies in the scope directly and goes with it.
    assert_eq!(
        log.take(),
        [
            "plain child",
            "plain child dropped",
            "shield is over",
            "shielded child dropped",
            "body dropped",
            "true after 20ms",
        ],
    );
}

#[test]
fn children_that_take_turns_with_their_shields_do_not_keep_a_cancelled_scope_for_ever() {
    run_virtual(async {
        let start = now();
        let outcome = move_on_after(
            ms(50),
            task_group(async |group: TaskGroup<()>| {
                for offset in [0, 5] {
                    drop(group.spawn::<(), _>(async move {
                        sleep(ms(offset)).await;
                        loop {
                            // Their shields overlap: there never is a moment without one.
                            CancelScope::shield(sleep(ms(9))).await;
                            sleep(ms(1)).await;
                        }
                    }));
                }
                pending::<Result<(), _>>().await
            }),
        );
        assert!(outcome.await.is_none());
        assert!(now() - start < ms(60), "{:?}", now() - start);
    });
}

#[test]
fn a_task_that_is_merely_spawned_in_a_scope_is_not_in_it() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let task = Rc::new(RefCell::new(None));
        let give = Rc::clone(&task);
        let outcome = move_on_after(ms(5), async move {
            *give.borrow_mut() = Some(spawn(async move {
                // A shield here holds nobody: this task is in no scope.
                CancelScope::shield(sleep(ms(20))).await;
                seen.add("task");
            }));
            pending::<()>().await;
        });
        assert_eq!(outcome.await, None);
        log.add("moved on");
        let task = task.take().unwrap();
        task.await.unwrap();
    });
    assert_eq!(log.take(), ["moved on", "task"]);
}

#[test]
fn a_shielded_future_that_moves_into_a_scope_holds_that_one() {
    run_virtual(async {
        let start = now();
        let mut shield = Box::pin(CancelScope::shield(sleep(ms(20))));
        assert!(poll_now(&mut shield).await.is_pending());
        let outcome = move_on_after(ms(5), async move {
            shield.await;
            yield_now().await;
        });
        assert_eq!((outcome.await, now() - start), (None, ms(20)));
    });
}

#[test]
fn a_kept_scope_holds_nothing_of_whoever_awaited_it() {
    let owned = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&owned);
    let waker = waker_that_calls(move || drop(std::sync::Arc::clone(&held)));
    let scope = CancelScope::new();
    let mut scoped = Box::pin(scope.run(pending::<()>()));
    assert!(poll_once(&mut scoped, &waker).is_pending());
    drop((scoped, waker));
    assert_eq!(std::sync::Arc::strong_count(&owned), 1);
    assert!(!scope.cancel() && scope.cancel_called() && !scope.cancelled_caught());
}
