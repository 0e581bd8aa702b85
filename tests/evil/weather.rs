//! Whatever a storm does while it passes, the weather is fair afterwards: the loop has gone on, and
//! everything is given back.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Once;

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use roundelay::{
    ContextValues, FailurePolicy, Moment, RunError, Runner, runtime::Event, sleep, spawn,
};

use crate::leaves::{KINDS, leaf};
use crate::storm::{Act, Ending, NEVER, PLACES, Place, Storm, all_acts, storms};
use crate::support::{self, Ended, in_a_process, ms};
use crate::things::{Evil, EvilFuture, Owner};
use crate::world::{UNEXPECTED, WATCHED, WORLD, World, drop_with_care, keep, misbehave, world};

/// Makes panics of a storm silent, and notes those of anybody else.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !WATCHED.try_with(Cell::get).unwrap_or(false) {
                return usual(info);
            }
            let text = info.payload_as_str().unwrap_or("no text");
            // What the runtime says to those who use it where it is not.
            let advice = ["needs a running event loop", "this handle belongs to event loop"];
            let expected = text.starts_with("evil")
                || info.payload().is::<Evil>()
                || advice.iter().any(|advice| text.contains(advice));
            if !expected {
                let at = info.location().map(ToString::to_string).unwrap_or_default();
                UNEXPECTED.with_borrow_mut(|panics| panics.push(format!("{text} ({at})")));
            }
        }));
    });
}

/// Lets a storm pass. Returns what was wrong with it.
fn weather(storm: &Storm) -> Vec<String> {
    watch_panics();
    let world = Rc::new(World::new(storm));
    WORLD.set(Some(Rc::clone(&world)));
    WATCHED.set(true);
    // Whatever is set outside of tasks is set in here.
    let mut values = ContextValues::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| values.run(|| pass(storm, &world))));
    // Their own end may set some more.
    while !values.is_empty() {
        let ended = std::mem::take(&mut values);
        values.run(|| drop_with_care(ended));
    }
    world.clear();
    if let Err(payload) = outcome {
        let text = roundelay::runtime::panic_message(&*payload);
        world.complain(format!("a panic came out where none should: {text}"));
        drop_with_care(payload);
    }
    world.check();
    WATCHED.set(false);
    WORLD.take();
    world.complaints.take()
}

fn pass(storm: &Storm, world: &Rc<World>) {
    let mut runner = Runner::builder().virtual_clock().threads(1);
    runner = runner.failure_policy(match storm.policy {
        0 => FailurePolicy::Report,
        1 => FailurePolicy::Stop,
        _ => {
            let owner = Owner::new();
            FailurePolicy::Handler(Rc::new(move |failure| {
                let _keeps = &owner;
                if failure.message.contains("borrowed") {
                    self::world().unwrap().complain(failure.to_string());
                }
                misbehave(Place::Handler);
            }))
        }
    });
    if !storm.observed && !cfg!(miri) {
        // (Not beside an observer that acts: what it causes is told to nobody.)
        runner = runner.observer(support::checked::Checked::new());
    }
    if storm.observed {
        let owner = Owner::new();
        // While the observer is told something it does not hear what it causes itself.
        let counts = match storm.only {
            Some((place, _)) => place != Place::Observer,
            None => storm.periods[PLACES.len() - 2] == NEVER,
        };
        runner = runner.observer(move |_: Moment, event: &Event| {
            let _keeps = &owner;
            let Some(world) = self::world() else { return };
            match event {
                Event::TaskSpawned { task, .. } if counts => {
                    world.ends.borrow_mut().insert(*task, 0);
                }
                Event::TaskEnded { task, .. } if counts => {
                    *world.ends.borrow_mut().entry(*task).or_default() += 1;
                }
                _ => {}
            }
            misbehave(Place::Observer);
        });
    }
    let runner = runner.build().unwrap();
    for round in 0..3_u8 {
        let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(main(storm.seed, round))));
        match outcome {
            Ok(Ok(evil)) => drop_with_care(evil),
            Ok(Err(RunError::Stopped | RunError::Failed(_))) => {}
            Ok(Err(error)) => world.complain(format!("a run ended with {error:?}")),
            Err(payload) => drop_with_care(payload),
        }
    }
    match storm.ending {
        Ending::Last => world.clear(),
        Ending::First => {}
        Ending::WhileUnwinding => {
            let unwinding = catch_unwind(AssertUnwindSafe(|| {
                let _runner = runner;
                panic!("evil ending");
            }));
            drop_with_care(unwinding);
            return world.clear();
        }
        Ending::InsideAnotherRun => {
            let other = support::virtual_runner();
            let outcome = other.run(async move { drop(runner) });
            drop_with_care(outcome);
            drop_with_care(other);
            return world.clear();
        }
        Ending::InsideACallback => {
            let other = support::virtual_loop();
            other.call_soon(move || drop(runner)).unwrap();
            drop_with_care(other.run_once());
            drop_with_care(other);
            return world.clear();
        }
    }
    drop_with_care(runner);
    world.clear();
}

/// What every storm begins with: one of everything, and time for it to happen.
async fn main(seed: u8, round: u8) -> Evil {
    let evil = Evil::new();
    for kind in 0..KINDS {
        if world().is_some_and(|world| world.may_spawn()) {
            let future = async move {
                leaf(kind + KINDS * (seed % 8), round).await;
                EvilFuture::new(seed.wrapping_add(kind), 1).await
            };
            let task = spawn(future);
            keep(&world().unwrap().tasks, task);
        }
    }
    for _ in 0..8 {
        sleep(ms(1)).await;
        misbehave(Place::Poll);
    }
    evil
}

/// Runs storms in a process of their own, where they may abort or hang.
#[track_caller]
fn outside(name: &str, storms: impl FnOnce()) {
    let Ended { status, stderr, .. } = in_a_process(name, storms);
    // The last storm is the one that did it.
    let last = stderr.rfind("storm: ").unwrap_or(0);
    let last: String = stderr[last..].chars().take(6000).collect();
    match status {
        Some(status) if status.success() => {}
        Some(status) => panic!("it ended with {status}\n{last}"),
        None => panic!("it hangs\n{last}"),
    }
}

#[track_caller]
fn weather_is_fair(storm: &Storm) {
    eprintln!("storm: {storm:?}");
    let complaints = weather(storm);
    assert!(complaints.is_empty(), "{complaints:#?}\nstorm: {storm:?}");
}

/// Each act there is, once at this place and once at its fourth occasion, and nothing else.
#[track_caller]
fn one_bad_act(name: &str, place: Place) {
    outside(name, || {
        // Miri takes half a minute for each.
        let mut calm = (0..).map(|number| cfg!(miri) && number % 900 != 0);
        for n in [1, 8] {
            for act in all_acts(n) {
                for occasion in [0, 3] {
                    if calm.next() == Some(true) {
                        continue;
                    }
                    weather_is_fair(&Storm {
                        acts: vec![act],
                        periods: [1; 8],
                        only: Some((place, occasion)),
                        policy: if place == Place::Handler { 2 } else { n % 3 },
                        observed: true,
                        seed: n,
                        ending: if occasion == 0 { Ending::Last } else { Ending::First },
                    });
                }
            }
        }
    });
}

#[test]
fn one_bad_act_in_a_poll_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_a_poll_harms_nobody", Place::Poll);
}

#[test]
fn one_bad_act_in_a_destructor_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_a_destructor_harms_nobody", Place::Drop);
}

#[test]
fn one_bad_act_in_a_callback_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_a_callback_harms_nobody", Place::Call);
}

#[test]
fn one_bad_act_in_a_wake_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_a_wake_harms_nobody", Place::Wake);
}

#[test]
fn one_bad_act_in_the_destructor_of_a_waker_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_the_destructor_of_a_waker_harms_nobody", Place::WakerDrop);
}

#[test]
fn one_bad_act_in_the_handler_of_failures_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_the_handler_of_failures_harms_nobody", Place::Handler);
}

#[test]
fn one_bad_act_in_the_observer_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_the_observer_harms_nobody", Place::Observer);
}

#[test]
fn one_bad_act_in_the_body_of_a_group_harms_nobody() {
    one_bad_act("weather::one_bad_act_in_the_body_of_a_group_harms_nobody", Place::Body);
}

#[test]
fn any_storm_passes_and_leaves_nothing_behind() {
    outside("weather::any_storm_passes_and_leaves_nothing_behind", || {
        // More of them: ROUNDELAY_STORMS=100000, and ROUNDELAY_TEST_CHILD with this test's name,
        // so that nobody loses patience.
        let cases = std::env::var("ROUNDELAY_STORMS").ok().and_then(|cases| cases.parse().ok());
        let config = ProptestConfig {
            cases: cases.unwrap_or(support::cases(300)),
            failure_persistence: None,
            // See `smallest`.
            max_shrink_iters: 0,
            ..ProptestConfig::default()
        };
        let outcome = TestRunner::new(config).run(&storms(), |storm| {
            eprintln!("storm: {storm:?}");
            let complaints = weather(&storm);
            prop_assert!(complaints.is_empty(), "{complaints:#?}");
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, storm)) => {
                // (Which may be well the next time, if threads had a part in it.)
                let smallest = smallest(storm);
                eprintln!("storm: {smallest:?}\n{:#?}", weather(&smallest));
                eprintln!("the first time it was: {reason}");
                std::process::exit(1);
            }
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    });
}

#[test]
fn a_task_may_wait_for_what_it_has_itself_given_up_in_the_same_step() {
    outside("weather::a_task_may_wait_for_what_it_has_itself_given_up_in_the_same_step", || {
        weather_is_fair(&Storm {
            acts: vec![Act::LoopInside, Act::Begin(57), Act::Release(2), Act::Abandon(203)],
            periods: [6, 10, 7, 1, 5, 3, 4, 9],
            only: None,
            policy: 2,
            observed: false,
            seed: 214,
            ending: Ending::First,
        });
    });
}

/// Leaves out one act after the other, as long as something is still wrong.
fn smallest(mut storm: Storm) -> Storm {
    let mut at = storm.acts.len();
    while at > 0 {
        at -= 1;
        let mut smaller = storm.clone();
        smaller.acts.remove(at);
        if !weather(&smaller).is_empty() {
            storm = smaller;
        }
    }
    storm
}
