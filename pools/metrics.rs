//! What a pool is doing: numbers for a dashboard, and the list of what still runs.
//!
//! Both pools answer with the same two types. They are snapshots: each number was right at
//! some moment during the call, and jobs go on meanwhile.
//!
//! Tutorial: the chapter on thread pools. Before this: `ending.rs`. After this: `headcount.rs`.

use std::fmt;
use std::panic::Location;

/// The numbers of a pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Threads, or worker processes, that are there (idle ones too).
    pub workers: usize,
    /// Jobs that wait for a worker. One that was cancelled, or run out of turn by a thread that
    /// waited for it, is counted until its turn would have come, or until it is swept out of a long
    /// queue.
    pub queued: usize,
    /// Jobs that a worker has now; one whose callbacks are being called on the pool's thread is one.
    pub running: usize,
    /// Jobs that have run to an end, whatever it was, since the pool was made.
    pub done: u64,
    /// Those of `done` whose result nobody could take any more: the handle had been dropped.
    pub abandoned: u64,
}

/// A job that a worker has now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningJob {
    /// The thread's name, or `process 4711`.
    pub worker: String,
    /// Where it was submitted.
    pub submitted_at: &'static Location<'static>,
}

/// The answer of a shutdown whose time was up: what still runs.
///
/// The pool is closed nevertheless, and its workers leave when they are done. Jobs that are
/// still queued will run too, unless `cancel_queued` is called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StillRunning {
    /// Each job that a worker has.
    pub jobs: Vec<RunningJob>,
    /// How many jobs wait for a worker.
    pub queued: usize,
    /// Worker processes that have not finished starting (`process 4711`). An initializer has no
    /// time limit: it may be what hangs.
    pub starting: Vec<String>,
}

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} job(s) still run and {} wait, after all the time given",
            self.jobs.len(),
            self.queued
        )?;
        for job in &self.jobs {
            write!(f, "\n  {}: submitted at {}", job.worker, job.submitted_at)?;
        }
        for worker in &self.starting {
            write!(f, "\n  {worker}: is still starting, or in its initializer")?;
        }
        Ok(())
    }
}

impl std::error::Error for StillRunning {}
