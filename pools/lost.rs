//! Lost failures: a job fails, and its handle has been dropped, so nobody can ever ask.
//!
//! ```text
//!    job ends with an error --> is there a handle? --> yes: it is there to be asked for
//!                                     '--------------> no: on_lost, or a line on standard error
//! ```
//!
//! # Invariants
//! - A failure is reported once, or can be asked for.
//! - What was asked for is no failure: a kill, a cancel.
//! - The hook is the user's: no lock is held, and a panic in it goes no further.
//!
//! Not done: a handle that is dropped *after* its job has failed takes the failure along.
//!
//! Tutorial: the chapter on process pools. Before this: `chunk.rs`. After this: `job_queue.rs`.

use std::panic::Location;

use crate::error::JobError;
use crate::panics::contain_quietly;
use crate::remote_job::RemoteJob;

/// What the program has arranged for; `None`: a line on standard error.
pub(crate) type OnLost = Option<Box<dyn Fn(&JobError) + Send + Sync>>;

/// A failure of which nobody may be left to hear.
pub(crate) struct Lost {
    function: &'static str,
    submitted_at: &'static Location<'static>,
    error: JobError,
}

impl Lost {
    pub(crate) fn new(job: &dyn RemoteJob, error: JobError) -> Lost {
        Lost { function: job.function(), submitted_at: job.submitted_at(), error }
    }

    /// Nobody is left.
    pub(crate) fn report(self, on_lost: &OnLost) {
        let Lost { function, submitted_at, error } = self;
        if matches!(error, JobError::Killed | JobError::Cancelled) {
            return;
        }
        contain_quietly(|| match on_lost {
            Some(on_lost) => on_lost(&error),
            None => eprintln!(
                "roundelay: the job `{function}`, submitted at {submitted_at}, failed when nobody \
                 held it any more: {error}"
            ),
        });
    }
}
