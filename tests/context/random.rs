//! Random programs, beside a plain model.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use roundelay::runtime::Event;
use roundelay::{ContextVar, Moment, Runner, TaskBuilder, current_loop, sleep, spawn, yield_now};

use crate::support::{Reports, length, ms, poll_once, run_virtual};
use crate::{V, W};

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
    assert!(poll_once(&mut piece, std::task::Waker::noop()).is_ready());
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
