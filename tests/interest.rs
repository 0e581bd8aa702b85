//! Promises about observers that want to be told of some events only: they hear what the others
//! hear, at the same moments, without the rest.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;
use roundelay::runtime::Event;
use roundelay::trace::say;
use roundelay::{
    FailurePolicy, Interest, JobPlan, Lock, Moment, Runner, TaskBuilder, block_for, current_loop,
    promise, sleep, spawn, task_group, timeout, to_thread, yield_now,
};
use support::{ms, on_drop};

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

/// How long each call took that took any time, as an observer of everything is told.
fn times_of_calls(main: impl AsyncFnOnce()) -> Vec<Duration> {
    let (begun, took) = (Cell::new(Moment::START), Rc::new(RefCell::new(Vec::new())));
    let log = Rc::clone(&took);
    let observer = move |now: Moment, event: &Event| match event {
        Event::CallBegins { .. } => begun.set(now),
        Event::CallEnds { .. } => log.borrow_mut().push(now.since(begun.get())),
        _ => {}
    };
    let slow_report = FailurePolicy::Handler(Rc::new(|_| block_for(ms(6))));
    let builder = Runner::builder().virtual_clock().failure_policy(slow_report);
    let runner = builder.observer(observer).build().unwrap();
    runner.run(async { main().await }).unwrap();
    let took = took.take();
    took.into_iter().filter(|took| !took.is_zero()).collect()
}

struct SlowWaker;

impl Wake for SlowWaker {
    fn wake(self: Arc<Self>) {
        block_for(ms(5));
    }
}

#[test]
fn what_runs_after_the_end_of_a_step_belongs_to_the_time_of_the_call() {
    let took = times_of_calls(async || {
        let eager = || TaskBuilder::new().eager().spawn(pending::<()>()).detach();
        // The step of an eager task ends, and who has spawned it goes on: a callback, a task.
        let spawns = move || {
            eager();
            block_for(ms(2));
        };
        drop(current_loop().unwrap().call_soon(spawns).unwrap());
        spawn(async move {
            eager();
            block_for(ms(3));
        })
        .detach();
        // The task has ended. Its output is dropped; a waker that is not ours is woken.
        spawn(async { on_drop(|| block_for(ms(4))) }).detach();
        let mut task = spawn(async {});
        let waker = Waker::from(Arc::new(SlowWaker));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        // The task waits, and that it will wait for ever is reported.
        let locks = [Lock::new(()), Lock::new(())];
        for [first, second] in [[0, 1], [1, 0]] {
            let (first, second) = (locks[first].clone(), locks[second].clone());
            let takes = async move {
                let _first = first.lock().await;
                sleep(ms(50)).await;
                let _second = second.lock().await;
            };
            spawn(takes).detach();
        }
        sleep(ms(100)).await;
    });
    assert_eq!(took, [2, 3, 4, 5, 6].map(ms));
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
