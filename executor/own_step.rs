//! The note of the step that is being taken: whose it is, what it was lent, what it came to.
//!
//! A leaf that cannot go on (a sleep, a lock, the handle of a task) notes what it waits for before
//! it gives up its step. When the step has ended, that goes into the task's slot. So anybody can be
//! told at any time who waits for what, and nothing is polled to find out.
//!
//! ```text
//!   step begins --> poll: lock.lock() --"lock 7"--> pending --> slot: waits for lock 7
//! ```
//!
//! A task that gives way wakes itself in the middle of its own step. It need not be looked up
//! and queued there and then: the step notes that there is to be *another one*, and queues the
//! task when it ends. asyncio's bare `yield` does the same.
//!
//! ```text
//!   step begins --> poll --(its own waker is woken: "once more")--> step ends --> queued
//! ```
//!
//! The note is five words per thread, without a destructor, so that writing and reading it costs
//! next to nothing, whether anybody ever reads it or not: most wakers are asked whether they are
//! the step's own. (The simple version woke itself like anybody else: a look into the table more,
//! and two counts on it.)
//!
//! # Invariants
//! - Between two steps the note says that there is none.
//! - Steps may lie one inside the other (an eager task's first step): whoever takes the inner one
//!   keeps the note of the outer one, and puts it back.
//! - The pointer is compared, and nothing is ever read through it.
//! - A task waits for one thing *alone* if nothing else in its step has asked to be woken. Only
//!   then is it certain that nothing but this can make it go on.
//!
//! Tutorial: chapters 6 and 19. Before this: `error.rs`. After this: `waker.rs`.

use std::cell::Cell;
use std::ptr;
use std::task::Waker;

use roundelay_runtime::{Key, Moment};

/// What a task waits for. Two whole words, so that it is copied as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Wait {
    /// It did not say: a future from elsewhere, or nothing.
    Unknown,
    Until(Moment),
    ToRead(Key),
    ToWrite(Key),
    Job(u64),
    Promise,
    Group,
    /// A semaphore, an event, a queue or one of their kind, by its number in the book of desks.
    Sync(u64),
    // From here on: what tasks have or do.
    /// A lock of any kind, by the same number: somebody certain has it.
    Lock(u64),
    /// The ends of several tasks, by the number of the line at which they arrive.
    AllOf(u64),
    /// The first end of several, or as many as it takes.
    AnyOf(u64),
    Task(Key),
}

impl Wait {
    /// Whether it is for what tasks have or do, and nobody else.
    pub(crate) fn is_for_owner(self) -> bool {
        matches!(self, Wait::Task(_) | Wait::AllOf(_) | Wait::AnyOf(_) | Wait::Lock(_))
    }
}

/// The key of no task: no task has the generation zero.
pub(crate) const NOBODY: Key = Key::new(u32::MAX, 0);

/// Its address is the data of no waker. (Null is that of [`Waker::noop`].)
static NO_WAKER: u8 = 0;

/// The note of one step.
#[derive(Clone, Copy)]
pub(crate) struct OwnStep {
    /// [`Waker::data`] of the waker that was lent; of none if no step is being taken.
    waker: *const (),
    /// Whose step it is.
    task: Key,
    /// What it waits for. Of several things, the last one counts.
    wait: Wait,
    /// How often somebody in this step asked to be woken.
    wakes: u32,
    /// How many operations of sockets it has done since it last gave way.
    operations: u16,
    gave_way: bool,
    once_more: bool,
}

/// The same, to be written field by field.
struct Now {
    waker: Cell<*const ()>,
    task: Cell<Key>,
    wait: Cell<Wait>,
    wakes: Cell<u32>,
    operations: Cell<u16>,
    gave_way: Cell<bool>,
    once_more: Cell<bool>,
}

thread_local! {
    static NOW: Now = const {
        Now {
            waker: Cell::new((&raw const NO_WAKER).cast()),
            task: Cell::new(NOBODY),
            wait: Cell::new(Wait::Unknown),
            wakes: Cell::new(0),
            operations: Cell::new(0),
            gave_way: Cell::new(false),
            once_more: Cell::new(false),
        }
    };
}

impl OwnStep {
    /// No step is being taken.
    pub(crate) const NONE: OwnStep = OwnStep {
        waker: (&raw const NO_WAKER).cast(),
        task: NOBODY,
        wait: Wait::Unknown,
        wakes: 0,
        operations: 0,
        gave_way: false,
        once_more: false,
    };
}

/// A step of `task` begins, with this waker.
#[inline]
pub(crate) fn begin(waker: &Waker, task: Key) {
    put(OwnStep { waker: waker.data(), task, ..OwnStep::NONE });
}

/// A step has ended. Says whether its task asked for another.
#[inline]
pub(crate) fn end() -> bool {
    NOW.with(|now| {
        now.waker.set((&raw const NO_WAKER).cast());
        now.task.set(NOBODY);
        now.once_more.get()
    })
}

/// What the step that is being taken, or has just ended, waits for, and whether for that alone.
#[inline]
pub(crate) fn awaited() -> (Wait, bool) {
    NOW.with(|now| (now.wait.get(), now.wakes.get() == 1))
}

/// The note of the step that is being taken, for whoever takes another one inside it, or closes
/// another loop.
pub(crate) fn read() -> OwnStep {
    NOW.with(|now| OwnStep {
        waker: now.waker.get(),
        task: now.task.get(),
        wait: now.wait.get(),
        wakes: now.wakes.get(),
        operations: now.operations.get(),
        gave_way: now.gave_way.get(),
        once_more: now.once_more.get(),
    })
}

/// Puts a note back after a step inside the step.
#[inline]
pub(crate) fn put(note: OwnStep) {
    NOW.with(|now| {
        now.waker.set(note.waker);
        now.task.set(note.task);
        now.wait.set(note.wait);
        now.wakes.set(note.wakes);
        now.operations.set(note.operations);
        now.gave_way.set(note.gave_way);
        now.once_more.set(note.once_more);
    });
}

/// Whose step is being taken.
#[inline]
pub(crate) fn task() -> Option<Key> {
    let task = NOW.with(|now| now.task.get());
    (task != NOBODY).then_some(task)
}

/// The generation of the task whose step is being taken; zero if there is none.
#[inline]
pub(crate) fn generation() -> u32 {
    NOW.with(|now| now.task.get()).generation()
}

/// The step that is being taken waits for this.
#[inline]
pub(crate) fn note(wait: Wait) {
    NOW.with(|now| now.wait.set(wait));
}

/// Somebody in this step has asked to be woken; `times` is more than one for a waker that
/// may stand for several.
#[inline]
pub(crate) fn count_wake(times: u32) {
    NOW.with(|now| now.wakes.set(now.wakes.get().wrapping_add(times)));
}

/// One more operation of a socket. Whether it is one too many for this step, which should give
/// way now: then the count begins anew.
pub(crate) fn gives_way_after(operations: u16) -> bool {
    NOW.with(|now| {
        let count = now.operations.get() + 1;
        let is_over = count >= operations && now.task.get() != NOBODY;
        now.operations.set(if count >= operations { 0 } else { count });
        now.gave_way.set(now.gave_way.get() | is_over);
        is_over
    })
}

/// Whether something in this step is pending only because it gave way.
pub(crate) fn gave_way() -> bool {
    NOW.with(|now| now.gave_way.get())
}

/// Whose step is being taken, if this is the waker that was lent to it.
#[inline]
pub(crate) fn owner_of(waker: &Waker) -> Option<Key> {
    NOW.with(|now| ptr::eq(now.waker.get(), waker.data()).then(|| now.task.get()))
}

/// If the waker with this data is the step's own: notes that its task is to take another step
/// after this one. `false` if it is somebody else's.
#[inline]
pub(crate) fn ask_for_another(data: *const ()) -> bool {
    NOW.with(|now| {
        let own = ptr::eq(now.waker.get(), data);
        if own {
            now.once_more.set(true);
        }
        own
    })
}
