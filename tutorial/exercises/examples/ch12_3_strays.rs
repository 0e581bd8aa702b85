//! Repair: workers that stay behind.
//!
//! Each job gets a worker of its own, all at once. When `work_off` is over, no worker may be at work
//! any more: not when all is done, and not when the task that awaits it is cancelled.

use roundelay::spawn;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch12;
use roundelay_exercises::props::Work;

async fn work_off(jobs: Vec<Work>) {
    for job in jobs {
        // TODO: who waits for this worker, and who ends it?
        spawn(job.run()).detach();
    }
}

pub(crate) fn main() -> Verdict {
    ch12::work_off(work_off)
}
