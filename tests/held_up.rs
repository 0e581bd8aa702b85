//! Promises about the loop's own watch: who holds up the loop is known without an observer, without
//! debug mode, and is named where it is certain. The clock is virtual, and moves only where a step
//! blocks it: so no test depends on the machine.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::runtime::Event;
use roundelay::{
    FailureKind, HeldUp, Metrics, Runner, TaskBuilder, block_for, current_loop, dump, sleep, spawn,
    yield_now,
};
use support::{Reports, ms, virtual_runner};

/// What the loop knows of itself after `main`.
fn held_up(main: impl AsyncFnOnce()) -> HeldUp {
    let runner = virtual_runner();
    runner.run(main()).unwrap();
    runner.loop_ref().held_up()
}

/// The longest span, without the line that spawned anybody.
fn longest(held_up: &HeldUp) -> String {
    let longest = held_up.longest.as_ref().expect("the loop was held up").to_string();
    longest.split(" (spawned").next().unwrap().to_owned()
}

/// In a turn of its own, each of the tasks blocks the loop for so many milliseconds.
async fn one_turn(blocks: &[u64]) {
    let start = |(n, &blocks): (usize, &u64)| {
        let task = TaskBuilder::new().name(format!("job {n}"));
        task.spawn(async move { block_for(ms(blocks)) })
    };
    let tasks: Vec<_> = blocks.iter().enumerate().map(start).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn a_task_whose_step_was_the_only_call_is_named_with_its_line() {
    let line = line!() + 2;
    let known = held_up(async || {
        let task = TaskBuilder::new().name("save").spawn(async {
            sleep(ms(5)).await;
            block_for(ms(150));
            sleep(ms(5)).await;
        });
        task.await.unwrap();
    });
    assert_eq!((known.times, longest(&known).as_str()), (1, "task 2 (save), for 150ms"));
    assert_eq!(known.longest.as_ref().unwrap().at.unwrap().line(), line);
    assert_eq!(known.last_named, known.longest);
}

#[test]
fn of_several_calls_nobody_is_blamed_the_first_time() {
    let known = held_up(async || one_turn(&[0, 150, 0]).await);
    assert_eq!(known.times, 1);
    assert_eq!(longest(&known), "one of 3 calls, or all together, for 150ms");
    assert_eq!(known.last_named, None);
}

#[test]
fn whoever_does_it_again_is_named() {
    let known = held_up(async || {
        one_turn(&[0, 150, 0]).await;
        one_turn(&[0, 0, 120]).await;
    });
    assert_eq!((known.times, known.longest.unwrap().who), (2, None));
    let again = known.last_named.unwrap();
    assert_eq!(again.who.as_deref(), Some("task 7 (job 2)"));
    assert_eq!((again.took, again.calls, again.measured), (ms(120), 1, true));
}

#[test]
fn calls_that_were_measured_and_are_slow_only_together_are_said_to_be() {
    let known = held_up(async || {
        one_turn(&[40, 30, 40]).await;
        one_turn(&[60, 60, 60]).await;
    });
    let expected = "3 calls together, for 180ms, and none so long alone";
    assert_eq!((known.times, longest(&known).as_str()), (2, expected));
}

#[test]
fn calls_are_measured_for_a_while_and_no_longer() {
    for (steps, named) in [(500, true), (1_500, false)] {
        let known = held_up(async || {
            one_turn(&[0, 150]).await;
            for _ in 0..steps {
                yield_now().await;
            }
            one_turn(&[0, 110]).await;
        });
        assert_eq!((known.times, known.last_named.is_some()), (2, named));
    }
}

#[test]
fn a_step_that_ends_the_run_is_known_too() {
    let known = held_up(async || block_for(ms(130)));
    assert_eq!((known.times, longest(&known).as_str()), (1, "the main task, for 130ms"));
}

#[test]
fn a_task_that_ends_in_its_slow_step_is_blamed_without_a_name() {
    let known = held_up(async || {
        spawn(async { block_for(ms(200)) }).detach();
        sleep(ms(1)).await;
    });
    assert_eq!(longest(&known), "a task that has ended, for 200ms");
}

#[test]
fn a_loop_that_sleeps_or_is_not_run_is_not_held_up() {
    let runner = virtual_runner();
    runner.run(sleep(Duration::from_secs(3600))).unwrap();
    runner.loop_ref().block_for(Duration::from_secs(5));
    runner.run(sleep(ms(1))).unwrap();
    assert_eq!(runner.loop_ref().held_up().times, 0);
    assert_eq!(runner.loop_ref().held_up().to_string(), "never held up");
}

#[test]
fn the_limit_can_be_set() {
    for (limit, times) in [(ms(149), 1), (ms(150), 1), (ms(151), 0)] {
        let runner = Runner::builder().virtual_clock().slow_limit(limit).build().unwrap();
        runner.run(async { (block_for(ms(150)), yield_now().await) }).unwrap();
        assert_eq!(runner.loop_ref().held_up().times, times);
    }
}

#[test]
fn the_observer_is_told_and_metrics_count() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let (inner, metrics) = (Rc::clone(&told), Metrics::new());
    let listen = move |_, event: &Event| {
        if let Event::HeldUp(span) = event {
            inner.borrow_mut().push((span.took, span.calls));
        }
    };
    let builder = Runner::builder().virtual_clock().observer(metrics.clone()).observer(listen);
    builder.build().unwrap().run(one_turn(&[50, 60])).unwrap();
    assert_eq!(told.take(), [(ms(110), 2)]);
    let counted = metrics.snapshot();
    assert_eq!((counted.slow_spans, counted.longest_span), (1, ms(110)));
    assert_eq!(counted.longest_call, ms(60));
}

#[test]
fn a_dump_says_it_at_its_end_and_only_if_there_is_something_to_say() {
    let runner = virtual_runner();
    let (before, after) = runner
        .run(async {
            let before = dump().to_string();
            block_for(ms(150));
            sleep(ms(1)).await;
            (before, dump())
        })
        .unwrap();
    assert!(!before.contains("held up"), "{before}");
    let line = "held up once for 100ms or longer; the longest: the main task, for 150ms";
    assert_eq!(after.to_string().lines().last(), Some(line));
    assert_eq!(after.list().lines().last(), Some(line));
}

#[test]
fn debug_mode_warns_once_of_a_slow_call_and_once_of_calls_that_are_slow_together() {
    let reports = Reports::new();
    let builder = Runner::builder().virtual_clock().debug(true).failure_policy(reports.policy());
    let runner = builder.build().unwrap();
    runner.run(one_turn(&[0, 150])).unwrap();
    runner.run(one_turn(&[60, 70])).unwrap();
    drop(runner);
    let told = reports.take_whole();
    assert!(told.iter().all(|failure| failure.kind == FailureKind::TooSlow));
    let who: Vec<_> = told.iter().map(|failure| failure.who.as_str()).collect();
    assert_eq!(who, ["task 3 (job 1)", "2 calls together"]);
}

#[test]
fn without_debug_mode_nobody_is_warned() {
    let reports = Reports::new();
    let builder = Runner::builder().virtual_clock().failure_policy(reports.policy());
    let runner = builder.build().unwrap();
    runner.run(one_turn(&[150, 150])).unwrap();
    assert_eq!((runner.loop_ref().held_up().times, reports.len()), (1, 0));
}

#[test]
fn on_the_real_clock_a_limit_of_nothing_finds_every_span_slow_and_soon_names_the_calls() {
    let runner = Runner::builder().slow_limit(Duration::ZERO).build().unwrap();
    let times = runner.run(async {
        for _ in 0..3 {
            sleep(ms(1)).await;
        }
        current_loop().unwrap().held_up().times
    });
    assert!(times.unwrap() >= 3);
    assert!(runner.loop_ref().held_up().last_named.unwrap().who.is_some());
}
