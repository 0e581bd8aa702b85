//! What handles and wakers ask of the table.
//!
//! A handle is a key, and so is a waker. Whatever it is asked (go on; has the task ended? who is
//! it? please end) it asks the table, and these are the questions.
//!
//! # Invariants
//! - A key that leads nowhere is an ended task: no question panics, except for a second
//!   taking of one outcome.
//! - What is replaced or taken out is dropped when the table is not borrowed any more.
//!
//! Tutorial: chapter 6. Before this: `birth.rs`. After this: `step.rs`.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;

use roundelay_runtime::{ContextValues, Event, Interest, Key, TaskEnd};

use crate::done_callbacks::{DoneCallback, NO_CALLBACK, TaskEnded};
use crate::error::TaskError;
use crate::own_step::{self, NOBODY};
use crate::stage::{Outcome, Stage};
use crate::task_table::{Listener, Slot, Tasks, Waiter};

impl Tasks {
    /// Puts a task into the ready queue, unless it is there or has ended.
    #[inline]
    pub(crate) fn wake(&self, key: Key) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(key) else { return };
        if slot.scheduled || slot.stage.has_ended() {
            return;
        }
        slot.scheduled = true;
        slot.woken_by = own_step::generation();
        let (task, is_main) = (slot.id, slot.stage == Stage::Main);
        drop(slots);
        if is_main || self.loop_ref.is_interesting(Interest::WAKES) {
            return self.tell_and_queue(key, task, is_main);
        }
        self.loop_ref.run_soon(key);
    }

    /// The main task, and all of them where somebody wants to hear of wakes. Out of line, so that the
    /// usual way need not save registers for it.
    #[inline(never)]
    fn tell_and_queue(&self, key: Key, task: u64, is_main: bool) {
        self.loop_ref.observe(|| Event::TaskWoken { task });
        match is_main {
            true => self.loop_ref.call_main_soon(),
            false => self.loop_ref.run_soon(key),
        }
    }

    /// Asks for a task's end. `false` if it has ended already.
    ///
    /// A task that is taking a step takes its place in the line when that step ends.
    pub(crate) fn cancel(&self, key: Key) -> bool {
        let asked = self.with(key, |slot| {
            let asked = !slot.stage.has_ended();
            slot.cancel_requested |= asked;
            asked.then_some((slot.id, matches!(slot.stage, Stage::Out)))
        });
        let Some(Some((task, is_out))) = asked else { return false };
        self.loop_ref.observe(|| Event::TaskCancelRequested { task });
        if !is_out {
            self.wake(key);
        }
        true
    }

    pub(crate) fn is_cancel_requested(&self, key: Key) -> bool {
        self.with(key, |slot| slot.cancel_requested).unwrap_or(false)
    }

    /// Whether a task has ended, or is not known any more.
    pub(crate) fn has_ended(&self, key: Key) -> bool {
        self.with(key, |slot| slot.stage.has_ended()).unwrap_or(true)
    }

    /// Takes a task's outcome; `None` while it has none. The slot stays until the handle is
    /// dropped, so that the handle can still say whose it is.
    ///
    /// # Panics
    /// If it was taken before.
    pub(crate) fn take_outcome<T: 'static>(&self, key: Key) -> Option<Result<T, TaskError>> {
        self.take_outcome_or(key, |_| ())
    }

    /// The same, with something to be done to the slot of a task that has not ended. It must not
    /// call user code.
    #[inline]
    pub(crate) fn take_outcome_or<T: 'static>(
        &self,
        key: Key,
        if_not_ended: impl FnOnce(&mut Slot),
    ) -> Option<Result<T, TaskError>> {
        let mut slots = self.slots.borrow_mut();
        // A task that was spawned after its loop was closed never had a slot.
        let Some(slot) = slots.get_mut(key) else { return Some(Err(TaskError::Cancelled)) };
        match slot.stage {
            Stage::Waiting | Stage::Out | Stage::Main => {
                if_not_ended(slot);
                None
            }
            Stage::Ended(TaskEnd::Finished) => {
                slot.stage = Stage::Taken(TaskEnd::Finished);
                let body = slot.body.take();
                drop(slots);
                let mut output: Option<T> = None;
                body?.as_mut().take_output(&mut output);
                Some(Ok(output.expect("a finished task holds its output until it is taken")))
            }
            Stage::Ended(_) | Stage::Taken(_) => {
                drop(slots);
                Some(Err(self.take_failure(key)?))
            }
        }
    }

    #[inline(never)]
    fn take_failure(&self, key: Key) -> Option<TaskError> {
        match self.with(key, Slot::take_outcome)? {
            Some(Outcome::Failed(error)) => Some(error),
            Some(Outcome::Finished(_)) => None,
            None => self.refuse_second_taking(key),
        }
    }

    #[cold]
    fn refuse_second_taking(&self, key: Key) -> ! {
        panic!(
            "the outcome of {} has been taken; a task gives it once, so keep it, or do not poll \
             the handle again",
            self.who(key)
        )
    }

    /// Wakes `waiter` when the task ends, or nobody any more. One at a time: a task has one handle.
    pub(crate) fn replace_joiner(self: &Rc<Tasks>, key: Key, waiter: Option<Waiter>) {
        let (joiner, mut listener) = match waiter {
            None => (NOBODY, None),
            Some(Waiter::Task(home, task)) if Rc::ptr_eq(&home, self) => (task, None),
            Some(Waiter::Listener(listener)) => (NOBODY, Some(listener)),
            Some(other) => {
                let listener: Rc<dyn Listener> = Rc::new(Cell::new(Some(other)));
                (NOBODY, Some(listener))
            }
        };
        self.with(key, |slot| {
            slot.joiner = joiner;
            std::mem::swap(&mut slot.listener, &mut listener);
            let is_joined = slot.is_joined();
            if let Some(extras) = &mut slot.extras
                && let Some(done) = &mut extras.done
                && is_joined
            {
                done.joiner_arrives();
            }
        });
        // The earlier one; or the new one, if the task is not known any more.
        drop(listener);
    }

    /// Nobody will take the task's outcome.
    pub(crate) fn detach(&self, key: Key) {
        let freed = self.slots.borrow_mut().free_if_bare(key);
        if !freed {
            self.detach_live(key);
        }
    }

    #[inline(never)]
    fn detach_live(&self, key: Key) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(key) else { return };
        if slot.stage.has_ended() {
            drop(slots);
            return self.forget(key);
        }
        slot.detached = true;
        slot.joiner = NOBODY;
        let listener = slot.listener.take();
        drop(slots);
        drop(listener);
    }

    /// Registers a callback for the task's end. One that comes too late is queued at once.
    /// Returns its number.
    pub(crate) fn add_done_callback(&self, key: Key, callback: DoneCallback) -> u64 {
        let mut callback = Some(callback);
        let known = self.with(key, |slot| {
            if let Some(how) = slot.stage.end() {
                return Err(TaskEnded::new(slot.id, slot.display_name(), how));
            }
            let joined = slot.is_joined();
            let done = slot.extras.get_or_insert_default().done.get_or_insert_default();
            Ok(callback.take().map(|callback| done.add(callback, joined)))
        });
        match (known, callback) {
            (Some(Ok(Some(number))), _) => number,
            (Some(Err(ended)), Some(callback)) => {
                self.queue_done_callback(callback, &ended);
                NO_CALLBACK
            }
            // A task of a closed loop: nothing will ever be called.
            _ => NO_CALLBACK,
        }
    }

    /// Takes back a callback. `false` if it is not there any more.
    pub(crate) fn remove_done_callback(&self, key: Key, number: u64) -> bool {
        let removed =
            self.with(key, |slot| slot.extras.as_mut()?.done.as_mut()?.remove(number)).flatten();
        // Dropping it is user code: the table is not borrowed any more.
        removed.is_some()
    }

    /// Queues a callback of a task that has ended. A closed loop drops it uncalled.
    pub(crate) fn queue_done_callback(&self, callback: DoneCallback, ended: &TaskEnded) {
        let ended = ended.clone();
        let _ = self.loop_ref.call_soon(move || callback(ended));
    }

    /// How reports call a task.
    pub(crate) fn who(&self, key: Key) -> String {
        self.with(key, |slot| slot.who()).unwrap_or_default()
    }

    pub(crate) fn id(&self, key: Key) -> Option<u64> {
        self.with(key, |slot| slot.id)
    }

    pub(crate) fn name(&self, key: Key) -> Option<String> {
        self.with(key, |slot| slot.display_name())
    }

    pub(crate) fn spawned_at(&self, key: Key) -> Option<&'static Location<'static>> {
        self.with(key, |slot| slot.spawned_at)
    }

    /// A copy of a task's context variables, as its last step left them; none while its future
    /// is out, and the variables with it.
    pub(crate) fn values(&self, key: Key) -> ContextValues {
        let copy = self.with(key, |slot| match slot.stage {
            Stage::Out => ContextValues::default(),
            _ => slot.extras.as_ref().map(|extras| extras.values.clone()).unwrap_or_default(),
        });
        copy.unwrap_or_default()
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }
}

impl Slot {
    /// Whether somebody waits for its end.
    pub(crate) fn is_joined(&self) -> bool {
        self.joiner != NOBODY || self.listener.is_some()
    }

    /// Notes a task of its table that waits for its end, where that is all there is to do.
    #[inline]
    pub(crate) fn note_joiner(&mut self, joiner: Key) -> bool {
        let is_all = self.listener.is_none() && self.extras.is_none();
        if is_all {
            self.joiner = joiner;
        }
        is_all
    }

    /// Takes the outcome, if there is one.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        let Stage::Ended(how) = self.stage else { return None };
        self.stage = Stage::Taken(how);
        Some(match how {
            TaskEnd::Finished => Outcome::Finished(self.body.take()?),
            TaskEnd::Cancelled => Outcome::Failed(TaskError::Cancelled),
            TaskEnd::Panicked => {
                Outcome::Failed(TaskError::Panicked(self.extras.as_mut()?.panic.take()?))
            }
        })
    }

    /// Puts an outcome back that was taken.
    pub(crate) fn put_back(&mut self, outcome: Outcome) {
        let Stage::Taken(how) = self.stage else { return };
        self.stage = Stage::Ended(how);
        match outcome {
            Outcome::Finished(body) => self.body = Some(body),
            Outcome::Failed(TaskError::Cancelled) => {}
            Outcome::Failed(TaskError::Panicked(panic)) => self.set_panic(panic),
        }
    }
}
