//! Promises about cancel scopes and shields: trio's rules where cancelling is dropping. Feature
//! U32; order fact O14.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{
    CancelScope, TaskGroup, fail_after, fail_at, move_on_after, move_on_at, now, promise, sleep,
    spawn, task_group, timeout, yield_now,
};
use support::{Log, length, ms, poll_now, run_virtual};

#[test]
fn a_scope_that_is_cancelled_from_elsewhere_drops_its_future_and_moves_on() {
    let log = Log::new();
    run_virtual(async {
        let scope = CancelScope::new();
        let other = scope.clone();
        spawn(async move {
            sleep(ms(5)).await;
            assert!(other.cancel() && !other.cancel());
        })
        .detach();
        let outcome = scope
            .run(async {
                let _guard = log.on_drop("dropped");
                pending::<()>().await;
            })
            .await;
        log.add(format!("{outcome:?}"));
        assert!(scope.cancel_called() && scope.cancelled_caught());
    });
    assert_eq!(log.take(), ["dropped", "None"]);
}

#[test]
fn a_scope_whose_future_ends_first_was_not_caught() {
    run_virtual(async {
        let scope = CancelScope::after(ms(5));
        assert_eq!(scope.run(async { 7 }).await, Some(7));
        sleep(ms(10)).await;
        assert!(!scope.cancel_called() && !scope.cancelled_caught());
        let scope = CancelScope::new();
        let inner = scope.clone();
        assert_eq!(scope.run(async move { inner.cancel() }).await, Some(true));
        assert!(scope.cancel_called() && !scope.cancelled_caught());
    });
}

#[test]
fn a_scope_that_was_cancelled_before_never_begins_and_an_explicit_cancel_wins_over_a_result() {
    run_virtual(async {
        let scope = CancelScope::new();
        scope.cancel();
        assert_eq!(scope.run(async { panic!("it begins") }).await, None::<()>);
        let scope = CancelScope::new();
        let (promise, value) = promise();
        let mut scoped = Box::pin(scope.run(value));
        assert!(poll_now(&mut scoped).await.is_pending());
        promise.resolve(7).unwrap();
        scope.cancel();
        assert_eq!(scoped.await, None);
    });
}

#[test]
fn move_on_and_fail_know_limits_and_deadlines_and_a_result_wins_over_a_deadline() {
    run_virtual(async {
        assert_eq!(move_on_after(ms(5), sleep(ms(9))).await, None);
        assert_eq!(move_on_after(ms(5), sleep(ms(5))).await, Some(()));
        assert_eq!(fail_after(ms(5), sleep(ms(9))).await.unwrap_err().limit(), Some(ms(5)));
        let soon = now() + ms(5);
        assert_eq!(move_on_at(soon, pending::<()>()).await, None);
        assert_eq!(now(), soon);
        assert_eq!(fail_at(soon, pending::<()>()).await.unwrap_err().limit(), None);
        assert_eq!(fail_at(soon, async { 7 }).await, Ok(7));
        assert_eq!(move_on_after(Duration::MAX, sleep(ms(1))).await, Some(()));
        assert_eq!(move_on_after(Duration::ZERO, async { 7 }).await, Some(7));
    });
}

#[test]
fn a_deadline_can_be_moved_from_inside_and_outside_and_taken_away() {
    run_virtual(async {
        let start = now();
        let scope = CancelScope::after(ms(5));
        assert_eq!(scope.deadline(), None);
        let inner = scope.clone();
        let body = async move {
            sleep(ms(4)).await;
            assert_eq!(inner.deadline(), Some(start + ms(5)));
            inner.set_deadline(Some(start + ms(20)));
            sleep(ms(10)).await;
            pending::<()>().await;
        };
        assert_eq!(scope.run(body).await, None);
        assert_eq!(now() - start, ms(20));
        // From outside, to something earlier, while it waits.
        let start = now();
        let scope = CancelScope::after(ms(1000));
        let other = scope.clone();
        spawn(async move { other.set_deadline(Some(start + ms(3))) }).detach();
        assert_eq!(scope.run(pending::<()>()).await, None);
        assert_eq!(now() - start, ms(3));
        // What is late stays late.
        scope.set_deadline(None);
        assert!(scope.cancel_called() && scope.cancelled_caught());
    });
}

#[test]
#[should_panic(expected = "a cancel scope guards one future")]
fn a_scope_refuses_a_second_future() {
    let scope = CancelScope::new();
    let _one = scope.run(async {});
    let _two = scope.run(async {});
}

#[test]
fn a_scope_swallows_only_its_own_cancellation_and_no_code_runs_in_between() {
    let log = Log::new();
    run_virtual(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let (one, two) = (outer.clone(), inner.clone());
        let outcome = outer
            .run(async {
                let got = inner
                    .run(async move {
                        // Both at once: it is the outer one's affair.
                        two.cancel();
                        one.cancel();
                        yield_now().await;
                    })
                    .await;
                log.add(format!("in between: {got:?}"));
            })
            .await;
        assert_eq!(outcome, None);
        assert!(outer.cancelled_caught() && !inner.cancelled_caught());
    });
    assert_eq!(log.take(), [""; 0]);
}

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
    let waker = support::waker_that_calls(move || drop(std::sync::Arc::clone(&held)));
    let scope = CancelScope::new();
    let mut scoped = Box::pin(scope.run(pending::<()>()));
    assert!(support::poll_once(&mut scoped, &waker).is_pending());
    drop((scoped, waker));
    assert_eq!(std::sync::Arc::strong_count(&owned), 1);
    assert!(scope.cancel() && !scope.cancelled_caught());
}

// ---- random programs ----------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Code {
    Sleep(u8),
    /// With a limit, if it has one.
    Scope(Option<u8>, Vec<Code>),
    Shield(Vec<Code>),
    /// Cancels one of the scopes around, counted from the innermost.
    Cancel(u8),
}

fn code() -> impl Strategy<Value = Vec<Code>> {
    let leaf = prop_oneof![
        4 => (0_u8..4).prop_map(Code::Sleep),
        1 => (0_u8..4).prop_map(Code::Cancel),
    ];
    let code = leaf.prop_recursive(5, 40, 5, |inner| {
        let body = prop::collection::vec(inner, 0..5);
        prop_oneof![
            3 => (prop::option::of(0_u8..8), body.clone())
                .prop_map(|(limit, body)| Code::Scope(limit, body)),
            2 => body.prop_map(Code::Shield),
        ]
    });
    prop::collection::vec(code, 0..length(6))
}

/// Every limit is a little longer than a whole number of milliseconds, each by another power of
/// two: no two things ever happen at the same time.
fn limit(limit: u8, number: u32) -> Duration {
    ms(limit.into()) + Duration::from_nanos(1 << number)
}

/// What really happens.
#[derive(Clone, Default)]
struct Real {
    log: Log,
    next: Rc<std::cell::Cell<u32>>,
}

fn really(
    real: Real,
    code: Vec<Code>,
    around: Vec<CancelScope>,
) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        for step in code {
            match step {
                Code::Sleep(n) => sleep(ms(n.into())).await,
                Code::Cancel(n) => {
                    if let Some(scope) = around.iter().rev().nth(n.into()) {
                        scope.cancel();
                    }
                }
                Code::Shield(body) => {
                    CancelScope::shield(really(real.clone(), body, around.clone())).await;
                }
                Code::Scope(end, body) => {
                    let number = real.next.replace(real.next.get() + 1);
                    let scope = match end {
                        Some(end) => CancelScope::after(limit(end, number)),
                        None => CancelScope::new(),
                    };
                    let mut around = around.clone();
                    around.push(scope.clone());
                    let outcome = scope.run(really(real.clone(), body, around)).await;
                    real.log.add(format!("{number}: {outcome:?}"));
                    assert_eq!(scope.cancelled_caught(), outcome.is_none());
                }
            }
            real.log.add("step");
        }
    })
}

/// What should happen: plain code that walks the program with a clock of its own.
#[derive(Default)]
struct Model {
    log: Vec<String>,
    next: u32,
    time: Duration,
    around: Vec<Around>,
}

enum Around {
    Shield,
    Scope { end: Option<Duration>, cancelled: bool, number: u32 },
}

impl Model {
    /// The scopes that are seen from here, innermost first, with when they end.
    fn visible(&self) -> impl Iterator<Item = (u32, Option<Duration>)> {
        self.around.iter().rev().map_while(|around| match around {
            Around::Shield => None,
            Around::Scope { cancelled: true, number, .. } => Some((*number, Some(Duration::ZERO))),
            Around::Scope { end, number, .. } => Some((*number, *end)),
        })
    }

    /// The outermost visible scope that is cancelled by now.
    fn cut(&self) -> Result<(), u32> {
        let cut = self.visible().filter(|(_, end)| end.is_some_and(|end| end <= self.time));
        cut.last().map_or(Ok(()), |(number, _)| Err(number))
    }

    fn walk(&mut self, code: &[Code]) -> Result<(), u32> {
        for step in code {
            match step {
                Code::Sleep(n) => {
                    self.cut()?;
                    let until = self.time + ms((*n).into());
                    let first = self.visible().filter_map(|(_, end)| end).min();
                    self.time = first.map_or(until, |first| first.min(until));
                    self.cut()?;
                }
                Code::Cancel(n) => {
                    let mut scopes =
                        self.around.iter_mut().rev().filter_map(|around| match around {
                            Around::Scope { cancelled, .. } => Some(cancelled),
                            Around::Shield => None,
                        });
                    if let Some(cancelled) = scopes.nth((*n).into()) {
                        *cancelled = true;
                    }
                }
                Code::Shield(body) => {
                    self.around.push(Around::Shield);
                    let outcome = self.walk(body);
                    self.around.pop();
                    outcome?;
                }
                Code::Scope(end, body) => {
                    let number = self.next;
                    self.next += 1;
                    // A scope does not begin inside of one that is cancelled.
                    self.cut()?;
                    let end = end.map(|end| self.time + limit(end, number));
                    self.around.push(Around::Scope { end, cancelled: false, number });
                    let outcome = self.walk(body);
                    self.around.pop();
                    let outcome = match outcome {
                        Err(caught) if caught == number => None,
                        outcome => Some(outcome?),
                    };
                    self.log.push(format!("{number}: {outcome:?}"));
                }
            }
            self.log.push("step".to_owned());
        }
        Ok(())
    }
}

/// How many scopes a program has: the limits have room for so many.
fn scopes(code: &[Code]) -> u32 {
    let count = code.iter().map(|step| match step {
        Code::Scope(_, body) => 1 + scopes(body),
        Code::Shield(body) => scopes(body),
        _ => 0,
    });
    count.sum()
}

proptest! {
    #[test]
    fn scopes_and_shields_cut_what_a_plain_walk_through_the_program_cuts(program in code()) {
        prop_assume!(scopes(&program) < 19);
        let mut model = Model::default();
        model.walk(&program).unwrap();
        let real = Real::default();
        let took = run_virtual(async {
            let start = now();
            really(real.clone(), program, Vec::new()).await;
            now() - start
        });
        prop_assert_eq!(real.log.take(), model.log);
        prop_assert_eq!(took, model.time);
    }
}
