//! How a team ends, and what it says about itself meanwhile.
//!
//! ```text
//!   close           no more jobs; what is queued still runs; workers end when there is none left
//!   cancel_queued   what is queued does not run
//!   stop_workers    close, cancel, and the workers are killed (or asked)
//!   break_pool      close with a reason; what is queued fails with it
//! ```
//!
//! # Invariants
//! - A door that has been closed stays closed; one that is broken keeps its first reason.
//! - Workers are signalled, and jobs are failed, after the team's lock has been let go.
//!
//! Tutorial: the chapter on process pools. Before this: `team.rs`. After this: `start_worker.rs`.

use std::sync::Arc;
use std::time::Instant;

use crate::ending::Ending;
use crate::error::JobError;
use crate::leash::{Leash, Reason};
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::staffing::Door;
use crate::team::Team;

impl Team {
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if state.staff.is_open() {
            state.staff.door = Door::Closed;
        }
        self.after_change(state);
    }

    pub(crate) fn break_pool(&self, why: String) {
        let mut state = self.state.lock();
        if !matches!(state.staff.door, Door::Broken(_)) {
            state.staff.door = Door::Broken(why);
        }
        self.after_change(state);
    }

    /// The pool is broken, and nobody is to finish what they do.
    pub(crate) fn break_and_kill(&self, why: String) {
        let leashes = {
            let mut state = self.state.lock();
            state.staff.killed = true;
            state.leashes.clone()
        };
        leashes.iter().for_each(|leash| leash.condemn(Reason::PoolBroke(why.clone())));
        self.break_pool(why);
    }

    pub(crate) fn stop_workers(&self, stop: impl Fn(&Leash)) {
        let leashes = {
            let mut state = self.state.lock();
            state.staff.killed = true;
            state.leashes.clone()
        };
        self.close();
        self.cancel_queued();
        leashes.iter().for_each(|leash| stop(leash));
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        let mut state = self.state.lock();
        let jobs = state.queue.take_all();
        self.after_change(state);
        jobs.into_iter().map(|job| usize::from(job.fail(JobError::Cancelled))).sum()
    }

    /// Waits until the last worker of a closed pool has ended, and joins the supervisors.
    pub(crate) fn wait_for_end(&self, deadline: Option<Instant>) -> Result<(), StillRunning> {
        if !self.ending.wait(deadline) {
            return Err(StillRunning {
                jobs: self.running(),
                queued: self.state.lock().queue.len(),
            });
        }
        let handles = std::mem::take(&mut self.state.lock().handles);
        for handle in handles {
            // They have nothing left to do but to return.
            let _ = handle.join();
        }
        Ok(())
    }

    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.state.lock().leashes.iter().map(|leash| leash.pid()).collect()
    }

    pub(crate) fn running(&self) -> Vec<RunningJob> {
        let state = self.state.lock();
        let jobs = state.leashes.iter().filter_map(|leash| {
            let submitted_at = leash.current_job()?;
            Some(RunningJob { worker: format!("process {}", leash.pid()), submitted_at })
        });
        jobs.collect()
    }

    pub(crate) fn metrics(&self) -> PoolMetrics {
        let running = self.running().len();
        let state = self.state.lock();
        PoolMetrics {
            workers: state.leashes.len(),
            queued: state.queue.len(),
            running,
            done: state.done,
            abandoned: state.abandoned,
        }
    }
}
