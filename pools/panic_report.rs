//! What is left of a panic when it has become a value: its words, its place, its payload.
//!
//! # Invariants
//! - A report can be cloned, and its payload is taken once: by whoever resumes first.
//! - Dropping a report harms nobody. The payload's destructor is the user's code, and a report is
//!   dropped on threads that must go on: a worker's, a supervisor's, a caller's.
//!
//! Tutorial: the chapter on thread pools. Before this: nothing. After this: `worker_exit.rs`.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

/// What a panic said and where.
///
/// The original payload of a panic in the *same* process is kept: [`resume`](Self::resume)
/// lets it go on in the thread of whoever asks for the result.
///
/// ```
/// use roundelay_pools::{Job, JobError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let job: Job<()> = pool.submit(|| panic!("no luck"))?;
/// let Err(JobError::Panicked(report)) = job.wait() else { panic!("it panicked") };
/// assert_eq!(report.message(), "no luck");
/// assert!(report.location().is_some()); // file:line:column
/// let lived_on = std::thread::spawn(move || report.resume()).join();
/// assert!(lived_on.is_err()); // the panic went on there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PanicReport {
    // Behind one pointer: every job has room for an error, and this one is rare.
    inner: Arc<PanicDetails>,
}

struct PanicDetails {
    message: String,
    location: Option<String>,
    backtrace: Option<String>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl PanicReport {
    pub(crate) fn new(
        message: String,
        location: Option<String>,
        backtrace: Option<String>,
        payload: Option<Box<dyn Any + Send>>,
    ) -> PanicReport {
        let payload = Mutex::new(payload);
        let inner = PanicDetails { message, location, backtrace, payload };
        PanicReport { inner: Arc::new(inner) }
    }

    /// What `panic!` was given.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// `file:line:column`. `None` if the program replaced the panic hook after the pool was
    /// made, or if the panic was raised with `resume_unwind`, which tells no hook.
    pub fn location(&self) -> Option<&str> {
        self.inner.location.as_deref()
    }

    /// The stack of the panic, as text, if the worker process was to note it: `RUST_BACKTRACE` was
    /// set there, and not to `0` (see [`Backtrace::capture`](std::backtrace::Backtrace::capture)).
    /// `None` for a thread, whose backtrace is printed by the panic hook; and where there is no
    /// [`location`](Self::location).
    ///
    /// ```
    /// use std::backtrace::{Backtrace, BacktraceStatus};
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn fail() { panic!("no luck") }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let job = pool.submit(fail, ())?;
    ///     let Err(JobError::Panicked(report)) = job.wait() else { unreachable!() };
    ///     // Workers inherit the variable.
    ///     let here = Backtrace::capture().status() == BacktraceStatus::Captured;
    ///     assert_eq!(report.backtrace().is_some(), here);
    ///     Ok(())
    /// }
    /// ```
    pub fn backtrace(&self) -> Option<&str> {
        self.inner.backtrace.as_deref()
    }

    /// Lets the panic go on in this thread, as if the function had been called here.
    ///
    /// A panic that came from another process, or one whose payload an earlier call took, goes
    /// on with its message.
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    /// use roundelay_pools::{Job, JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let job: Job<()> = pool.submit(|| panic!("no luck"))?;
    /// let Err(JobError::Panicked(report)) = job.wait() else { unreachable!() };
    /// let again = catch_unwind(AssertUnwindSafe(|| report.resume())).unwrap_err();
    /// assert_eq!(*again.downcast::<&str>().unwrap(), "no luck"); // the payload itself
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(&self) -> ! {
        let kept = self.inner.payload.lock().take();
        resume_unwind(kept.unwrap_or_else(|| Box::new(self.inner.message.clone())))
    }
}

impl Drop for PanicDetails {
    fn drop(&mut self) {
        let Some(payload) = self.payload.lock().take() else { return };
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // A text can be dropped. Anything else might be a payload whose destructor panics with
            // a payload whose destructor panics, and so on without end: let it be.
            if !second.is::<&'static str>() && !second.is::<String>() {
                mem::forget(second);
            }
        }
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        if let Some(place) = self.location() {
            write!(f, ", at {place}")?;
        }
        if let Some(backtrace) = self.backtrace() {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with a payload that does the same.
    struct Hydra;

    impl Drop for Hydra {
        fn drop(&mut self) {
            panic_any(Hydra)
        }
    }

    #[test]
    fn a_report_can_be_dropped_whatever_its_payload_does() {
        let report = PanicReport::new(String::new(), None, None, Some(Box::new(Hydra)));
        let clone = report.clone();
        drop(report);
        drop(clone);
    }
}
