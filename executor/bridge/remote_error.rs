//! How asking a loop from another thread can fail.
//!
//! Everything that can happen to a task can happen to one that was started from elsewhere;
//! besides, its loop may be closed, and waiting for it may be impossible. Each has a name
//! here, so that nobody waits for ever.
//!
//! Tutorial: chapter 18. Before this: `../run_on.rs`. After this: `reply.rs`.

use std::fmt;
use std::io;

use crate::error::{TaskError, TaskPanic};

/// Why a [`RemoteTask`](crate::RemoteTask) has no output for you.
#[derive(Debug)]
#[non_exhaustive]
pub enum RemoteError {
    /// The loop was closed before the task began.
    LoopClosed,
    /// The task was cancelled, or its loop was closed while it ran.
    Cancelled,
    /// The task panicked.
    Panicked(TaskPanic),
    /// This thread is the loop's own: while it waits, the loop cannot run the task.
    OnLoopThread,
    /// `wait_timeout` waited in vain. The task goes on, and can be waited for again.
    WaitTimeout,
    /// The output has already been taken; it can be taken once.
    Taken,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RemoteError::LoopClosed => {
                "the event loop was closed before the task could begin; keep the loop running \
                 until those who call it have ended"
            }
            RemoteError::Cancelled => {
                "the task was cancelled before it could finish, by its handle or with its loop"
            }
            RemoteError::Panicked(panic) => {
                return write!(f, "the task panicked: {}", panic.message());
            }
            RemoteError::OnLoopThread => {
                "this thread belongs to the event loop that is to run the task, so waiting here \
                 would wait for ever; `.await` the task instead, or wait on another thread"
            }
            RemoteError::WaitTimeout => {
                "the task has not ended yet; it goes on, and can be waited for again"
            }
            RemoteError::Taken => "the output of this task has already been taken",
        })
    }
}

impl std::error::Error for RemoteError {}

impl From<TaskError> for RemoteError {
    fn from(error: TaskError) -> RemoteError {
        match error {
            TaskError::Cancelled => RemoteError::Cancelled,
            TaskError::Panicked(panic) => RemoteError::Panicked(panic),
        }
    }
}

impl From<RemoteError> for io::Error {
    fn from(error: RemoteError) -> Self {
        let kind = match error {
            RemoteError::LoopClosed => io::ErrorKind::NotConnected,
            RemoteError::WaitTimeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
