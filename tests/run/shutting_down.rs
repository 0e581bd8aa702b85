//! What a run leaves behind: nothing.
//!
//! Order fact O22 of asyncio.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use roundelay::{
    FailurePolicy, RunError, Runner, Task, current_loop, promise, sleep, spawn, yield_now,
};

use crate::holding;
use crate::support::{
    Census, Log, in_a_process, ms, on_drop, reporting_runner, run_virtual, virtual_runner,
};

#[test]
fn when_run_returns_every_task_has_been_unwound_oldest_first() {
    let log = Log::new();
    let value = roundelay::run(async {
        for n in 0..4 {
            let guard = log.on_drop(format!("task {n} unwound"));
            spawn(holding(guard)).detach();
        }
        yield_now().await;
        log.add("main returns");
        5
    });
    log.add(format!("run returned {value}"));
    assert_eq!(
        log.take(),
        [
            "main returns",
            "task 0 unwound",
            "task 1 unwound",
            "task 2 unwound",
            "task 3 unwound",
            "run returned 5"
        ],
    );
}

#[test]
fn tasks_that_never_began_are_dropped_without_running() {
    let log = Log::new();
    roundelay::run(async {
        let (seen, guard) = (log.clone(), log.on_drop("dropped"));
        spawn(async move {
            let _guard = guard;
            yield_now().await;
            yield_now().await;
            seen.add("not reached");
        })
        .detach();
    });
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn a_destructor_that_panics_during_the_shutdown_is_reported_and_the_rest_goes_on() {
    let (runner, reports) = reporting_runner();
    let log = Log::new();
    runner
        .run(async {
            let (bomb, guard) = (on_drop(|| panic!("in cleanup")), log.on_drop("the next one"));
            for guard in [bomb, guard] {
                spawn(holding(guard)).detach();
            }
            yield_now().await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(log.take(), ["the next one"]);
    assert_eq!(reports.take(), ["DestructorPanicked: in cleanup"]);
}

#[test]
fn tasks_born_of_destructors_during_the_shutdown_are_unwound_too() {
    let log = Log::new();
    roundelay::run(async {
        let seen = log.clone();
        let guard = on_drop(move || {
            let inner = seen.on_drop("child unwound");
            let again = seen.clone();
            spawn(async move {
                let _inner = inner;
                again.add("not reached");
            })
            .detach();
            seen.add("parent unwound");
        });
        spawn(holding(guard)).detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["parent unwound", "child unwound"]);
}

#[test]
#[cfg_attr(miri, ignore = "buries a million tasks")]
fn a_family_of_tasks_that_never_dies_out_does_not_keep_the_shutdown_from_ending() {
    let name = "shutting_down::a_family_of_tasks_that_never_dies_out_does_not_keep_the_shutdown_from_ending";
    in_a_process(name, || {
        fn heir(births: Rc<Cell<usize>>) {
            let next = Rc::clone(&births);
            let guard = on_drop(move || {
                next.set(next.get() + 1);
                heir(next);
            });
            spawn(holding(guard)).detach();
        }
        let births = Rc::new(Cell::new(0));
        let first = Rc::clone(&births);
        roundelay::run(async move {
            heir(first);
            yield_now().await;
        });
        assert!(births.get() > 1);
    })
    .well();
}

#[test]
fn handles_dropped_and_asked_during_and_after_the_shutdown_answer_sensibly() {
    let (runner, log) = (virtual_runner(), Log::new());
    let (kept, seen) = (Rc::new(RefCell::new(Vec::<Task<()>>::new())), log.clone());
    let reach = Rc::clone(&kept);
    runner
        .run(async {
            let guard = on_drop(move || {
                let tasks = reach.take();
                seen.add(format!(
                    "during: {}",
                    tasks.iter().filter(|task| task.is_finished()).count()
                ));
                drop(tasks);
            });
            for guard in [Some(guard), None] {
                let task = spawn(holding(guard));
                kept.borrow_mut().push(task);
            }
            yield_now().await;
        })
        .unwrap();
    let outside = runner.run(async { spawn(pending::<()>()) }).unwrap();
    drop(runner);
    assert_eq!(log.take(), ["during: 0"]);
    assert!(outside.is_finished() && !outside.cancel());
    assert!(outside.try_outcome().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn callbacks_that_were_never_called_are_dropped_by_the_time_run_returns() {
    let census = Census::new();
    roundelay::run(async {
        let inner = current_loop().unwrap();
        for delay in [0, 1000] {
            let guard = census.born();
            inner.call_later(ms(delay), move || drop(guard)).unwrap();
        }
    });
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_loop_and_its_tasks_leave_no_cycle_behind() {
    // B12: tasks that hold wakers, handles, promises and queues of one another.
    let census = Census::new();
    run_virtual(async {
        let (set, value) = promise::<Task<()>>();
        let guard = census.born();
        let waits = spawn(async move {
            let _guard = guard;
            let _ = value.await;
        });
        let guard = census.born();
        let holds = spawn(async move {
            let _guard = guard;
            let _waits = waits;
            pending::<()>().await;
        });
        assert!(set.resolve(holds).is_ok());
        let queue = roundelay::Queue::unbounded();
        let (inside, guard) = (queue.clone(), census.born());
        let task = spawn(async move {
            let _guard = guard;
            let _ = inside.get().await;
            pending::<()>().await;
        });
        queue.try_put(task).unwrap();
        yield_now().await;
    });
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_stop_policy_failure_ends_the_run_even_in_the_turn_in_which_main_ends() {
    let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
    let runner = runner.build().unwrap();
    let outcome = runner.run(async {
        spawn(async { panic!("unheard") }).detach();
        yield_now().await;
        7
    });
    assert!(matches!(outcome, Err(RunError::Failed(_))), "the failure was swallowed: {outcome:?}");
}

#[test]
fn a_stop_policy_failure_in_the_middle_ends_the_run() {
    let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
    let runner = runner.build().unwrap();
    let outcome = runner.run(async {
        spawn(async { panic!("the reason") }).detach();
        sleep(ms(10)).await;
    });
    let Err(RunError::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.message, "the reason");
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_stop_policy_failure_during_the_shutdown_is_told_and_every_task_still_unwinds_by_itself() {
    let name = "shutting_down::a_stop_policy_failure_during_the_shutdown_is_told_and_every_task_still_unwinds_by_itself";
    let ended = in_a_process(name, || {
        let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Stop);
        let runner = runner.build().unwrap();
        runner
            .run(async {
                for n in 0..2 {
                    let guard = on_drop(move || {
                        // Born in the shutdown: it, too, is asked to end and unwinds in a turn.
                        let inner = on_drop(move || println!("child {n} unwound"));
                        spawn(async move { drop(inner) }).detach();
                        panic!("task {n} in its destructor");
                    });
                    spawn(holding(guard)).detach();
                }
                yield_now().await;
            })
            .unwrap();
        drop(runner);
    })
    .well();
    for n in 0..2 {
        assert!(ended.stdout.contains(&format!("child {n} unwound")), "{}", ended.stdout);
        let told = format!("in a destructor: task {n} in its destructor");
        let told = ended.stderr.lines().any(|l| l.starts_with("roundelay: ") && l.contains(&told));
        assert!(told, "failure {n} was swallowed: {}", ended.stderr);
    }
}
