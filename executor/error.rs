//! How awaiting can fail.
//!
//! A task's own error is its output's business: a task whose future gives a `Result` gives
//! that `Result`. The errors here are the runtime's: the task was cancelled, or it
//! panicked; a time limit passed; a promise was broken.
//!
//! Tutorial: chapters 6 and 10. Before this: nothing. After this: `own_step.rs`.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use roundelay_runtime::{Failure, FailureKind, panic_message};

/// Why a task has no output.
///
/// ```
/// use roundelay_executor::{TaskError, run, spawn};
///
/// run(async {
///     let panicked = spawn(async { panic!("no luck") });
///     let Err(TaskError::Panicked(panic)) = panicked.await else { unreachable!() };
///     assert_eq!(panic.message(), "no luck");
///
///     let asked = spawn(std::future::pending::<()>());
///     asked.cancel();
///     assert!(asked.await.is_err_and(|error| error.is_cancelled()));
/// });
/// ```
#[derive(Clone, Debug)]
pub enum TaskError {
    /// Its future was dropped in answer to a cancel, or because its loop was closed.
    Cancelled,
    /// It panicked.
    Panicked(TaskPanic),
}

impl TaskError {
    /// Whether the task was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, TaskError::Cancelled)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Cancelled => f.write_str(
                "the task was cancelled before it could finish; whoever holds its handle, its \
                 group or its loop asked for that",
            ),
            TaskError::Panicked(panic) => write!(f, "the task panicked: {}", panic.message()),
        }
    }
}

impl std::error::Error for TaskError {}

impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        io::Error::other(error)
    }
}

/// What a task panicked with.
///
/// Clones share the payload, and the first to ask for it gets it.
#[derive(Clone)]
pub struct TaskPanic {
    // Boxed, because every task has room for one and hardly any needs it.
    contents: Arc<Contents>,
}

struct Contents {
    message: String,
    /// Behind a lock only so that the error may be shared between threads.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl TaskPanic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> TaskPanic {
        let message = panic_message(&*payload);
        TaskPanic { contents: Arc::new(Contents { message, payload: Mutex::new(Some(payload)) }) }
    }

    /// The panic's text, as far as it has one.
    ///
    /// ```
    /// use roundelay_executor::{TaskError, run, spawn};
    ///
    /// let outcome = run(async { spawn(async { panic!("no {}", "luck") }).await });
    /// let Err(TaskError::Panicked(panic)) = outcome else { unreachable!() };
    /// assert_eq!(panic.message(), "no luck");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.contents.message
    }

    /// What the panic carried; its text, if a clone of this has given the payload away before.
    ///
    /// ```
    /// use roundelay_executor::{TaskError, run, spawn};
    ///
    /// let outcome = run(async { spawn(async { std::panic::panic_any(7) }).await });
    /// let Err(TaskError::Panicked(panic)) = outcome else { unreachable!() };
    /// assert_eq!(*panic.into_payload().downcast::<i32>().unwrap(), 7);
    /// ```
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        let payload = self.contents.payload.lock().unwrap_or_else(PoisonError::into_inner).take();
        payload.unwrap_or_else(|| Box::new(self.contents.message.clone()))
    }

    /// Panics again, here, with the same payload; the panic hook is not run a second time.
    ///
    /// ```
    /// use std::panic::catch_unwind;
    /// use roundelay_executor::{TaskError, run, spawn};
    ///
    /// let again = catch_unwind(|| {
    ///     let outcome = run(async { spawn(async { panic!("no luck") }).await });
    ///     if let Err(TaskError::Panicked(panic)) = outcome {
    ///         panic.resume(); // as if it had happened here
    ///     }
    /// });
    /// assert_eq!(*again.unwrap_err().downcast::<&str>().unwrap(), "no luck");
    /// ```
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

impl fmt::Debug for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPanic").field("message", &self.message()).finish_non_exhaustive()
    }
}

/// A time limit passed first.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{run, timeout};
///
/// let limit = Duration::from_millis(1);
/// let elapsed = run(timeout(limit, std::future::pending::<()>())).unwrap_err();
/// assert_eq!(elapsed.limit(), Some(limit));
/// assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    pub(crate) limit: Option<Duration>,
}

impl Elapsed {
    /// The limit, if it was given as a length of time.
    ///
    /// ```
    /// use roundelay_executor::{now, run, timeout_at};
    ///
    /// let elapsed = run(async { timeout_at(now(), std::future::pending::<()>()).await }).unwrap_err();
    /// assert_eq!(elapsed.limit(), None); // it was given as a moment
    /// ```
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "no answer within {limit:?}")?,
            None => f.write_str("no answer before the deadline")?,
        }
        f.write_str("; what was awaited has been dropped, so start it anew to try again")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// A panic that nobody will hear of unless it is reported.
pub(crate) fn lost_panic(who: String, panic: &TaskPanic) -> Failure {
    Failure::new(FailureKind::TaskPanicked, who, panic.message())
}
