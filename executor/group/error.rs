//! How a task group fails: with everything that went wrong in it.
//!
//! asyncio raises an `ExceptionGroup`. A group that failed once fails with a list of one, so
//! that whoever handles it needs to know one shape only.
//!
//! ```text
//!   GroupError [ worker 1: Failed(e) ]
//!              [ fetch:    Group -----> GroupError [ Task-7: Failed(e) ]
//!              [                                   [ Task-8: Panicked  ]
//!              [ the body: Failed(e) ]
//! ```
//!
//! # Invariants
//! - There is at least one failure in it.
//! - Failures stand in the order in which they happened; the body's own is last.
//!
//! Tutorial: chapters 10 and 12. Before this: `../cancel/stop.rs`. After this: `stage.rs`.

use std::error::Error;
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

impl Error for ChildEnded {}

/// Everything that went wrong in a group, in the order in which it happened; the body's own
/// error last.
///
/// ```
/// use roundelay_executor::{TaskBuilder, run, task_group};
///
/// let failed = run(task_group(async |group| {
///     group.spawn_with(TaskBuilder::new().name("fetch"), async { Err::<(), _>("no route") });
///     Err::<(), _>("no time")
/// }));
/// let text = failed.unwrap_err().to_string();
/// assert_eq!(text, "the task group failed: the group's body: no time");
///
/// let failed = run(task_group(async |group| {
///     group.spawn_with(TaskBuilder::new().name("fetch"), async { Err::<(), _>("no route") });
///     Ok(())
/// }));
/// assert_eq!(failed.unwrap_err().to_string(), "the task group failed: fetch: no route");
/// ```
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
pub struct GroupError<E> {
    /// At least one.
    pub failures: Vec<GroupFailure<E>>,
}

/// One failure in a group.
#[derive(Debug)]
pub struct GroupFailure<E> {
    /// The child's name and the line that spawned it; `None` for the body.
    pub who: Who,
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
    /// It was a group itself, and failed as one: see
    /// [`TaskGroup::spawn_group`](crate::TaskGroup::spawn_group).
    Group(GroupError<E>),
}

impl<E> GroupError<E> {
    /// All errors without the panics, those of groups in this group included, each group's
    /// in the order in which they happened.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn(async { Err::<(), _>("no route") });
    ///     group.spawn(async { Err::<(), _>("no time") });
    ///     Ok(())
    /// }));
    /// assert_eq!(failed.unwrap_err().errors().collect::<Vec<_>>(), [&"no route", &"no time"]);
    /// ```
    #[doc(alias = "exceptions")]
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.leaves().filter_map(|failure| match &failure.cause {
            GroupCause::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// All failures that are not groups themselves, whatever group they happened in. What is in a
    /// group comes in the group's place.
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn_group(TaskBuilder::new().name("outer"), async |inner| {
    ///         inner.spawn_with(TaskBuilder::new().name("inner"), async { Err::<(), _>("no route") });
    ///         Ok(())
    ///     });
    ///     Ok(())
    /// }));
    /// let failed = failed.unwrap_err();
    /// let leaves: Vec<_> = failed.leaves().map(|failure| failure.to_string()).collect();
    /// assert_eq!(leaves, ["inner: no route"]); // and not "outer"
    /// ```
    pub fn leaves(&self) -> impl Iterator<Item = &GroupFailure<E>> {
        // What is still to be looked at, the next one last. A nested group is replaced by
        // what is in it.
        let mut todo: Vec<&GroupFailure<E>> = self.failures.iter().rev().collect();
        std::iter::from_fn(move || {
            loop {
                let next = todo.pop()?;
                match &next.cause {
                    GroupCause::Group(inner) => todo.extend(inner.failures.iter().rev()),
                    _ => return Some(next),
                }
            }
        })
    }

    /// The same failures without the nesting. Whoever failed in a nested group is called
    /// "outer > inner".
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn_group(TaskBuilder::new().name("outer"), async |inner| {
    ///         inner.spawn_with(TaskBuilder::new().name("inner"), async { Err::<(), _>("no route") });
    ///         Ok(())
    ///     });
    ///     Ok(())
    /// }));
    /// let flat = failed.unwrap_err().flatten();
    /// assert_eq!(flat.to_string(), "the task group failed: outer > inner: no route");
    /// ```
    #[must_use]
    pub fn flatten(self) -> GroupError<E> {
        let mut todo: Vec<GroupFailure<E>> = self.failures.into_iter().rev().collect();
        let mut failures = Vec::new();
        while let Some(GroupFailure { who, cause }) = todo.pop() {
            let GroupCause::Group(inner) = cause else {
                failures.push(GroupFailure { who, cause });
                continue;
            };
            todo.extend(inner.failures.into_iter().rev().map(|mut failure| {
                failure.who = path(who.clone(), failure.who);
                failure
            }));
        }
        GroupError { failures }
    }

    /// Splits by error: those that `wanted` says yes to, and the rest. Nested groups are
    /// split in the same way and stay nested; panics belong to the rest. A part without any
    /// failure is `None`. (asyncio writes `except*`.)
    ///
    /// ```
    /// use std::io;
    /// use roundelay_executor::{run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     for kind in [io::ErrorKind::NotFound, io::ErrorKind::TimedOut] {
    ///         group.spawn(async move { Err::<(), _>(io::Error::from(kind)) });
    ///     }
    ///     Ok(())
    /// }));
    /// let late = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    /// let (late, rest) = failed.unwrap_err().partition(late);
    /// assert_eq!(late.unwrap().failures.len(), 1);
    /// assert_eq!(rest.unwrap().failures.len(), 1);
    /// ```
    #[doc(alias = "except*")]
    #[doc(alias = "split")]
    pub fn partition(self, mut wanted: impl FnMut(&E) -> bool) -> (Option<Self>, Option<Self>) {
        self.partition_with(&mut wanted)
    }

    fn partition_with(self, wanted: &mut dyn FnMut(&E) -> bool) -> (Option<Self>, Option<Self>) {
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for GroupFailure { who, cause } in self.failures {
            let (chosen, rest) = match cause {
                GroupCause::Failed(error) if wanted(&error) => {
                    (Some(GroupCause::Failed(error)), None)
                }
                GroupCause::Group(inner) => {
                    let (chosen, rest) = inner.partition_with(wanted);
                    (chosen.map(GroupCause::Group), rest.map(GroupCause::Group))
                }
                other => (None, Some(other)),
            };
            yes.extend(chosen.map(|cause| GroupFailure { who: who.clone(), cause }));
            no.extend(rest.map(|cause| GroupFailure { who, cause }));
        }
        let whole = |failures: Vec<_>| (!failures.is_empty()).then_some(GroupError { failures });
        (whole(yes), whole(no))
    }
}

impl<E: Error + 'static> GroupError<E> {
    /// The first error of type `T`: one of the failures' own errors, or what one of them was
    /// caused by.
    ///
    /// ```
    /// use std::io;
    /// use roundelay_executor::{run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn(async { Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)) });
    ///     Ok(())
    /// }));
    /// assert!(failed.unwrap_err().find::<io::Error>().is_some());
    /// ```
    #[must_use]
    pub fn find<T: Error + 'static>(&self) -> Option<&T> {
        self.errors().find_map(|error| {
            let mut next: Option<&(dyn Error + 'static)> = Some(error);
            while let Some(error) = next {
                if let Some(found) = error.downcast_ref() {
                    return Some(found);
                }
                next = error.source();
            }
            None
        })
    }
}

type Who = Option<(String, Option<&'static Location<'static>>)>;

/// How somebody in a group in a group is called.
fn path(outer: Who, inner: Who) -> Who {
    match (outer, inner) {
        (Some((outer, _)), Some((inner, at))) => Some((format!("{outer} > {inner}"), at)),
        // The body of the inner group is what the outer group knows as its child.
        (outer, inner) => inner.or(outer),
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failures = self.failures.iter();
        let Some(first) = failures.next() else { return f.write_str("the task group failed") };
        match failures.len() {
            0 => write!(f, "the task group failed: {first}"),
            more => {
                write!(f, "the task group failed {} times: {first}", more + 1)?;
                failures.try_for_each(|failure| write!(f, "; {failure}"))
            }
        }
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
            GroupCause::Group(inner) => write!(f, "({inner})"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}
