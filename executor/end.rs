//! How a task ends: by itself, by a panic, or because somebody asked for it.
//!
//! ```text
//!   ready --------------------------------------\
//!   panic -----> future dropped, panic kept -----+--> its slot says how --> its joiner is woken
//!   cancelled -> future dropped -----------------/                     \--> callbacks are queued
//! ```
//!
//! # Invariants
//! - Whoever waits for a task's end is woken only after its future has been dropped.
//! - A panic that nobody can take is reported when that becomes certain.
//! - A future is dropped with the task's own context variables in force.
//!
//! Tutorial: chapters 6 and 10. Before this: `step.rs`. After this: `fetch_ahead.rs`.

use std::any::Any;
use std::mem;

use roundelay_runtime::{Event, Failure, FailureKind, Interest, Key, TaskEnd, contain};

use crate::body::BoxedBody;
use crate::done_callbacks::TaskEnded;
use crate::error::TaskPanic;
use crate::own_step::NOBODY;
use crate::stage::Stage;
use crate::task_table::{Slot, Tasks};

impl Tasks {
    /// Drops a cancelled task's future, then ends the task.
    #[cold]
    pub(crate) fn unwind(&self, key: Key, body: BoxedBody) {
        self.drop_contained(key, body);
        self.end(key, TaskEnd::Cancelled, None);
    }

    #[cold]
    pub(crate) fn end_by_panic(&self, key: Key, body: BoxedBody, payload: Box<dyn Any + Send>) {
        self.drop_contained(key, body);
        let panic = TaskPanic::new(payload);
        self.with(key, |slot| slot.set_panic(panic));
        self.end(key, TaskEnd::Panicked, None);
    }

    /// Notes how a task ended, and tells who waits for it. `output` is the body that holds it.
    pub(crate) fn end(&self, key: Key, how: TaskEnd, output: Option<BoxedBody>) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(key) else {
            drop(slots);
            return drop(output);
        };
        // The value of a task that was cancelled while it took its last step is lost, as in
        // asyncio: whoever cancelled it was told that it would not finish.
        if how == TaskEnd::Finished && slot.cancel_requested {
            drop(slots);
            return output.into_iter().for_each(|body| self.unwind(key, body));
        }
        slot.stage = Stage::Ended(how);
        slot.order = self.ended.get();
        slot.put_body(output);
        let joiner = mem::replace(&mut slot.joiner, NOBODY);
        let is_all = !slot.detached
            && slot.listener.is_none()
            && slot.waker.is_none()
            && slot.extras.is_none()
            && !self.loop_ref.is_observed();
        drop(slots);
        self.ended.set(self.ended.get().wrapping_add(1));
        self.live.set(self.live.get() - 1);
        match is_all {
            false => self.end_and_tell(key, how, joiner),
            true if joiner != NOBODY => self.wake(joiner),
            true => {}
        }
    }

    /// The rest of a task's end, where there is more than a task of ours that waits for it.
    #[inline(never)]
    fn end_and_tell(&self, key: Key, how: TaskEnd, joiner: Key) {
        let ended = self.with(key, |slot| {
            let done = slot.extras.as_mut().and_then(|extras| extras.done.take());
            let done = done.map(|done| (TaskEnded::new(slot.id, slot.display_name(), how), done));
            (slot.id, slot.detached, slot.waker.take(), slot.listener.take(), done)
        });
        let Some((task, detached, waker, listener, done)) = ended else { return };
        drop(waker);
        self.loop_ref.observe(|| {
            if how == TaskEnd::Finished && !(listener.is_some() || detached || done.is_some()) {
                self.loop_ref.call_ends_with(Interest::TASKS);
            }
            Event::TaskEnded { task, how }
        });
        if detached {
            self.forget(key);
        }
        let wake = || {
            if joiner != NOBODY {
                self.wake(joiner);
            }
            if let Some(listener) = listener {
                listener.hear();
            }
        };
        let Some((ended, done)) = done else { return wake() };
        let (before, behind) = done.split();
        before.into_iter().for_each(|callback| self.queue_done_callback(callback, &ended));
        wake();
        behind.into_iter().for_each(|callback| self.queue_done_callback(callback, &ended));
    }

    fn drop_contained(&self, key: Key, body: BoxedBody) {
        let mut values = self.with(key, Slot::take_values).unwrap_or_default();
        let dropped = contain(|| values.run(|| drop(body)));
        if !values.is_empty() {
            self.with(key, |slot| {
                slot.extras.get_or_insert_default().values = mem::take(&mut values)
            });
        }
        let Err(message) = dropped else { return };
        let known = self.with(key, |slot| (slot.who(), slot.spawned_at));
        let Some((who, at)) = known else { return };
        self.loop_ref
            .report(Failure::new(FailureKind::DestructorPanicked, who, message).origin(at));
    }
}
