//! One step of a task.
//!
//! ```text
//!   step:  out of its slot --> polled --> pending: back into its slot
//!                 |               \-----> ready, or a panic: its end (`end.rs`)
//!                 \-- cancel was requested: dropped instead
//! ```
//!
//! # Invariants
//! - A future is polled in one place: [`Tasks::poll`].
//! - While a future is polled or dropped, it is out of its slot and nothing is borrowed: it
//!   may spawn, cancel and wake whom it likes.
//! - A future is polled and dropped with the task's own context variables in force.
//!
//! Tutorial: chapters 6 and 10. Before this: `requests.rs`. After this: `end.rs`.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::task::{Context, Poll};

use roundelay_runtime::{ContextValues, Event, Interest, Key, Stuck, Target, TaskEnd};

use crate::body::BoxedBody;
use crate::own_step::{self, Wait};
use crate::stage::Stage;
use crate::task_table::{Begun, Tasks};
use crate::waker::LentWaker;

/// What a poll gave, or the payload of its panic.
pub(crate) type Polled<T> = Result<Poll<T>, Box<dyn Any + Send>>;

/// A poll, taken.
struct Taken<T> {
    outcome: Polled<T>,
    /// Somebody holds a clone of the waker that was lent.
    shared: bool,
    /// The task has woken itself.
    once_more: bool,
}

impl Target for Tasks {
    fn run(&self, key: Key) {
        match self.loop_ref.are_steps_told() {
            true => self.one_step::<true>(key),
            false => self.step_by_step(key),
        }
    }

    fn notify(&self, key: Key) {
        self.wake(key);
    }

    fn announce(&self, keys: &[Key]) {
        self.fetch_ahead(keys);
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
        unshared.map_or(0, |count| spares + count + self.own_doors.get())
    }

    fn who(&self, key: Key) -> Option<(String, Option<&'static Location<'static>>)> {
        let known = self.with(key, |slot| (slot.named(), Some(slot.spawned_at)));
        Some(known.unwrap_or_else(|| ("a task that has ended".to_owned(), None)))
    }

    fn stuck(&self) -> Vec<Stuck> {
        self.who_is_stuck()
    }
}

impl Tasks {
    /// Steps of one task after the other, as long as nothing else is next in line. All are lent
    /// the same waker, unless one keeps it.
    fn step_by_step(&self, first: Key) {
        let mut spare = self.take_spare_waker();
        let mut next = Some(first);
        while let Some(key) = next {
            self.step::<false>(key, &mut spare);
            next = self.loop_ref.next_key();
        }
        self.spare_waker.set(Some(spare));
    }

    fn one_step<const OBSERVED: bool>(&self, key: Key) {
        let mut spare = self.take_spare_waker();
        self.step::<OBSERVED>(key, &mut spare);
        self.spare_waker.set(Some(spare));
    }

    #[inline]
    fn take_spare_waker(&self) -> Box<LentWaker> {
        self.spare_waker.take().unwrap_or_else(|| LentWaker::new(self.loop_ref.proxy()))
    }

    /// One step of a task. Whether it is observed is asked once: the compiler makes two of it.
    #[inline(always)]
    fn step<const OBSERVED: bool>(&self, key: Key, spare: &mut Box<LentWaker>) {
        let taken = self.with(key, |slot| {
            slot.scheduled = false;
            let body = slot.take_future()?;
            let begun = (!slot.cancel_requested).then(|| slot.begin_poll(spare));
            Some((body, begun))
        });
        let Some(Some((mut body, begun))) = taken else { return };
        let Some(begun) = begun else { return self.unwind(key, body) };
        let lends_own = begun.lends_own;
        let Taken { outcome, shared, once_more } =
            self.poll::<_, OBSERVED>(key, begun, spare, |cx| body.as_mut().poll(cx));
        if lends_own || shared {
            self.keep_waker(key, spare, lends_own);
        }
        match outcome {
            Ok(Poll::Pending) => self.go_on_waiting::<OBSERVED>(key, body, shared, once_more),
            Ok(Poll::Ready(())) => self.end(key, TaskEnd::Finished, Some(body)),
            Err(payload) => self.end_by_panic(key, body, payload),
        }
    }

    /// After a poll: the future goes back into its slot.
    #[inline(always)]
    fn go_on_waiting<const OBSERVED: bool>(
        &self,
        key: Key,
        body: BoxedBody,
        shared: bool,
        once_more: bool,
    ) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(key) else {
            drop(slots);
            self.loop_ref.call_ends_with(Interest::NONE);
            // It was swept away while its future was out.
            return drop(body);
        };
        slot.stage = Stage::Waiting;
        slot.put_body(Some(body));
        // Also if its end was asked for in this step: so it stands behind those it has woken.
        if once_more || slot.cancel_requested {
            let scheduled = mem::replace(&mut slot.scheduled, true);
            drop(slots);
            if !scheduled {
                self.queue::<OBSERVED>(key);
            }
            return;
        }
        let blocker = slot.note_wait(shared, self.loop_ref.latest());
        let suspect = match blocker {
            Wait::Task(other) => slots.get_mut(other).is_some_and(|other| other.waits_for_owner()),
            wait => wait.is_for_owner(),
        };
        drop(slots);
        if suspect {
            self.look_for_circle(key);
        }
    }

    /// One step of the main task, whose future somebody else holds.
    pub(crate) fn step_main<T>(
        &self,
        key: Key,
        poll_main: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Polled<T> {
        let mut spare = self.take_spare_waker();
        let begun = self.with(key, |slot| slot.begin_poll(&mut spare));
        let Some(begun) = begun else { return Ok(Poll::Pending) };
        self.main_is_out.set(true);
        let lends_own = begun.lends_own;
        let Taken { outcome, shared, once_more } =
            self.poll::<_, true>(key, begun, &mut spare, poll_main);
        if lends_own || shared {
            self.keep_waker(key, &mut spare, lends_own);
        }
        self.spare_waker.set(Some(spare));
        let latest = self.loop_ref.latest();
        let blocker = self.with(key, |slot| slot.note_wait(shared, latest));
        self.main_is_out.set(false);
        if once_more {
            self.wake(key);
        } else if matches!(outcome, Ok(Poll::Pending))
            && let Some(blocker) = blocker
            && blocker.is_for_owner()
        {
            self.look_for_circle(key);
        }
        outcome
    }

    /// A task that has woken itself, or was asked to end, in its own step.
    #[inline]
    fn queue<const OBSERVED: bool>(&self, key: Key) {
        if OBSERVED && self.loop_ref.is_interesting(Interest::WAKES) {
            self.tell_woken_again(key);
        }
        self.loop_ref.run_soon(key);
    }

    #[cold]
    fn tell_woken_again(&self, key: Key) {
        if let Some(task) = self.id(key) {
            // Right after the end of its step.
            self.loop_ref.observe_after(Interest::STEPS, || Event::TaskWoken { task });
        }
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
        let outer = own_step::read();
        match self.loop_ref.are_steps_told() {
            false => self.one_step::<false>(key),
            true => self.one_step::<true>(key),
        }
        // Whoever has spawned it goes on.
        self.loop_ref.call_ends_with(Interest::NONE);
        own_step::put(outer);
        self.eager_depth.set(depth);
    }

    /// The one place where futures are polled: as the task `key`, with a waker lent to it.
    #[inline(always)]
    fn poll<T, const OBSERVED: bool>(
        &self,
        key: Key,
        begun: Begun,
        spare: &mut Box<LentWaker>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Taken<T> {
        let Begun { id, lends_own, has_values } = begun;
        let lent = &*spare;
        match lends_own {
            true => lent.looks(),
            false => lent.lend_to(key),
        }
        if OBSERVED {
            let begins = Interest::CALLS | Interest::TASKS;
            self.loop_ref.observe_after(begins, || Event::TaskPolled { task: id });
        }
        own_step::begin(lent.waker(), key);
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
        let once_more = own_step::end();
        if OBSERVED && matches!(outcome, Ok(Poll::Pending)) {
            self.loop_ref.observe(|| Event::TaskPending { task: id });
            self.loop_ref.call_ends_with(Interest::STEPS);
        }
        Taken { outcome, shared: lent.was_kept(), once_more }
    }

    /// After a step: `spare` is a task's own waker, or is so from now on, for who keeps a clone
    /// once will do so again. It goes into the task's slot, and what comes back is a spare one.
    #[inline(never)]
    fn keep_waker(&self, key: Key, spare: &mut Box<LentWaker>, was_own: bool) {
        let another = if was_own { None } else { Some(LentWaker::new(self.loop_ref.proxy())) };
        let lies_there = self.with(key, |slot| match (&mut slot.waker, another) {
            (Some(lying), _) => mem::swap(lying, spare),
            (none, Some(another)) => *none = Some(mem::replace(spare, another)),
            (None, None) => {}
        });
        // The slot has been swept away, and with it what lay there.
        if lies_there.is_none() {
            *spare = LentWaker::new(self.loop_ref.proxy());
        }
    }

    /// Puts a task's context variables in the place of the present ones, or takes them back.
    #[cold]
    fn exchange_values(&self, key: Key) {
        self.with(key, |slot| slot.extras.get_or_insert_default().values.swap());
    }
}

/// How many eager first steps may be taken one inside the other.
const DEEPEST_EAGER: usize = 64;
