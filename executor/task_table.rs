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
//! (scheduled? cancel requested?), who waits for its end, and its context variables.
//!
//! # Invariants
//! - A task is in the ready queue at most once: its `scheduled` flag says whether it is.
//! - A slot is freed when its task has ended *and* nobody can take the outcome any more.
//!
//! Tutorial: chapter 6. Before this: `stage.rs`. After this: `requests.rs`.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::task::Waker;

use roundelay_runtime::{
    ContextValues, Event, Failure, FailureKind, Interest, Key, LoopRef, Moment, TaskEnd, contain,
    report_here,
};
use slab::Slab;

use crate::blocking::BlockingPool;
use crate::done_callbacks::DoneCallbacks;
use crate::error::{TaskError, TaskPanic};
use crate::noted::Wait;
use crate::stage::{BoxedBody, Outcome, Stage};
use crate::waker::LentWaker;

/// All tasks of one loop.
pub(crate) struct Tasks {
    pub(crate) loop_ref: LoopRef,
    /// The threads that `to_thread` uses.
    pub(crate) blocking: BlockingPool,
    pub(crate) slots: RefCell<Slab<Slot>>,
    next_id: Cell<u64>,
    pub(crate) spare_waker: Cell<Option<Box<LentWaker>>>,
    /// Whose future is being polled.
    pub(crate) current: Cell<Option<Key>>,
    /// The main task's future is being polled.
    pub(crate) main_is_out: Cell<bool>,
    /// How many tasks have not ended.
    pub(crate) live: Cell<usize>,
    /// How many cleanups have not ended.
    pub(crate) cleanups: Cell<usize>,
    /// How many have ended, counted round and round: tells who ended first.
    pub(crate) ended: Cell<u32>,
    /// Operations of sockets, counted round and round.
    pub(crate) operations: Cell<u32>,
    /// How many eager first steps are under way, one inside the other.
    pub(crate) eager_depth: Cell<usize>,
    /// How many calls of [`Tasks::drop_now`] are under way, one inside the other.
    pub(crate) depth: Cell<usize>,
    /// Doors that only look: the inspector's.
    pub(crate) own_doors: Cell<usize>,
    /// Tasks to drop as soon as the stack is shallow again.
    pub(crate) too_deep: RefCell<Vec<Key>>,
    /// Outcomes that nobody takes, to be dropped as soon as the stack is shallow again.
    pub(crate) forgotten: RefCell<Vec<Slot>>,
    /// Futures that were spawned after the end, waiting to be dropped.
    pub(crate) graveyard: RefCell<Vec<BoxedBody>>,
    pub(crate) burying: Cell<bool>,
    /// After the table was closed nothing is spawned any more.
    pub(crate) closed: Cell<bool>,
}

pub(crate) struct Slot {
    pub(crate) generation: u32,
    /// It is in the ready queue.
    pub(crate) scheduled: bool,
    pub(crate) cancel_requested: bool,
    /// Nobody holds the task's handle.
    pub(crate) detached: bool,
    /// It is a cleanup, or was spawned by one: a closing loop leaves it time.
    pub(crate) cleanup: bool,
    pub(crate) stage: Stage,
    /// The [`Tasks::ended`] of the moment in which it ended.
    pub(crate) order: u32,
    /// Its future while it waits; its output when it has finished.
    pub(crate) body: Option<BoxedBody>,
    /// Who waits for its end.
    pub(crate) joiner: Option<Waiter>,
    pub(crate) waker: Option<Box<LentWaker>>,
    pub(crate) id: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) born: Moment,
    /// Its context variables. While its future is polled they are in force, and those of
    /// whoever runs it lie here: see [`Tasks::exchange_values`].
    pub(crate) values: ContextValues,
    /// What it came to wait for in its last step, and when; over once it is scheduled.
    pub(crate) wait: Wait,
    pub(crate) since: Moment,
    /// Nothing else can make it go on.
    pub(crate) waits_alone: bool,
    /// It has been reported that it will wait for ever.
    pub(crate) told_stuck: bool,
    /// How many steps it has taken, counted round and round.
    pub(crate) polls: u32,
    /// Low half of the number of the task that woke it last; zero if none did.
    pub(crate) woken_by: u32,
    /// The same of the task that spawned it.
    pub(crate) parent: u32,
    /// Boxed, because few tasks have any: a million waiting tasks need a slot each.
    pub(crate) extras: Option<Box<Extras>>,
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) done: Option<Box<DoneCallbacks>>,
    /// What it panicked with.
    pub(crate) panic: Option<TaskPanic>,
}

impl Slot {
    /// What a poll needs of its task.
    #[inline]
    pub(crate) fn begin_poll(&mut self) -> Begun {
        let has_values = !self.values.is_empty();
        self.polls = self.polls.wrapping_add(1);
        Begun { id: self.id, waker: self.waker.take(), has_values }
    }

    /// Takes its future out, to poll or to drop it, unless it is out or the task has ended.
    #[inline]
    pub(crate) fn take_future(&mut self) -> Option<BoxedBody> {
        if self.stage != Stage::Waiting {
            return None;
        }
        self.stage = Stage::Out;
        self.body.take()
    }

    /// Takes the outcome, if there is one.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        let Stage::Ended(how) = self.stage else { return None };
        self.stage = Stage::Taken(how);
        Some(match how {
            TaskEnd::Finished => Outcome::Finished(self.body.take()?),
            TaskEnd::Cancelled => Outcome::Failed(TaskError::Cancelled),
            TaskEnd::Panicked => {
                Outcome::Failed(TaskError::Panicked(self.extras.as_mut()?.panic.take()?))
            }
        })
    }

    /// Puts an outcome back that was taken.
    pub(crate) fn put_back(&mut self, outcome: Outcome) {
        let Stage::Taken(how) = self.stage else { return };
        self.stage = Stage::Ended(how);
        match outcome {
            Outcome::Finished(body) => self.body = Some(body),
            Outcome::Failed(TaskError::Cancelled) => {}
            Outcome::Failed(TaskError::Panicked(panic)) => self.set_panic(panic),
        }
    }

    pub(crate) fn set_panic(&mut self, panic: TaskPanic) {
        self.extras.get_or_insert_default().panic = Some(panic);
    }

    /// Whether dropping it can neither run a user's destructor nor hide a panic.
    #[inline]
    pub(crate) fn holds_nothing_of_users(&self) -> bool {
        self.body.is_none() && self.extras.is_none() && self.values.is_empty()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    /// How reports call the task.
    pub(crate) fn who(&self) -> String {
        who(self.id, self.extras.as_deref())
    }

    /// How those name it who always name one.
    pub(crate) fn named(&self) -> String {
        format!("task {} ({})", self.id, self.display_name())
    }

    /// The task's name, or the number that stands for one.
    pub(crate) fn display_name(&self) -> String {
        Event::task_name(self.id, self.name())
    }
}

/// What a poll needs to know of its task.
pub(crate) struct Begun {
    pub(crate) id: u64,
    pub(crate) waker: Option<Box<LentWaker>>,
    pub(crate) has_values: bool,
}

/// What is known of a task besides its future.
pub(crate) struct Birth {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) at: &'static Location<'static>,
    pub(crate) values: ContextValues,
    /// Its first step is taken at once.
    pub(crate) eager: bool,
}

/// Somebody to be woken: a task of ours by its key, or whatever a waker stands for.
///
/// A task that polls a leaf directly is noted by its key, and no waker is cloned. A leaf
/// polled inside a foreign combinator is lent that combinator's own waker, and keeps it.
#[derive(Clone)]
pub(crate) enum Waiter {
    Task(Rc<Tasks>, Key),
    Other(Waker),
    /// Somebody who waits for several tasks, and knows which one this is.
    Listener(Rc<dyn Listener>),
}

/// Who waits for the ends of several tasks, and wants to know which one it was.
pub(crate) trait Listener {
    fn hear(&self);
}

impl Waiter {
    /// Wakes it. A foreign waker is foreign code: its panic is reported, and is no business
    /// of whoever wakes.
    #[inline]
    pub(crate) fn wake(self) {
        match self {
            Waiter::Task(tasks, key) => tasks.wake(key),
            Waiter::Listener(listener) => listener.hear(),
            Waiter::Other(waker) => wake_foreign(waker),
        }
    }
}

fn wake_foreign(waker: Waker) {
    if let Err(message) = contain(|| waker.wake()) {
        let kind = FailureKind::CallbackPanicked;
        report_here(Failure::new(kind, "a foreign waker", message));
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
            main_is_out: Cell::new(false),
            live: Cell::new(0),
            cleanups: Cell::new(0),
            ended: Cell::new(0),
            operations: Cell::new(0),
            forgotten: RefCell::default(),
            graveyard: RefCell::default(),
            burying: Cell::new(false),
            eager_depth: Cell::new(0),
            depth: Cell::new(0),
            own_doors: Cell::new(0),
            too_deep: RefCell::default(),
            closed: Cell::new(false),
        }
    }

    /// Adds a task and schedules its first step. The table owns it from now on.
    ///
    /// A closed table drops the body and gives a key that leads nowhere.
    pub(crate) fn spawn(&self, body: BoxedBody, birth: Birth) -> Key {
        if self.closed.get() {
            self.bury(body);
            return Key::new(u32::MAX, u32::MAX);
        }
        let eager = birth.eager;
        let key = self.add(Stage::Waiting, Some(body), birth);
        match eager {
            true => self.first_step(key),
            false => self.loop_ref.run_soon(key),
        }
        key
    }

    /// Adds the main task, whose future somebody else holds and polls through
    /// [`Tasks::step_main`] when the loop's main callback is called.
    pub(crate) fn spawn_main(&self, at: &'static Location<'static>, values: ContextValues) -> Key {
        let birth = Birth { name: Some("main".into()), at, values, eager: false };
        let key = self.add(Stage::Main, None, birth);
        self.loop_ref.call_main_soon();
        key
    }

    fn add(&self, stage: Stage, body: Option<BoxedBody>, birth: Birth) -> Key {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        // The number of the task in its low half: a generation that comes again only after
        // four thousand million tasks, and then causes no more than a useless poll.
        let generation = id as u32;
        let is_told = self.loop_ref.is_interesting(Interest::TASKS);
        let name = birth.name.as_deref().filter(|_| is_told).map(str::to_owned);
        let (at, is_main) = (birth.at, matches!(stage, Stage::Main));
        let extras =
            birth.name.map(|name| Box::new(Extras { name: Some(name), ..Extras::default() }));
        let cleanup = self.is_born_of_cleanup();
        let index = self.slots.borrow_mut().insert(Slot {
            generation,
            scheduled: true,
            cancel_requested: false,
            detached: false,
            cleanup,
            stage,
            order: 0,
            body,
            joiner: None,
            waker: None,
            id,
            spawned_at: at,
            born: self.loop_ref.latest(),
            values: birth.values,
            wait: Wait::Unknown,
            since: self.loop_ref.latest(),
            waits_alone: false,
            told_stuck: false,
            polls: 0,
            woken_by: 0,
            parent: self.current.get().map_or(0, Key::generation),
            extras,
        });
        self.live.set(self.live.get() + 1);
        let key = Key::new(index as u32, generation);
        if is_told {
            let parent = self.current.get().and_then(|parent| self.id(parent));
            self.loop_ref.observe(|| Event::TaskSpawned {
                task: id,
                key,
                name,
                is_main,
                parent,
                at,
            });
        }
        key
    }

    /// Puts a task into the ready queue, unless it is there or has ended.
    #[inline]
    pub(crate) fn wake(&self, key: Key) {
        let woken = self.with(key, |slot| {
            let awake = slot.scheduled || slot.stage.has_ended();
            slot.scheduled = true;
            if !awake {
                slot.woken_by = self.current.get().map_or(0, Key::generation);
            }
            (!awake).then_some((slot.id, slot.stage == Stage::Main))
        });
        let Some(Some((task, is_main))) = woken else { return };
        self.loop_ref.observe(|| Event::TaskWoken { task });
        match is_main {
            true => self.loop_ref.call_main_soon(),
            false => self.loop_ref.run_soon(key),
        }
    }

    /// Runs `f` on a slot, if the key is not stale. `f` must not call user code.
    #[inline]
    pub(crate) fn with<R>(&self, key: Key, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(key.index())?;
        (slot.generation == key.generation()).then(|| f(slot))
    }

    pub(crate) fn remove(&self, key: Key) -> Option<Slot> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get(key.index())?;
        (slot.generation == key.generation()).then(|| slots.remove(key.index()))
    }
}

/// How reports call a task.
pub(crate) fn who(id: u64, extras: Option<&Extras>) -> String {
    let name = extras.and_then(|extras| extras.name.as_deref());
    name.map_or_else(|| format!("task {id}"), |name| format!("task {id} ({name})"))
}
