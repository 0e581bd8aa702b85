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
//! - A task is in the ready queue at most once: its `scheduled` flag says whether it is.
//! - A slot is freed when its task has ended *and* nobody can take the outcome any more.
//!
//! Tutorial: chapter 6. Before this: `waker.rs`. After this: `step.rs`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay_runtime::{Event, Failure, FailureKind, Key, LoopRef, Moment, contain, report_here};
use slab::Slab;

use crate::blocking::BlockingPool;
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
    /// How many tasks have not ended.
    pub(crate) live: Cell<usize>,
    /// How many cleanups have not ended.
    pub(crate) cleanups: Cell<usize>,
    /// How many have ended, counted round and round: tells who ended first.
    pub(crate) ended: Cell<u32>,
    /// Operations of sockets, counted round and round.
    operations: Cell<u32>,
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
    pub(crate) name: Option<Rc<str>>,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) born: Moment,
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
    Taken,
}

impl Slot {
    /// What a poll needs to know of its task: the number, and the waker that it kept.
    pub(crate) fn begin_poll(&mut self) -> (u64, Option<Box<LentWaker>>) {
        (self.id, self.waker.take())
    }
}

impl Stage {
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Stage::Finished(..) | Stage::Failed(..) | Stage::Taken)
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
            live: Cell::new(0),
            cleanups: Cell::new(0),
            ended: Cell::new(0),
            operations: Cell::new(0),
            forgotten: RefCell::default(),
            graveyard: RefCell::default(),
            burying: Cell::new(false),
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

    pub(crate) fn is_cancel_requested(&self, key: Key) -> bool {
        self.with(key, |slot| slot.cancel_requested).unwrap_or(false)
    }

    /// Whether a task has ended, or is not known any more.
    pub(crate) fn has_ended(&self, key: Key) -> bool {
        self.with(key, |slot| slot.stage.has_ended()).unwrap_or(true)
    }

    /// Takes a task's outcome; `None` while it has none. The slot stays until the handle is
    /// dropped, so that the handle can still say whose it is.
    ///
    /// # Panics
    /// If it was taken before.
    pub(crate) fn take_outcome<T: 'static>(&self, key: Key) -> Option<Result<T, TaskError>> {
        let taken = self.with(key, |slot| {
            slot.stage.has_ended().then(|| std::mem::replace(&mut slot.stage, Stage::Taken))
        });
        Some(match taken {
            // A task that was spawned after its loop was closed never had a slot.
            None => Err(TaskError::Cancelled),
            Some(None) => return None,
            Some(Some(Stage::Finished(mut body, _))) => {
                let mut output: Option<T> = None;
                body.as_mut().swap_output(&mut output);
                Ok(output.expect("a finished task holds its output until it is taken"))
            }
            Some(Some(Stage::Failed(error, _))) => Err(error),
            Some(Some(_)) => panic!(
                "the outcome of {} has been taken; a task gives it once, so keep it, or do not \
                 poll the handle again",
                self.who(key)
            ),
        })
    }

    /// Wakes `waiter` when the task ends, or nobody. One at a time: a task has one handle.
    pub(crate) fn set_joiner(&self, key: Key, waiter: impl Into<Option<Waiter>>) {
        let mut waiter = waiter.into();
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

    /// How reports call a task.
    pub(crate) fn who(&self, key: Key) -> String {
        self.with(key, |slot| who(slot.id, slot.name.as_deref())).unwrap_or_default()
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

    /// Counts one more operation of a socket.
    pub(crate) fn count_operation(&self) -> u32 {
        self.operations.set(self.operations.get().wrapping_add(1));
        self.operations.get()
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }
}

/// A task's name, or the number that stands for one.
fn display_name(name: Option<&str>, id: u64) -> String {
    name.map_or_else(|| format!("Task-{id}"), str::to_owned)
}

/// How reports call a task.
pub(crate) fn who(id: u64, name: Option<&str>) -> String {
    name.map_or_else(|| format!("task {id}"), |name| format!("task {id} ({name})"))
}

/// A panic that nobody will hear of unless it is reported.
pub(crate) fn lost_panic(who: String, panic: &TaskPanic) -> Failure {
    Failure::new(FailureKind::TaskPanicked, who, panic.message())
}
