//! How a waiter is woken, and a place for one.
//!
//! ```text
//!   task 7 polls a promise --(home, 7)--> [ one waiter ] --resolved--> home.wake(7) --> ready queue
//! ```
//!
//! A waiter is three words, and its place holds it in parts. A processor that has just written two
//! words and is to read them as one piece waits until they have met in its cache; who writes word
//! by word and reads word by word waits for nothing. (As one cell around the whole, a pass of a ball
//! between two tasks took a twentieth longer, with no more instructions.)
//!
//! # Invariants
//! - A waiter is woken and dropped while nothing is borrowed: it may be foreign code.
//! - Whoever takes somebody's place is noted before the earlier one is dropped.
//!
//! Tutorial: chapter 6. Before this: `task_table.rs`. After this: `birth.rs`.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;
use std::task::Waker;

use roundelay_runtime::{Failure, FailureKind, Key, contain, report_here};

use crate::task_table::{Listener, Tasks, Waiter};

impl Waiter {
    /// Wakes it. A foreign waker is foreign code: its panic is reported, and is no business
    /// of whoever wakes.
    ///
    /// Each arm is handed its two words, and nobody is handed the three: a waiter is written word
    /// by word, and to read it as a whole the processor would wait for the words to meet.
    #[inline(always)]
    pub(crate) fn wake(self) {
        match self {
            Waiter::Task(tasks, key) => tasks.wake(key),
            Waiter::Listener(listener) => hear(listener),
            Waiter::Other(waker) => wake_foreign(waker),
        }
    }
}

/// Whoever is to be woken, as one who is told of a task's end.
impl Listener for Cell<Option<Waiter>> {
    fn hear(&self) {
        if let Some(waiter) = self.take() {
            waiter.wake();
        }
    }
}

#[inline(never)]
fn hear(listener: Rc<dyn Listener>) {
    listener.hear();
}

#[cold]
#[inline(never)]
fn wake_foreign(waker: Waker) {
    if let Err(message) = contain(|| waker.wake()) {
        let kind = FailureKind::CallbackPanicked;
        report_here(Failure::new(kind, "a foreign waker", message));
    }
}

/// A place for one waiter.
pub(crate) struct OneWaiter {
    /// A task of ours.
    home: Cell<Option<Rc<Tasks>>>,
    task: Cell<Key>,
    /// Or somebody else, which is seldom.
    other: Cell<Option<Box<Waiter>>>,
}

impl Default for OneWaiter {
    #[inline]
    fn default() -> OneWaiter {
        let task = Cell::new(Key::new(0, 0));
        OneWaiter { home: Cell::new(None), task, other: Cell::new(None) }
    }
}

impl OneWaiter {
    /// Notes a task of ours, in the place of whoever was here.
    #[inline(always)]
    pub(crate) fn note_task(&self, (home, task): (Rc<Tasks>, Key)) {
        let (earlier, other) = (self.home.replace(Some(home)), self.other.take());
        self.task.set(task);
        if earlier.is_some() || other.is_some() {
            drop_earlier(earlier, other);
        }
    }

    /// The same where nobody was here yet.
    #[inline(always)]
    pub(crate) fn note_first(&self, (home, task): (Rc<Tasks>, Key)) {
        // There is nothing to look at and to drop.
        mem::forget(self.home.replace(Some(home)));
        self.task.set(task);
    }

    /// Notes anybody.
    pub(crate) fn note(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(home, task) => self.note_task((home, task)),
            other => {
                let earlier = (self.other.replace(Some(Box::new(other))), self.home.take());
                drop(earlier);
            }
        }
    }

    /// Takes whoever is here.
    pub(crate) fn take(&self) -> Option<Waiter> {
        match (self.home.take(), self.other.take()) {
            (Some(home), _) => Some(Waiter::Task(home, self.task.get())),
            (None, other) => other.map(|other| *other),
        }
    }

    /// Takes whoever is here, and wakes it.
    #[inline]
    pub(crate) fn wake(&self) {
        match self.home.take() {
            Some(home) => home.wake(self.task.get()),
            None => self.wake_other(),
        }
    }

    #[cold]
    fn wake_other(&self) {
        if let Some(other) = self.other.take() {
            other.wake();
        }
    }
}

#[cold]
#[inline(never)]
fn drop_earlier(home: Option<Rc<Tasks>>, other: Option<Box<Waiter>>) {
    drop((home, other));
}
