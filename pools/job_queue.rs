//! The queue of a process pool's jobs, and what keeps cancelled ones from filling it.
//!
//! A cancelled job gives up its arguments at once, but its place only when its turn comes: to
//! look for it in the middle of the queue would make every cancel as slow as the queue is long.
//! In a service whose workers are stuck and whose clients give up, that turn is far away. So
//! before a job is added to a queue that has grown long, the hollow ones are swept out.
//!
//! ```text
//!    push -> [ . x . x x x . x ]    x: cancelled
//!               sweep: [ . . . ]    and again when the queue is twice as long as now
//! ```
//!
//! # Invariants
//! - First in, first out, except that a job whose worker was dead goes to the front.
//! - Cancelled jobs are never more than the others and a thousand.
//! - A sweep costs a constant number of steps for each job that was pushed since the last.
//!
//! Tutorial: the chapter on process pools. Before this: `chunk.rs`. After this: `staffing.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::remote_job::RemoteJob;

pub(crate) struct JobQueue {
    jobs: VecDeque<Arc<dyn RemoteJob>>,
    sweep_at: usize,
}

/// A shorter queue is not worth sweeping.
const SWEEP_AT_LEAST: usize = 1024;

impl JobQueue {
    pub(crate) fn new() -> JobQueue {
        JobQueue { jobs: VecDeque::new(), sweep_at: SWEEP_AT_LEAST }
    }

    /// Adds a job; what was swept out is for the caller to drop, without a lock.
    pub(crate) fn push(&mut self, job: Arc<dyn RemoteJob>) -> Vec<Arc<dyn RemoteJob>> {
        let swept = if self.jobs.len() < self.sweep_at { Vec::new() } else { self.sweep() };
        self.jobs.push_back(job);
        swept
    }

    /// Takes the job back that was pushed last.
    pub(crate) fn unpush(&mut self) -> Option<Arc<dyn RemoteJob>> {
        self.jobs.pop_back()
    }

    pub(crate) fn put_back(&mut self, job: Arc<dyn RemoteJob>) {
        self.jobs.push_front(job);
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<dyn RemoteJob>> {
        self.jobs.pop_front()
    }

    pub(crate) fn take_all(&mut self) -> VecDeque<Arc<dyn RemoteJob>> {
        std::mem::take(&mut self.jobs)
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    fn sweep(&mut self) -> Vec<Arc<dyn RemoteJob>> {
        let mut hollow = Vec::new();
        for job in self.take_all() {
            if job.is_hollow() {
                hollow.push(job);
            } else {
                self.jobs.push_back(job);
            }
        }
        self.sweep_at = SWEEP_AT_LEAST.max(2 * self.jobs.len());
        hollow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;
    use crate::remote_job::RemoteCall;
    use std::panic::Location;

    fn push(queue: &mut JobQueue, id: u64) -> Job<()> {
        let job =
            RemoteCall::new(id, "f", vec![0; 100], None, Location::caller(), |_, _| Ok(()), None);
        queue.push(Arc::clone(&job) as _);
        Job::new(job)
    }

    #[test]
    fn a_million_cancelled_jobs_do_not_pile_up_and_the_others_keep_their_order() {
        let mut queue = JobQueue::new();
        let mut kept = Vec::new();
        let mut longest = 0;
        let many = if cfg!(miri) { 1_500 } else { 1_000_000 };
        for id in 0..many {
            let job = push(&mut queue, id);
            if id % 500 == 0 {
                kept.push(job);
            } else {
                assert!(job.cancel());
            }
            longest = longest.max(queue.len());
        }
        assert!(longest <= SWEEP_AT_LEAST.max(2 * kept.len()) + 1, "{longest}");
        let left = std::iter::from_fn(|| queue.pop()).filter(|job| !job.is_hollow());
        assert!(left.map(|job| job.id()).eq((0..many / 500).map(|n| n * 500)));
    }

    #[test]
    fn a_job_whose_worker_was_dead_comes_first() {
        let mut queue = JobQueue::new();
        let _jobs: Vec<_> = (0..3).map(|id| push(&mut queue, id)).collect();
        let first = queue.pop().unwrap();
        queue.put_back(first);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|job| job.id()).collect();
        assert_eq!(order, [0, 1, 2]);
    }
}
