//! What a scope has only borrowed: it outlives the scope, and is none the worse for it.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{
    CancelScope, Elapsed, GroupError, TaskGroup, fail_after, move_on_after, now, promise, sleep,
    spawn, task_group, timeout, yield_now,
};

use crate::support::{Log, length, ms, poll_now, properties, run_virtual};

type Whole = Pin<Box<dyn Future<Output = Result<(), GroupError<()>>>>>;

/// A group with one child for each list, which sleeps so long and tells of it, again and again.
fn sleepers(log: &Log, children: Vec<Vec<u64>>) -> Whole {
    let log = log.clone();
    Box::pin(task_group(async move |group: TaskGroup<()>| {
        for (number, naps) in children.into_iter().enumerate() {
            let log = log.clone();
            drop(group.spawn(async move {
                for (step, nap) in naps.into_iter().enumerate() {
                    sleep(ms(nap)).await;
                    log.add(format!("{number}.{step}"));
                }
                Ok(())
            }));
        }
        Ok(())
    }))
}

#[test]
fn a_group_that_a_scope_had_only_borrowed_goes_on_when_the_scope_is_cut_short() {
    let log = Log::new();
    run_virtual(async {
        let mut whole = sleepers(&log, vec![vec![20], vec![21], vec![22]]);
        assert!(move_on_after(ms(10), whole.as_mut()).await.is_none());
        log.add("moved on");
        sleep(ms(15)).await;
        log.add("back");
        whole.await.unwrap();
    });
    assert_eq!(log.take(), ["moved on", "0.0", "1.0", "2.0", "back"]);
}

#[test]
fn its_children_wait_between_the_cancel_and_the_end_of_the_scope_and_are_not_lost() {
    let done = Rc::new(Cell::new(0));
    run_virtual(async {
        let all = Rc::clone(&done);
        let mut whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
            for _ in 0..3 {
                let done = Rc::clone(&all);
                // It takes a step in every turn, so also between the cancel and the scope's step.
                drop(group.spawn(async move {
                    for _ in 0..20 {
                        yield_now().await;
                    }
                    done.set(done.get() + 1);
                    Ok(())
                }));
            }
            pending().await
        }));
        let scope = CancelScope::new();
        let other = scope.clone();
        spawn(async move {
            for _ in 0..5 {
                yield_now().await;
            }
            assert!(other.cancel());
        })
        .detach();
        let outcome: Option<Result<(), _>> = scope.run(whole.as_mut()).await;
        assert!(outcome.is_none() && scope.cancelled_caught());
        for _ in 0..30 {
            yield_now().await;
        }
        drop(whole);
    });
    assert_eq!(done.get(), 3);
}

#[test]
fn a_scope_that_is_over_cuts_nobody_any_more() {
    let log = Log::new();
    run_virtual(async {
        let mut whole = sleepers(&log, vec![vec![20]]);
        let scope = CancelScope::new();
        let outcome = scope.run(timeout(ms(5), whole.as_mut())).await;
        assert!(outcome.unwrap().is_err());
        assert!(!scope.cancel());
        assert!(scope.cancel_called() && !scope.cancelled_caught());
        sleep(ms(30)).await;
        whole.await.unwrap();
    });
    assert_eq!(log.take(), ["0.0"]);
}

#[test]
fn a_group_lies_in_the_outer_scope_when_the_inner_one_that_borrowed_it_is_over() {
    let log = Log::new();
    run_virtual(async {
        // Its own: dropped with it.
        let outer = CancelScope::new();
        let (inside, seen) = (outer.clone(), log.clone());
        let outcome = outer.run(async move {
            let mut whole = sleepers(&seen, vec![vec![20, 10]]);
            assert!(move_on_after(ms(10), whole.as_mut()).await.is_none());
            sleep(ms(15)).await;
            inside.cancel();
            pending::<()>().await;
        });
        assert_eq!(outcome.await, None);
        sleep(ms(50)).await;
        assert_eq!(log.take(), ["0.0"]);
        // Only borrowed there as well: it goes on.
        let mut whole = sleepers(&log, vec![vec![20, 10]]);
        let outcome = move_on_after(ms(15), async {
            assert!(move_on_after(ms(10), whole.as_mut()).await.is_none());
            pending::<()>().await;
        });
        assert_eq!(outcome.await, None);
        sleep(ms(50)).await;
        assert_eq!(log.take(), ["0.0", "0.1"]);
        whole.await.unwrap();
    });
}

#[test]
fn a_shield_of_a_child_still_holds_the_outer_scope_when_an_inner_one_has_given_the_group_back() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let seen = log.clone();
        let outcome = move_on_after(ms(15), async move {
            let mut whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
                drop(group.spawn(async move {
                    sleep(ms(10)).await;
                    CancelScope::shield(sleep(ms(20))).await;
                    seen.add("committed");
                    Ok(())
                }));
                pending::<Result<(), _>>().await
            }));
            assert!(move_on_after(ms(5), whole.as_mut()).await.is_none());
            pending::<()>().await;
        });
        assert_eq!((outcome.await, now() - start), (None, ms(30)));
    });
    assert_eq!(log.take(), ["committed"]);
}

#[test]
fn where_a_shield_keeps_the_scope_waiting_children_of_a_borrowed_group_end_that_would_take_a_step()
{
    run_virtual(async {
        let children = Rc::new(RefCell::new(None));
        let give = Rc::clone(&children);
        let mut whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
            let spawn = |nap| {
                group.spawn(async move {
                    sleep(ms(nap)).await;
                    Ok(7)
                })
            };
            *give.borrow_mut() = Some((spawn(20), spawn(40)));
            Ok(())
        }));
        let outcome = move_on_after(ms(10), async {
            both(CancelScope::shield(sleep(ms(30))), &mut whole).await;
            yield_now().await;
        });
        assert_eq!(outcome.await, None);
        whole.await.unwrap();
        let (during, after) = children.take().unwrap();
        assert_eq!((during.await.is_err(), after.await), (true, Ok(7)));
    });
}

/// Polls both until the first has ended.
async fn both(first: impl Future, mut second: impl Future + Unpin) {
    let mut first = std::pin::pin!(first);
    poll_fn(|cx| {
        let polled = first.as_mut().poll(cx).map(drop);
        let _ = Pin::new(&mut second).poll(cx);
        polled
    })
    .await;
}

#[test]
fn an_inner_scope_that_was_only_borrowed_goes_on_after_the_outer_one() {
    run_virtual(async {
        // The body cancels the scope itself, and only then polls what it has borrowed.
        let outer = CancelScope::new();
        let itself = outer.clone();
        let mut inner = Box::pin(move_on_after(ms(300), sleep(ms(50))));
        let outcome = outer.run(async {
            itself.cancel();
            inner.as_mut().await
        });
        assert!(outcome.await.is_none());
        assert_eq!(inner.await, Some(()));
    });
}

#[test]
fn an_inner_scope_that_had_to_end_beside_a_shield_says_none_to_whoever_polls_it_after_the_outer() {
    run_virtual(async {
        let scope = CancelScope::new();
        let naps = || async {
            sleep(ms(20)).await;
            sleep(ms(50)).await;
        };
        let mut inner = Box::pin(scope.run(naps()));
        let mut limited = Box::pin(fail_after(ms(300), naps()));
        let outcome = move_on_after(ms(10), async {
            let shield = CancelScope::shield(sleep(ms(30)));
            both(
                shield,
                poll_fn(|cx| {
                    assert!(inner.as_mut().poll(cx).is_pending());
                    limited.as_mut().poll(cx)
                }),
            )
            .await;
            yield_now().await;
        });
        assert_eq!(outcome.await, None);
        assert!(!scope.cancelled_caught());
        let inner = timeout(Duration::from_secs(1), inner).await;
        assert_eq!(inner, Ok(None));
        assert!(scope.cancelled_caught());
        let limited = timeout(Duration::from_secs(1), limited).await;
        assert_eq!(limited.map_err(|_hangs| ()), Ok(Err::<(), Elapsed>(elapsed(ms(300)).await)));
    });
}

async fn elapsed(limit: Duration) -> Elapsed {
    fail_after(limit, pending::<()>()).await.unwrap_err()
}

type Inner = Pin<Box<dyn Future<Output = Option<Result<(), GroupError<String>>>>>>;
type Outer = Pin<Box<dyn Future<Output = Option<()>>>>;

/// A scope whose future polls an inner one once, gives it away, and is then itself awaited by a
/// child of the group in there.
fn inside_out(cancel: impl FnOnce(&CancelScope, &CancelScope) + 'static) -> Vec<String> {
    run_virtual(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let (moves_in, comes) = promise::<Outer>();
        let log = Log::new();
        let children = log.clone();
        let mut given: Inner = Box::pin(inner.run(task_group(async move |group| {
            group.spawn(async move {
                let ended = comes.await.unwrap().await;
                children.add(format!("the outer one in the child: {ended:?}"));
                Ok(())
            });
            Ok(())
        })));
        let place = Rc::new(RefCell::new(None));
        let out = Rc::clone(&place);
        let mut once: Outer = Box::pin(outer.run(async move {
            assert!(poll_now(&mut given).await.is_pending());
            out.replace(Some(given));
            sleep(ms(5)).await;
        }));
        assert!(poll_now(&mut once).await.is_pending());
        let given: Inner = place.take().unwrap();
        moves_in.resolve(once).unwrap_or_else(|_| panic!("it waits for that"));
        let canceller = spawn(async move {
            sleep(ms(1)).await;
            cancel(&outer, &inner);
        });
        sleep(ms(2)).await;
        let ended = given.await;
        log.add(format!("the inner one: {:?}", ended.map(|ended| ended.is_ok())));
        canceller.await.unwrap();
        log.take()
    })
}

#[test]
fn a_scope_may_be_awaited_inside_of_what_once_lay_in_it() {
    let calm = inside_out(|_, _| {});
    assert_eq!(calm, ["the outer one in the child: Some(())", "the inner one: Some(true)"]);
    let outer = inside_out(|outer, _| _ = outer.cancel());
    assert_eq!(outer, ["the outer one in the child: None", "the inner one: Some(true)"]);
    let inner = inside_out(|_, inner| _ = inner.cancel());
    assert_eq!(inner, ["the inner one: None"]);
}

#[test]
fn what_a_scope_has_borrowed_and_another_task_polls_meanwhile_goes_on_as_well() {
    let log = Log::new();
    run_virtual(async {
        let mut whole = sleepers(&log, vec![vec![5, 5, 5, 5]]);
        let scope = CancelScope::new();
        {
            let mut scoped = Box::pin(scope.run(whole.as_mut()));
            assert!(poll_now(&mut scoped).await.is_pending());
            sleep(ms(7)).await;
            // Cancelled, and nobody polls it: what lies in it waits, until it is dropped.
            assert!(scope.cancel());
            sleep(ms(7)).await;
            log.add("dropped");
        }
        let start = now();
        whole.await.unwrap();
        assert_eq!(now() - start, ms(10));
    });
    assert_eq!(log.take(), ["0.0", "dropped", "0.1", "0.2", "0.3"]);
}

// ---- any life of a group that is borrowed --------------------------------------------------------

/// One borrower after the other: scopes inside of scopes, the innermost around the group.
#[derive(Clone, Debug)]
struct Borrower {
    /// How deep, and which of them ends first (by its limit, or cancelled by a task).
    scopes: usize,
    ends: usize,
    cancelled: bool,
    after: u8,
    /// How long nobody polls the group then.
    gap: u8,
    /// Which scope is cancelled, too late, in the middle of the gap.
    late: usize,
}

fn borrower() -> impl Strategy<Value = Borrower> {
    (1_usize..4, 0_usize..3, any::<bool>(), 0_u8..9, 0_u8..9, 0_usize..3).prop_map(
        |(scopes, ends, cancelled, after, gap, late)| Borrower {
            scopes,
            ends: ends % scopes,
            cancelled,
            after,
            gap,
            late: late % scopes,
        },
    )
}

fn nest<'a>(
    scopes: &'a [CancelScope],
    whole: &'a mut Whole,
) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
    Box::pin(async move {
        match scopes.split_first() {
            Some((scope, rest)) => scope.run(nest(rest, whole)).await.unwrap_or(false),
            None => whole.await.is_ok(),
        }
    })
}

async fn borrow(borrower: Borrower, whole: &mut Whole) -> bool {
    // Between whole milliseconds, so that nothing else happens at that moment.
    let after = ms(borrower.after.into()) + Duration::from_micros(500);
    let scopes: Vec<CancelScope> = (0..borrower.scopes)
        .map(|number| match number == borrower.ends && !borrower.cancelled {
            true => CancelScope::after(after),
            false => CancelScope::new(),
        })
        .collect();
    if borrower.cancelled {
        let scope = scopes[borrower.ends].clone();
        spawn(async move {
            sleep(after).await;
            scope.cancel();
        })
        .detach();
    }
    let is_over = nest(&scopes, whole).await;
    if !is_over {
        let half = ms(borrower.gap.into()) / 2;
        sleep(half).await;
        assert!(!scopes[borrower.late].cancel());
        sleep(half).await;
    }
    is_over
}

proptest! {
    #![proptest_config(properties(256))]
    #[test]
    fn however_often_scopes_borrow_a_group_its_children_do_all_their_work_in_their_own_time(
        children in prop::collection::vec(prop::collection::vec(0_u64..7, 0..6), 0..5),
        borrowers in prop::collection::vec(borrower(), 0..length(6)),
    ) {
        let expected: Vec<(usize, Duration)> = children
            .iter()
            .enumerate()
            .flat_map(|(child, naps)| {
                naps.iter().scan(0, move |at, nap| {
                    *at += nap;
                    Some((child, ms(*at)))
                })
            })
            .collect();
        let told = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&told);
        run_virtual(async move {
            let start = now();
            let mut whole: Whole = Box::pin(task_group(async move |group: TaskGroup<()>| {
                for (child, naps) in children.into_iter().enumerate() {
                    let told = Rc::clone(&seen);
                    drop(group.spawn(async move {
                        for nap in naps {
                            sleep(ms(nap)).await;
                            told.borrow_mut().push((child, now() - start));
                        }
                        Ok(())
                    }));
                }
                Ok(())
            }));
            for borrower in borrowers {
                if borrow(borrower, &mut whole).await {
                    return;
                }
            }
            whole.await.unwrap();
        });
        let mut told = told.take();
        told.sort_by_key(|&(child, at)| (child, at));
        prop_assert_eq!(told, expected);
    }
}
