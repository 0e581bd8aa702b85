//! How gathering fails: with the first failure, and whose it was.
//!
//! Who wants every error uses [`gather_all`](crate::gather_all()), which keeps all outcomes,
//! or a [`TaskGroup`](crate::TaskGroup), which keeps all errors.
//!
//! Tutorial: chapters 9 and 10. Before this: `try_gather.rs`. After this: `wait.rs`.

use std::fmt;

use crate::error::TaskError;

/// The first failure among gathered tasks.
///
/// ```
/// use roundelay_executor::{GatherCause, gather, run};
///
/// let answers = [Ok(1), Err("no")].map(|answer| async move { answer });
/// let error = run(async { gather(answers).await }).unwrap_err();
/// assert_eq!(error.index, 1);
/// assert!(matches!(error.cause, GatherCause::Failed("no")));
/// ```
#[derive(Debug)]
pub struct GatherError<E> {
    /// Which future of the argument failed, counted from zero.
    pub index: usize,
    /// How it failed.
    pub cause: GatherCause<E>,
}

/// How a gathered task failed.
#[derive(Debug)]
pub enum GatherCause<E> {
    /// It ended with an error of its own.
    Failed(E),
    /// It was cancelled, or panicked.
    Task(TaskError),
}

impl<E: fmt::Display> fmt::Display for GatherError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} of the gathered futures failed first: ", self.index)?;
        match &self.cause {
            GatherCause::Failed(error) => write!(f, "{error}"),
            GatherCause::Task(error) => write!(f, "{error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for GatherError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            GatherCause::Failed(error) => Some(error),
            GatherCause::Task(error) => Some(error),
        }
    }
}
