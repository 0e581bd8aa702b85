//! What an observer is told of things that have no number of their own.
//!
//! Tasks, timers and jobs are numbered anyway. A lock is not, nor is a promise or a group: they
//! get a number when somebody who observes the loop first hears of them, so nobody else pays.
//!
//! # Invariants
//! - A number is given once per thread, and never to two things.
//! - Without an observer telling is one test of one field.
//! - Nothing of ours is borrowed while an observer is told.
//!
//! Tutorial: chapter 19. Before this: `noted.rs`. After this: `done_callbacks.rs`.

use std::cell::Cell;

use roundelay_runtime::{Awaited, Event, SyncDeed, observe_here};

use crate::noted::{self, Wait};

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(1) };
}

/// A number that is given at the first asking.
#[derive(Default)]
pub(crate) struct Number {
    given: Cell<u64>,
}

impl Number {
    pub(crate) fn get(&self) -> u64 {
        if !self.is_given() {
            let number = NEXT.get();
            NEXT.set(number + 1);
            self.given.set(number);
        }
        self.given.get()
    }

    pub(crate) fn is_given(&self) -> bool {
        self.given.get() != 0
    }

    /// The same number, for another part of the same thing.
    pub(crate) fn shared(&self) -> Number {
        Number { given: Cell::new(self.get()) }
    }
}

/// A lock, a semaphore, a queue or one of their kind, as observers know it.
pub(crate) struct SyncName {
    kind: &'static str,
    number: Number,
}

impl SyncName {
    pub(crate) fn new(kind: &'static str) -> SyncName {
        SyncName { kind, number: Number::default() }
    }

    /// The same name, for another line at the same thing.
    pub(crate) fn shared(&self) -> SyncName {
        SyncName { kind: self.kind, number: self.number.shared() }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.get()
    }

    /// Tells what happened there.
    #[inline]
    pub(crate) fn tell(&self, deed: impl FnOnce() -> SyncDeed) {
        observe_here(|| Event::Sync { sync: self.number.get(), kind: self.kind, deed: deed() });
    }

    /// Tells that the task that is being polled waits for it.
    #[inline]
    pub(crate) fn tell_awaited(&self) {
        let number = self.number.get();
        awaits(Wait::Sync(number), || Awaited::Sync(number));
    }
}

/// Notes what the task that is being polled waits for, and tells it.
#[inline]
pub(crate) fn awaits(wait: Wait, what: impl FnOnce() -> Awaited) {
    noted::note(wait);
    observe_here(|| Event::Awaits(what()));
}
