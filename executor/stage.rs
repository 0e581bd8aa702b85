//! The stages of a task's life, and what belongs to each.
//!
//! ```text
//!   waiting --step--> out --pending--> waiting ...
//!                      \--ready, cancelled, panicked--> ended --outcome taken--> taken
//! ```
//!
//! A stage is one byte. What belongs to it (the future, the output, the panic) lies beside it
//! in the task's slot, so a step changes a byte and moves a pointer. (The simple version was
//! one enum that held the future or the outcome: each step moved it out of the slot and back,
//! and every assignment asked which of six things it had to drop.)
//!
//! Tutorial: chapter 6. Before this: `body.rs`. After this: `task_table.rs`.

use roundelay_runtime::TaskEnd;

use crate::body::BoxedBody;
use crate::error::TaskError;

/// How far a task is. What belongs to a stage (the future, the output) lies beside it in the
/// slot: a step changes a byte here, and moves no more than a pointer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its future waits in its slot to be polled.
    Waiting,
    /// Its future is out: being polled, or being dropped.
    Out,
    /// The main future is lent to the loop by `run`.
    Main,
    /// Its outcome waits in its slot to be taken.
    Ended(TaskEnd),
    /// The outcome was taken; the handle is still there.
    Taken(TaskEnd),
}

/// What a task leaves behind, on its way from or to its slot.
pub(crate) enum Outcome {
    /// The body holds the output.
    Finished(BoxedBody),
    Failed(TaskError),
}

impl Stage {
    pub(crate) fn has_ended(self) -> bool {
        self.end().is_some()
    }

    /// How the task ended, if it has.
    pub(crate) fn end(self) -> Option<TaskEnd> {
        match self {
            Stage::Waiting | Stage::Out | Stage::Main => None,
            Stage::Ended(how) | Stage::Taken(how) => Some(how),
        }
    }
}
