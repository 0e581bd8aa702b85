//! Plays a program on roundelay, in virtual time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    ContextVar, Deadline, Elapsed, Runner, TaskBuilder, TaskError, current_task, sleep, spawn,
    timeout, yield_now,
};

use crate::children;
use crate::program::{Op, Program, Task};
use crate::world::{Failed, Me, World, occupied, owning};

static VARIABLE: ContextVar<usize> = ContextVar::new("variable");
const TICK: Duration = Duration::from_micros(1 << 32);
/// How long main waits for the program: longer than any can take.
pub(crate) const LONG: Duration = Duration::from_micros(1 << 50);

/// Plays `program` and gives its trace: "task what" for each line, "@microsecond" where time
/// has passed, and a semicolon between two lines.
pub(crate) fn play(program: &Program) -> String {
    let runner = Runner::builder().virtual_clock().build().unwrap();
    let world = Rc::new(World::new(runner.loop_ref().clone()));
    let main = {
        let (world, tasks) = (Rc::clone(&world), program.0.clone());
        async move {
            for task in tasks {
                start(&world, task);
            }
            sleep(LONG).await;
        }
    };
    runner.run(main).unwrap();
    drop(runner);
    world.trace.take().join(";")
}

fn start(world: &Rc<World>, task: Task) {
    let handle = spawn(run_task(Rc::clone(world), task.clone()));
    world.keep(task.id, handle);
}

pub(crate) async fn run_task(world: Rc<World>, task: Task) -> Result<(), Failed> {
    let me = Me { world, id: task.id, deadlines: Default::default() };
    me.say("begins");
    let mut end = me.finally("cancelled");
    let outcome = run_body(&me, &task.body).await;
    end.says = None;
    me.say(if outcome.is_ok() { "ends" } else { "failed" });
    outcome
}

pub(crate) fn run_body<'a>(
    me: &'a Me,
    body: &'a [Op],
) -> Pin<Box<dyn Future<Output = Result<(), Failed>> + 'a>> {
    Box::pin(async move {
        for op in body {
            run_op(me, op).await?;
        }
        Ok(())
    })
}

async fn run_op(me: &Me, op: &Op) -> Result<(), Failed> {
    let world = &me.world;
    match op {
        Op::Yield => {
            yield_now().await;
            me.say("yielded");
        }
        Op::Sleep(ticks) => {
            sleep(TICK * *ticks as u32).await;
            me.say("slept");
        }
        Op::Spawn(task) => {
            start(world, task.clone());
            me.say(format!("spawned {}", task.id));
        }
        Op::SpawnEager(task) => {
            let body = run_task(Rc::clone(world), task.clone());
            world.keep(task.id, TaskBuilder::new().eager().spawn(body));
            me.say(format!("spawned {}", task.id));
        }
        Op::Join(id) => join(me, *id).await,
        Op::Cancel(id) if world.occupied.borrow().contains(id) => {
            me.say(format!("may not cancel {id}"));
        }
        Op::Cancel(id) => cancel(me, *id),
        Op::Stop(bit, id) => {
            sleep(length_of(*bit)).await;
            match world.owning.borrow().contains(id) {
                true => me.say(format!("may not cancel {id}")),
                false => cancel(me, *id),
            }
            sleep(length_of(bit + 1)).await;
        }
        Op::Lock(number, body) => {
            let _guard = occupied(me, world.locks[*number].lock()).await;
            me.say(format!("in lock {number}"));
            let _leave = me.finally(format!("out of lock {number}"));
            run_body(me, body).await?;
        }
        Op::Permit(body) => {
            let _permit = occupied(me, world.permits.acquire()).await;
            me.say("in permit");
            let _leave = me.finally("out of permit");
            run_body(me, body).await?;
        }
        Op::Put(queue, value) => {
            let outcome = world.queues[*queue].put(*value).await;
            me.say(format!("{} {value}", if outcome.is_ok() { "put" } else { "may not put" }));
        }
        Op::Get(queue) => {
            let outcome = world.queues[*queue].get().await;
            me.say(outcome.map_or("may not get".into(), |value| format!("got {value}")));
        }
        Op::Close(queue, false) => {
            world.queues[*queue].close();
            me.say("closed");
        }
        Op::Close(queue, true) => {
            drop(world.queues[*queue].close_now());
            me.say("closed now");
        }
        Op::Resolve(number) => {
            let set = world.promises.borrow_mut()[*number].take();
            me.say(format!("resolves {number} {}", set.is_some()));
            // Refused if whoever awaited it has been cancelled.
            let _ = set.map(|set| set.resolve(()));
        }
        Op::Await(number) => {
            let value = world.awaited.borrow_mut()[*number].take();
            match value {
                None => me.say(format!("may not await {number}")),
                Some(value) => {
                    value.await.unwrap();
                    me.say(format!("has {number}"));
                }
            }
        }
        Op::Set => {
            world.event.set();
            me.say("set");
        }
        Op::Clear => {
            world.event.clear();
            me.say("cleared");
        }
        Op::Wait => {
            world.event.wait().await;
            me.say("saw the event");
        }
        Op::Meet => {
            let arrival = world.barrier.wait().await.unwrap();
            me.say(format!("met {arrival}"));
        }
        Op::Expect => {
            let guard = occupied(me, world.locks[1].lock()).await;
            me.say("expects");
            let _guard = owning(me, world.condition.wait(guard)).await;
            me.say("was told");
        }
        Op::Notify(count) => {
            let guard = occupied(me, world.locks[1].lock()).await;
            world.condition.notify(&guard, *count);
            me.say("notified");
        }
        Op::Done(queue) => {
            let known = world.queues[*queue].task_done().is_ok();
            me.say(format!("done {known}"));
        }
        Op::JoinQueue(queue) => {
            world.queues[*queue].join().await;
            me.say(format!("joined queue {queue}"));
        }
        Op::SetVar(value) => {
            VARIABLE.set(*value);
        }
        Op::SeeVar => me.say(format!("sees {}", VARIABLE.get().unwrap_or(0))),
        Op::Quit => {
            me.say("quits");
            current_task().unwrap().cancel();
            world.event.set();
            yield_now().await;
            me.say("is still there");
        }
        Op::Gather(false, tasks) => children::gather(me, tasks).await,
        Op::Gather(true, tasks) => children::gather_all(me, tasks).await,
        Op::Some(until, ticks, bit, tasks) => {
            let limit = (*ticks > 0).then(|| length(*ticks, *bit));
            children::wait_for_some(me, *until, limit, tasks).await;
        }
        Op::Completed(bit, tasks) => children::as_they_end(me, *bit, tasks).await,
        Op::Shield(task) => children::behind_a_shield(me, task).await,
        Op::Group(bit, tasks, body) => children::group(me, *bit, tasks, body).await,
        Op::Timeout(ticks, bit, body) => {
            let outcome = timeout(length(*ticks, *bit), guarded(me, body)).await;
            limited(me, outcome)?;
        }
        Op::Deadline(ticks, bit, body) => {
            let deadline = Deadline::after(length(*ticks, *bit));
            me.deadlines.borrow_mut().push(deadline.clone());
            let outcome = deadline.guard(guarded(me, body)).await;
            me.deadlines.borrow_mut().pop();
            limited(me, outcome)?;
        }
        Op::Move(ticks, bit) => {
            let deadline = me.deadlines.borrow().last().cloned().unwrap();
            deadline.reschedule_after(length(*ticks, *bit));
            me.say("moved");
        }
        Op::Fail => return Err(Failed),
    }
    Ok(())
}

/// What stands under a limit.
async fn guarded(me: &Me, body: &[Op]) -> Result<(), Failed> {
    let _leave = me.finally("out of timeout");
    run_body(me, body).await
}

fn limited(me: &Me, outcome: Result<Result<(), Failed>, Elapsed>) -> Result<(), Failed> {
    outcome.unwrap_or_else(|_| {
        me.say("timed out");
        Ok(())
    })
}

pub(crate) fn length_of(bit: usize) -> Duration {
    Duration::from_micros(1 << bit)
}

fn length(ticks: u64, bit: usize) -> Duration {
    TICK * ticks as u32 + length_of(bit)
}

fn cancel(me: &Me, id: usize) {
    me.say(match me.world.cancel(id) {
        None => format!("cancels nobody {id}"),
        Some(asked) => format!("cancels {id} {asked}"),
    });
}

async fn join(me: &Me, id: usize) {
    match me.world.take_handle(id) {
        None => me.say(format!("joins nobody {id}")),
        Some(None) => me.say(format!("may not join {id}")),
        Some(Some(task)) => {
            let outcome = task.await;
            me.say(format!("joined {id} {}", word(&outcome)));
        }
    }
}

pub(crate) fn word(outcome: &Result<Result<(), Failed>, TaskError>) -> &'static str {
    match outcome {
        Ok(Ok(())) => "ok",
        Ok(Err(Failed)) => "failed",
        Err(_) => "cancelled",
    }
}
