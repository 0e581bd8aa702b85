//! Promises about context variables: who sees which value, and who keeps it.
//!
//! Order facts O27 and O34 of asyncio.

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use roundelay::runtime::Event;
use roundelay::{
    ContextScope, ContextValues, ContextVar, EventLoop, Moment, Runner, TaskBuilder, ThreadPool,
    current_loop, promise, run_on, sleep, spawn, timeout, to_thread, yield_now,
};
use support::{
    Log, Reports, length, ms, must_end, on_drop, reporting_runner, run_virtual, virtual_runner,
};

static V: ContextVar<i32> = ContextVar::new("v");
static W: ContextVar<i32> = ContextVar::new("w");

fn v() -> i32 {
    V.get().unwrap_or(0)
}

// ---- O27: who is given a copy --------------------------------------------------------------

#[test]
fn a_task_copies_the_values_when_it_is_spawned_and_keeps_its_changes() {
    let log = Log::new();
    run_virtual(async {
        let child = |n: i32| {
            let log = log.clone();
            async move {
                log.add(format!("{n} sees {}", v()));
                V.set(n);
                yield_now().await;
                log.add(format!("{n} sees {}", v()));
            }
        };
        V.set(1);
        let a = spawn(child(10));
        V.set(2);
        let b = spawn(child(20));
        a.await.unwrap();
        b.await.unwrap();
        log.add(format!("parent sees {}", v()));
    });
    let seen = ["10 sees 1", "20 sees 2", "10 sees 10", "20 sees 20", "parent sees 2"];
    assert_eq!(log.take(), seen);
}

#[test]
fn a_plain_await_shares_the_values_also_inside_a_time_limit() {
    run_virtual(async {
        async { drop(V.set(30)) }.await;
        assert_eq!(v(), 30);
        timeout(ms(1), async { drop(V.set(31)) }).await.unwrap();
        assert_eq!(v(), 31);
    });
}

#[test]
fn scheduled_callbacks_take_the_values_of_their_moment_along() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let tells = |how: &'static str| {
            let log = log.clone();
            move || log.add(format!("{how} {}", v()))
        };
        V.set(1);
        home.call_soon(tells("soon")).unwrap();
        V.set(2);
        home.call_later(ms(1), tells("later")).unwrap();
        V.set(3);
        home.call_at(home.time() + ms(2), tells("at")).unwrap();
        let task = spawn(sleep(ms(3)));
        let done = log.clone();
        V.set(4);
        task.on_done(move |_| done.add(format!("done {}", v())));
        let (promise, future) = promise();
        let settled = log.clone();
        V.set(5);
        let _kept = future
            .shared()
            .on_settled(move |_: Result<(), _>| settled.add(format!("settled {}", v())));
        V.set(6);
        drop(spawn(async move { promise.resolve(()) }));
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), ["soon 1", "settled 5", "later 2", "at 3", "done 4"]);
}

#[test]
fn what_a_callback_sets_is_seen_by_nobody_else_and_its_value_is_dropped() {
    static DROPS: ContextVar<Arc<()>> = ContextVar::new("drops");
    let alive = Arc::new(());
    run_virtual(async {
        let home = current_loop().unwrap();
        let inside = Arc::clone(&alive);
        home.call_soon(move || {
            V.set(9);
            drop(DROPS.set(inside));
        })
        .unwrap();
        home.call_soon(|| assert_eq!((v(), DROPS.get()), (0, None))).unwrap();
        home.call_soon(|| {
            V.set(9);
            panic!("after it has set something");
        })
        .unwrap();
        home.call_soon(|| assert_eq!(v(), 0)).unwrap();
        yield_now().await;
        assert_eq!((v(), Arc::strong_count(&alive)), (0, 1));
    });
}

#[test]
fn what_the_main_callback_of_a_run_sets_is_seen_by_no_callback() {
    let event_loop = EventLoop::new().unwrap();
    let (seen, inner) = (Rc::new(Cell::new(-1)), event_loop.loop_ref().clone());
    let sees = seen.clone();
    event_loop.call_main_soon();
    event_loop.call_soon(move || (sees.set(v()), inner.stop()).1).unwrap();
    let outcome = event_loop.run_with(&mut || drop(V.set(7)));
    assert!(outcome.is_err());
    assert_eq!(seen.get(), 0);
}

#[test]
fn the_door_takes_the_values_of_the_calling_thread_along() {
    let seen = must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let proxy = event_loop.proxy();
        let (sender, receiver) = std::sync::mpsc::channel();
        V.set(1);
        let thread = std::thread::spawn(move || {
            V.set(2);
            proxy.call_soon_threadsafe(move || sender.send(v()).unwrap()).unwrap();
        });
        thread.join().unwrap();
        event_loop.run_once().unwrap();
        (receiver.recv().unwrap(), v())
    });
    assert_eq!(seen, (2, 1));
}

#[test]
fn a_job_in_a_thread_sees_the_values_and_its_changes_do_not_come_back() {
    let run = || {
        roundelay::run(async {
            V.set(1);
            let seen = to_thread(|| (v(), V.set(2), v())).await.unwrap();
            let after = to_thread(|| W.get()).await.unwrap();
            let pool = ThreadPool::new(1);
            let elsewhere = run_on(&pool, v);
            V.set(3);
            (seen.0, seen.2, after, elsewhere.await.unwrap(), v())
        })
    };
    assert_eq!(must_end(run), (1, 2, None, 1, 3));
}

#[test]
fn values_given_to_a_task_are_its_own_and_can_be_read_afterwards() {
    run_virtual(async {
        V.set(1);
        W.set(1);
        let mut values = ContextValues::current();
        values.run(|| drop(V.set(2)));
        let task = TaskBuilder::new().context(values).spawn(async {
            assert_eq!((v(), W.get()), (2, Some(1)));
            V.set(3);
        });
        let bare = TaskBuilder::new().context(ContextValues::default()).spawn(async { V.get() });
        yield_now().await;
        assert_eq!(task.context().run(v), 3);
        assert_eq!((v(), bare.await.unwrap()), (1, None));
    });
}

// ---- scopes and resets ---------------------------------------------------------------------

#[test]
fn a_reset_restores_what_was_before_that_set_and_a_guarded_value_ends_with_its_block() {
    V.set(1);
    let undo = V.set(2);
    V.with_value(3, || {
        assert_eq!(v(), 3);
        V.set(4);
        W.set(5);
    });
    assert_eq!((v(), W.get()), (2, Some(5)));
    undo.reset();
    assert_eq!(v(), 1);
}

#[test]
fn a_scope_holds_for_its_future_only_step_after_step_and_when_it_is_dropped() {
    let log = Log::new();
    run_virtual(async {
        V.set(1);
        let inner = log.clone();
        let guard = {
            let log = log.clone();
            on_drop(move || log.add(format!("dropped with {}", v())))
        };
        let mut scoped = Box::pin(V.scope(7, async move {
            let _guard = guard;
            inner.add(format!("first {}", v()));
            V.set(8);
            W.set(2);
            yield_now().await;
            inner.add(format!("second {}", v()));
            pending::<()>().await;
        }));
        for _ in 0..2 {
            assert!(support::poll_now(&mut scoped).await.is_pending());
            assert_eq!((v(), W.get()), (1, Some(2)));
        }
        drop(scoped);
        assert_eq!(v(), 1);
    });
    assert_eq!(log.take(), ["first 7", "second 8", "dropped with 8"]);
}

#[test]
fn a_scope_is_left_behind_also_by_a_panic() {
    run_virtual(async {
        let task = spawn(async {
            V.set(1);
            let inside = V.scope(7, async { panic!("inside") });
            let outcome =
                futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(inside));
            assert!(outcome.await.is_err());
            v()
        });
        assert_eq!(task.await.unwrap(), 1);
    });
}

// ---- destructors, panics, eager tasks ------------------------------------------------------

#[test]
fn a_tasks_destructors_see_its_values_however_it_ends() {
    let log = Log::new();
    {
        let log = log.clone();
        run_virtual(async move {
            V.set(-1);
            let guarded = |n: i32| {
                let log = log.clone();
                on_drop(move || log.add(format!("{n} sees {}", v())))
            };
            let values = |n: i32| {
                let mut values = ContextValues::current();
                values.run(|| drop(V.set(n)));
                TaskBuilder::new().context(values)
            };
            let (g1, g2, g3, g4, g5) = (guarded(1), guarded(2), guarded(3), guarded(4), guarded(5));
            let panics = values(1).spawn(async move {
                let _g1 = g1;
                panic!("1");
            });
            let cancelled = values(2).spawn(async move {
                let _g2 = g2;
                pending::<()>().await;
            });
            // Cancelled before its first step; left to the shutdown; an output nobody takes.
            let never = values(3).spawn(async move { drop(g3) });
            never.cancel();
            values(4)
                .spawn(async move {
                    let _g4 = g4;
                    pending::<()>().await;
                })
                .detach();
            values(5).spawn(async move { g5 }).detach();
            yield_now().await;
            assert!(panics.await.is_err());
            assert!(cancelled.cancel_and_wait().await.is_err());
            assert!(never.await.is_err());
            assert_eq!(v(), -1);
        });
    }
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen, ["1 sees 1", "2 sees 2", "3 sees 3", "4 sees 4", "5 sees 5"]);
}

#[test]
fn a_group_dropped_inside_a_task_drops_each_child_with_its_own_values() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let group = roundelay::task_group(async |group| {
            V.set(1);
            let guard = on_drop(move || inner.add(format!("child sees {}", v())));
            let _child = group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), String>>().await
            });
            V.set(2);
            pending::<Result<(), String>>().await
        });
        assert!(timeout(ms(1), group).await.is_err());
    });
    assert_eq!(log.take(), ["child sees 1"]);
}

#[test]
fn an_eager_task_has_its_own_values_and_the_spawner_has_its_own_back_even_after_a_panic() {
    run_virtual(async {
        V.set(1);
        let eager = || TaskBuilder::new().eager();
        let task = eager().spawn(async {
            assert_eq!(v(), 1);
            V.set(2);
            yield_now().await;
            v()
        });
        assert_eq!(v(), 1);
        let panicked = eager().spawn(async {
            V.set(3);
            panic!("at once");
        });
        assert_eq!(v(), 1);
        let _: Result<(), _> = panicked.await;
        assert_eq!((v(), task.await.unwrap()), (1, 2));
    });
}

#[test]
fn a_value_whose_destructor_panics_is_reported_and_the_loop_goes_on() {
    static BOMB: ContextVar<Arc<support::OnDropSend>> = ContextVar::new("bomb");
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let home = current_loop().unwrap();
            let set = || drop(BOMB.set(Arc::new(support::OnDropSend(|| panic!("a bomb")))));
            home.call_soon(set).unwrap();
            spawn(async move { set() }).detach();
            yield_now().await;
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: a bomb", "DestructorPanicked: a bomb"]);
}

// ---- runs ----------------------------------------------------------------------------------

#[test]
fn a_runner_keeps_the_values_of_its_main_tasks_from_run_to_run() {
    V.set(1);
    let runner = virtual_runner();
    V.set(2);
    assert_eq!(runner.run(async { (v(), V.set(5)).0 }).unwrap(), 1);
    assert_eq!(runner.run(async { v() }).unwrap(), 5);
    assert_eq!(v(), 2, "nothing comes back to whoever runs it");
    assert_eq!(Runner::new().unwrap().run(async { v() }).unwrap(), 2);
    assert_eq!(roundelay::run(async { v() }), 2);
}

#[test]
fn a_stopped_or_panicking_run_gives_the_thread_its_values_back() {
    V.set(1);
    let runner = virtual_runner();
    let stopped = runner.run(async {
        V.set(2);
        current_loop().unwrap().stop();
        pending::<()>().await;
    });
    assert!(stopped.is_err() && v() == 1);
    let panicked = std::panic::catch_unwind(|| {
        run_virtual(async {
            V.set(3);
            panic!("main");
        })
    });
    assert!(panicked.is_err() && v() == 1);
    assert_eq!(runner.run(async { v() }).unwrap(), 2);
}

#[test]
fn callbacks_between_runs_and_the_question_of_run_until_see_what_they_should() {
    V.set(1);
    let event_loop = EventLoop::new().unwrap();
    let seen = Rc::new(Cell::new(0));
    let inner = Rc::clone(&seen);
    event_loop.call_soon(move || inner.set(v())).unwrap();
    V.set(2);
    event_loop
        .run_until(|| {
            assert_eq!(v(), 2);
            seen.get() != 0
        })
        .unwrap();
    assert_eq!((seen.get(), v()), (1, 2));
}

// ---- against a plain model -----------------------------------------------------------------

/// What a piece of a program does. Every piece is run by a task or a callback of its own.
#[derive(Clone, Debug)]
enum Act {
    Set(usize, i32),
    /// Sets, does the acts, resets.
    SetAndReset(usize, i32, Vec<Act>),
    Note,
    GiveWay,
    Spawn(Vec<Act>),
    SpawnEagerly(Vec<Act>),
    CallSoon(Vec<Act>),
    OnDone(Vec<Act>),
    Share(Vec<Act>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leaf = prop_oneof![
        (0..2_usize, 1..9).prop_map(|(which, value)| Act::Set(which, value)),
        Just(Act::Note),
        Just(Act::GiveWay),
    ];
    let act = leaf.prop_recursive(4, 40, 5, |inner| {
        let inner = prop::collection::vec(inner, 0..5);
        prop_oneof![
            (0..2_usize, 1..9, inner.clone()).prop_map(|(n, v, acts)| Act::SetAndReset(n, v, acts)),
            inner.clone().prop_map(Act::Spawn),
            inner.clone().prop_map(Act::SpawnEagerly),
            inner.clone().prop_map(Act::CallSoon),
            inner.clone().prop_map(Act::OnDone),
            inner.prop_map(Act::Share),
        ]
    });
    prop::collection::vec(act, 0..length(8))
}

/// The model: values are an array that is copied. Each piece knows what it should see at each
/// of its notes, whenever it comes to them.
type Values = [i32; 2];
type Mistakes = Rc<RefCell<Vec<String>>>;

fn variable(which: usize) -> &'static ContextVar<i32> {
    [&V, &W][which]
}

fn check(model: Values, mistakes: &Mistakes) {
    let seen = [0, 1].map(|which| variable(which).get().unwrap_or(0));
    if seen != model {
        mistakes.borrow_mut().push(format!("saw {seen:?} instead of {model:?}"));
    }
}

type Boxed<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn play<'a>(acts: &'a [Act], model: &'a mut Values, mistakes: &'a Mistakes) -> Boxed<'a> {
    Box::pin(async move {
        for act in acts {
            check(*model, mistakes);
            let (mut copy, told) = (*model, Rc::clone(mistakes));
            match act.clone() {
                Act::Note => {}
                Act::GiveWay => yield_now().await,
                Act::Set(which, value) => {
                    model[which] = value;
                    variable(which).set(value);
                }
                Act::SetAndReset(which, value, inner) => {
                    let earlier = model[which];
                    let undo = variable(which).set(value);
                    model[which] = value;
                    play(&inner, model, mistakes).await;
                    undo.reset();
                    model[which] = earlier;
                }
                Act::Share(inner) => play(&inner, model, mistakes).await,
                Act::Spawn(inner) => {
                    spawn(async move { play(&inner, &mut copy, &told).await }).detach();
                }
                Act::SpawnEagerly(inner) => {
                    let eager = TaskBuilder::new().eager();
                    eager.spawn(async move { play(&inner, &mut copy, &told).await }).detach();
                }
                Act::CallSoon(inner) => {
                    let call = move || play_in_callback(&inner, copy, &told);
                    current_loop().unwrap().call_soon(call).unwrap();
                }
                Act::OnDone(inner) => {
                    spawn(yield_now()).on_done(move |_| play_in_callback(&inner, copy, &told));
                }
            }
        }
        check(*model, mistakes);
    })
}

/// A callback cannot wait, so the one poll that it gets must do.
fn play_in_callback(acts: &[Act], mut model: Values, mistakes: &Mistakes) {
    let acts: Vec<Act> = acts.iter().filter(|act| !waits(act)).cloned().collect();
    let mut piece = play(&acts, &mut model, mistakes);
    assert!(support::poll_once(&mut piece, std::task::Waker::noop()).is_ready());
}

fn waits(act: &Act) -> bool {
    match act {
        Act::GiveWay => true,
        Act::SetAndReset(_, _, inner) | Act::Share(inner) => inner.iter().any(waits),
        _ => false,
    }
}

#[test]
fn what_an_observer_leaves_set_at_the_end_of_a_run_is_reported_if_it_cannot_be_dropped() {
    #[derive(Clone)]
    struct Refuses;
    impl Drop for Refuses {
        fn drop(&mut self) {
            panic!("not me");
        }
    }
    static LEFT: ContextVar<Refuses> = ContextVar::new("left");
    let reports = Reports::new();
    let leaves = |_: Moment, event: &Event| {
        if matches!(event, Event::RunEnds) {
            drop(LEFT.set(Refuses));
        }
    };
    let runner = Runner::builder().virtual_clock().failure_policy(reports.policy());
    let runner = runner.observer(leaves).build().unwrap();
    assert_eq!(runner.run(async { 7 }).unwrap(), 7);
    assert_eq!(reports.take(), ["DestructorPanicked: not me"]);
    // The main task of that run has ended, so nobody waits for it.
    drop(runner);
}

proptest! {
    #![proptest_config(crate::support::properties(200))]

    #[test]
    fn every_piece_of_a_program_sees_the_values_that_a_plain_model_gives_it(program in acts()) {
        let mistakes = Mistakes::default();
        V.with_value(0, || W.with_value(0, || run_virtual(async {
            let mut model = [0, 0];
            play(&program, &mut model, &mistakes).await;
            sleep(ms(1)).await;
        })));
        prop_assert!(mistakes.borrow().is_empty(), "{:?}", mistakes.borrow());
    }
}
