//! Promises about observers that want to be told of some events only: they hear what the others
//! hear, at the same moments, without the rest.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use roundelay::runtime::Event;
use roundelay::trace::say;
use roundelay::{
    Interest, JobPlan, Lock, Moment, Runner, TaskBuilder, block_for, current_loop, promise, sleep,
    spawn, task_group, timeout, to_thread, yield_now,
};
use support::ms;

type Told = Vec<(Moment, Event)>;

const KINDS: [Interest; 11] = [
    Interest::TURNS,
    Interest::QUEUE,
    Interest::CALLS,
    Interest::TIMERS,
    Interest::SOURCES,
    Interest::TASKS,
    Interest::STEPS,
    Interest::WAKES,
    Interest::WAITS,
    Interest::JOBS,
    Interest::WORDS,
];

/// Steps that take time, waits, eager steps, closures, jobs: whatever an event can stand beside.
async fn program() {
    let lock = Lock::new(());
    let home = current_loop().unwrap();
    let waits = {
        let lock = lock.clone();
        spawn(async move {
            block_for(ms(3));
            let _guard = lock.lock().await;
            sleep(ms(20)).await;
            block_for(ms(200));
            yield_now().await;
            block_for(ms(2));
        })
    };
    yield_now().await;
    let inner = home.clone();
    home.call_soon(move || inner.block_for(ms(5))).unwrap();
    drop(home.call_later(ms(7), || block_for(ms(1))).unwrap());
    let eager = TaskBuilder::new().eager().spawn(async {
        block_for(ms(4));
        sleep(ms(1)).await;
    });
    let (told, value) = promise();
    spawn(async move { told.resolve(7).unwrap() }).detach();
    assert_eq!(value.await, Ok(7));
    let group = task_group::<(), (), _>(async |group| {
        group.spawn(async {
            block_for(ms(6));
            Ok(())
        });
        Ok(())
    });
    group.await.unwrap();
    assert_eq!(to_thread(|| 7).await.unwrap(), 7);
    assert!(timeout(ms(1), sleep(ms(9))).await.is_err());
    say("something");
    eager.await.unwrap();
    drop(lock.lock().await);
    waits.await.unwrap();
}

/// What an observer with this interest is told of the program, and another one beside it.
fn told(interest: Interest, other: Interest) -> [Told; 2] {
    let logs = [Rc::new(RefCell::new(Told::new())), Rc::default()];
    let hears = |log: &Rc<RefCell<Told>>| {
        let log = Rc::clone(log);
        move |now: Moment, event: &Event| log.borrow_mut().push((now, event.clone()))
    };
    let builder = Runner::builder().virtual_clock().scripted_jobs(|_| JobPlan::takes(ms(3)));
    let builder = builder.observer(interest.of(hears(&logs[0])));
    let builder = builder.observer(other.of(hears(&logs[1])));
    let runner = builder.build().unwrap();
    runner.run(program()).unwrap();
    drop(runner);
    logs.map(|log| log.take())
}

/// Of all events those of these kinds.
fn only(kinds: Interest, all: &Told) -> Told {
    all.iter().filter(|(_, event)| kinds.includes(event.kind())).cloned().collect()
}

#[test]
fn an_observer_that_names_no_interest_is_told_of_every_kind() {
    let [all, _] = told(Interest::ALL, Interest::NONE);
    for kind in KINDS.into_iter().filter(|kind| *kind != Interest::SOURCES) {
        assert!(!only(kind, &all).is_empty(), "{kind:?}");
    }
}

#[test]
fn each_of_two_observers_is_told_of_what_it_wants_and_of_nothing_else() {
    let [all, nothing] = told(Interest::ALL, Interest::NONE);
    assert!(nothing.is_empty());
    for kind in KINDS {
        let [some, rest] = told(kind, Interest::TASKS);
        assert_eq!((some, rest), (only(kind, &all), only(Interest::TASKS, &all)), "{kind:?}");
    }
}

proptest! {
    #![proptest_config(support::properties(64))]

    /// Some events borrow their moment from the one before them. Nobody notices, whoever is told.
    #[test]
    fn whatever_is_wanted_comes_at_the_moment_at_which_everybody_else_hears_it(bits in 0u16..2048) {
        let chosen = KINDS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        let interest = chosen.fold(Interest::NONE, |all, (_, kind)| all | *kind);
        let [all, _] = told(Interest::ALL, Interest::NONE);
        let [some, nothing] = told(interest, Interest::NONE);
        prop_assert!(nothing.is_empty());
        prop_assert_eq!(some, only(interest, &all));
    }
}
