//! Looking at how tasks ended, without taking anything from them.
//!
//! Whoever waits for several tasks asks two things of those that have ended: who was first,
//! and did it fail? The outcome itself must stay in its place, for the one who holds the
//! handle.
//!
//! # Invariants
//! - What was looked at is put back, also when looking at it panics.
//!
//! Tutorial: chapter 9. Before this: `../channel/watch.rs`. After this: `finish_line.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use roundelay_runtime::Key;

use crate::error::TaskError;
use crate::stage::{Outcome, Stage};
use crate::task_table::{Slot, Tasks};

impl Tasks {
    /// How many tasks have ended since this one did: the larger number ended earlier.
    ///
    /// Ends are counted round and round, so it is the distance that tells, and not the count.
    pub(crate) fn ended_since(&self, key: Key) -> u32 {
        let order = self.with(key, |slot| match slot.stage {
            Stage::Ended(_) => Some(slot.order),
            _ => None,
        });
        order.flatten().map_or(0, |order| self.ended.get().wrapping_sub(order))
    }

    /// Looks at a task's outcome; `None` if it has none, or none any more. A task that was
    /// spawned after its loop was closed never had a slot, and counts as cancelled.
    ///
    /// `look` may be a user's function: the outcome is out of the table while it is called.
    pub(crate) fn peek<T: 'static, R>(
        &self,
        key: Key,
        look: impl FnOnce(Result<&T, &TaskError>) -> R,
    ) -> Option<R> {
        let mut outcome = match self.with(key, Slot::take_outcome) {
            None => return Some(look(Err(&TaskError::Cancelled))),
            Some(outcome) => outcome?,
        };
        let mut output: Option<T> = None;
        if let Outcome::Finished(body) = &mut outcome {
            body.as_mut().swap_output(&mut output);
        }
        let seen = catch_unwind(AssertUnwindSafe(|| match (&output, &outcome) {
            (Some(output), _) => Some(look(Ok(output))),
            (None, Outcome::Failed(error)) => Some(look(Err(error))),
            (None, _) => None,
        }));
        if let Outcome::Finished(body) = &mut outcome {
            body.as_mut().swap_output(&mut output);
        }
        // If the slot is gone, swept away meanwhile, this drops the outcome: after the borrow.
        self.with(key, |slot| slot.put_back(outcome));
        seen.unwrap_or_else(|payload| resume_unwind(payload))
    }
}
