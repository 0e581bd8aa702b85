//! Plays a program on roundelay, in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    Barrier, Event, GatherCause, GroupError, Instant, Lock, LoopRef, Promise, PromiseFuture, Queue,
    Runner, Semaphore, TaskError, TaskGroup, gather, gather_all, promise, sleep, spawn, task_group,
    timeout, yield_now,
};

use crate::program::{LOCKS, Op, PROMISES, Program, Task};

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
                world.spawn(task);
            }
            sleep(LONG).await;
        }
    };
    runner.run(main).unwrap();
    drop(runner);
    world.trace.take().join(";")
}

/// A task ended with an error.
#[derive(Debug)]
struct Failed;

type Handle = Rc<RefCell<roundelay::Task<Result<(), Failed>>>>;

/// What all tasks share.
struct World {
    home: LoopRef,
    start: Instant,
    trace: RefCell<Vec<String>>,
    said_at: Cell<u128>,
    /// Of those that were spawned, by number; and whether somebody has begun to await it.
    handles: RefCell<Vec<Option<(Handle, bool)>>>,
    /// Who stands in a line, or owns children.
    occupied: RefCell<HashSet<usize>>,
    /// Who gathers, or waits for a group.
    owning: RefCell<HashSet<usize>>,
    locks: [Lock<()>; LOCKS],
    permits: Semaphore,
    event: Event,
    barrier: Barrier,
    queues: [Queue<usize>; 2],
    promises: RefCell<Vec<Option<Promise<()>>>>,
    awaited: RefCell<Vec<Option<PromiseFuture<()>>>>,
}

impl World {
    fn new(home: LoopRef) -> World {
        let (promises, awaited): (Vec<_>, Vec<_>) = (0..PROMISES).map(|_| promise()).unzip();
        World {
            start: home.time(),
            home,
            trace: RefCell::default(),
            said_at: Cell::new(0),
            handles: RefCell::default(),
            occupied: RefCell::default(),
            owning: RefCell::default(),
            locks: [Lock::new(()), Lock::new(())],
            permits: Semaphore::new(1),
            event: Event::new(),
            barrier: Barrier::new(2),
            queues: [Queue::unbounded(), Queue::bounded(1)],
            promises: RefCell::new(promises.into_iter().map(Some).collect()),
            awaited: RefCell::new(awaited.into_iter().map(Some).collect()),
        }
    }

    fn say(&self, task: usize, what: impl std::fmt::Display) {
        let now = self.home.time().duration_since(self.start).as_micros();
        let mut trace = self.trace.borrow_mut();
        if self.said_at.replace(now) != now {
            trace.push(format!("@{now}"));
        }
        trace.push(format!("{task} {what}"));
    }

    fn spawn(self: &Rc<Self>, task: Task) {
        let id = task.id;
        let handle = spawn(run_task(Rc::clone(self), task));
        let mut handles = self.handles.borrow_mut();
        if handles.len() <= id {
            handles.resize_with(id + 1, || None);
        }
        handles[id] = Some((Rc::new(RefCell::new(handle)), false));
    }

    fn handle(&self, id: usize) -> Option<(Handle, bool)> {
        self.handles.borrow().get(id)?.clone()
    }
}

/// Says something when it is dropped.
struct Finally<'a> {
    me: &'a Me,
    says: Option<String>,
}

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        if let Some(says) = self.says.take() {
            self.me.say(says);
        }
    }
}

/// A task's own view of the world.
struct Me {
    world: Rc<World>,
    id: usize,
}

impl Me {
    fn say(&self, what: impl std::fmt::Display) {
        self.world.say(self.id, what);
    }

    fn finally(&self, says: impl Into<String>) -> Finally<'_> {
        Finally { me: self, says: Some(says.into()) }
    }
}

async fn run_task(world: Rc<World>, task: Task) -> Result<(), Failed> {
    let me = Me { world, id: task.id };
    me.say("begins");
    let mut end = me.finally("cancelled");
    let outcome = run_body(&me, &task.body).await;
    end.says = None;
    me.say(if outcome.is_ok() { "ends" } else { "failed" });
    outcome
}

fn run_body<'a>(
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
            world.spawn(task.clone());
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
            world.queues[*queue].put(*value).await.unwrap();
            me.say(format!("put {value}"));
        }
        Op::Get(queue) => {
            let value = world.queues[*queue].get().await.unwrap();
            me.say(format!("got {value}"));
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
        Op::Gather(bit, tasks) => {
            let outcome = owning(me, gather(children(me, *bit, tasks))).await;
            callback_of_the_gather(tasks).await;
            me.say(match outcome {
                Ok(_) => "gathered",
                Err(error) => match error.cause {
                    GatherCause::Failed(Failed) => "gather failed",
                    GatherCause::Task(_) => "gather cancelled",
                },
            });
        }
        Op::All(bit, tasks) => {
            let outcomes = owning(me, gather_all(children(me, *bit, tasks))).await;
            callback_of_the_gather(tasks).await;
            let words: Vec<_> = outcomes.iter().map(word).collect();
            me.say(format!("gathered all {}", words.join(" ")).trim_end());
        }
        Op::Group(bit, tasks) => {
            let children = children(me, bit + 1, tasks);
            let outcome = owning(me, grouped(children)).await;
            sleep(length_of(*bit)).await;
            me.say(match outcome {
                Ok(()) => "group ok".to_owned(),
                Err(error) => format!("group failed {}", error.errors().count()),
            });
        }
        Op::Timeout(ticks, bit, body) => {
            let limit = TICK * *ticks as u32 + length_of(*bit);
            let guarded = timeout(limit, async {
                let _leave = me.finally("out of timeout");
                run_body(me, body).await
            });
            match guarded.await {
                Ok(outcome) => outcome?,
                Err(_) => me.say("timed out"),
            }
        }
        Op::Fail => return Err(Failed),
    }
    Ok(())
}

fn children(
    me: &Me,
    first_bit: usize,
    tasks: &[Task],
) -> Vec<impl Future<Output = Result<(), Failed>> + use<>> {
    let children = tasks.iter().zip(first_bit..).map(|(task, bit)| {
        let child = run_task(Rc::clone(&me.world), task.clone());
        async move {
            let outcome = child.await;
            sleep(length_of(bit)).await;
            outcome
        }
    });
    children.collect()
}

async fn grouped<F>(children: Vec<F>) -> Result<(), GroupError<Failed>>
where
    F: Future<Output = Result<(), Failed>> + 'static,
{
    task_group(async |group: TaskGroup<Failed>| {
        for child in children {
            drop(group.spawn(child));
        }
        Ok(())
    })
    .await
}

fn length_of(bit: usize) -> Duration {
    Duration::from_micros(1 << bit)
}

/// asyncio's gather hears of its children through callbacks, and so answers one turn later than
/// ours, which is woken by them.
async fn callback_of_the_gather(tasks: &[Task]) {
    if !tasks.is_empty() {
        yield_now().await;
    }
}

fn cancel(me: &Me, id: usize) {
    let Some((handle, _)) = me.world.handle(id) else {
        return me.say(format!("cancels nobody {id}"));
    };
    let asked = handle.borrow().cancel();
    me.say(format!("cancels {id} {asked}"));
}

/// Awaits something in which a task may be stopped, but not cancelled on the spot.
async fn occupied<T>(me: &Me, future: impl Future<Output = T>) -> T {
    let _over = Entered::new(&me.world.occupied, me.id);
    future.await
}

/// Awaits something that owns children, in which a task may not even be stopped.
async fn owning<T>(me: &Me, future: impl Future<Output = T>) -> T {
    me.say("owns");
    let _over = Entered::new(&me.world.owning, me.id);
    occupied(me, future).await
}

/// A task's number in a set, until this is dropped.
struct Entered<'a> {
    set: &'a RefCell<HashSet<usize>>,
    id: usize,
}

impl Entered<'_> {
    fn new(set: &RefCell<HashSet<usize>>, id: usize) -> Entered<'_> {
        set.borrow_mut().insert(id);
        Entered { set, id }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.set.borrow_mut().remove(&self.id);
    }
}

async fn join(me: &Me, id: usize) {
    let Some((handle, taken)) = me.world.handle(id) else {
        return me.say(format!("joins nobody {id}"));
    };
    if taken {
        return me.say(format!("may not join {id}"));
    }
    if let Some(Some((_, taken))) = me.world.handles.borrow_mut().get_mut(id) {
        *taken = true;
    }
    let outcome = poll_fn(|cx| Pin::new(&mut *handle.borrow_mut()).poll(cx)).await;
    me.say(format!("joined {id} {}", word(&outcome)));
}

fn word(outcome: &Result<Result<(), Failed>, TaskError>) -> &'static str {
    match outcome {
        Ok(Ok(())) => "ok",
        Ok(Err(Failed)) => "failed",
        Err(_) => "cancelled",
    }
}
