//! Shutting down: the main task's end, and everybody else's.
//!
//! ```text
//!   main ends --> all others are asked to end, oldest first, and unwind in their own steps
//!             --> their cleanups run, each up to its limit
//!             --> the table is closed: what is left is dropped, what still comes is buried
//! ```
//!
//! # Invariants
//! - A closed table holds no future, and takes none.
//! - While a cleanup runs, neither it nor what it has spawned is asked to end.
//! - Destructors that spawn are served one after the other, never one inside the other.
//!
//! Tutorial: chapter 8. Before this: `drop_now.rs`. After this: `current.rs`.

use std::rc::Rc;

use roundelay_runtime::{
    ContextValues, Event, Failure, FailureKind, Key, TaskEnd, contain, tell_stderr,
};

use crate::body::BoxedBody;
use crate::own_step;
use crate::stage::Stage;
use crate::task_table::{Slot, Tasks};

impl Tasks {
    /// The main task's turn has come. Says whether its end was asked for.
    pub(crate) fn main_begins_step(&self, key: Key) -> bool {
        let cancelled = self.with(key, |slot| {
            slot.scheduled = false;
            slot.cancel_requested
        });
        cancelled.unwrap_or(false)
    }

    /// The main future has ended: drops it, and what it leaves to others.
    /// Gives its context variables back, for the next run.
    pub(crate) fn main_ends(
        &self,
        key: Key,
        how: TaskEnd,
        drop_main: impl FnOnce(),
    ) -> ContextValues {
        let mut values = self.with(key, Slot::take_values).unwrap_or_default();
        if let Err(message) = contain(|| values.run(drop_main)) {
            let kind = FailureKind::DestructorPanicked;
            self.loop_ref.report(Failure::new(kind, self.who(key), message));
        }
        if let Some(task) = self.id(key) {
            let remains = self.slots.borrow_mut().remove(key);
            drop(remains);
            self.live.set(self.live.get() - 1);
            self.loop_ref.observe(|| Event::TaskEnded { task, how });
        }
        values
    }

    /// Asks every task that has not ended to end, oldest first; but as long as any cleanup
    /// runs, not the cleanups and what they have spawned. Says how many it asked.
    pub(crate) fn cancel_all(&self) -> usize {
        let spared = self.cleanups.get() > 0;
        let mut keys: Vec<(u64, Key)> = {
            let slots = self.slots.borrow();
            let is_asked = |slot: &Slot| !slot.stage.has_ended() && (!spared || !slot.cleanup);
            let live = slots.iter().filter(|(_, slot)| is_asked(slot));
            live.map(|(key, slot)| (slot.id, key)).collect()
        };
        keys.sort_unstable_by_key(|&(id, _)| id);
        for &(_, key) in &keys {
            self.cancel(key);
        }
        keys.len()
    }

    /// Drops every future that is left, and refuses new ones.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        loop {
            let next = {
                let slots = self.slots.borrow();
                let mut waiting = slots.iter().filter(|(_, slot)| slot.stage == Stage::Waiting);
                waiting.next().map(|(key, _)| key)
            };
            let Some(key) = next else { break };
            self.drop_now(key);
        }
    }

    /// Drops a future, and those that its destructor spawns, one after the other and not
    /// one inside the other.
    #[cold]
    #[inline(never)]
    pub(crate) fn bury(&self, body: BoxedBody) {
        self.graveyard.borrow_mut().push(body);
        if self.burying.replace(true) {
            return;
        }
        for _ in 0..LONGEST_FUNERAL {
            let next = self.graveyard.borrow_mut().pop();
            let Some(body) = next else { break };
            if let Err(message) = contain(|| drop(body)) {
                let kind = FailureKind::DestructorPanicked;
                self.loop_ref.report(Failure::new(kind, "a task spawned after the end", message));
            }
        }
        let rest = self.graveyard.take();
        if !rest.is_empty() {
            tell_stderr(
                "destructors spawn tasks without end on a loop that is closed; the rest leaks",
            );
            std::mem::forget(rest);
        }
        self.burying.set(false);
    }
}

/// Cleanups: tasks that a closing loop waits for.
impl Tasks {
    /// Counts one more cleanup, until the guard is dropped with the cleanup's future.
    pub(crate) fn count_cleanup(self: &Rc<Tasks>) -> CountedCleanup {
        self.cleanups.set(self.cleanups.get() + 1);
        CountedCleanup { tasks: Rc::clone(self) }
    }

    /// From now on this task, and every task that it spawns, belongs to a cleanup.
    pub(crate) fn mark_cleanup(&self, key: Key) {
        self.with(key, |slot| slot.cleanup = true);
    }

    /// Whether a task that is spawned now is spawned by a cleanup, or by what one has spawned.
    /// Costs nothing while there is no cleanup.
    pub(crate) fn is_born_of_cleanup(&self) -> bool {
        let parent = if self.cleanups.get() > 0 { own_step::task() } else { None };
        parent.and_then(|parent| self.with(parent, |slot| slot.cleanup)).unwrap_or(false)
    }
}

/// One cleanup that has not ended.
pub(crate) struct CountedCleanup {
    tasks: Rc<Tasks>,
}

impl Drop for CountedCleanup {
    fn drop(&mut self) {
        self.tasks.cleanups.set(self.tasks.cleanups.get() - 1);
    }
}

/// How many futures may be dropped one after the other because the one before spawned the
/// next: a family that goes on for longer will go on for ever.
const LONGEST_FUNERAL: usize = 1_000_000;
