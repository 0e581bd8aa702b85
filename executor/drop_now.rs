//! Dropping what nobody waits for: futures out of turn, and outcomes that nobody takes.
//!
//! ```text
//!   drop_now(parent) --> drop_now(child) --> ... 64 deep: put on a list, dropped when
//!                                                the outermost drop is nearly done
//! ```
//!
//! # Invariants
//! - What is dropped may drop more of its kind, and so on: the stack does not grow with it.
//! - A panic that nobody can take any more is reported.
//!
//! Tutorial: chapters 6 and 10. Before this: `fetch_ahead.rs`. After this: `family.rs`.

use roundelay_runtime::{Failure, FailureKind, Key, contain};

use crate::error::lost_panic;
use crate::task_table::{Remains, Tasks, who};

impl Tasks {
    /// Frees the slot of a task that has ended and whose outcome nobody can take.
    #[inline]
    pub(crate) fn forget(&self, key: Key) {
        let freed = self.slots.borrow_mut().free_if_bare(key);
        if !freed {
            self.drop_remains(key);
        }
    }

    /// There is something to drop in it: mostly the output of a task that nobody waited for.
    #[inline(never)]
    fn drop_remains(&self, key: Key) {
        let Some(remains) = self.slots.borrow_mut().remove(key) else { return };
        match self.is_too_deep() {
            true => self.forgotten.borrow_mut().push(remains),
            false => self.go_deeper(|| self.drop_outcome(remains)),
        }
    }

    fn drop_outcome(&self, remains: Remains) {
        let Remains { id, born, spawned_at, body, extras, .. } = remains;
        let tell = |failure: Failure| {
            let age = self.loop_ref.latest().since(born);
            self.loop_ref.report(failure.origin(spawned_at).age(age));
        };
        let name = extras.as_ref().and_then(|extras| extras.name.clone());
        if let Some(panic) = extras.as_ref().and_then(|extras| extras.panic.as_ref()) {
            tell(lost_panic(who(id, name.as_deref()), panic));
        }
        let dropped = contain(move || match extras {
            Some(mut extras) => extras.values.run(|| drop(body)),
            None => drop(body),
        });
        if let Err(message) = dropped {
            tell(Failure::new(FailureKind::DestructorPanicked, who(id, name.as_deref()), message));
        }
    }

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
            slot.take_future()
        });
        match body {
            Some(Some(body)) => self.unwind(key, body),
            _ => drop(self.cancel(key)),
        }
    }
}

/// How many futures may be dropped one inside the other before the next waits its turn.
const DEEPEST_DROP: usize = 64;
