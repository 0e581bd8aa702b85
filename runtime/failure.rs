//! Failures that nobody can take any more.
//!
//! A callback that panics has no caller to tell. A task that fails after its handle was
//! dropped has nobody who awaits it. Such a failure is reported here, at once, so that it
//! cannot get lost: to standard error, to a handler of yours, or by stopping the loop.
//!
//! asyncio has `loop.set_exception_handler` for this and reports some failures only when
//! the garbage collector finds them; here each is reported the moment it can no longer be
//! taken.
//!
//! Tutorial: chapter 10. Before this: `error.rs`. After this: `clock.rs`.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// A callback of the loop panicked. The loop went on with the next one.
    CallbackPanicked,
    /// A task panicked, and nobody holds its handle.
    TaskPanicked,
    /// A task ended with an error, and nobody holds its handle.
    TaskFailed,
    /// A destructor panicked while the loop let go of something.
    DestructorPanicked,
    /// A warning of the debug mode or of the watchdog: a callback or a task's step held up the loop
    /// for too long.
    TooSlow,
    /// A warning of the debug mode: the loop was closed while the task had not ended.
    LeftBehind,
    /// A warning: some tasks wait for each other, and so for ever, although others go on.
    Deadlock,
}

/// One failure, with what is known of where it came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// Who failed: "callback", or a task with its number and name.
    pub who: String,
    /// The panic's message, or the error's.
    pub message: String,
    /// The line that scheduled or spawned it, where that is known.
    pub origin: Option<&'static Location<'static>>,
    /// How long it had lived, on the loop's clock, where that is known.
    pub age: Option<Duration>,
}

impl Failure {
    /// A failure of which only the kind, the name and the message are known.
    ///
    /// ```
    /// use roundelay_runtime::{Failure, FailureKind};
    ///
    /// let failure = Failure::new(FailureKind::CallbackPanicked, "callback", "no such file");
    /// assert_eq!(failure.to_string(), "callback panicked: no such file");
    /// ```
    pub fn new(kind: FailureKind, who: impl Into<String>, message: impl Into<String>) -> Self {
        Failure { kind, who: who.into(), message: message.into(), origin: None, age: None }
    }

    /// Adds the line that scheduled or spawned it.
    #[must_use]
    pub fn origin(mut self, origin: &'static Location<'static>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Adds how long it had lived. The failure's text says it beside the line of
    /// [`origin`](Failure::origin).
    ///
    /// ```
    /// use std::{panic::Location, time::Duration};
    /// use roundelay_runtime::{Failure, FailureKind};
    ///
    /// let failure = Failure::new(FailureKind::TaskPanicked, "fetch", "no route")
    ///     .origin(Location::caller())
    ///     .age(Duration::from_secs(2));
    /// assert!(failure.to_string().ends_with(", 2s old)"));
    /// ```
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            FailureKind::CallbackPanicked | FailureKind::TaskPanicked => "panicked",
            FailureKind::TaskFailed => "failed and nobody can take its error any more",
            FailureKind::DestructorPanicked => "panicked in a destructor",
            FailureKind::TooSlow => "held up the loop",
            FailureKind::LeftBehind => "was left behind",
            FailureKind::Deadlock => "waits for ever",
        };
        write!(f, "{} {verb}: {}", self.who, self.message)?;
        if let Some(origin) = self.origin {
            write!(f, " (from {origin}")?;
            if let Some(age) = self.age {
                write!(f, ", {age:?} old")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// What a loop does with a failure that nobody can take.
#[derive(Clone, Default)]
pub enum FailurePolicy {
    /// Write it to standard error and go on.
    #[default]
    Report,
    /// Finish the turn, then let the run return [`RunError::Failed`](crate::RunError::Failed).
    Stop,
    /// Call this, for warnings of the debug mode as well. If it panics itself, the failure is
    /// written to standard error after all.
    Handler(Rc<dyn Fn(&Failure)>),
}

impl fmt::Debug for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailurePolicy::Report => "Report",
            FailurePolicy::Stop => "Stop",
            FailurePolicy::Handler(_) => "Handler(..)",
        })
    }
}

/// Gives a failure to the handler. Without one, or if it panics, the failure is written to
/// standard error.
pub(crate) fn report(handler: Option<&dyn Fn(&Failure)>, failure: &Failure) {
    let Some(handler) = handler else { return tell_stderr(failure) };
    if let Err(panic) = contain(|| handler(failure)) {
        tell_stderr(format_args!("the failure handler panicked ({panic}) on: {failure}"));
    }
}

/// Writes a line to standard error with our name in front. If that cannot be written either
/// (a closed pipe, a full disk) there is nobody left to tell.
///
/// ```
/// roundelay_runtime::tell_stderr("the fuse is lit");
/// ```
pub fn tell_stderr(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "roundelay: {line}");
}

/// The text of a panic, as far as it is text.
///
/// ```
/// let payload = std::panic::catch_unwind(|| panic!("seven")).unwrap_err();
/// assert_eq!(roundelay_runtime::panic_message(&*payload), "seven");
/// ```
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic whose payload is not text".to_owned()
    }
}

/// Drops a panic's payload, whose own destructor might panic again.
fn drop_quietly(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A text can be dropped. Anything else might be a payload whose destructor panics with a
        // payload whose destructor panics: let it be.
        if !second.is::<&'static str>() && !second.is::<String>() {
            std::mem::forget(second);
        }
    }
}

/// Calls `work` and turns a panic into its message.
///
/// The payload is dropped in here, with the same care: a loop must survive what its guests
/// leave behind.
///
/// ```
/// assert_eq!(roundelay_runtime::contain(|| 7), Ok(7));
/// assert_eq!(roundelay_runtime::contain(|| panic!("no")), Err::<(), _>("no".to_owned()));
/// ```
pub fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let message = panic_message(&*payload);
        drop_quietly(payload);
        message
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("and again");
        }
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained_too() {
        let result = contain(|| std::panic::panic_any(PanicsWhenDropped));
        assert_eq!(result, Err::<(), _>("a panic whose payload is not text".to_owned()));
    }

    #[test]
    fn a_failure_says_who_what_and_from_where() {
        let failure = Failure::new(FailureKind::TaskPanicked, "task 3 (fetch)", "no route")
            .origin(Location::caller())
            .age(Duration::from_millis(5));
        let text = failure.to_string();
        assert!(text.starts_with("task 3 (fetch) panicked: no route (from "), "{text}");
        assert!(text.ends_with(", 5ms old)"), "{text}");
    }
}
