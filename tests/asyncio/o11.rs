//! O11: waiting for some of several tasks.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};

use roundelay::{
    Deadline, Task, TaskBuilder, When, as_completed, current_loop, sleep, spawn, wait, yield_now,
};

use crate::support::{Log, ms, run_virtual};

type Outcome = Result<(), &'static str>;

fn named(name: &str, delay: u64, outcome: Outcome) -> Task<Outcome> {
    TaskBuilder::new().name(name).spawn(async move {
        sleep(ms(delay)).await;
        outcome
    })
}

fn three() -> Vec<Task<Outcome>> {
    vec![named("fast", 10, Ok(())), named("bad", 30, Err("e")), named("slow", 50, Ok(()))]
}

fn first_failure() -> When<Outcome> {
    When::FirstFailure(Result::is_err)
}

/// The names of those that have ended and of those that have not.
async fn names(tasks: &mut Vec<Task<Outcome>>, when: When<Outcome>) -> (String, String) {
    let all: Vec<_> = tasks.iter().map(Task::name).collect();
    let done = wait(tasks, when, None).await;
    let pending: Vec<_> = tasks.iter().map(Task::name).collect();
    let ended: Vec<_> = all.into_iter().filter(|name| !pending.contains(name)).collect();
    assert_eq!(done.len(), ended.len());
    (ended.join(" "), pending.join(" "))
}

#[test]
fn o11_1_the_first_completed_the_first_failure_or_all() {
    run_virtual(async {
        let of = |done: &str, pending: &str| (done.to_owned(), pending.to_owned());
        assert_eq!(names(&mut three(), When::FirstCompleted).await, of("fast", "bad slow"));
        assert_eq!(names(&mut three(), first_failure()).await, of("fast bad", "slow"));
        assert_eq!(names(&mut three(), When::All).await, of("fast bad slow", ""));
    });
}

#[test]
fn o11_2_a_limit_raises_nothing_and_cancels_nothing() {
    run_virtual(async {
        let mut tasks = three();
        assert_eq!(wait(&mut tasks, When::All, ms(20)).await.len(), 1);
        assert_eq!(tasks.len(), 2);
        assert_eq!(wait(&mut tasks, When::All, None).await.len(), 2);
    });
}

#[test]
fn o11_3_a_cancelled_task_is_a_completed_one_and_not_a_failed_one() {
    run_virtual(async {
        let mut tasks = vec![named("a", 9000, Ok(())), named("b", 20, Ok(()))];
        yield_now().await;
        tasks[0].cancel();
        assert_eq!(names(&mut tasks, first_failure()).await.0, "a b");
        let mut tasks = vec![named("a", 9000, Ok(())), named("b", 9000, Ok(()))];
        yield_now().await;
        tasks[0].cancel();
        assert_eq!(names(&mut tasks, When::FirstCompleted).await, ("a".into(), "b".into()));
    });
}

#[test]
fn o11_4_waiting_gives_way_once_even_if_all_have_ended() {
    let log = Log::new();
    run_virtual(async {
        let mut tasks = vec![spawn(ready(1))];
        yield_now().await;
        assert!(tasks[0].is_finished());
        current_loop().unwrap().call_soon(log.adds("the loop had its turn")).unwrap();
        wait(&mut tasks, When::All, None).await;
        assert_eq!(log.take(), ["the loop had its turn"]);
    });
}

#[test]
fn o11_5_nothing_to_wait_for_is_refused() {
    let refused = catch_unwind(AssertUnwindSafe(|| {
        drop(wait(&mut Vec::<Task<()>>::new(), When::All, None));
    }));
    let text = roundelay::runtime::panic_message(&*refused.unwrap_err());
    assert!(text.starts_with("`wait` needs at least one task"), "{text}");
}

#[test]
fn o11_6_outcomes_come_in_the_order_of_completion_and_a_limit_leaves_the_rest_running() {
    run_virtual(async {
        let naps = [(30, "c"), (10, "a"), (20, "b")].map(|(delay, name)| {
            spawn(async move {
                sleep(ms(delay)).await;
                name
            })
        });
        let mut order = Vec::new();
        let mut completed = as_completed(naps);
        while let Some((_, name)) = completed.next().await {
            order.push(name.unwrap());
        }
        assert_eq!(order, ["a", "b", "c"]);

        let limit = Deadline::after(ms(30));
        let mut completed =
            as_completed([spawn(sleep(ms(10))), spawn(pending()), spawn(pending())]);
        assert_eq!(limit.guard(completed.next()).await.unwrap().unwrap().0, 0);
        for _ in 0..2 {
            assert!(limit.guard(completed.next()).await.is_err());
        }
        let rest = completed.into_pending();
        assert!(rest.len() == 2 && rest.iter().all(|(_, task)| !task.is_finished()));
    });
}
