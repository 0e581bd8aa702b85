//! Promises about debug mode: what holds up the loop and what is left behind is told by name,
//! and a run without debug mode is told nothing.
//!
//! Order fact O30 of asyncio. (That time is measured rightly is shown beside the watch itself,
//! with made-up moments.)

mod support;

use std::future::pending;
use std::process::Command;
use std::time::Duration;

use roundelay::{
    FailureKind, FailurePolicy, Metrics, Runner, TaskBuilder, sleep, spawn, yield_now,
};
use support::{Log, Reports, ms, must_end, virtual_runner};

const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn a_slow_step_is_told_with_name_and_place_and_a_quick_one_is_not() {
    // With a limit of zero every call is slow; with an hour none is. So no machine is too slow
    // or too quick for this test.
    for (limit, expected) in [(Duration::ZERO, true), (NEVER, false)] {
        let told = must_end(move || {
            let reports = Reports::new();
            let builder = Runner::builder().debug(true).slow_limit(limit);
            let runner = builder.failure_policy(reports.policy()).build().unwrap();
            let task = TaskBuilder::new().name("busy");
            runner.run(async { task.spawn(async {}).await.unwrap() }).unwrap();
            drop(runner);
            reports.take_whole().into_iter().map(|f| (f.kind, f.who, f.origin)).collect::<Vec<_>>()
        });
        assert!(told.iter().all(|(kind, ..)| *kind == FailureKind::TooSlow));
        let who: Vec<_> = told.iter().map(|(_, who, _)| who.as_str()).collect();
        if expected {
            assert_eq!(who[..3], ["task 1 (main)", "task 2 (busy)", "task 1 (main)"]);
            assert!(told[1].2.unwrap().file().ends_with("debug.rs"));
        } else {
            assert!(who.is_empty());
        }
    }
}

#[test]
fn tasks_that_have_not_ended_when_the_runner_closes_are_told_with_their_age() {
    let reports = Reports::new();
    let builder = Runner::builder().virtual_clock().debug(true).slow_limit(NEVER);
    let runner = builder.failure_policy(reports.policy()).build().unwrap();
    runner
        .run(async {
            TaskBuilder::new().name("poller").spawn(pending::<()>()).detach();
            spawn(async {}).detach();
            sleep(ms(250)).await;
        })
        .unwrap();
    assert_eq!(reports.len(), 0, "between two runs tasks may live");
    runner.close();
    let told = reports.take_whole();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].who.as_str()), (FailureKind::LeftBehind, "task 2 (poller)"));
    assert_eq!(told[0].age, Some(ms(250)));
    assert!(told[0].origin.unwrap().file().ends_with("debug.rs"));
}

#[test]
fn a_warning_never_stops_a_run_even_if_the_policy_is_to_stop_at_failures() {
    let builder = Runner::builder().debug(true).slow_limit(Duration::ZERO);
    let runner = builder.failure_policy(FailurePolicy::Stop).build().unwrap();
    assert_eq!(runner.run(async { (yield_now().await, 7).1 }).unwrap(), 7);
}

#[test]
fn without_debug_mode_nobody_is_warned() {
    let reports = Reports::new();
    let builder = Runner::builder().debug(false).slow_limit(Duration::ZERO);
    let runner = builder.failure_policy(reports.policy()).build().unwrap();
    runner.run(async { spawn(pending::<()>()).detach() }).unwrap();
    assert!(!runner.loop_ref().is_debug());
    drop(runner);
    assert_eq!(reports.len(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn the_environment_turns_debug_mode_on() {
    let program = std::env::current_exe().unwrap();
    for (value, debug) in [
        ("1", "true"),
        ("on", "true"),
        ("0", "false"),
        ("", "false"),
        ("off", "false"),
        ("False", "false"),
        ("no", "false"),
    ] {
        let mut inner = Command::new(&program);
        inner.args(["--exact", "the_inner_program", "--ignored", "--nocapture"]);
        let output = inner.env("ROUNDELAY_DEBUG", value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(&format!("debug: {debug}")), "{value:?}: {text}");
    }
}

#[test]
#[ignore = "a program for the test before it"]
fn the_inner_program() {
    println!("debug: {}", virtual_runner().loop_ref().is_debug());
}

#[test]
fn several_observers_hear_the_same_and_one_that_panics_does_not_silence_the_others() {
    let (metrics, log) = (Metrics::new(), Log::new());
    let inner = log.clone();
    let runner = Runner::builder()
        .virtual_clock()
        .observer(|_, _: &roundelay::runtime::Event| panic!("not now"))
        .observer(move |_, event: &roundelay::runtime::Event| {
            if let roundelay::runtime::Event::TaskEnded { task, .. } = event {
                inner.add(format!("task {task} ended"));
            }
        })
        .observer(metrics.clone())
        .build()
        .unwrap();
    runner
        .run(async {
            let task = spawn(sleep(ms(5)));
            yield_now().await;
            task.await.unwrap();
        })
        .unwrap();
    assert_eq!(log.take(), ["task 2 ended", "task 1 ended"]);
    let counted = metrics.snapshot();
    assert_eq!((counted.tasks_spawned, counted.tasks_ended, counted.timers_fired), (2, 2, 1));
    // main: first, after giving way, at the end; the other: first, after its sleep.
    assert_eq!((counted.steps, counted.longest_queue), (5, 2));
}
