//! What a loop counts of itself, number by number, on the virtual clock.

mod support;

use std::time::Duration;

use roundelay::{
    JobPlan, Metrics, MetricsSnapshot, Runner, block_for, promise, sleep, spawn, to_thread,
    yield_now,
};

const MS: Duration = Duration::from_millis(1);

/// What is counted while `main` runs.
fn counted(main: impl AsyncFnOnce()) -> MetricsSnapshot {
    let metrics = Metrics::new();
    let jobs = |_| JobPlan::takes(30 * MS);
    let builder = Runner::builder().virtual_clock().scripted_jobs(jobs);
    let runner = builder.observer(metrics.clone()).build().unwrap();
    runner.run(main()).unwrap();
    drop(runner);
    metrics.snapshot()
}

#[test]
fn steps_and_tasks_are_counted() {
    let seen = counted(async || {
        for _ in 0..3 {
            spawn(async { yield_now().await }).await.unwrap();
        }
    });
    // The main task takes a step at first and one for each of the three, which take two each.
    assert_eq!((seen.tasks_spawned, seen.tasks_ended, seen.steps), (4, 4, 4 + 6));
}

#[test]
fn a_wake_is_counted_once_however_often_a_task_is_woken_before_its_step() {
    let seen = counted(async || {
        let (first, waits) = promise();
        let task = spawn(async move { waits.await.unwrap() });
        yield_now().await;
        first.resolve(()).unwrap();
        task.await.unwrap();
    });
    // Main's own `yield_now`, the promise, and the join.
    assert_eq!(seen.wakes, 3);
}

#[test]
fn timers_are_counted_when_they_are_set_and_when_they_fire_and_how_late_they_were() {
    let seen = counted(async || {
        let late = spawn(sleep(10 * MS));
        let given_up = spawn(sleep(1000 * MS));
        yield_now().await;
        // This step keeps the loop until the timer is 15 ms late.
        block_for(25 * MS);
        late.await.unwrap();
        given_up.cancel();
        sleep(5 * MS).await;
    });
    assert_eq!((seen.timers_set, seen.timers_fired), (3, 2));
    assert_eq!((seen.longest_timer_lag, seen.timer_lag), (15 * MS, 15 * MS));
}

#[test]
fn time_is_busy_in_calls_and_idle_in_between() {
    let seen = counted(async || {
        block_for(7 * MS);
        sleep(100 * MS).await;
        block_for(2 * MS);
    });
    assert_eq!((seen.busy, seen.longest_call, seen.idle), (9 * MS, 7 * MS, 100 * MS));
}

#[test]
fn the_ready_queue_is_measured_at_the_beginning_of_each_turn() {
    let seen = counted(async || {
        (0..5).for_each(|_| spawn(async {}).detach());
        sleep(MS).await;
    });
    // Of the last turn: it ends the run, and is asked for when the main task ends.
    assert_eq!((seen.longest_queue, seen.queue), (5, 1));
}

#[test]
fn jobs_are_counted_when_they_are_awaited_when_they_end_and_when_they_are_given_up() {
    let seen = counted(async || {
        to_thread(|| 7).await.unwrap();
        assert!(spawn(to_thread(|| 8)).cancel());
        let given_up = spawn(to_thread(|| 9));
        yield_now().await;
        given_up.cancel();
        yield_now().await;
    });
    let jobs = (seen.jobs_submitted, seen.jobs_ended, seen.jobs_abandoned);
    assert_eq!(jobs, (jobs.0, 1, jobs.0 - 1));
}

#[test]
fn turns_and_callbacks_are_counted() {
    let before = counted(async || yield_now().await);
    let seen = counted(async || {
        let home = roundelay::current_loop().unwrap();
        (0..4).for_each(|_| drop(home.call_soon(|| ())));
        yield_now().await;
    });
    assert_eq!((seen.turns - before.turns, seen.callbacks - before.callbacks), (0, 4));
}
