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
//! Tutorial: chapter 6. Before this: `stage.rs`. After this: `waiter.rs`.

use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use roundelay_runtime::{ContextValues, Event, Key, LoopRef, Moment};

use crate::blocking::BlockingPool;
use crate::body::BoxedBody;
use crate::done_callbacks::DoneCallbacks;
use crate::error::TaskPanic;
use crate::family::Family;
use crate::own_step::{NOBODY, Wait};
use crate::stage::Stage;
use crate::waker::LentWaker;

/// All tasks of one loop.
pub(crate) struct Tasks {
    pub(crate) loop_ref: LoopRef,
    /// The threads that `to_thread` uses.
    pub(crate) blocking: BlockingPool,
    pub(crate) slots: RefCell<Slots>,
    pub(crate) next_id: Cell<u64>,
    pub(crate) spare_waker: Cell<Option<Box<LentWaker>>>,
    /// The main task's future is being polled.
    pub(crate) main_is_out: Cell<bool>,
    /// How many tasks have not ended.
    pub(crate) live: Cell<usize>,
    /// How many cleanups have not ended.
    pub(crate) cleanups: Cell<usize>,
    /// How many of them were ever left one by the other.
    pub(crate) deepest_family: Cell<u32>,
    /// Whose order from a thread is being taken up, if it is a family's.
    pub(crate) ordered_by: RefCell<Option<Arc<Family>>>,
    /// How many have ended, counted round and round: tells who ended first.
    pub(crate) ended: Cell<u32>,
    /// How many eager first steps are under way, one inside the other.
    pub(crate) eager_depth: Cell<usize>,
    /// How many calls of [`Tasks::drop_now`] are under way, one inside the other.
    pub(crate) depth: Cell<usize>,
    /// Doors that only look: the inspector's.
    pub(crate) own_doors: Cell<usize>,
    /// Tasks to drop as soon as the stack is shallow again.
    pub(crate) too_deep: RefCell<Vec<Key>>,
    /// Outcomes that nobody takes, to be dropped as soon as the stack is shallow again.
    pub(crate) forgotten: RefCell<Vec<Remains>>,
    /// Futures that were spawned after the end, waiting to be dropped.
    pub(crate) graveyard: RefCell<Vec<BoxedBody>>,
    pub(crate) burying: Cell<bool>,
    /// After the table was closed nothing is spawned any more.
    pub(crate) closed: Cell<bool>,
}

/// One task, in 128 bytes: a million waiting tasks need a slot each. The first half is what a
/// step touches; the second is for those who ask (`noted.rs`), and for the end.
pub(crate) struct Slot {
    /// The task's number; zero if the slot is free.
    pub(crate) id: u64,
    /// It is in the ready queue.
    pub(crate) scheduled: bool,
    pub(crate) cancel_requested: bool,
    /// Nobody holds the task's handle.
    pub(crate) detached: bool,
    pub(crate) stage: Stage,
    /// Nothing but what it waits for can make it go on.
    pub(crate) waits_alone: bool,
    /// It has been reported that it will wait for ever.
    pub(crate) told_stuck: bool,
    /// Its future while it waits; its output when it has finished.
    pub(crate) body: Option<BoxedBody>,
    /// The task of this table that waits for its end, or [`NOBODY`].
    pub(crate) joiner: Key,
    /// Anybody else who does.
    pub(crate) listener: Option<Rc<dyn Listener>>,
    pub(crate) waker: Option<Box<LentWaker>>,
    pub(crate) extras: Option<Box<Extras>>,
    /// What it came to wait for in its last step, and when; over once it is scheduled.
    pub(crate) wait: Wait,
    pub(crate) since: Moment,
    /// How many steps it has taken, counted round and round.
    pub(crate) polls: u32,
    /// Low half of the number of the task that woke it last; zero if none did.
    pub(crate) woken_by: u32,
    /// The same of the task that spawned it.
    pub(crate) parent: u32,
    /// The [`Tasks::ended`] of the moment in which it ended.
    pub(crate) order: u32,
    pub(crate) born: Moment,
    pub(crate) spawned_at: &'static Location<'static>,
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) done: Option<Box<DoneCallbacks>>,
    /// If it is a cleanup, or was spawned by one.
    pub(crate) family: Option<Arc<Family>>,
    /// What it panicked with.
    pub(crate) panic: Option<TaskPanic>,
    /// Its context variables. While its future is polled they are in force, and those of
    /// whoever runs it lie here: see [`Tasks::exchange_values`].
    pub(crate) values: ContextValues,
}

/// What a task left in its slot, to be dropped when nothing is borrowed.
pub(crate) struct Remains {
    pub(crate) id: u64,
    pub(crate) born: Moment,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) body: Option<BoxedBody>,
    pub(crate) extras: Option<Box<Extras>>,
    _wakers: (Option<Rc<dyn Listener>>, Option<Box<LentWaker>>),
}

/// The slots, those in use and those that are free.
///
/// A slot stays where it is and is filled and emptied in place. (A `Slab` did the same with less
/// code of ours, and moved each slot in and out as a whole.)
#[derive(Default)]
pub(crate) struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        // A free slot has the number zero, and no key has.
        self.all.get_mut(key.index()).filter(|slot| slot.generation() == key.generation())
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&Slot> {
        self.all.get(key.index()).filter(|slot| slot.generation() == key.generation())
    }

    /// A free slot, to be filled at once, and its index.
    #[inline]
    pub(crate) fn take_free(&mut self) -> (u32, &mut Slot) {
        let index = self.free.pop().unwrap_or_else(|| self.add_one());
        (index, &mut self.all[index as usize])
    }

    #[inline(never)]
    fn add_one(&mut self) -> u32 {
        self.all.push(Slot::free());
        u32::try_from(self.all.len() - 1).expect("a loop holds fewer than 2^32 tasks")
    }

    /// Frees a slot in use, and gives what was left in it.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Remains> {
        let slot = self.get_mut(key)?;
        let remains = slot.take_remains();
        slot.id = 0;
        self.free.push(key.index() as u32);
        Some(remains)
    }

    /// Frees the slot of a task that has ended, if nothing is left in it that would have to be
    /// dropped.
    #[inline]
    pub(crate) fn free_if_bare(&mut self, key: Key) -> bool {
        let slot =
            self.all.get_mut(key.index()).filter(|slot| slot.generation() == key.generation());
        let Some(slot) = slot.filter(|slot| slot.is_bare()) else { return false };
        slot.id = 0;
        self.free.push(key.index() as u32);
        true
    }

    /// All in use, with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Slot)> {
        let used = self.all.iter().enumerate().filter(|(_, slot)| slot.id != 0);
        used.map(|(index, slot)| (Key::new(index as u32, slot.generation()), slot))
    }
}

impl Slot {
    fn free() -> Slot {
        Slot {
            id: 0,
            scheduled: false,
            cancel_requested: false,
            detached: false,
            stage: Stage::Out,
            waits_alone: false,
            told_stuck: false,
            body: None,
            joiner: NOBODY,
            listener: None,
            waker: None,
            extras: None,
            wait: Wait::Unknown,
            since: Moment::START,
            polls: 0,
            woken_by: 0,
            parent: 0,
            order: 0,
            born: Moment::START,
            spawned_at: Location::caller(),
        }
    }

    /// The low half of the task's number: a generation that comes again only after four
    /// thousand million tasks, and then causes no more than a useless poll.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.id as u32
    }

    /// What a poll needs of its task. A waker of the task's own changes places with the spare
    /// one, until the step has ended.
    #[inline]
    pub(crate) fn begin_poll(&mut self, spare: &mut Box<LentWaker>) -> Begun {
        self.polls = self.polls.wrapping_add(1);
        let mut begun = Begun { id: self.id, lends_own: false, has_values: false };
        // Mostly there is neither: one question instead of two.
        if self.waker.is_some() | self.extras.is_some() {
            begun.lends_own = self.waker.as_mut().map(|own| mem::swap(own, spare)).is_some();
            let values = self.extras.as_ref().map(|extras| &extras.values);
            begun.has_values = values.is_some_and(|values| !values.is_empty());
        }
        begun
    }

    /// Takes its context variables out, to drop something of the task's with them in force.
    pub(crate) fn take_values(&mut self) -> ContextValues {
        self.extras.as_mut().map(|extras| mem::take(&mut extras.values)).unwrap_or_default()
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

    /// Puts its future back, or its output in the future's place.
    #[inline]
    pub(crate) fn put_body(&mut self, body: Option<BoxedBody>) {
        // It is out, so there is nothing to look at and to drop.
        mem::forget(mem::replace(&mut self.body, body));
    }

    /// Fills them in a slot that was free.
    #[inline]
    pub(crate) fn put_extras(&mut self, extras: Option<Box<Extras>>) {
        // There are none, so there is nothing to look at and to drop.
        mem::forget(mem::replace(&mut self.extras, extras));
    }

    pub(crate) fn set_panic(&mut self, panic: TaskPanic) {
        self.extras.get_or_insert_default().panic = Some(panic);
    }

    /// Whether its task has ended, and dropping what is left can neither run a user's destructor
    /// nor hide a panic.
    #[inline]
    fn is_bare(&self) -> bool {
        self.stage.has_ended()
            && self.body.is_none()
            && self.extras.is_none()
            && self.listener.is_none()
            && self.waker.is_none()
    }

    fn take_remains(&mut self) -> Remains {
        Remains {
            id: self.id,
            born: self.born,
            spawned_at: self.spawned_at,
            body: self.body.take(),
            extras: self.extras.take(),
            _wakers: (self.listener.take(), self.waker.take()),
        }
    }

    pub(crate) fn family(&self) -> Option<&Arc<Family>> {
        self.extras.as_ref()?.family.as_ref()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    /// How reports call the task.
    pub(crate) fn who(&self) -> String {
        who(self.id, self.name())
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
    /// The waker that is lent is its own, and not the spare one.
    pub(crate) lends_own: bool,
    pub(crate) has_values: bool,
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

/// Who is told in his own way: mostly he waits for the ends of several tasks, and wants to know
/// which one it was.
pub(crate) trait Listener {
    fn hear(&self);
    /// The number of the line at which it stands, if a task waits there for several.
    fn line(&self) -> Option<u64> {
        None
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
            main_is_out: Cell::new(false),
            live: Cell::new(0),
            cleanups: Cell::new(0),
            deepest_family: Cell::new(0),
            ordered_by: RefCell::default(),
            ended: Cell::new(0),
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

    /// Runs `f` on a slot, if the key is not stale. `f` must not call user code.
    #[inline]
    pub(crate) fn with<R>(&self, key: Key, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.slots.borrow_mut().get_mut(key).map(f)
    }
}

/// How reports call a task.
pub(crate) fn who(id: u64, name: Option<&str>) -> String {
    name.map_or_else(|| format!("task {id}"), |name| format!("task {id} ({name})"))
}
