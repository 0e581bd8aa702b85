//! One step of a task, and its end.
//!
//! ```text
//!   step:  out of its slot --> polled --> pending: back into its slot
//!                 |               \-----> ready:   its outcome goes into the slot
//!                 |                \----> panic:   so does the panic
//!                 \-- cancel was requested: dropped instead
//! ```
//!
//! # Invariants
//! - A future is polled in one place: [`Tasks::poll`].
//! - While a future is polled or dropped, it is out of its slot and nothing is borrowed: it
//!   may spawn, cancel and wake whom it likes.
//! - Whoever waits for a task's end is woken only after its future has been dropped.
//! - A panic that nobody can take is reported when that becomes certain.
//! - A future is polled and dropped with the task's own context variables in force.
//!
//! Tutorial: chapters 6 and 10. Before this: `requests.rs`. After this: `shutdown.rs`.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use roundelay_runtime::{
    ContextValues, Event, Failure, FailureKind, Key, Target, TaskEnd, contain,
};

use crate::done_callbacks::{DoneCallbacks, TaskEnded};
use crate::error::{TaskError, TaskPanic};
use crate::task_table::{Begun, BoxedBody, Current, Slot, Stage, Tasks, Waiter, lost_panic, who};
use crate::waker::LentWaker;

/// What a poll gave, or the payload of its panic.
pub(crate) type Polled<T> = Result<Poll<T>, Box<dyn Any + Send>>;

impl Target for Tasks {
    fn run(&self, key: Key) {
        self.step(key);
    }

    fn notify(&self, key: Key) {
        self.wake(key);
    }

    /// The wakers that are here and of which nobody holds a clone.
    fn own_doors(&self) -> usize {
        let spare = self.spare_waker.take();
        let spares = usize::from(spare.is_some());
        self.spare_waker.set(spare);
        let slots = self.slots.borrow();
        let mut in_slots = slots.iter().filter_map(|(_, slot)| slot.waker.as_ref());
        // One clone in strange hands is enough to know that the loop can be called.
        let unshared = in_slots.try_fold(0, |count, lent| (!lent.was_kept()).then_some(count + 1));
        unshared.map_or(0, |count| spares + count)
    }
}

impl Tasks {
    /// One step of a task.
    #[inline]
    fn step(&self, key: Key) {
        let taken = self.with(key, |slot| {
            slot.scheduled = false;
            match std::mem::replace(&mut slot.stage, Stage::Out) {
                Stage::Waiting(body) if slot.cancel_requested => Some((body, None)),
                Stage::Waiting(body) => Some((body, Some(slot.begin_poll()))),
                other => {
                    slot.stage = other;
                    None
                }
            }
        });
        let Some(Some((mut body, begun))) = taken else { return };
        let Some(begun) = begun else { return self.unwind(key, body) };
        let (outcome, lent) = self.poll(key, begun, |cx| body.as_mut().poll(cx));
        match outcome {
            Ok(Poll::Pending) => self.end_poll(key, lent, Some(body)),
            // The value of a task that was cancelled while it took its last step is lost,
            // as in asyncio: whoever cancelled it was told that it would not finish.
            Ok(Poll::Ready(())) => {
                self.end_poll(key, lent, None);
                match self.is_cancel_requested(key) {
                    true => self.unwind(key, body),
                    false => self.end(key, |order| Stage::Finished(body, order)),
                }
            }
            Err(payload) => {
                self.end_poll(key, lent, None);
                self.drop_contained(key, body);
                let error = TaskError::Panicked(TaskPanic::new(payload));
                self.end(key, |order| Stage::Failed(error, order));
            }
        }
    }

    /// One step of the main task, whose future somebody else holds.
    pub(crate) fn step_main<T>(
        &self,
        key: Key,
        poll_main: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Polled<T> {
        let Some(begun) = self.with(key, Slot::begin_poll) else { return Ok(Poll::Pending) };
        self.main_is_out.set(true);
        let (outcome, lent) = self.poll(key, begun, poll_main);
        self.end_poll(key, lent, None);
        self.main_is_out.set(false);
        outcome
    }

    /// An eager task's first step, inside `spawn`.
    ///
    /// An eager task that spawns an eager task lies on top of it on the stack, and so on. From
    /// a certain depth on the first step waits for its turn like any other.
    #[cold]
    pub(crate) fn first_step(&self, key: Key) {
        let depth = self.eager_depth.get();
        if depth >= DEEPEST_EAGER {
            return self.loop_ref.run_soon(key);
        }
        self.eager_depth.set(depth + 1);
        self.run(key);
        self.eager_depth.set(depth);
    }

    /// The one place where futures are polled: as the task `key`, with a waker lent to it.
    fn poll<T>(
        &self,
        key: Key,
        begun: Begun,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> (Polled<T>, Box<LentWaker>) {
        let Begun { id, waker, has_values } = begun;
        let lent = waker.unwrap_or_else(|| {
            let spare = self.spare_waker.take();
            let spare = spare.unwrap_or_else(|| LentWaker::new(self.loop_ref.proxy()));
            spare.lend_to(key);
            spare
        });
        self.loop_ref.observe(|| Event::TaskPolled { task: id });
        let outer = self.current.replace(Some(Current { key, id, waker: lent.waker().data() }));
        // Mostly nobody has any context variables, and nothing is exchanged.
        let exchanged = has_values || ContextValues::any_here();
        if exchanged {
            self.exchange_values(key);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut cx = Context::from_waker(lent.waker());
            poll(&mut cx)
        }));
        if exchanged || ContextValues::any_here() {
            self.exchange_values(key);
        }
        self.current.set(outer);
        if matches!(outcome, Ok(Poll::Pending)) {
            self.loop_ref.observe(|| Event::TaskPending { task: id });
        }
        (outcome, lent)
    }

    /// Puts a task's context variables in the place of the present ones, or takes them back.
    #[cold]
    fn exchange_values(&self, key: Key) {
        self.with(key, |slot| slot.values.swap());
    }

    /// After a poll: the future goes back into its slot, and so does a waker of which
    /// somebody holds a clone. Any other waker is the spare one again.
    fn end_poll(&self, key: Key, lent: Box<LentWaker>, body: Option<BoxedBody>) {
        let mut kept = None;
        if lent.was_kept() {
            kept = Some(lent);
        } else {
            drop(self.spare_waker.replace(Some(lent)));
        }
        let mut body = body;
        let cancelled = self.with(key, |slot| {
            if kept.is_some() {
                slot.waker = kept.take();
            }
            if matches!(slot.stage, Stage::Out)
                && let Some(body) = body.take()
            {
                slot.stage = Stage::Waiting(body);
            }
            slot.cancel_requested && matches!(slot.stage, Stage::Waiting(_))
        });
        // Asked for during its step, so it stands behind everybody whom that step woke.
        if cancelled == Some(true) {
            self.wake(key);
        }
        // Left over only if the slot is gone, swept away while its future was out.
        drop((kept, body));
    }

    /// Drops a cancelled task's future, then ends the task.
    fn unwind(&self, key: Key, body: BoxedBody) {
        self.drop_contained(key, body);
        self.end(key, |order| Stage::Failed(TaskError::Cancelled, order));
    }

    /// Notes how a task ended, and tells who waits for it.
    fn end(&self, key: Key, outcome: impl FnOnce(u32) -> Stage) {
        let order = self.ended.get();
        self.ended.set(order.wrapping_add(1));
        let outcome = outcome(order);
        let Some(how) = outcome.end() else { return };
        let ended = self.with(key, |slot| {
            slot.stage = outcome;
            let done = slot.extras.as_mut().and_then(|extras| extras.done.take());
            (slot.id, slot.detached, slot.joiner.take(), slot.waker.take(), done)
        });
        let Some((task, detached, joiner, waker, done)) = ended else { return };
        drop(waker);
        self.live.set(self.live.get() - 1);
        self.loop_ref.observe(|| Event::TaskEnded { task, how });
        if let Some(done) = done {
            return self.end_with_callbacks(key, how, detached, joiner, *done);
        }
        if detached {
            self.forget(key);
        }
        if let Some(joiner) = joiner {
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
        joiner: Option<Waiter>,
        done: DoneCallbacks,
    ) {
        let ended = self.with(key, |slot| TaskEnded::new(slot.id, slot.display_name(), how));
        if detached {
            self.forget(key);
        }
        let Some(ended) = ended else { return };
        let (before, behind) = done.split();
        before.into_iter().for_each(|callback| self.queue_done_callback(callback, &ended));
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        behind.into_iter().for_each(|callback| self.queue_done_callback(callback, &ended));
    }

    /// Frees the slot of a task that has ended and whose outcome nobody can take.
    pub(crate) fn forget(&self, key: Key) {
        let Some(slot) = self.remove(key) else { return };
        match self.is_too_deep() {
            true => self.forgotten.borrow_mut().push(slot),
            false => self.go_deeper(|| self.drop_outcome(slot)),
        }
    }

    fn drop_outcome(&self, slot: Slot) {
        let tell = |failure: Failure| {
            let age = self.loop_ref.latest().since(slot.born);
            self.loop_ref.report(failure.origin(slot.spawned_at).age(age));
        };
        let who = || who(slot.id, slot.extras.as_deref());
        if let Stage::Failed(TaskError::Panicked(panic), _) = &slot.stage {
            tell(lost_panic(who(), panic));
        }
        let (stage, mut values) = (slot.stage, slot.values);
        let dropped = match values.is_empty() {
            true => contain(|| drop(stage)),
            false => contain(move || values.run(|| drop(stage))),
        };
        if let Err(message) = dropped {
            tell(Failure::new(FailureKind::DestructorPanicked, who(), message));
        }
    }

    fn drop_contained(&self, key: Key, body: BoxedBody) {
        let mut values = self.with(key, |slot| mem::take(&mut slot.values)).unwrap_or_default();
        let dropped = contain(|| values.run(|| drop(body)));
        self.with(key, |slot| slot.values = mem::take(&mut values));
        let Err(message) = dropped else { return };
        let known = self.with(key, |slot| (slot.who(), slot.spawned_at));
        let Some((who, at)) = known else { return };
        self.loop_ref
            .report(Failure::new(FailureKind::DestructorPanicked, who, message).origin(at));
    }
}

/// Dropping futures out of turn.
impl Tasks {
    /// Drops a task's future now and not in its own step: for a group that is itself being
    /// dropped and cannot wait. A future that is being polled this very moment is dropped
    /// when its poll returns.
    ///
    /// A child may hold a group of its own, whose children are dropped in turn, and so on:
    /// each generation lies deeper on the stack. From a certain depth on they are put on a
    /// list instead, and are dropped before the outermost drop returns.
    pub(crate) fn drop_now(&self, key: Key) {
        match self.is_too_deep() {
            true => self.too_deep.borrow_mut().push(key),
            false => self.go_deeper(|| self.drop_one_now(key)),
        }
    }

    fn is_too_deep(&self) -> bool {
        self.depth.get() >= DEEPEST_DROP
    }

    /// Drops something that may drop more of its kind. The outermost drop also drops what was
    /// put on the lists meanwhile.
    fn go_deeper(&self, drop_it: impl FnOnce()) {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        drop_it();
        if depth == 0 {
            self.drop_what_lay_too_deep();
        }
        self.depth.set(depth);
    }

    fn drop_what_lay_too_deep(&self) {
        loop {
            let child = self.too_deep.borrow_mut().pop();
            let outcome = self.forgotten.borrow_mut().pop();
            if child.is_none() && outcome.is_none() {
                break;
            }
            if let Some(key) = child {
                self.drop_one_now(key);
            }
            if let Some(slot) = outcome {
                self.drop_outcome(slot);
            }
        }
    }

    fn drop_one_now(&self, key: Key) {
        let body = self.with(key, |slot| {
            slot.cancel_requested = true;
            match std::mem::replace(&mut slot.stage, Stage::Out) {
                Stage::Waiting(body) => Some(body),
                other => {
                    slot.stage = other;
                    None
                }
            }
        });
        match body {
            Some(Some(body)) => self.unwind(key, body),
            _ => drop(self.cancel(key)),
        }
    }
}

/// How many futures may be dropped one inside the other before the next waits its turn.
const DEEPEST_DROP: usize = 64;

/// How many eager first steps may be taken one inside the other.
const DEEPEST_EAGER: usize = 64;
