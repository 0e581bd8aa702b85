//! What an observer is told of things that have no number of their own.
//!
//! Tasks, timers and jobs are numbered anyway. A lock is not, nor is a promise or a group: they
//! get a number when somebody who observes the loop first hears of them, so nobody else pays.
//!
//! # Invariants
//! - A number is never given to two things of a loop, and a thing keeps it. (Only of what belongs to a
//!   loop around it does a loop that is being closed remember nothing.)
//! - What becomes of a thing is told to the loop that knows it, even if another one is being closed
//!   in a call of that loop.
//! - Without an observer telling is one test of one field.
//! - Nothing of ours is borrowed while an observer is told.
//!
//! Tutorial: chapter 19. Before this: `waker.rs`. After this: `done_callbacks.rs`.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;

use roundelay_runtime::{
    Awaited, Event, Interest, LoopRef, SyncDeed, current_loop, is_interesting_here,
    is_observed_here, loops_here, observe_here, observe_here_of,
};

use crate::own_step::{self, Wait};

/// A number that is given at the first asking, by the loop that runs then. Another loop gives
/// another: so a run numbers alike whatever ran before it.
#[derive(Default)]
pub(crate) struct Number {
    /// The low half of the loop's own number, and what it gave.
    given: Cell<(u32, u32)>,
}

impl Number {
    /// As the loop knows it that runs here.
    pub(crate) fn get(&self) -> u64 {
        current_loop().map_or(0, |home| self.of(&home))
    }

    fn of(&self, home: &LoopRef) -> u64 {
        if self.is_known_to(home) {
            return u64::from(self.given.get().1);
        }
        let number = home.count_thing();
        // A loop in whose call this one is being closed will ask again.
        if !loops_here().iter().any(|outer| self.is_known_to(outer)) {
            self.given.set((home.id() as u32, number as u32));
        }
        number
    }

    fn is_known_to(&self, home: &LoopRef) -> bool {
        self.is_given() && self.given.get().0 == home.id() as u32
    }

    pub(crate) fn is_given(&self) -> bool {
        self.given.get().1 != 0
    }

    /// Tells what happened to the thing with this number.
    #[inline]
    pub(crate) fn tell(&self, event: impl FnOnce(u64) -> Event) {
        if is_observed_here() {
            self.tell_home(event);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_home(&self, event: impl FnOnce(u64) -> Event) {
        let knows = |home: &LoopRef| self.is_known_to(home);
        let Some(home) = loops_here().into_iter().find(knows).or_else(current_loop) else { return };
        home.observe(|| event(self.of(&home)));
    }
}

/// A lock, a semaphore, a queue or one of their kind, as observers know it.
pub(crate) struct SyncName {
    kind: &'static str,
    number: Whose,
}

enum Whose {
    Own(Number),
    /// A thing with two lines has one number.
    Shared(Rc<Number>),
}

impl SyncName {
    pub(crate) fn new(kind: &'static str) -> SyncName {
        SyncName { kind, number: Whose::Own(Number::default()) }
    }

    /// One name for two lines at the same thing.
    pub(crate) fn pair(kind: &'static str) -> (SyncName, SyncName) {
        let number = Rc::new(Number::default());
        let name = |number| SyncName { kind, number: Whose::Shared(number) };
        (name(Rc::clone(&number)), name(number))
    }

    fn number(&self) -> &Number {
        match &self.number {
            Whose::Own(number) => number,
            Whose::Shared(number) => number,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Tells what happened there.
    #[inline]
    pub(crate) fn tell(&self, deed: impl FnOnce() -> SyncDeed) {
        self.number().tell(|sync| Event::Sync { sync, kind: self.kind, deed: deed() });
    }

    /// Tells that the task that is being polled waits for it.
    #[inline]
    pub(crate) fn tell_awaited(&self, wait: Wait) {
        awaits(wait, move || Awaited::Sync(self.number().get()));
    }
}

/// Tells which line has made a future that will wait for something of this kind.
#[inline]
#[track_caller]
pub(crate) fn made(kind: &'static str) {
    if is_interesting_here(Interest::WAITS) {
        tell_made(kind, Location::caller());
    }
}

#[cold]
#[inline(never)]
fn tell_made(kind: &'static str, at: &'static Location<'static>) {
    observe_here_of(Interest::WAITS, || Event::WaitMade { kind, at });
}

/// Notes what the task that is being polled waits for, and tells it.
#[inline]
pub(crate) fn awaits(wait: Wait, what: impl FnOnce() -> Awaited) {
    own_step::note(wait);
    observe_here(move || Event::Awaits(what()));
}

/// The same for what has a number anyway, and gets none when somebody first hears of it.
#[inline]
pub(crate) fn awaits_numbered(wait: Wait, what: impl FnOnce() -> Awaited) {
    own_step::note(wait);
    observe_here_of(Interest::WAITS, move || Event::Awaits(what()));
}
