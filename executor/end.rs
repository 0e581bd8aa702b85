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
use std::rc::Rc;

use roundelay_runtime::{Event, Failure, FailureKind, Interest, Key, TaskEnd, contain};

use crate::done_callbacks::TaskEnded;
use crate::error::TaskPanic;
use crate::stage::{BoxedBody, Stage};
use crate::task_table::{Slot, Tasks, Waiter};

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
    pub(crate) fn end(&self, key: Key, how: TaskEnd, mut output: Option<BoxedBody>) {
        let ended = self.with(key, |slot| {
            // The value of a task that was cancelled while it took its last step is lost, as in
            // asyncio: whoever cancelled it was told that it would not finish.
            if how == TaskEnd::Finished && slot.cancel_requested {
                return None;
            }
            slot.stage = Stage::Ended(how);
            slot.order = self.ended.get();
            slot.put_body(output.take());
            let has_done = slot.extras.as_ref().is_some_and(|extras| extras.done.is_some());
            let joiner = slot.take_joining_task();
            let others = (slot.joiner.is_some(), has_done);
            Some((slot.id, slot.detached, joiner, others, slot.waker.take()))
        });
        let Some(ended) = ended else { return };
        let Some((task, detached, joiner, (has_listener, has_done), waker)) = ended else {
            return output.into_iter().for_each(|body| self.unwind(key, body));
        };
        drop(waker);
        self.ended.set(self.ended.get().wrapping_add(1));
        self.live.set(self.live.get() - 1);
        self.loop_ref.observe(|| {
            if how == TaskEnd::Finished && !(has_listener || detached || has_done) {
                self.loop_ref.call_ends_with(Interest::TASKS);
            }
            Event::TaskEnded { task, how }
        });
        if has_done {
            return self.end_with_callbacks(key, how, detached, joiner);
        }
        if detached {
            self.forget(key);
        }
        match joiner {
            Some((tasks, joiner)) => tasks.wake(joiner),
            None if has_listener => self.wake_listener(key),
            None => {}
        }
    }

    #[inline(never)]
    fn wake_listener(&self, key: Key) {
        if let Some(Some(joiner)) = self.with(key, |slot| slot.joiner.take()) {
            joiner.wake();
        }
    }

    /// The rest of a task's end, if callbacks are to be queued.
    #[cold]
    fn end_with_callbacks(
        &self,
        key: Key,
        how: TaskEnd,
        detached: bool,
        task: Option<(Rc<Tasks>, Key)>,
    ) {
        let ended = self.with(key, |slot| {
            let done = slot.extras.as_mut().and_then(|extras| extras.done.take());
            let ended = TaskEnded::new(slot.id, slot.display_name(), how);
            (ended, slot.joiner.take(), done.map(|done| done.split()))
        });
        if detached {
            self.forget(key);
        }
        let Some((ended, other, done)) = ended else { return };
        let (before, behind) = done.unwrap_or_default();
        before.into_iter().for_each(|callback| self.queue_done_callback(callback, &ended));
        let task = task.map(|(tasks, key)| Waiter::Task(tasks, key));
        if let Some(joiner) = task.or(other) {
            joiner.wake();
        }
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
