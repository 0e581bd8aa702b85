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
//! Tutorial: chapter 6. Before this: `done_callbacks.rs`. After this: `requests.rs`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay_runtime::{
    ContextValues, Event, Failure, FailureKind, Key, LoopRef, Moment, TaskEnd, contain, report_here,
};
use slab::Slab;

use crate::blocking::BlockingPool;
use crate::done_callbacks::DoneCallbacks;
use crate::error::{TaskError, TaskPanic};
use crate::waker::LentWaker;

/// A task's future, and later its output, in one allocation.
pub(crate) trait Body {
    /// Polls the future; when it is done, keeps the output in its place.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Exchanges the output with what `with` holds, an `Option` of the output's type. So an
    /// output can be taken, and put back.
    fn swap_output(self: Pin<&mut Self>, with: &mut dyn Any);
}

pub(crate) type BoxedBody = Pin<Box<dyn Body>>;

/// All tasks of one loop.
pub(crate) struct Tasks {
    pub(crate) loop_ref: LoopRef,
    /// The threads that `to_thread` uses.
    pub(crate) blocking: BlockingPool,
    pub(crate) slots: RefCell<Slab<Slot>>,
    next_id: Cell<u64>,
    pub(crate) spare_waker: Cell<Option<Box<LentWaker>>>,
    /// Whose future is being polled, and the waker that it was lent.
    pub(crate) current: Cell<Option<Current>>,
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

#[derive(Clone, Copy)]
pub(crate) struct Current {
    pub(crate) key: Key,
    pub(crate) id: u64,
    pub(crate) waker: *const (),
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
    /// Who waits for its end.
    pub(crate) joiner: Option<Waiter>,
    pub(crate) waker: Option<Box<LentWaker>>,
    pub(crate) id: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) born: Moment,
    /// Its context variables. While its future is polled they are in force, and those of
    /// whoever runs it lie here: see [`Tasks::exchange_values`].
    pub(crate) values: ContextValues,
    /// Boxed, because few tasks have any: a million waiting tasks need a slot each.
    pub(crate) extras: Option<Box<Extras>>,
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) done: Option<Box<DoneCallbacks>>,
}

pub(crate) enum Stage {
    /// Its future waits here to be polled.
    Waiting(BoxedBody),
    /// Its future is out: being polled, or being dropped. The main task's always is.
    Out,
    /// The main future is lent to the loop by `run`.
    Main,
    /// The body holds the output. With the [`Tasks::ended`] of that moment.
    Finished(BoxedBody, u32),
    Failed(TaskError, u32),
    /// The outcome was taken; the handle is still there.
    Taken(TaskEnd),
}

impl Slot {
    /// What a poll needs of its task.
    #[inline]
    pub(crate) fn begin_poll(&mut self) -> Begun {
        let has_values = !self.values.is_empty();
        Begun { id: self.id, waker: self.waker.take(), has_values }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    /// How reports call the task.
    pub(crate) fn who(&self) -> String {
        who(self.id, self.extras.as_deref())
    }

    /// The task's name, or the number that stands for one.
    pub(crate) fn display_name(&self) -> String {
        display_name(self.name(), self.id)
    }
}

/// What a poll needs to know of its task: its number, the waker that it kept, and whether it
/// has context variables.
pub(crate) struct Begun {
    pub(crate) id: u64,
    pub(crate) waker: Option<Box<LentWaker>>,
    pub(crate) has_values: bool,
}

impl Stage {
    pub(crate) fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    /// How the task ended, if it has.
    pub(crate) fn end(&self) -> Option<TaskEnd> {
        match self {
            Stage::Waiting(_) | Stage::Out | Stage::Main => None,
            Stage::Finished(..) => Some(TaskEnd::Finished),
            Stage::Failed(TaskError::Cancelled, _) => Some(TaskEnd::Cancelled),
            Stage::Failed(TaskError::Panicked(_), _) => Some(TaskEnd::Panicked),
            Stage::Taken(how) => Some(*how),
        }
    }
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
    pub(crate) fn wake(self) {
        match self {
            Waiter::Task(tasks, key) => tasks.wake(key),
            Waiter::Listener(listener) => listener.hear(),
            Waiter::Other(waker) => {
                if let Err(message) = contain(|| waker.wake()) {
                    let kind = FailureKind::CallbackPanicked;
                    report_here(Failure::new(kind, "a foreign waker", message));
                }
            }
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
        let key = self.add(Stage::Waiting(body), birth);
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
        let key = self.add(Stage::Main, birth);
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
            joiner: None,
            waker: None,
            id,
            spawned_at: at,
            born: self.loop_ref.latest(),
            values: birth.values,
            extras,
        });
        self.live.set(self.live.get() + 1);
        let key = Key::new(index as u32, generation);
        if let Some(name) = name {
            let parent = self.current.get().map(|current| current.id);
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

    /// Runs `f` on a slot, if the key is not stale. `f` must not call user code.
    #[inline]
    pub(crate) fn with<R>(&self, key: Key, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(key.index())?;
        (slot.generation == key.generation()).then(|| f(slot))
    }

    pub(crate) fn remove(&self, key: Key) -> Option<Slot> {
        self.with(key, |_| ())?;
        Some(self.slots.borrow_mut().remove(key.index()))
    }
}

/// A task's name, or the number that stands for one.
fn display_name(name: Option<&str>, id: u64) -> String {
    name.map_or_else(|| format!("Task-{id}"), str::to_owned)
}

/// How reports call a task.
pub(crate) fn who(id: u64, extras: Option<&Extras>) -> String {
    let name = extras.and_then(|extras| extras.name.as_deref());
    name.map_or_else(|| format!("task {id}"), |name| format!("task {id} ({name})"))
}

/// A panic that nobody will hear of unless it is reported.
pub(crate) fn lost_panic(who: String, panic: &TaskPanic) -> Failure {
    Failure::new(FailureKind::TaskPanicked, who, panic.message())
}
