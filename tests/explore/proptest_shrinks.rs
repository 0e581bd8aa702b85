//! Exploring under proptest: a failing case shrinks together with its schedule.

use std::cell::Cell;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use roundelay::testing::{Explore, Schedule};
use roundelay::{sleep, spawn, yield_now};

use crate::support::ms;

/// All schedules. Smaller ones come closer to the order of the line.
fn schedules() -> impl Strategy<Value = Schedule> {
    vec(any::<u8>(), 0..100).prop_map(Schedule::choosing)
}

/// So many tasks add one, each with an await between reading and writing after some yields.
async fn add(tasks: usize) {
    let count = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..tasks)
        .map(|number| {
            let count = count.clone();
            spawn(async move {
                sleep(ms(1)).await;
                if number == 0 {
                    let seen = count.get();
                    yield_now().await;
                    count.set(seen + 1);
                } else {
                    yield_now().await;
                    count.set(count.get() + 1);
                }
            })
        })
        .collect();
    let expected = tasks.len();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(count.get(), expected);
}

#[test]
#[cfg_attr(miri, ignore = "tries hundreds of programs to find the smallest")]
fn a_failing_case_shrinks_to_two_tasks_and_one_choice() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let found = runner.run(&(2_usize..6, schedules()), |(tasks, schedule)| {
        let outcome = Explore::new().once(&schedule, async || add(tasks).await);
        outcome.map(drop).map_err(|failing| TestCaseError::fail(failing.to_string()))
    });
    let Err(TestError::Fail(_, (tasks, schedule))) = found else { panic!("it is to be found") };
    assert_eq!(tasks, 2);
    assert_eq!(schedule.to_string(), "choices [128]");
}
