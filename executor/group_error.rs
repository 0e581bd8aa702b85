//! How a task group fails: with everything that went wrong in it.
//!
//! asyncio raises an `ExceptionGroup`. A group that failed once fails with a list of one, so
//! that whoever handles it needs to know one shape only.
//!
//! # Invariants
//! - Failures stand in the order in which they happened; the body's own is last.
//!
//! Tutorial: chapters 10 and 12. Before this: `combinators/concurrent.rs`. After this:
//! `task_group.rs`.

use std::fmt;
use std::panic::Location;

use crate::error::TaskPanic;

/// The child has no value: it failed, panicked or was cancelled. Its group has the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildEnded;

impl fmt::Display for ChildEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the child of a task group ended without a value: it failed, panicked or was \
             cancelled; the group's own error says which",
        )
    }
}

impl std::error::Error for ChildEnded {}

/// Everything that went wrong in a group, in the order in which it happened; the body's own
/// error last.
#[derive(Debug)]
pub struct GroupError<E> {
    /// Empty if the group was cancelled before its body had ended.
    pub failures: Vec<GroupFailure<E>>,
}

/// One failure in a group.
#[derive(Debug)]
pub struct GroupFailure<E> {
    /// The child's name and the line that spawned it; `None` for the body.
    pub who: Option<(String, Option<&'static Location<'static>>)>,
    /// How it failed.
    pub cause: GroupCause<E>,
}

/// How somebody in a group failed.
#[derive(Debug)]
pub enum GroupCause<E> {
    /// With an error of its own.
    Failed(E),
    /// With a panic.
    Panicked(TaskPanic),
}

impl<E> GroupError<E> {
    /// The errors without the panics.
    #[doc(alias = "exceptions")]
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.failures.iter().filter_map(|failure| match &failure.cause {
            GroupCause::Failed(error) => Some(error),
            GroupCause::Panicked(_) => None,
        })
    }

    /// Whether nothing failed: the group was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failures[..] {
            [] => return f.write_str("the task group was cancelled before its body had ended"),
            [one] => write!(f, "the task group failed: {one}")?,
            [first, rest @ ..] => {
                write!(f, "the task group failed {} times: {first}", rest.len() + 1)?;
                for failure in rest {
                    write!(f, "; {failure}")?;
                }
            }
        }
        Ok(())
    }
}

impl<E: fmt::Display> fmt::Display for GroupFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Some((name, _)) => write!(f, "{name}: ")?,
            None => f.write_str("the group's body: ")?,
        }
        match &self.cause {
            GroupCause::Failed(error) => write!(f, "{error}"),
            GroupCause::Panicked(panic) => write!(f, "panicked: {}", panic.message()),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for GroupError<E> {}
