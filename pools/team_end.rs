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
//! - Each supervisor's thread is joined before any shutdown returns, whoever joins it. (One with a
//!   time limit may give that up, and leaves it to the next.)
//! - The end comes when every job is done. Callbacks are waited for if a thread of the pool runs
//!   them, because that is joined; what a thread of the program runs, which has cancelled a job, is
//!   that thread's business.
//!
//! Tutorial: the chapter on process pools. Before this: `team.rs`. After this: `start_worker.rs`.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::MutexGuard;

use crate::ending::Ending;
use crate::error::JobError;
use crate::leash::{Leash, Reason};
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::remote_job::RemoteJob;
use crate::slot::News;
use crate::staffing::Door;
use crate::team::{State, Team};

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
        let jobs =
            state.queue.take_all().into_iter().map(|job| (job, JobError::Cancelled)).collect();
        self.end_jobs(state, jobs)
    }

    /// Waits until the last worker of a closed pool has ended, and joins the supervisors.
    pub(crate) fn wait_for_end(&self, deadline: Option<Instant>) -> Result<(), StillRunning> {
        if !self.ending.wait(deadline) {
            let (jobs, starting) = (self.running(), self.starting());
            return Err(StillRunning { jobs, queued: self.state.lock().queue.len(), starting });
        }
        // Everything has ended; what may remain is destructors of thread-locals that callbacks have
        // made. std can join a thread, or not; but not for a while.
        if deadline.is_some_and(|deadline| !self.farewell.wait(deadline)) {
            return Ok(());
        }
        // Whoever comes while another shutdown joins them waits for that one.
        let turn = match deadline {
            None => Some(self.joining.lock()),
            Some(deadline) => self.joining.try_lock_until(deadline),
        };
        if turn.is_some() {
            let handles = std::mem::take(&mut self.state.lock().handles);
            handles.into_iter().for_each(join);
        }
        Ok(())
    }

    /// The very last thing that a supervisor's thread does: joins those that have ended before it.
    /// So threads do not pile up in a pool whose workers come and go. And whoever has been joined
    /// by a thread that is joined has been joined before a shutdown returns.
    pub(crate) fn join_those_gone(&self) {
        let gone: Vec<_> =
            self.state.lock().handles.extract_if(.., |handle| handle.is_finished()).collect();
        gone.into_iter().for_each(join);
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

    fn starting(&self) -> Vec<String> {
        let state = self.state.lock();
        let starting = state.leashes.iter().filter(|leash| !leash.has_started());
        starting.map(|leash| format!("process {}", leash.pid())).collect()
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

// ---- jobs that end without a worker -------------------------------------------------------------

impl Team {
    /// Ends the jobs without hope and says what there is to say.
    pub(crate) fn after_change(&self, mut state: MutexGuard<'_, State>) {
        let hopeless = state.take_hopeless();
        self.end_jobs(state, hopeless);
    }

    /// Lets the lock go, and ends jobs that have just left the queue; how many had not been
    /// cancelled before.
    ///
    /// All of them are done before the pool's end can come, and before the first callback runs. One
    /// that takes long holds nobody up, and one that waits for the pool's end does not wait for
    /// itself.
    pub(crate) fn end_jobs(
        &self,
        mut state: MutexGuard<'_, State>,
        jobs: Vec<(Arc<dyn RemoteJob>, JobError)>,
    ) -> usize {
        if jobs.is_empty() {
            self.announce(state);
            return 0;
        }
        state.ending_jobs += 1;
        self.announce(state);
        let end =
            |(job, error): &(Arc<dyn RemoteJob>, JobError)| Arc::clone(job).fail(error.clone());
        let news: Vec<_> = jobs.iter().filter_map(end).collect();
        let mut state = self.state.lock();
        state.ending_jobs -= 1;
        self.announce(state);
        let count = news.len();
        news.into_iter().for_each(News::tell);
        // Not before: nobody may be left who could ask, and whoever is told of that may wait for the
        // pool's end.
        drop(jobs);
        count
    }

    /// Lets the lock go, tells everybody who waits, and raises the end if it has come.
    fn announce(&self, state: MutexGuard<'_, State>) {
        let closed = !state.staff.is_open();
        let nobody = state.staff.present == 0 && state.ending_jobs == 0;
        let over = closed && nobody && state.queue.len() == 0;
        drop(state);
        self.news.notify_all();
        if closed {
            self.door_moved.notify_all();
        }
        if over && !self.ending.has_come() {
            self.ending.raise();
        }
    }
}

impl State {
    /// The jobs that nobody will ever come for, to be failed when the lock has been let go.
    fn take_hopeless(&mut self) -> Vec<(Arc<dyn RemoteJob>, JobError)> {
        let error = match &self.staff.door {
            Door::Broken(why) => JobError::BrokenPool(format!("{why} (this job has not run)")),
            _ if self.staff.killed => JobError::Cancelled,
            _ => return Vec::new(),
        };
        self.queue.take_all().into_iter().map(|job| (job, error.clone())).collect()
    }
}

/// Also waits for what the thread has left in its thread-locals.
fn join(thread: JoinHandle<()>) {
    // A supervisor does not panic: what it calls of the user's is contained.
    let _ = thread.join();
}
