//! What the tasks of a program share, and what each knows of itself.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::rc::Rc;

use roundelay::{
    Barrier, Condition, Deadline, Event, Instant, Lock, LoopRef, Promise, PromiseFuture, Queue,
    Semaphore, promise,
};

use crate::program::{LOCKS, PROMISES};

/// A task ended with an error.
#[derive(Debug)]
pub(crate) struct Failed;

pub(crate) type Handle = Rc<RefCell<roundelay::Task<Result<(), Failed>>>>;

/// What all tasks share.
pub(crate) struct World {
    pub(crate) home: LoopRef,
    pub(crate) start: Instant,
    pub(crate) trace: RefCell<Vec<String>>,
    pub(crate) said_at: Cell<u128>,
    /// Of those that were spawned, by number; and whether somebody has begun to await it.
    pub(crate) handles: RefCell<Vec<Option<(Handle, bool)>>>,
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
            handles: RefCell::default(),
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

    /// Keeps a handle, through which the task can be cancelled, and awaited once.
    pub(crate) fn keep(
        &self,
        id: usize,
        handle: roundelay::Task<Result<(), Failed>>,
        awaited: bool,
    ) -> Handle {
        let mut handles = self.handles.borrow_mut();
        if handles.len() <= id {
            handles.resize_with(id + 1, || None);
        }
        let handle = Rc::new(RefCell::new(handle));
        handles[id] = Some((Rc::clone(&handle), awaited));
        handle
    }

    pub(crate) fn handle(&self, id: usize) -> Option<(Handle, bool)> {
        self.handles.borrow().get(id)?.clone()
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
