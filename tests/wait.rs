//! Promises about waiting for some of several tasks: order facts O11 and O32.3 of asyncio.

mod support;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::StreamExt;
use roundelay::{
    Task, TaskBuilder, When, as_completed, current_loop, sleep, spawn, timeout, timeout_at, wait,
    yield_now,
};
use support::{Log, ms, must_end, reporting_runner, rounds, run_virtual, virtual_runner};

/// Ends after so many milliseconds, well or not.
fn named(name: &str, delay: u64, ending: Result<(), ()>) -> Task<Result<(), ()>> {
    TaskBuilder::new().name(name).spawn(async move {
        sleep(ms(delay)).await;
        ending
    })
}

fn three() -> Vec<Task<Result<(), ()>>> {
    vec![named("slow", 50, Ok(())), named("bad", 30, Err(())), named("fast", 10, Ok(()))]
}

fn names<T>(tasks: &[Task<T>]) -> Vec<String> {
    tasks.iter().map(Task::name).collect()
}

// ---- wait -----------------------------------------------------------------------------------

#[test]
fn each_mode_gives_what_has_ended_by_then_in_the_order_of_the_list() {
    run_virtual(async {
        let mut tasks = three();
        let done = wait(&mut tasks, When::FirstCompleted, None).await;
        assert_eq!((names(&done), names(&tasks)), (vec!["fast".into()], names(&tasks)));
        assert_eq!(names(&tasks), ["slow", "bad"]);

        let mut tasks = three();
        let done = wait(&mut tasks, When::FirstFailure(Result::is_err), None).await;
        assert_eq!(names(&done), ["bad", "fast"]);
        assert_eq!(names(&tasks), ["slow"]);

        let mut tasks = three();
        let done = wait(&mut tasks, When::All, None).await;
        assert_eq!(names(&done), ["slow", "bad", "fast"]);
        assert!(tasks.is_empty());
    });
}

#[test]
fn the_limit_is_no_error_and_cancels_nobody() {
    run_virtual(async {
        let start = roundelay::now();
        let mut tasks = three();
        let done = wait(&mut tasks, When::All, ms(20)).await;
        assert_eq!(roundelay::now() - start, ms(20));
        assert_eq!((names(&done).len(), names(&tasks).len()), (1, 2));
        for task in tasks {
            assert!(task.await.is_ok(), "it went on");
        }
    });
}

#[test]
fn a_cancelled_task_counts_for_the_first_completed_and_not_for_the_first_failure() {
    run_virtual(async {
        let mut tasks = vec![named("a", 9000, Ok(())), named("b", 20, Ok(()))];
        tasks[0].cancel();
        let done = wait(&mut tasks, When::FirstFailure(Result::is_err), None).await;
        assert_eq!(names(&done), ["a", "b"], "it waited for b as well");

        let mut tasks = vec![named("a", 9000, Ok(())), named("b", 9000, Ok(()))];
        tasks[0].cancel();
        let done = wait(&mut tasks, When::FirstCompleted, None).await;
        assert_eq!((names(&done).len(), names(&tasks)), (1, vec!["b".to_owned()]));
    });
}

#[test]
fn a_panic_is_a_failure_whatever_the_output_is() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let mut tasks = vec![spawn(pending::<()>()), spawn(async { panic!("down") })];
            let done = wait(&mut tasks, When::FirstFailure(|()| false), None).await;
            assert_eq!((done.len(), tasks.len()), (1, 1));
            // It was looked at, and is still there to be taken, or to be reported.
            drop(done);
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: down"]);
}

#[test]
fn waiting_for_what_has_ended_gives_way_at_least_once() {
    let log = Log::new();
    run_virtual(async {
        let mut tasks = vec![spawn(async {})];
        yield_now().await;
        assert!(tasks[0].is_finished());
        current_loop().unwrap().call_soon(log.adds("called meanwhile")).unwrap();
        let done = wait(&mut tasks, When::All, None).await;
        log.add("waited");
        assert_eq!(done.len(), 1);
    });
    assert_eq!(log.take(), ["called meanwhile", "waited"]);
}

#[test]
fn a_limit_of_zero_gives_every_ready_task_one_step() {
    run_virtual(async {
        let mut tasks = vec![spawn(async {}), spawn(pending())];
        let done = wait(&mut tasks, When::All, Duration::ZERO).await;
        assert_eq!((done.len(), tasks.len()), (1, 1));
        let done = wait(&mut tasks, When::All, Duration::ZERO).await;
        assert_eq!((done.len(), tasks.len()), (0, 1));
    });
}

#[test]
#[should_panic(expected = "`wait` needs at least one task")]
fn to_wait_for_nothing_is_refused() {
    run_virtual(async {
        wait(&mut Vec::<Task<()>>::new(), When::All, None).await;
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_the_list_as_it_was() {
    must_end(|| {
        run_virtual(async {
            let mut tasks = vec![named("a", 10, Ok(())), named("b", 20, Ok(()))];
            for _ in 0..rounds(1000) {
                let waiting = wait(&mut tasks, When::All, Duration::MAX);
                assert!(timeout(Duration::ZERO, waiting).await.is_err());
            }
            assert_eq!(names(&tasks), ["a", "b"]);
            let done = wait(&mut tasks, When::All, None).await;
            assert_eq!(done.len(), 2);
            for task in done {
                task.await.unwrap().unwrap();
            }
        });
    });
}

#[test]
fn a_task_that_was_waited_for_can_be_awaited_itself() {
    run_virtual(async {
        let mut tasks = vec![named("a", 10, Ok(())), named("b", 20, Ok(()))];
        wait(&mut tasks, When::FirstCompleted, None).await;
        assert!(tasks.pop().unwrap().await.unwrap().is_ok());
        let mut tasks = vec![named("c", 20, Ok(()))];
        assert!(timeout(ms(5), wait(&mut tasks, When::All, None)).await.is_err());
        assert!(tasks.pop().unwrap().await.unwrap().is_ok());
    });
}

#[test]
fn a_function_that_panics_while_it_looks_leaves_the_outcome_in_its_place() {
    run_virtual(async {
        let mut tasks = vec![spawn(async { 7 }), spawn(pending())];
        let look = When::FirstFailure(|_: &i32| panic!("cannot look"));
        let mut waiting = wait(&mut tasks, look, None);
        let survived = std::future::poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut waiting).poll(cx))) {
                Ok(poll) => poll.map(|_| false),
                Err(_) => Poll::Ready(true),
            }
        });
        assert!(survived.await);
        drop(waiting);
        assert_eq!(tasks.swap_remove(0).await.unwrap(), 7);
    });
}

// ---- as_completed ---------------------------------------------------------------------------

#[test]
fn outcomes_come_in_the_order_of_ending_each_with_its_place() {
    run_virtual(async {
        let naps = [30, 10, 20].map(|delay| {
            spawn(async move {
                sleep(ms(delay)).await;
                delay
            })
        });
        let naps = as_completed(naps).map(|(index, outcome)| (index, outcome.unwrap()));
        assert_eq!(naps.collect::<Vec<_>>().await, [(1, 10), (2, 20), (0, 30)]);
    });
}

#[test]
fn those_that_had_ended_before_come_in_the_order_in_which_they_did() {
    run_virtual(async {
        let naps = [3, 1, 2, 60].map(|delay| spawn(sleep(ms(delay))));
        sleep(ms(10)).await;
        let naps = as_completed(naps).map(|(index, _)| index);
        assert_eq!(naps.collect::<Vec<_>>().await, [1, 2, 0, 3]);
    });
}

#[test]
fn a_total_limit_ends_the_waiting_and_the_tasks_live_on() {
    run_virtual(async {
        let log = Log::new();
        let naps = [10, 60, 60].map(|delay| {
            let log = log.clone();
            spawn(async move {
                sleep(ms(delay)).await;
                log.add(format!("{delay}"));
            })
        });
        let deadline = roundelay::now() + ms(30);
        let mut naps = as_completed(naps);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(timeout_at(deadline, naps.next()).await.ok().flatten().map(|(i, _)| i));
        }
        assert_eq!(seen, [Some(0), None, None]);
        assert_eq!(naps.pending(), 2);
        drop(naps);
        sleep(ms(50)).await;
        assert_eq!(log.take(), ["10", "60", "60"]);
    });
}

#[test]
fn a_next_that_is_dropped_loses_nothing() {
    run_virtual(async {
        let mut naps = as_completed([5, 1].map(|delay| spawn(sleep(ms(delay)))));
        for _ in 0..rounds(100) {
            assert!(timeout(Duration::ZERO, naps.next()).await.is_err());
        }
        assert_eq!(naps.next().await.unwrap().0, 1);
        let (index, task) = naps.into_pending().pop().unwrap();
        assert_eq!(index, 0);
        task.await.unwrap();
    });
}

#[test]
fn a_panic_that_nobody_took_is_reported_when_the_stream_is_dropped() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let mut tasks = as_completed((0..2).map(|n| {
                spawn(async move {
                    if n < 2 {
                        panic!("number {n}")
                    }
                })
            }));
            assert!(tasks.next().await.unwrap().1.is_err());
            yield_now().await;
            drop(tasks);
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: number 1"]);
}

#[test]
fn the_ends_of_ten_thousand_tasks_one_per_turn_are_heard_one_by_one() {
    // Looking at every task at every end would be fifty million looks.
    let runner = virtual_runner();
    runner
        .run(async {
            let many = rounds(10_000);
            let tasks = (0..many).map(|n| spawn(sleep(ms((many - n) as u64))));
            let mut tasks = as_completed(tasks);
            let mut next = many;
            while let Some((index, _)) = tasks.next().await {
                next -= 1;
                assert_eq!(index, next);
            }
            assert_eq!(next, 0);
        })
        .unwrap();
}

#[test]
fn no_tasks_are_an_empty_stream() {
    run_virtual(async {
        let mut none = as_completed(Vec::<Task<()>>::new());
        assert!(none.next().await.is_none());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(none.poll_next(cx).is_ready());
    });
}

#[test]
fn whoever_waits_for_all_is_woken_by_the_last_and_a_panic_in_his_question_is_his_own() {
    run_virtual(async {
        let many = rounds(100);
        let mut tasks: Vec<_> = (1..=many).map(|n| spawn(sleep(ms(n as u64)))).collect();
        let mut polls = 0;
        let mut waits = wait(&mut tasks, When::All, None);
        let done = std::future::poll_fn(|cx| {
            polls += 1;
            std::pin::Pin::new(&mut waits).poll(cx)
        });
        let count = done.await.len();
        assert_eq!((polls, count), (2, many));
        let asks = spawn(async {
            let mut tasks = vec![spawn(sleep(ms(1))), spawn(sleep(ms(2)))];
            wait(&mut tasks, When::FirstFailure(|()| panic!("no answer")), None).await.len()
        });
        assert_eq!(asks.await.unwrap_err().to_string(), "the task panicked: no answer");
    });
}
