//! What the tasks of a program share, and what each knows of itself.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::rc::Rc;

use roundelay::{
    Barrier, Condition, Deadline, Event, Instant, Lock, LoopRef, Promise, PromiseFuture, Queue,
    Semaphore, TaskInfo, all_tasks, promise,
};

use crate::program::{LOCKS, PROMISES};

/// A task ended with an error.
#[derive(Debug)]
pub(crate) struct Failed;

pub(crate) type Task = roundelay::Task<Result<(), Failed>>;

/// What is known of a task.
struct Known {
    /// Nothing, if it had ended when it was started.
    info: Option<TaskInfo>,
    /// Whoever awaits the task owns the handle, and drops it when he gives up. Were it only lent
    /// to him, the task's end would wake him later on, in the middle of something else.
    handle: Option<Task>,
}

/// What all tasks share.
pub(crate) struct World {
    pub(crate) home: LoopRef,
    pub(crate) start: Instant,
    pub(crate) trace: RefCell<Vec<String>>,
    pub(crate) said_at: Cell<u128>,
    /// Those that have handles, by number.
    known: RefCell<Vec<Option<Known>>>,
    /// Who stands in a line, or owns children.
    pub(crate) occupied: RefCell<HashSet<usize>>,
    /// Who gathers, or waits for a group.
    pub(crate) owning: RefCell<HashSet<usize>>,
    pub(crate) locks: [Lock<()>; LOCKS],
    /// Of lock 1.
    pub(crate) condition: Condition<()>,
    pub(crate) permits: Semaphore,
    pub(crate) event: Event,
    pub(crate) barrier: Barrier,
    pub(crate) queues: [Queue<usize>; 2],
    pub(crate) promises: RefCell<Vec<Option<Promise<()>>>>,
    pub(crate) awaited: RefCell<Vec<Option<PromiseFuture<()>>>>,
}

impl World {
    pub(crate) fn new(home: LoopRef) -> World {
        let locks = [Lock::new(()), Lock::new(())];
        let (promises, awaited): (Vec<_>, Vec<_>) = (0..PROMISES).map(|_| promise()).unzip();
        World {
            start: home.time(),
            home,
            trace: RefCell::default(),
            said_at: Cell::new(0),
            known: RefCell::default(),
            occupied: RefCell::default(),
            owning: RefCell::default(),
            condition: Condition::new(&locks[1]),
            locks,
            permits: Semaphore::new(2),
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

    /// Notes a task, so that others can cancel it.
    pub(crate) fn know(&self, id: usize, task: &Task) {
        let info = all_tasks().into_iter().find(|info| info.id == task.id());
        let mut known = self.known.borrow_mut();
        if known.len() <= id {
            known.resize_with(id + 1, || None);
        }
        known[id] = Some(Known { info, handle: None });
    }

    /// The same, and so that one of them can await it.
    pub(crate) fn keep(&self, id: usize, task: Task) {
        self.know(id, &task);
        if let Some(Some(known)) = self.known.borrow_mut().get_mut(id) {
            known.handle = Some(task);
        }
    }

    /// Whether the task was there to be cancelled; `None`: there has been none.
    pub(crate) fn cancel(&self, id: usize) -> Option<bool> {
        let known = self.known.borrow();
        let info = known.get(id)?.as_ref()?.info.clone();
        Some(info.is_some_and(|info| info.cancel()))
    }

    /// The handle, for the first who asks; `None`: there has been no task.
    pub(crate) fn take_handle(&self, id: usize) -> Option<Option<Task>> {
        Some(self.known.borrow_mut().get_mut(id)?.as_mut()?.handle.take())
    }
}

/// Says something when it is dropped.
pub(crate) struct Finally<'a> {
    me: &'a Me,
    pub(crate) says: Option<String>,
}

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        if let Some(says) = self.says.take() {
            self.me.say(says);
        }
    }
}

/// A task's own view of the world.
pub(crate) struct Me {
    pub(crate) world: Rc<World>,
    pub(crate) id: usize,
    /// Those that it can move, the innermost last.
    pub(crate) deadlines: RefCell<Vec<Deadline>>,
}

impl Me {
    pub(crate) fn say(&self, what: impl std::fmt::Display) {
        self.world.say(self.id, what);
    }

    pub(crate) fn finally(&self, says: impl Into<String>) -> Finally<'_> {
        Finally { me: self, says: Some(says.into()) }
    }
}

/// Awaits something in which a task may be stopped, but not cancelled on the spot.
pub(crate) async fn occupied<T>(me: &Me, future: impl Future<Output = T>) -> T {
    let _over = Entered::new(&me.world.occupied, me.id);
    future.await
}

/// Awaits something that owns children, in which a task may not even be stopped.
pub(crate) async fn owning<T>(me: &Me, future: impl Future<Output = T>) -> T {
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
