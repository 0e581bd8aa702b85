//! What a step has come to wait for: noted where it waits.
//!
//! A leaf that cannot go on (a sleep, a lock, the handle of a task) writes one line before it
//! gives up its step. When the step has ended, the line goes into the task's slot. So anybody
//! can be told at any time who waits for what, and nothing is polled to find out.
//!
//! ```text
//!   step begins --> poll: lock.lock() --"lock 7"--> pending --> slot: waits for lock 7
//! ```
//!
//! # Invariants
//! - A note costs a few stores, whether anybody ever reads it or not.
//! - A task waits for one thing *alone* if nothing else in its step has asked to be woken. Only
//!   then is it certain that nothing but this can make it go on.
//!
//! Tutorial: chapter 19. Before this: `waker.rs`. After this: `told.rs`.

use std::cell::Cell;

use roundelay_runtime::{Key, Moment};

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It did not say: a future from elsewhere, or nothing.
    Unknown,
    Until(Moment),
    Source(Key, Readiness),
    Task(Key),
    Job(u64),
    Promise,
    Group,
    /// A lock, a semaphore, a queue or one of their kind, by its number in the book of desks.
    Sync(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    ToRead,
    ToWrite,
}

/// The note of one step.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    pub(crate) wait: Wait,
    /// How often somebody in this step asked to be woken.
    pub(crate) wakes: u32,
}

thread_local! {
    static WAIT: Cell<Wait> = const { Cell::new(Wait::Unknown) };
    static WAKES: Cell<u32> = const { Cell::new(0) };
}

/// A step begins.
#[inline]
pub(crate) fn begin() {
    put(Note { wait: Wait::Unknown, wakes: 0 });
}

/// The note so far.
#[inline]
pub(crate) fn read() -> Note {
    Note { wait: WAIT.get(), wakes: WAKES.get() }
}

/// Puts a note back that was read before a step inside the step.
#[inline]
pub(crate) fn put(note: Note) {
    WAIT.set(note.wait);
    WAKES.set(note.wakes);
}

/// The step that is being taken waits for this. Of several, the last one counts.
#[inline]
pub(crate) fn note(wait: Wait) {
    WAIT.set(wait);
}

/// Somebody in this step has asked to be woken; `times` is more than one for a waker that
/// may stand for several.
#[inline]
pub(crate) fn count_wake(times: u32) {
    WAKES.set(WAKES.get().saturating_add(times));
}
