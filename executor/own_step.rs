//! Which waker was lent to the step that is being taken, and whether it was used already.
//!
//! A task that gives way wakes itself in the middle of its own step. It need not be looked up
//! and queued there and then: the step notes that there is to be *another one*, and queues the
//! task when it ends. asyncio's bare `yield` does the same.
//!
//! ```text
//!   step begins --> poll --(its own waker is woken: "once more")--> step ends --> queued
//! ```
//!
//! The note is one word per thread, without a destructor, so that reading it costs next to
//! nothing: most wakers are asked whether they are the step's own. (The simple version woke
//! itself like anybody else: a look into the table more, and two counts on it.)
//!
//! # Invariants
//! - Steps may lie one inside the other (an eager task's first step): each has its own note.
//! - The pointer is compared, and nothing is ever read through it.
//!
//! Tutorial: chapter 6. Before this: `error.rs`. After this: `waker.rs`.

use std::cell::Cell;
use std::ptr;
use std::task::Waker;

use roundelay_runtime::Key;

/// The note of one step.
#[derive(Clone, Copy)]
pub(crate) struct OwnStep {
    /// [`Waker::data`] of the waker that was lent; null if no step is being taken.
    waker: *const (),
    once_more: bool,
    /// Whose step it is.
    task: Option<Key>,
}

const NONE: OwnStep = OwnStep { waker: ptr::null(), once_more: false, task: None };

thread_local! {
    static NOW: Cell<OwnStep> = const { Cell::new(NONE) };
}

/// A step of `task` begins, with this waker. Gives the note of the step that it lies in, for [`end`].
#[inline]
pub(crate) fn begin(waker: &Waker, task: Key) -> OwnStep {
    NOW.replace(OwnStep { waker: waker.data(), once_more: false, task: Some(task) })
}

/// A step has ended. Says whether its task asked for another.
#[inline]
pub(crate) fn end(outer: OwnStep) -> bool {
    NOW.replace(outer).once_more
}

/// Whose step is being taken.
#[inline]
pub(crate) fn task() -> Option<Key> {
    NOW.get().task
}

/// Whether this is the data of the waker that was lent to the step that is being taken.
#[inline]
pub(crate) fn is_own(data: *const ()) -> bool {
    ptr::eq(NOW.get().waker, data)
}

/// If the waker with this data is the step's own: notes that its task is to take another step
/// after this one. `false` if it is somebody else's.
#[inline]
pub(crate) fn ask_for_another(data: *const ()) -> bool {
    let now = NOW.get();
    let own = ptr::eq(now.waker, data);
    if own {
        NOW.set(OwnStep { once_more: true, ..now });
    }
    own
}
