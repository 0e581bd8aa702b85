//! Why did this happen? The step that caused each step.
//!
//! ```text
//!   timer.set <-- timer.due <-- ready.push <-- ready.pop <-- task.wake <-- ready.push <-- ...
//! ```
//!
//! A loop stores no causes. It need not: whatever happens inside a call was caused by that
//! call, what is popped was pushed, and what is due was set. This file remembers which step
//! that was.
//!
//! # Invariants
//! - A cause is an earlier step, and the chain of causes leads to step 0.
//!
//! Tutorial: chapter 19. Before this: `numbers.rs`. After this: `recording.rs`.

use std::collections::HashMap;

use crate::trace::event::{Side, Thing, ThingKind, TraceWork, WokenBy};
use crate::trace::model::At;
use crate::trace::number_map::NumberMap;

/// What caused what, as far as it can still matter. All numbers are the trace's.
#[derive(Default)]
pub(crate) struct Causes {
    /// What is under way, one inside the other.
    frames: Vec<Frame>,
    /// The step that stands for the loop itself: its turn, or what the turn is doing.
    pub(crate) ambient: usize,
    /// The last steps that pushed an entry, set a timer, awaited a source...
    pub(crate) pushes: NumberMap<u64, (usize, Origin)>,
    pub(crate) timers: NumberMap<u64, usize>,
    pub(crate) awaits: NumberMap<(u64, Side), usize>,
    pub(crate) jobs: NumberMap<u64, usize>,
    /// The last step that scheduled a task: its spawn or its wake.
    pub(crate) scheduled: NumberMap<u64, usize>,
    /// The last timer that was due, or source that was ready.
    pub(crate) news: Option<usize>,
    pub(crate) place: Place,
}

/// What the loop is doing between two calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Turn,
    Wait,
    Inbox,
}

/// Where an entry of the ready queue came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Readiness.
    System,
    /// Another thread.
    Thread,
    /// The loop's own thread.
    Here,
}

/// A call, or a step of a task.
#[derive(Default)]
pub(crate) struct Frame {
    pub(crate) n: usize,
    pub(crate) began: u64,
    /// The entry that is called, and where it came from; `None` for a task's step.
    pub(crate) call: Option<(TraceWork, Origin)>,
    /// The task in whose name things happen.
    pub(crate) task: Option<u64>,
    /// What the task waits for, as far as it has told.
    pub(crate) on: Option<Thing>,
    /// Where that was made, if the line is known; and the last line for each kind.
    pub(crate) on_at: Option<At>,
    pub(crate) made: HashMap<&'static str, At>,
}

impl Causes {
    /// What causes a step that has no cause of its own.
    pub(crate) fn here(&self) -> usize {
        self.frames.last().map_or(self.ambient, |frame| frame.n)
    }

    /// The task in whose name things happen now.
    pub(crate) fn task(&self) -> Option<u64> {
        self.frames.last().and_then(|frame| frame.task)
    }

    pub(crate) fn begin(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// The entries from place `first` on stand in another order now.
    pub(crate) fn arrange(&mut self, first: u64, order: &[u64]) {
        let moved: Vec<_> = order.iter().map(|place| self.pushes.remove(place)).collect();
        for (place, pushed) in (first..).zip(moved) {
            if let Some(pushed) = pushed {
                self.pushes.insert(place, pushed);
            }
        }
    }

    /// The call that was begun last ends, and with it everything inside.
    pub(crate) fn end_call(&mut self) -> Option<Frame> {
        let at = self.frames.iter().rposition(|frame| frame.call.is_some())?;
        self.frames.truncate(at + 1);
        self.frames.pop()
    }

    /// A task's step ends, if that is what is under way.
    pub(crate) fn end_step(&mut self, task: u64) -> Option<Frame> {
        let is_step = |frame: &mut Frame| frame.call.is_none() && frame.task == Some(task);
        self.frames.pop_if(is_step)
    }

    /// The task that takes a step waits for `on`. Of several the last one counts; but a timer
    /// is mostly only the limit of something else.
    pub(crate) fn waits_for(&mut self, on: Thing) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.on.is_none() || on.0 != ThingKind::Timer {
            frame.on = Some(on);
            frame.on_at = frame.made.get(on.0.word()).copied();
        }
    }

    /// A future that will wait was made on this line.
    pub(crate) fn made(&mut self, kind: &'static str, at: At) {
        if let Some(frame) = self.frames.last_mut() {
            frame.made.insert(kind, at);
        }
    }

    /// It does not wait for this any more.
    pub(crate) fn waits_no_more(&mut self, on: Thing) {
        if let Some(frame) = self.frames.last_mut() {
            frame.on = frame.on.filter(|it| *it != on);
        }
    }

    /// Who wakes `task`, which waits for `on`.
    pub(crate) fn waker_of(&self, task: u64, on: Option<Thing>) -> WokenBy {
        let Some(frame) = self.frames.last() else { return WokenBy::Other };
        match frame.call {
            Some((TraceWork::Timer(_), _)) => WokenBy::Timer,
            Some((TraceWork::Notify(_), Origin::System)) => WokenBy::Source,
            Some((TraceWork::Notify(_), Origin::Thread)) => match on {
                Some(Thing(ThingKind::Job, _)) => WokenBy::Job,
                _ => WokenBy::Thread,
            },
            Some((TraceWork::Callback(_), Origin::System)) => WokenBy::Source,
            Some((TraceWork::Callback(_), Origin::Thread)) => WokenBy::Thread,
            _ => match frame.task {
                Some(by) if by == task => WokenBy::Myself,
                Some(_) => WokenBy::Task,
                None => WokenBy::Other,
            },
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        match self.place {
            _ if !self.frames.is_empty() => Origin::Here,
            Place::Wait => Origin::System,
            Place::Inbox => Origin::Thread,
            Place::Turn => Origin::Here,
        }
    }
}
