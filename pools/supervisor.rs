//! A supervisor: one thread of the parent, one worker process, one story.
//!
//! ```text
//!   1, 2, 3       start, hello, initialize (see `start_worker.rs`)
//!   4. take a job  <------------------------------------\
//!   5. send it, read the answer, finish the job --------/
//!   6. retire (nothing left to do), or bury (it died, or was killed)
//! ```
//!
//! Nothing here is asynchronous: the thread blocks where the story waits. That is possible
//! because each worker has a socket of its own. In Python all workers share one queue and one
//! pipe, so one that dies while it holds the lock, or half-way through a message, can take the
//! whole pool with it; here an end of file means exactly one worker and at most one job.
//!
//! # Invariants
//! - A job that was sent is finished by this thread: with its answer or with how its worker
//!   ended. A job of which no byte was sent goes back into the queue.
//! - The worker has been reaped, and its process group killed, before the supervisor leaves.
//!   (A worker that retires in peace is not killed, and neither is what its jobs left running.)
//!
//! Tutorial: the chapter on process pools. Before this: `start_worker.rs`. After this: `worker.rs`.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::JobError;
use crate::leash::Reason;
use crate::panic_report::PanicReport;
use crate::remote_job::{Encoded, Ended, RemoteJob};
use crate::shelf::give_back;
use crate::start_worker::{Why, Worker};
use crate::team::{OnWorkerDeath, Team};
use crate::transport::NotSent;
use crate::wire::{Body, Frame, FrameWriter, Kind, WireError};

/// A supervisor's whole life.
pub(crate) fn supervise(team: &Arc<Team>) {
    if !team.may_start() {
        team.start_given_up();
        return team.leave(None);
    }
    match Worker::start(team) {
        Ok(worker) => {
            team.worker_is_ready();
            let leash = Arc::clone(&worker.leash);
            serve(team, worker);
            team.leave(Some(&leash));
        }
        Err(failure) => {
            match &failure.why {
                Why::InitializerFailed(text) => {
                    team.start_given_up();
                    team.break_pool(format!("the initializer panicked: {text}"));
                }
                Why::OtherBuild(text) => {
                    team.start_given_up();
                    team.break_pool(text.clone());
                }
                Why::NotStarted(error) => {
                    team.start_failed(format!("no worker process can be started: {error}"));
                }
                Why::Died(text) => {
                    team.start_failed(format!("workers die while starting: {text}"));
                }
            }
            team.leave(failure.leash.as_ref());
        }
    }
}

/// Steps 4 to 6.
fn serve(team: &Arc<Team>, mut worker: Worker) {
    let is_there = loop {
        let Some(job) = team.next_job() else { break true };
        match worker.run(team, job) {
            Next::Another => {}
            Next::Retire => break true,
            Next::Gone => break false,
        }
    };
    if is_there {
        worker.retire();
    }
    worker.words.see_passed_on();
}

enum Next {
    Another,
    Retire,
    Gone,
}

// ---- 4 and 5 --------------------------------------------------------------------------------

impl Worker {
    fn run(&mut self, team: &Arc<Team>, job: Arc<dyn RemoteJob>) -> Next {
        self.leash.job_begins(job.id(), job.submitted_at());
        let Some(frame) = job.start(&self.leash) else {
            self.leash.job_ends(); // it was cancelled
            self.leash.job_is_over();
            team.is_free();
            return Next::Another;
        };
        let deadline = job.limit().and_then(|limit| Instant::now().checked_add(limit));
        self.reader.source.set_deadline(deadline);
        if let Err(NotSent { nothing, error }) = self.reader.source.send(&frame) {
            let untouched = nothing && error.kind() != io::ErrorKind::TimedOut;
            // One question, and from its answer on `kill_job` says no: a kill in between would be
            // told yes, and the job would run elsewhere.
            if untouched && matches!(self.leash.job_ends(), None | Some(Reason::PoolBroke(_))) {
                // The worker died while it was idle. (In a broken pool the job will not run.)
                self.leash.job_is_over();
                self.leash.kill_and_reap();
                job.put_back(frame);
                team.put_back(job);
                return Next::Gone;
            }
            return self.bury(team, job, error.into());
        }
        give_back(frame);
        let answer = match self.reader.next() {
            Ok(answer) => understand(answer, job.id()),
            Err(error) => return self.bury(team, job, error),
        };
        match answer {
            Ok(_) if self.leash.job_ends().is_some() => self.bury(team, job, WireError::End),
            Ok(answer) => self.finish(team, job, answer),
            Err(what) => self.bury(team, job, WireError::Garbage(what)),
        }
    }

    fn finish(&mut self, team: &Team, job: Arc<dyn RemoteJob>, answer: Answer) -> Next {
        self.jobs_done += 1;
        let stays = team.settings.max_tasks.is_none_or(|most| self.jobs_done < most);
        self.end(team, job, answer, stays);
        // Now, when nobody waits for this job any more: it is a system call.
        self.words.forget();
        if stays { Next::Another } else { Next::Retire }
    }

    fn end(&self, team: &Team, job: Arc<dyn RemoteJob>, answer: Answer, stays: bool) {
        let free = || {
            self.leash.job_is_over();
            team.job_done(stays);
        };
        if job.end(answer, &free) == Ended::Abandoned {
            team.job_was_abandoned();
        }
    }
}

type Answer = Result<Encoded, JobError>;

/// `Err`: this is not an answer to that job.
fn understand(frame: Frame, id: u64) -> Result<Answer, String> {
    let Frame { kind, body } = frame;
    let mut parts = Body { rest: &body };
    if parts.u64() != Some(id) {
        return Err(format!("the worker answered another job with {kind:?}"));
    }
    let text = || String::from_utf8_lossy(parts.rest).into_owned();
    match kind {
        Kind::Done => Ok(Ok(Encoded { frame: body, start: 8 })),
        Kind::Panicked => match PanicReport::decode(parts.rest) {
            Some(report) => Ok(Err(JobError::Panicked(report))),
            None => Err("the worker sent a panic that cannot be read".to_owned()),
        },
        Kind::BadArgs => Ok(Err(JobError::BadArgs(text()))),
        Kind::BadResult => Ok(Err(JobError::BadResult(text()))),
        other => Err(format!("the worker answered a job with {other:?}")),
    }
}

// ---- 6 --------------------------------------------------------------------------------------

/// How long a worker that was told to exit may take.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

impl Worker {
    /// The worker is gone, or must go: collect it, then tell the job what happened.
    fn bury(&mut self, team: &Arc<Team>, job: Arc<dyn RemoteJob>, seen: WireError) -> Next {
        match (seen, job.limit()) {
            (WireError::TimedOut, Some(limit)) => self.leash.condemn(Reason::TimedOut(limit)),
            (WireError::Garbage(what), _) => self.leash.condemn(Reason::Garbage(what)),
            _ => {}
        }
        let exit = self.leash.kill_and_reap();
        let error = match self.leash.job_ends() {
            Some(reason) => reason.into_error(),
            None => JobError::WorkerDied { pid: self.leash.pid(), exit, stderr: self.words.take() },
        };
        if team.settings.on_worker_death == OnWorkerDeath::BreakPool
            && let JobError::WorkerDied { pid, .. } = &error
        {
            team.break_and_kill(format!("worker process {pid} ended ({exit}) during another job"));
        }
        self.end(team, job, Err(error), false);
        Next::Gone
    }

    /// In peace: tell it to exit, and wait for that.
    fn retire(&mut self) {
        let mut frame = Vec::new();
        let finished = FrameWriter::begin(&mut frame, Kind::Exit).finish(1);
        debug_assert!(finished.is_ok(), "a kind alone is one byte");
        self.reader.source.set_deadline(Some(Instant::now() + EXIT_LIMIT));
        // If it cannot be told, or answers, or takes too long: then not in peace.
        let told = self.reader.source.send(&frame).is_ok();
        if told && matches!(self.reader.next(), Err(WireError::End)) {
            self.leash.reap();
        } else {
            self.leash.kill_and_reap();
        }
    }
}
