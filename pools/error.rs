//! What can go wrong, in words that say what to do next.
//!
//! Two moments, two types. [`PoolError`] is the answer of a *pool* that did not accept
//! something: no job exists. [`JobError`] is how an accepted *job* ended without a value.
//!
//! ```text
//!   pool.submit(..) --> Err(PoolError)          it was never a job
//!                   --> Ok(Job) --> Ok(value)
//!                               --> Err(JobError)
//! ```
//!
//! # Invariants
//! - A message names what happened, to whom, and what can be done now.
//! - `Debug` prints the same text as `Display`: `fn main() -> Result<(), PoolError>` shows
//!   `Debug`, and that is where most people meet these messages.
//! - A [`JobError`] can be cloned: an error may be asked for more than once, a value only once.
//!
//! Tutorial: the chapter on thread pools. Before this: `worker_exit.rs`. After this: `panics.rs`.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::panic_report::PanicReport;
use crate::worker_exit::WorkerExit;

/// Why a job has no value.
///
/// ```
/// use roundelay_pools::{JobError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let job = pool.submit(|| 42)?;
/// match job.wait() {
///     Ok(value) => assert_eq!(value, 42),
///     Err(JobError::Panicked(report)) => eprintln!("a bug in the job: {report}"),
///     Err(JobError::WorkerDied { pid, .. }) => eprintln!("process {pid} is gone"),
///     Err(other) => eprintln!("{other}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum JobError {
    /// The function panicked. The worker that ran it lives on.
    Panicked(PanicReport),
    /// The worker process ended before it answered. Only this job is affected.
    #[doc(alias = "BrokenProcessPool")]
    WorkerDied {
        /// The process that died.
        pid: u32,
        /// How it ended.
        exit: WorkerExit,
        /// The last lines it wrote to standard error (up to 4 KiB; empty if it wrote none, or
        /// if the pool was built with `inherit_stderr`).
        stderr: String,
    },
    /// The job ran longer than its time limit, so its worker process was killed.
    TimedOut {
        /// The limit it was submitted with.
        limit: Duration,
    },
    /// Somebody asked for it: `job.kill()`, or the pool's workers were killed.
    Killed,
    /// It was cancelled while it was queued, so it never ran.
    #[doc(alias = "CancelledError")]
    Cancelled,
    /// The worker could not decode the arguments. The function was not called.
    BadArgs(String),
    /// The result could not be encoded by the worker, or not be decoded here.
    BadResult(String),
    /// The pool broke before this job was done: an initializer failed, workers could not be
    /// started, or one died under [`OnWorkerDeath::BreakPool`](crate::OnWorkerDeath::BreakPool).
    /// Only in the last case can the job have begun, and half run; the text says so if it has.
    #[doc(alias = "BrokenExecutor")]
    BrokenPool(String),
    /// An item of a `map` that the pool did not accept; the text says why.
    Refused(String),
    /// `wait_timeout` waited in vain. The job is not affected and can be waited for again.
    WaitTimeout,
    /// The value has already been taken; a value can be taken once.
    ResultTaken,
}

/// Why a pool did not accept something.
///
/// ```
/// use roundelay_pools::{PoolError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// pool.close();
/// match pool.submit(|| 42) {
///     Err(error @ PoolError::ShutDown) => assert!(error.to_string().contains("has been closed")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[non_exhaustive]
pub enum PoolError {
    /// `worker_entry()` has not run in this process, so a process pool cannot be made.
    NoGuard,
    /// This process was started *as a worker*, but its `worker_entry()` was not reached.
    GuardMissed {
        /// What gave it away.
        mark: &'static str,
    },
    /// A process pool was made inside a job of another one.
    InsideWorker,
    /// The pool has been closed.
    ShutDown,
    /// The pool is broken; the text says why.
    Broken(String),
    /// The queue is full, and waiting for room is not wanted or not safe.
    QueueFull {
        /// How many jobs it holds.
        capacity: usize,
    },
    /// The arguments do not serialize.
    Encode(String),
    /// The arguments are larger than the pool's `max_frame`.
    TooLarge {
        /// What they would take on the wire.
        bytes: usize,
        /// The limit, in bytes.
        limit: u32,
    },
    /// The function is not in this program's table, although it is marked `#[remote]`.
    NotInTable(&'static str),
    /// Two `#[remote]` functions have one name.
    TwoFunctions(&'static str),
    /// The operating system refused something.
    Os {
        /// What was being done.
        doing: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Panicked(report) => write!(f, "the job panicked: {report}"),
            JobError::WorkerDied { pid, exit, stderr } => {
                write!(
                    f,
                    "worker process {pid} ended ({exit}) before it answered; the job may have half \
                     run. Submit it again if running it twice is harmless (to a new pool, if this \
                     one breaks when a worker dies)"
                )?;
                if *exit == WorkerExit::Signal(9) {
                    write!(
                        f,
                        ". If nobody killed it on purpose, the system was probably out of memory"
                    )?;
                }
                if !stderr.is_empty() {
                    write!(f, "\nits last words on standard error:\n{}", stderr.trim_end())?;
                }
                Ok(())
            }
            JobError::TimedOut { limit } => write!(
                f,
                "the job ran longer than its limit of {limit:?}, so its worker process was killed; \
                 other jobs are not affected"
            ),
            JobError::Killed => write!(f, "the job was killed while it ran"),
            JobError::Cancelled => write!(f, "the job was cancelled before it started"),
            JobError::BadArgs(text) => {
                write!(f, "the worker could not decode the arguments: {text}")
            }
            JobError::BadResult(text) => write!(f, "the result could not travel back: {text}"),
            JobError::BrokenPool(text) => {
                write!(
                    f,
                    "the pool broke before the job was done: {text}; make a new pool to go on"
                )
            }
            JobError::Refused(text) => write!(f, "the pool did not accept this item: {text}"),
            JobError::WaitTimeout => {
                write!(f, "the job is not done yet; it goes on, and can be waited for again")
            }
            JobError::ResultTaken => write!(f, "the result of this job has already been taken"),
        }
    }
}

const NO_GUARD: &str = "\
roundelay::worker_entry() has not run in this process.

  A process pool starts more copies of this very program. Each copy has to find out that it is
  a worker before any of your own code runs - or it would start a pool of its own, whose workers
  would start pools of their own. So make it the first line of main:

      fn main() {
          roundelay::worker_entry();
          ...
      }

  In tests there is no main of yours: write `roundelay::test_worker!();` once in the test file.
  (Python's `if __name__ == \"__main__\":` is there for the same reason.)";

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::NoGuard => f.write_str(NO_GUARD),
            PoolError::GuardMissed { mark } => write!(
                f,
                "this process was started as a worker ({mark}), but reached ProcessPool::new() \
                 instead of roundelay::worker_entry(); make worker_entry() the first line of main, \
                 before anything that reads standard input"
            ),
            PoolError::InsideWorker => write!(
                f,
                "a job cannot make a process pool of its own; return what is to be done, and let \
                 the parent submit it"
            ),
            PoolError::ShutDown => write!(f, "the pool has been closed and takes no more jobs"),
            PoolError::Broken(text) => {
                write!(f, "the pool is broken: {text}; make a new pool to go on")
            }
            PoolError::QueueFull { capacity } => write!(
                f,
                "the pool's queue is full ({capacity} jobs); submit again when some of them are done"
            ),
            PoolError::Encode(text) => write!(f, "the arguments cannot travel: {text}"),
            PoolError::TooLarge { bytes, limit } => write!(
                f,
                "the arguments take {bytes} bytes, the limit is {limit}; send a file name, or raise \
                 the limit with ProcessPool::builder().max_frame(..)"
            ),
            PoolError::NotInTable(name) => write!(
                f,
                "`{name}` is not in this program's table of remote functions, so a worker would not \
                 find it; was the program linked with --allow-multiple-definition?"
            ),
            PoolError::TwoFunctions(name) => write!(
                f,
                "two #[remote] functions are called `{name}`, so a worker could not tell which one \
                 is meant; give one of them another name"
            ),
            PoolError::Os { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for JobError {}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PoolError::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_helpful_text_because_main_prints_debug() {
        let shown = format!("{:?}", PoolError::NoGuard);
        assert!(shown.contains("roundelay::worker_entry();"));
    }

    #[test]
    fn a_death_by_sigkill_mentions_memory() {
        let exit = WorkerExit::Signal(9);
        let text = JobError::WorkerDied { pid: 7, exit, stderr: String::new() }.to_string();
        assert!(text.contains("signal 9, SIGKILL") && text.contains("out of memory"), "{text}");
    }

    #[test]
    fn an_error_is_small_because_every_job_has_room_for_one() {
        assert!(size_of::<JobError>() <= 48);
    }
}
