//! Plays what starts tasks and waits for them.
//!
//! asyncio hears of the end of a task through callbacks, and so goes on one turn later than we
//! do, who are woken by the task itself. Here that turn is waited for ([`one_turn_later`]).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    GatherCause, TaskGroup, When, as_completed, shield, sleep, spawn, task_group, wait, yield_now,
};

use crate::interpreter::{length_of, run_body, run_task, word};
use crate::program::{Op, Task, Until};
use crate::world::{Failed, Me, occupied, owning};

pub(crate) async fn gather(me: &Me, tasks: &[Task]) {
    let outcome = owning(me, one_turn_later(tasks, roundelay::gather(children(me, tasks)))).await;
    me.say(match outcome {
        Ok(_) => "gathered",
        Err(error) => match error.cause {
            GatherCause::Failed(Failed) => "gather failed",
            GatherCause::Task(_) => "gather cancelled",
        },
    });
}

pub(crate) async fn gather_all(me: &Me, tasks: &[Task]) {
    let gathering = roundelay::gather_all(children(me, tasks));
    let outcomes = owning(me, one_turn_later(tasks, gathering)).await;
    let words: Vec<_> = outcomes.iter().map(word).collect();
    me.say(format!("gathered all {}", words.join(" ")).trim_end());
}

/// Says who has ended when it goes on: those that end in the turn in which asyncio's callbacks
/// run are among them.
pub(crate) async fn wait_for_some(me: &Me, until: Until, limit: Option<Duration>, tasks: &[Task]) {
    if tasks.is_empty() {
        return me.say("waits for nobody");
    }
    let mut running: Vec<_> = children(me, tasks).into_iter().map(spawn).collect();
    let ids: Vec<_> = running.iter().map(roundelay::Task::id).collect();
    let when = match until {
        Until::First => When::FirstCompleted,
        Until::Failure => When::FirstFailure(Result::is_err),
        Until::All => When::All,
    };
    drop(occupied(me, one_turn_later(tasks, wait(&mut running, when, limit))).await);
    running.retain(|task| !task.is_finished());
    let has_ended = |id: &u64| running.iter().all(|task| task.id() != *id);
    let ended = tasks.iter().zip(&ids).filter(|(_, id)| has_ended(id));
    let ended: Vec<_> = ended.map(|(task, _)| task.id.to_string()).collect();
    me.say(format!("saw the end of {}", ended.join(" ")).trim_end());
}

pub(crate) async fn as_they_end(me: &Me, bit: usize, tasks: &[Task]) {
    let mut ends = as_completed(paused_children(me, bit, tasks).into_iter().map(spawn));
    for _ in tasks {
        let mut had_to_wait = false;
        let mut next = pin!(ends.next());
        let outcome = poll_fn(|cx| {
            let polled = next.as_mut().poll(cx);
            had_to_wait |= polled.is_pending();
            polled
        });
        let (_, outcome) = outcome.await.unwrap();
        if had_to_wait {
            yield_now().await;
        }
        me.say(format!("next {}", word(&outcome)));
    }
}

pub(crate) async fn behind_a_shield(me: &Me, task: &Task) {
    let inner = shield(run_task(Rc::clone(&me.world), task.clone()));
    me.world.know(task.id, &inner);
    let outcome = occupied(me, one_turn_later(&[()], inner)).await;
    me.say(format!("shielded {} {}", task.id, word(&outcome)));
}

pub(crate) async fn group(me: &Me, bit: usize, tasks: &[Task], body: &[Op]) {
    let children = paused_children(me, bit + 1, tasks);
    let whole = task_group(async |group: TaskGroup<Failed>| {
        for child in children {
            drop(group.spawn(child));
        }
        let outcome = run_body(me, body).await;
        if outcome.is_err() {
            sleep(length_of(bit + 1 + tasks.len())).await;
        }
        outcome
    });
    let outcome = owning(me, async {
        let outcome = whole.await;
        sleep(length_of(bit)).await;
        outcome
    });
    let outcome = outcome.await;
    me.say(match outcome {
        Ok(()) => "group ok".to_owned(),
        Err(error) => format!("group failed {}", error.errors().count()),
    });
}

fn children(me: &Me, tasks: &[Task]) -> Vec<impl Future<Output = Result<(), Failed>> + use<>> {
    tasks.iter().map(|task| run_task(Rc::clone(&me.world), task.clone())).collect()
}

/// Children that pause for a bit before they give their outcome.
fn paused_children(
    me: &Me,
    first_bit: usize,
    tasks: &[Task],
) -> Vec<impl Future<Output = Result<(), Failed>> + use<>> {
    let paused = children(me, tasks).into_iter().zip(first_bit..).map(|(child, bit)| async move {
        let outcome = child.await;
        sleep(length_of(bit)).await;
        outcome
    });
    paused.collect()
}

/// Awaits something that hears of tasks, and a turn more, unless there are none.
async fn one_turn_later<T, F: Future>(tasks: &[T], future: F) -> F::Output {
    let output = future.await;
    if !tasks.is_empty() {
        yield_now().await;
    }
    output
}
