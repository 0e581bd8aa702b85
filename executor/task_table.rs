//! The table of tasks: where every task of a loop lives.
//!
//! ```text
//!              spawn                step             step
//!   (none) ------------> scheduled ------> waiting --wake--> scheduled ...
//!                                  \                    |
//!                                   +--- future ends, is cancelled, or panics
//!                                   v
//!                                 ended  --output taken or handle dropped--> (none)
//! ```
//!
//! The loop knows the table as its [`Target`]: a task is a key to it. One slot of the table
//! holds what a task is (its boxed future, which later holds the output), how it stands
//! (scheduled? cancel requested?), and who waits for its end.
//!
//! # Invariants
//! - A future is polled in one place: [`Tasks::poll`].
//! - A task is in the ready queue at most once: its `scheduled` flag says whether it is.
//! - While a future is polled or dropped, it is out of its slot and nothing is borrowed: it
//!   may spawn, cancel and wake whom it likes.
//! - A slot is freed when its task has ended *and* nobody can take the outcome any more.
//!   A panic that nobody can take is reported then.
//! - Whoever waits for a task's end is woken only after its future has been dropped.
//!
//! Tutorial: chapter 6. Before this: `waker.rs`. After this: `current.rs`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay_runtime::{
    Event, Failure, FailureKind, Key, LoopRef, Moment, Target, TaskEnd, contain,
};
use slab::Slab;

use crate::blocking::BlockingPool;
use crate::error::{TaskError, TaskPanic};
use crate::waker::LentWaker;

/// A task's future, and later its output, in one allocation.
pub(crate) trait Body {
    /// Polls the future; when it is done, keeps the output in its place.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Moves the output into `into`, an `Option` of the output's type.
    fn take_output(self: Pin<&mut Self>, into: &mut dyn Any);
}

pub(crate) type BoxedBody = Pin<Box<dyn Body>>;

/// All tasks of one loop.
pub(crate) struct Tasks {
    pub(crate) loop_ref: LoopRef,
    /// The threads that `to_thread` uses.
    pub(crate) blocking: BlockingPool,
    slots: RefCell<Slab<Slot>>,
    next_id: Cell<u64>,
    spare_waker: Cell<Option<Box<LentWaker>>>,
    /// Whose future is being polled, and the waker that it was lent.
    current: Cell<Option<Current>>,
    /// How many tasks have not ended.
    live: Cell<usize>,
    /// How many calls of [`Tasks::drop_now`] are under way, one inside the other.
    depth: Cell<usize>,
    /// Tasks to drop as soon as the stack is shallow again.
    too_deep: RefCell<Vec<Key>>,
    /// After the table was closed nothing is spawned any more.
    closed: Cell<bool>,
}

#[derive(Clone, Copy)]
pub(crate) struct Current {
    pub(crate) key: Key,
    pub(crate) id: u64,
    waker: *const (),
}

struct Slot {
    generation: u32,
    /// It is in the ready queue.
    scheduled: bool,
    cancel_requested: bool,
    /// Nobody holds the task's handle.
    detached: bool,
    stage: Stage,
    /// Who waits for its end.
    joiner: Option<Waiter>,
    waker: Option<Box<LentWaker>>,
    id: u64,
    name: Option<Rc<str>>,
    spawned_at: &'static Location<'static>,
    born: Moment,
}

enum Stage {
    /// Its future waits here to be polled.
    Waiting(BoxedBody),
    /// Its future is out: being polled, or being dropped. The main task's always is.
    Out,
    /// The main future is lent to the loop by `run`.
    Main,
    /// The body holds the output.
    Finished(BoxedBody),
    Failed(TaskError),
}

impl Slot {
    /// What a poll needs to know of its task: the number, and the waker that it kept.
    fn begin_poll(&mut self) -> (u64, Option<Box<LentWaker>>) {
        (self.id, self.waker.take())
    }
}

impl Stage {
    fn has_ended(&self) -> bool {
        matches!(self, Stage::Finished(_) | Stage::Failed(_))
    }
}

/// What is known of a task besides its future.
pub(crate) struct Birth {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) at: &'static Location<'static>,
}

/// Somebody to be woken: a task of ours by its key, or whatever a waker stands for.
///
/// A task that polls a leaf directly is noted by its key, and no waker is cloned. A leaf
/// polled inside a foreign combinator is lent that combinator's own waker, and keeps it.
#[derive(Clone)]
pub(crate) enum Waiter {
    Task(Rc<Tasks>, Key),
    Other(Waker),
}

impl Waiter {
    pub(crate) fn wake(self) {
        match self {
            Waiter::Task(tasks, key) => tasks.wake(key),
            Waiter::Other(waker) => waker.wake(),
        }
    }
}

impl Tasks {
    pub(crate) fn new(loop_ref: LoopRef, blocking: BlockingPool) -> Tasks {
        Tasks {
            loop_ref,
            blocking,
            slots: RefCell::default(),
            next_id: Cell::new(1),
            spare_waker: Cell::new(None),
            current: Cell::new(None),
            live: Cell::new(0),
            depth: Cell::new(0),
            too_deep: RefCell::default(),
            closed: Cell::new(false),
        }
    }

    /// Adds a task and schedules its first step. The table owns it from now on.
    ///
    /// A closed table drops the body and gives a key that leads nowhere.
    pub(crate) fn spawn(&self, body: BoxedBody, birth: Birth) -> Key {
        if self.closed.get() {
            drop(body);
            return Key::new(u32::MAX, u32::MAX);
        }
        let key = self.add(Stage::Waiting(body), birth);
        self.loop_ref.run_soon(key);
        key
    }

    /// Adds the main task, whose future somebody else holds and polls through
    /// [`Tasks::step_main`] when the loop's main callback is called.
    pub(crate) fn spawn_main(&self, at: &'static Location<'static>) -> Key {
        let key = self.add(Stage::Main, Birth { name: Some("main".into()), at });
        self.loop_ref.call_main_soon();
        key
    }

    fn add(&self, stage: Stage, birth: Birth) -> Key {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        // The number of the task in its low half: a generation that comes again only after
        // four thousand million tasks, and then causes no more than a useless poll.
        let generation = id as u32;
        let name = self.loop_ref.is_observed().then(|| display_name(birth.name.as_deref(), id));
        let at = birth.at;
        let index = self.slots.borrow_mut().insert(Slot {
            generation,
            scheduled: true,
            cancel_requested: false,
            detached: false,
            stage,
            joiner: None,
            waker: None,
            id,
            name: birth.name,
            spawned_at: birth.at,
            born: self.loop_ref.latest(),
        });
        self.live.set(self.live.get() + 1);
        let key = Key::new(index as u32, generation);
        if let Some(name) = name {
            let parent = self.current.get().map(|current| current.id);
            self.loop_ref.observe(|| Event::TaskSpawned { task: id, key, name, parent, at });
        }
        key
    }

    /// Puts a task into the ready queue, unless it is there or has ended.
    pub(crate) fn wake(&self, key: Key) {
        let woken = self.with(key, |slot| {
            let awake = slot.scheduled || slot.stage.has_ended();
            slot.scheduled = true;
            (!awake).then_some((slot.id, matches!(slot.stage, Stage::Main)))
        });
        let Some(Some((task, is_main))) = woken else { return };
        self.loop_ref.observe(|| Event::TaskWoken { task });
        match is_main {
            true => self.loop_ref.call_main_soon(),
            false => self.loop_ref.run_soon(key),
        }
    }

    /// One step of a task.
    fn step(&self, key: Key) {
        let taken = self.with(key, |slot| {
            slot.scheduled = false;
            match std::mem::replace(&mut slot.stage, Stage::Out) {
                Stage::Waiting(body) => Some((body, slot.cancel_requested, slot.begin_poll())),
                other => {
                    slot.stage = other;
                    None
                }
            }
        });
        let Some(Some((mut body, cancelled, poll))) = taken else { return };
        if cancelled {
            return self.unwind(key, body);
        }
        let (outcome, lent) = self.poll(key, poll, |cx| body.as_mut().poll(cx));
        match outcome {
            Ok(Poll::Pending) => self.end_poll(key, lent, Some(body)),
            // The value of a task that was cancelled while it took its last step is lost,
            // as in asyncio: whoever cancelled it was told that it would not finish.
            Ok(Poll::Ready(())) => {
                self.end_poll(key, lent, None);
                match self.is_cancel_requested(key) {
                    true => self.unwind(key, body),
                    false => self.end(key, Stage::Finished(body)),
                }
            }
            Err(payload) => {
                self.end_poll(key, lent, None);
                self.drop_contained(key, body);
                self.end(key, Stage::Failed(TaskError::Panicked(TaskPanic::new(payload))));
            }
        }
    }

    /// One step of the main task, whose future somebody else holds.
    pub(crate) fn step_main<T>(
        &self,
        key: Key,
        poll_main: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Poll<T>, Box<dyn Any + Send>> {
        let Some(poll) = self.with(key, Slot::begin_poll) else { return Ok(Poll::Pending) };
        let (outcome, lent) = self.poll(key, poll, poll_main);
        self.end_poll(key, lent, None);
        outcome
    }

    /// The one place where futures are polled: as the task `key`, with a waker lent to it.
    fn poll<T>(
        &self,
        key: Key,
        (id, kept): (u64, Option<Box<LentWaker>>),
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> (Result<Poll<T>, Box<dyn Any + Send>>, Box<LentWaker>) {
        let lent = kept.unwrap_or_else(|| {
            let spare = self.spare_waker.take();
            let spare = spare.unwrap_or_else(|| LentWaker::new(self.loop_ref.proxy()));
            spare.lend_to(key);
            spare
        });
        self.loop_ref.observe(|| Event::TaskPolled { task: id });
        let outer = self.current.replace(Some(Current { key, id, waker: lent.waker().data() }));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut cx = Context::from_waker(lent.waker());
            poll(&mut cx)
        }));
        self.current.set(outer);
        if matches!(outcome, Ok(Poll::Pending)) {
            self.loop_ref.observe(|| Event::TaskPending { task: id });
        }
        (outcome, lent)
    }

    /// After a poll: the future goes back into its slot, and so does a waker of which
    /// somebody holds a clone. Any other waker is the spare one again.
    fn end_poll(&self, key: Key, lent: Box<LentWaker>, body: Option<BoxedBody>) {
        let mut kept = None;
        if lent.was_kept() {
            kept = Some(lent);
        } else {
            drop(self.spare_waker.replace(Some(lent)));
        }
        let mut body = body;
        self.with(key, |slot| {
            if kept.is_some() {
                slot.waker = kept.take();
            }
            if matches!(slot.stage, Stage::Out)
                && let Some(body) = body.take()
            {
                slot.stage = Stage::Waiting(body);
            }
        });
        // Left over only if the slot is gone, swept away while its future was out.
        drop((kept, body));
    }

    /// Drops a cancelled task's future, then ends the task.
    fn unwind(&self, key: Key, body: BoxedBody) {
        self.drop_contained(key, body);
        self.end(key, Stage::Failed(TaskError::Cancelled));
    }

    /// Notes how a task ended, and tells who waits for it.
    fn end(&self, key: Key, outcome: Stage) {
        let how = how(&outcome);
        let ended = self.with(key, |slot| {
            slot.stage = outcome;
            (slot.id, slot.detached, slot.joiner.take(), slot.waker.take())
        });
        let Some((task, detached, joiner, waker)) = ended else { return };
        drop(waker);
        self.live.set(self.live.get() - 1);
        self.loop_ref.observe(|| Event::TaskEnded { task, how });
        if detached {
            self.forget(key);
        }
        if let Some(joiner) = joiner {
            // A foreign waker is foreign code.
            let _ = contain(|| joiner.wake());
        }
    }

    /// Frees the slot of a task that has ended and whose outcome nobody can take.
    fn forget(&self, key: Key) {
        let Some(slot) = self.remove(key) else { return };
        match slot.stage {
            Stage::Failed(TaskError::Panicked(panic)) => {
                let who = format!("task {}", display_name(slot.name.as_deref(), slot.id));
                let failure = Failure::new(FailureKind::TaskPanicked, who, panic.message())
                    .origin(slot.spawned_at)
                    .age(self.loop_ref.latest().since(slot.born));
                self.loop_ref.report(failure);
                let _ = contain(|| drop(panic));
            }
            stage => drop(contain(|| drop(stage))),
        }
    }

    fn drop_contained(&self, key: Key, body: BoxedBody) {
        let Err(message) = contain(|| drop(body)) else { return };
        let known =
            self.with(key, |slot| (display_name(slot.name.as_deref(), slot.id), slot.spawned_at));
        let Some((name, at)) = known else { return };
        let who = format!("task {name}");
        self.loop_ref
            .report(Failure::new(FailureKind::DestructorPanicked, who, message).origin(at));
    }

    /// Runs `f` on a slot, if the key is not stale. `f` must not call user code.
    #[inline]
    fn with<R>(&self, key: Key, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(key.index())?;
        (slot.generation == key.generation()).then(|| f(slot))
    }

    fn remove(&self, key: Key) -> Option<Slot> {
        self.with(key, |_| ())?;
        Some(self.slots.borrow_mut().remove(key.index()))
    }
}

/// What handles ask of the table.
impl Tasks {
    /// Asks for a task's end. `false` if it has ended already.
    pub(crate) fn cancel(&self, key: Key) -> bool {
        let asked = self.with(key, |slot| {
            let asked = !slot.stage.has_ended();
            slot.cancel_requested |= asked;
            asked.then_some(slot.id)
        });
        let Some(Some(task)) = asked else { return false };
        self.loop_ref.observe(|| Event::TaskCancelRequested { task });
        self.wake(key);
        true
    }

    /// Drops a task's future now and not in its own step: for a group that is itself being
    /// dropped and cannot wait. A future that is being polled this very moment is dropped
    /// when its poll returns.
    ///
    /// A child may hold a group of its own, whose children are dropped in turn, and so on:
    /// each generation lies deeper on the stack. From a certain depth on they are put on a
    /// list instead, and are dropped before the outermost drop returns.
    pub(crate) fn drop_now(&self, key: Key) {
        if self.depth.get() >= DEEPEST_DROP {
            self.too_deep.borrow_mut().push(key);
            return;
        }
        self.depth.set(self.depth.get() + 1);
        self.drop_one_now(key);
        self.depth.set(self.depth.get() - 1);
        while self.depth.get() == 0 {
            let next = self.too_deep.borrow_mut().pop();
            let Some(key) = next else { break };
            self.drop_now(key);
        }
    }

    fn drop_one_now(&self, key: Key) {
        let body = self.with(key, |slot| {
            slot.cancel_requested = true;
            match std::mem::replace(&mut slot.stage, Stage::Out) {
                Stage::Waiting(body) => Some(body),
                other => {
                    slot.stage = other;
                    None
                }
            }
        });
        match body {
            Some(Some(body)) => self.unwind(key, body),
            _ => drop(self.cancel(key)),
        }
    }

    pub(crate) fn is_cancel_requested(&self, key: Key) -> bool {
        self.with(key, |slot| slot.cancel_requested).unwrap_or(false)
    }

    /// Whether a task has ended, or is not known any more.
    pub(crate) fn has_ended(&self, key: Key) -> bool {
        self.with(key, |slot| slot.stage.has_ended()).unwrap_or(true)
    }

    /// Takes a task's outcome; `None` while it has none. Frees its slot.
    pub(crate) fn take_outcome<T: 'static>(&self, key: Key) -> Option<Result<T, TaskError>> {
        if !self.has_ended(key) {
            return None;
        }
        // A slot that is gone was swept away when its loop was closed.
        let Some(slot) = self.remove(key) else { return Some(Err(TaskError::Cancelled)) };
        Some(match slot.stage {
            Stage::Finished(mut body) => {
                let mut output: Option<T> = None;
                body.as_mut().take_output(&mut output);
                Ok(output.expect("a finished task holds its output until it is taken"))
            }
            Stage::Failed(error) => Err(error),
            Stage::Waiting(_) | Stage::Out | Stage::Main => unreachable!("it has ended"),
        })
    }

    /// Wakes `waiter` when the task ends. One at a time: a task has one handle.
    pub(crate) fn set_joiner(&self, key: Key, waiter: Waiter) {
        let mut waiter = Some(waiter);
        let earlier = self.with(key, |slot| std::mem::replace(&mut slot.joiner, waiter.take()));
        drop((earlier, waiter));
    }

    /// Nobody will take the task's outcome.
    pub(crate) fn detach(&self, key: Key) {
        let known = self.with(key, |slot| {
            slot.detached = true;
            (slot.stage.has_ended(), slot.joiner.take())
        });
        let Some((ended, joiner)) = known else { return };
        drop(joiner);
        if ended {
            self.forget(key);
        }
    }

    pub(crate) fn id(&self, key: Key) -> Option<u64> {
        self.with(key, |slot| slot.id)
    }

    pub(crate) fn name(&self, key: Key) -> Option<String> {
        self.with(key, |slot| display_name(slot.name.as_deref(), slot.id))
    }

    pub(crate) fn spawned_at(&self, key: Key) -> Option<&'static Location<'static>> {
        self.with(key, |slot| slot.spawned_at)
    }

    /// Whose future is being polled.
    pub(crate) fn current(&self) -> Option<Current> {
        self.current.get()
    }

    /// The key of the task that is being polled, if `waker` is the one that was lent to it.
    pub(crate) fn owner_of(&self, waker: &Waker) -> Option<Key> {
        let current = self.current.get()?;
        std::ptr::eq(current.waker, waker.data()).then_some(current.key)
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }
}

/// What a run asks of the table: the main task, and the end of all others.
impl Tasks {
    /// The main task's turn has come. Says whether its end was asked for.
    pub(crate) fn main_begins_step(&self, key: Key) -> bool {
        self.with(key, |slot| {
            slot.scheduled = false;
            slot.cancel_requested
        })
        .unwrap_or(false)
    }

    /// The main future has ended and has been dropped.
    pub(crate) fn main_ends(&self, key: Key, how: TaskEnd) {
        let Some(slot) = self.remove(key) else { return };
        self.live.set(self.live.get() - 1);
        self.loop_ref.observe(|| Event::TaskEnded { task: slot.id, how });
        drop(slot);
    }

    /// Asks every task that has not ended to end, oldest first.
    pub(crate) fn cancel_all(&self) {
        let mut keys: Vec<(u64, Key)> = {
            let slots = self.slots.borrow();
            let live = slots.iter().filter(|(_, slot)| !slot.stage.has_ended());
            live.map(|(index, slot)| (slot.id, Key::new(index as u32, slot.generation))).collect()
        };
        keys.sort_unstable_by_key(|&(id, _)| id);
        for (_, key) in keys {
            self.cancel(key);
        }
    }

    /// Drops every future that is left, and refuses new ones.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        loop {
            let next = {
                let slots = self.slots.borrow();
                let mut waiting =
                    slots.iter().filter(|(_, slot)| matches!(slot.stage, Stage::Waiting(_)));
                waiting.next().map(|(index, slot)| Key::new(index as u32, slot.generation))
            };
            let Some(key) = next else { break };
            self.drop_now(key);
        }
    }
}

impl Target for Tasks {
    fn run(&self, key: Key) {
        self.step(key);
    }

    fn notify(&self, key: Key) {
        self.wake(key);
    }

    /// The wakers that are here and of which nobody holds a clone.
    fn own_doors(&self) -> usize {
        let spare = self.spare_waker.take();
        let spares = usize::from(spare.is_some());
        self.spare_waker.set(spare);
        let slots = self.slots.borrow();
        let mut in_slots = slots.iter().filter_map(|(_, slot)| slot.waker.as_ref());
        // One clone in strange hands is enough to know that the loop can be called.
        let unshared = in_slots.try_fold(0, |count, lent| (!lent.was_kept()).then_some(count + 1));
        unshared.map_or(0, |count| spares + count)
    }
}

/// How many futures may be dropped one inside the other before the next waits its turn.
const DEEPEST_DROP: usize = 64;

fn how(stage: &Stage) -> TaskEnd {
    match stage {
        Stage::Failed(TaskError::Cancelled) => TaskEnd::Cancelled,
        Stage::Failed(TaskError::Panicked(_)) => TaskEnd::Panicked,
        _ => TaskEnd::Finished,
    }
}

/// A task's name, or the number that stands for one.
fn display_name(name: Option<&str>, id: u64) -> String {
    name.map_or_else(|| format!("Task-{id}"), str::to_owned)
}
