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
//! - While a cleanup runs, neither it nor its family is asked to end (`family.rs`).
//! - Destructors that spawn are served one after the other, never one inside the other.
//!
//! Tutorial: chapter 8. Before this: `family.rs`. After this: `current.rs`.

use std::rc::Rc;
use std::sync::Arc;

use roundelay_runtime::{
    ContextValues, Event, Failure, FailureKind, Key, TaskEnd, contain, tell_stderr,
};

use crate::body::BoxedBody;
use crate::family::Family;
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

    /// Asks every task that has not ended to end, oldest first; but not a cleanup that runs, and
    /// not its family. Says how many it asked.
    pub(crate) fn cancel_all(&self) -> usize {
        let mut keys: Vec<(u64, Key)> = {
            let slots = self.slots.borrow();
            let is_spared = |slot: &Slot| slot.family().is_some_and(|family| family.is_spared());
            let is_asked = |slot: &Slot| !slot.stage.has_ended() && !is_spared(slot);
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
    /// A new cleanup is about to be spawned, by whoever takes a step: its family, and the guard of
    /// its end, to be dropped with the cleanup's future.
    pub(crate) fn expect_cleanup(self: &Rc<Tasks>) -> (Arc<Family>, CountedCleanup) {
        let family = Family::below(self.family().as_deref());
        self.deepest_family.set(self.deepest_family.get().max(family.depth()));
        self.cleanups.set(self.cleanups.get() + 1);
        let counted = CountedCleanup { tasks: Rc::clone(self), family: Arc::clone(&family) };
        (family, counted)
    }

    /// This task is the cleanup of that family.
    pub(crate) fn mark_cleanup(&self, key: Key, family: Arc<Family>) {
        let earlier =
            self.with(key, |slot| slot.extras.get_or_insert_default().family.replace(family));
        drop(earlier);
    }

    /// The family of whoever takes a step, or whose order is being taken up. Costs nothing while
    /// there is no cleanup.
    pub(crate) fn family(&self) -> Option<Arc<Family>> {
        if self.cleanups.get() == 0 {
            return None;
        }
        match own_step::task() {
            Some(task) => self.with(task, |slot| slot.family().cloned()).flatten(),
            None => self.ordered_by.borrow().clone(),
        }
    }

    /// What is spawned in `work`, outside of any step, belongs to this family.
    pub(crate) fn by_order_of<T>(
        &self,
        family: Option<Arc<Family>>,
        work: impl FnOnce() -> T,
    ) -> T {
        let _no_longer = OrderTakenUp { tasks: self };
        self.ordered_by.replace(family);
        work()
    }
}

struct OrderTakenUp<'a> {
    tasks: &'a Tasks,
}

impl Drop for OrderTakenUp<'_> {
    fn drop(&mut self) {
        let family = self.tasks.ordered_by.take();
        drop(family);
    }
}

/// One cleanup that has not ended.
pub(crate) struct CountedCleanup {
    tasks: Rc<Tasks>,
    family: Arc<Family>,
}

impl Drop for CountedCleanup {
    fn drop(&mut self) {
        self.tasks.cleanups.set(self.tasks.cleanups.get() - 1);
        self.family.end();
    }
}

/// How many futures may be dropped one after the other because the one before spawned the
/// next: a family that goes on for longer will go on for ever.
const LONGEST_FUNERAL: usize = 1_000_000;
