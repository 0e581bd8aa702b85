//! A failing schedule can be had again, exactly, or says why not.

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use roundelay::testing::{Explore, Schedule, ScheduleFailure, explore, replay};
use roundelay::{Queue, Random, TaskBuilder, sleep, spawn, with_cleanup, yield_now};

use crate::support::ms;

/// Fails under some schedules: the second of two sleepers comes first.
async fn second_comes_first() {
    let order = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (1..=2)
        .map(|number| {
            let order = order.clone();
            spawn(async move {
                sleep(ms(1)).await;
                order.set(order.get() * 10 + number);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_ne!(order.get(), 21, "the second came first");
}

fn message(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
    payload.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn the_report_has_the_smallest_seed_its_hash_and_how_to_see_it_again() {
    let first = (0..)
        .find(|&seed| Explore::new().once(&Schedule::seeded(seed), second_comes_first).is_err());
    let seed = first.unwrap();
    let text = message(|| _ = explore(0..100, second_comes_first));
    let failing = Explore::new().check(0..100, second_comes_first).unwrap_err();
    assert_eq!((failing.seed(), failing.passed()), (Some(seed), seed as usize));
    let hash = failing.hash();
    assert_eq!(text, failing.to_string());
    assert!(text.contains(&format!("with seed {seed} (hash {hash:#018x}, {seed} passed before)")));
    assert!(
        text.contains(&format!("ROUNDELAY_SEED={seed}, or replay({seed}, {hash:#018x}, test)"))
    );
    assert_eq!(
        message(|| replay(seed, hash, second_comes_first)),
        text.replace(&format!("{seed} passed before"), "0 passed before"),
    );
}

#[test]
fn a_replay_with_another_hash_is_an_error() {
    let test = async || yield_now().await;
    let hash = explore([3], test).hash();
    replay(3, hash, test);
    let text = message(|| replay(3, hash ^ 1, test));
    assert!(text.contains("has changed since that hash was told"), "{text}");
}

#[test]
fn a_test_that_is_not_the_same_twice_is_told_where_its_runs_part() {
    let runs = Cell::new(0_u32);
    let test = async || {
        runs.set(runs.get() + 1);
        TaskBuilder::new().name(format!("run {}", runs.get())).spawn(async {}).await.unwrap();
        panic!("and it fails");
    };
    let failing = Explore::new().check(0..1, test).unwrap_err();
    let ScheduleFailure::NotDeterministic { first, second, event } = failing.failure() else {
        panic!("{failing}")
    };
    assert!(*event > 3 && first.contains("run 2") && second.contains("run 3"), "{failing}");
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn the_environment_chooses_the_seed() {
    const NAME: &str = "replay::the_environment_chooses_the_seed";
    if std::env::var("ROUNDELAY_SEED").is_ok() {
        let seeds = Cell::new(0);
        let explored = explore(0..10, async || seeds.set(Random::new().next_u64()));
        println!("{} {}", explored.schedules(), seeds.get());
        return;
    }
    let output = |seed: &str| {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["--exact", NAME, "--nocapture"]).env("ROUNDELAY_SEED", seed);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (one, other) = (output("7"), output("8"));
    let line = |text: &str| text.lines().find(|line| line.starts_with("1 ")).map(str::to_owned);
    assert!(line(&one).is_some() && line(&one) != line(&other), "{one}\n{other}");
}

#[test]
fn a_run_that_never_ends_is_cut_off_and_says_who_was_there() {
    let test = async || {
        let _busy = TaskBuilder::new().name("busy").spawn(async {
            loop {
                yield_now().await;
            }
        });
        Queue::<u8>::unbounded().get().await.unwrap();
    };
    let most = if cfg!(miri) { 50 } else { 500 };
    let failing = Explore::new().most_turns(most).check(0..3, test).unwrap_err();
    assert_eq!(failing.failure(), &ScheduleFailure::OutOfTurns(most));
    let names: Vec<_> = failing.waiting().iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["main", "busy"]);
}

#[test]
fn a_cleanup_that_never_ends_is_cut_off_and_named_also_behind_a_run_that_was_cut_off() {
    let most = if cfg!(miri) { 50 } else { 500 };
    for test_ends in [true, false] {
        let test = async || {
            let endless = async {
                loop {
                    yield_now().await;
                }
            };
            spawn(with_cleanup(pending::<()>(), endless, Duration::MAX)).detach();
            yield_now().await;
            if !test_ends {
                loop {
                    yield_now().await;
                }
            }
        };
        let failing = Explore::new().most_turns(most).check(0..3, test).unwrap_err();
        assert_eq!(failing.failure(), &ScheduleFailure::OutOfTurns(most));
        let names: Vec<_> = failing.waiting().iter().map(|task| task.name.as_str()).collect();
        let expected: &[&str] = if test_ends { &["cleanup"] } else { &["main", "Task-2"] };
        assert_eq!(names, expected);
    }
}

#[test]
fn a_panic_that_nobody_takes_fails_the_schedule() {
    let test = async || {
        spawn(async { panic!("unheard") }).detach();
        sleep(ms(5)).await;
    };
    let failing = Explore::new().check(0..3, test).unwrap_err();
    assert!(matches!(failing.failure(), ScheduleFailure::Failed(why) if why.contains("unheard")));
}

#[test]
fn a_waker_kept_by_somebody_is_no_hope() {
    let kept = Rc::new(Cell::new(None));
    let test = async || {
        std::future::poll_fn(|cx| {
            kept.set(Some(cx.waker().clone()));
            std::task::Poll::<()>::Pending
        })
        .await;
    };
    let failing = Explore::new().check(0..1, test).unwrap_err();
    assert_eq!(failing.failure(), &ScheduleFailure::Stuck);
}
