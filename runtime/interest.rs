//! Who is told what happens in a loop, and of which events.
//!
//! A loop tells up to seven events for one step of a task. An observer that only counts the tasks
//! that end need not be called for the others: it names its [`Interest`], and what nobody is
//! interested in costs next to nothing.
//!
//! ```text
//!   a step:  CallBegins  TaskPolled  Awaits  TaskPending  TaskWoken  ReadyPushed  CallEnds
//!            CALLS       STEPS       WAITS   STEPS        WAKES      QUEUE        CALLS
//! ```
//!
//! # Invariants
//! - Every event belongs to exactly one kind.
//! - An observer that names no interest is told of everything.
//!
//! Tutorial: chapter 19. Before this: `observer.rs`. After this: `scheduler.rs`.

use std::ops::BitOr;

use crate::clock::Moment;
use crate::observer::Event;

/// Somebody who is told of the events of a loop.
///
/// Any `Fn(Moment, &Event)` is one.
pub trait Observer {
    /// `event` happened at `now`.
    fn observe(&self, now: Moment, event: &Event);

    /// Which events it wants to be told of: all of them, unless it says otherwise. It is asked
    /// once, when the loop is built. See [`Interest`] for what that saves.
    fn interest(&self) -> Interest {
        Interest::ALL
    }
}

impl<F: Fn(Moment, &Event)> Observer for F {
    fn observe(&self, now: Moment, event: &Event) {
        self(now, event);
    }
}

/// Kinds of events. Join them with `|`.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use roundelay_runtime::{Event, EventLoop, Interest, Moment};
///
/// let turns = Rc::new(Cell::new(0));
/// let inner = Rc::clone(&turns);
/// let count = Interest::TURNS.of(move |_now: Moment, event: &Event| {
///     inner.set(inner.get() + u32::from(matches!(event, Event::TurnBegins { .. })));
/// });
/// let event_loop = EventLoop::builder().observer(count).build()?;
/// event_loop.call_soon(|| println!("and nobody is told of this call"))?;
/// event_loop.run_once()?;
/// assert_eq!(turns.get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest(u16);

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// Everything.
    pub const ALL: Interest = Interest(u16::MAX);
    /// Runs, turns, waits for the system, jumps of the clock, what other threads left, and what
    /// goes wrong with a whole loop: it is stuck, or was held up.
    pub const TURNS: Interest = Interest(1);
    /// What is put into the ready queue, put into another order, or cancelled in it.
    pub const QUEUE: Interest = Interest(1 << 1);
    /// Calls begin and end.
    pub const CALLS: Interest = Interest(1 << 2);
    /// Timers are set, due or cancelled.
    pub const TIMERS: Interest = Interest(1 << 3);
    /// Sources are registered, awaited, ready or let go.
    pub const SOURCES: Interest = Interest(1 << 4);
    /// Tasks and their groups begin, are asked to end, and end.
    pub const TASKS: Interest = Interest(1 << 5);
    /// Steps of tasks begin and end.
    pub const STEPS: Interest = Interest(1 << 6);
    /// Tasks are woken.
    pub const WAKES: Interest = Interest(1 << 7);
    /// What tasks wait for, and what happens to locks, queues, promises and their kind.
    pub const WAITS: Interest = Interest(1 << 8);
    /// Jobs of pools.
    pub const JOBS: Interest = Interest(1 << 9);
    /// What the program says.
    pub const WORDS: Interest = Interest(1 << 10);

    /// Whether this has all of `other`.
    ///
    /// ```
    /// use roundelay_runtime::Interest;
    ///
    /// let some = Interest::TASKS | Interest::JOBS;
    /// assert!(some.includes(Interest::JOBS));
    /// assert!(!some.includes(Interest::JOBS | Interest::TIMERS)); // not the timers
    /// assert!(some.intersects(Interest::JOBS | Interest::TIMERS)); // but the jobs
    /// assert!(some.includes(Interest::NONE) && !some.intersects(Interest::NONE));
    /// ```
    #[must_use]
    #[inline]
    pub const fn includes(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this has something of `other`.
    #[must_use]
    #[inline]
    pub const fn intersects(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }

    /// An observer that is told of these events only.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_runtime::{Event, EventLoop, Interest, Moment};
    ///
    /// let heard = Rc::new(Cell::new(0));
    /// let count = heard.clone();
    /// let observer = Interest::TURNS.of(move |_: Moment, _: &Event| count.set(count.get() + 1));
    /// let event_loop = EventLoop::builder().observer(observer).build()?;
    /// event_loop.call_soon(|| ())?; // of this it hears nothing
    /// event_loop.run_once()?;
    /// assert!(heard.get() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(self, observer: impl Observer + 'static) -> impl Observer + 'static {
        Only { interest: self, observer }
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

struct Only<O> {
    interest: Interest,
    observer: O,
}

impl<O: Observer> Observer for Only<O> {
    fn observe(&self, now: Moment, event: &Event) {
        self.observer.observe(now, event);
    }

    fn interest(&self) -> Interest {
        self.interest
    }
}

impl Event {
    /// Its kind.
    ///
    /// ```
    /// use roundelay_runtime::{Event, Interest};
    ///
    /// assert_eq!(Event::TurnEnds.kind(), Interest::TURNS);
    /// ```
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> Interest {
        match self {
            Event::RunBegins
            | Event::RunEnds
            | Event::TurnBegins { .. }
            | Event::TurnEnds
            | Event::Stuck
            | Event::WaitBegins { .. }
            | Event::WaitEnds { .. }
            | Event::ClockJumps { .. }
            | Event::HeldUp(_)
            | Event::InboxCollected { .. } => Interest::TURNS,
            Event::ReadyPushed { .. }
            | Event::ReadyArranged { .. }
            | Event::CallCancelled { .. } => Interest::QUEUE,
            Event::CallBegins { .. } | Event::CallEnds { .. } => Interest::CALLS,
            Event::TimerSet { .. } | Event::TimerDue { .. } | Event::TimerCancelled { .. } => {
                Interest::TIMERS
            }
            Event::SourceRegistered { .. }
            | Event::SourceAwaited { .. }
            | Event::SourceReady { .. }
            | Event::SourceReleased { .. }
            | Event::SourceLeft { .. } => Interest::SOURCES,
            Event::TaskSpawned { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskEnded { .. }
            | Event::GroupOpened { .. }
            | Event::GroupJoined { .. }
            | Event::GroupClosed { .. } => Interest::TASKS,
            Event::TaskPolled { .. } | Event::TaskPending { .. } => Interest::STEPS,
            Event::TaskWoken { .. } => Interest::WAKES,
            Event::Awaits(_)
            | Event::WaitMade { .. }
            | Event::PromiseSettled { .. }
            | Event::Sync { .. } => Interest::WAITS,
            Event::JobSubmitted { .. }
            | Event::JobStarted { .. }
            | Event::JobEnded { .. }
            | Event::JobAbandoned { .. } => Interest::JOBS,
            Event::Said { .. } | Event::Remarked { .. } => Interest::WORDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_are_joined_and_all_has_each_of_them() {
        let some = Interest::TASKS | Interest::JOBS;
        assert!(some.includes(Interest::JOBS) && some.includes(Interest::NONE));
        assert!(!some.includes(Interest::TASKS | Interest::STEPS));
        assert!(Interest::ALL.includes(Interest::WORDS | some));
        assert!(some.intersects(Interest::TASKS | Interest::STEPS));
        assert!(!some.intersects(Interest::STEPS) && !some.intersects(Interest::NONE));
    }
}
