//! Lost failures: a job has failed, its last handle is gone, and nobody has asked how it ended.
//!
//! ```text
//!   the last one who has the job lets go of it:
//!     it has failed, and nobody was told  --> on_lost, or a line on standard error
//!     everything else                     --> nothing
//! ```
//!
//! Whether the handle goes before the job's end or after it makes no difference: then it is the
//! pool's thread that lets go last, or whoever had the handle. (asyncio's futures do the same:
//! "exception was never retrieved".)
//!
//! # Invariants
//! - A failure is reported once, or somebody has been told.
//! - What was asked for is no failure: a kill, a cancel.
//! - The hook is the user's: no lock is held, and a panic in it goes no further.
//!
//! Tutorial: the chapter on process pools. Before this: `leash.rs`. After this: `remote_job.rs`.

use std::panic::Location;
use std::sync::Arc;

use crate::error::JobError;
use crate::panics::contain_quietly;

/// What the program has arranged for; `None`: a line on standard error.
pub(crate) type OnLost = Option<Arc<dyn Fn(&JobError) + Send + Sync>>;

/// Nobody is left who could ask how the job of `function` ended.
pub(crate) fn report(
    error: &JobError,
    function: &str,
    submitted_at: &Location<'_>,
    on_lost: &OnLost,
) {
    if matches!(error, JobError::Killed | JobError::Cancelled) {
        return;
    }
    contain_quietly(|| match on_lost {
        Some(on_lost) => on_lost(error),
        None => eprintln!(
            "roundelay: the job `{function}`, submitted at {submitted_at}, failed, and nobody has \
             asked how it ended: {error}"
        ),
    });
}
