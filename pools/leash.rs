//! The leash: how a worker process is stopped and collected, without hitting a stranger.
//!
//! A process id is ours until the process has been *reaped*; from that moment it may be
//! anybody's. So whoever sends a signal holds the lock that the reaping takes.
//!
//! The leash also remembers *why* a worker was stopped: all that its supervisor sees is the end
//! of the connection, and the job is to be told the reason.
//!
//! ```text
//!    job.kill() --\
//!    time limit ---> condemn(reason) --> SIGKILL to the worker and to its process group
//!    pool -------/                            |
//!                                             v
//!    supervisor: end of connection --> reap() --> exit status, reason
//! ```
//!
//! # Invariants
//! - No signal after reaping.
//! - The worker itself is hit wherever it is; of what it has started, what is in its group. What
//!   has taken a session or a group of its own (`setsid`, a daemon) wanted to live on.
//! - `kill_job` hits a worker only while it has that very job.
//! - The first reason counts.
//!
//! Tutorial: the chapter on process pools. Before this: `last_words.rs`. After this: `lost.rs`.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::process::PidfdFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::error::JobError;
use crate::worker_exit::WorkerExit;

pub(crate) struct Leash {
    pid: u32,
    held: Mutex<Held>,
}

struct Held {
    /// `None` once it has been reaped.
    child: Option<Child>,
    /// It has said hello, and its initializer has returned.
    has_started: bool,
    job: Option<CurrentJob>,
    /// Where the job was submitted that it has answered, while its callbacks run.
    answered: Option<&'static Location<'static>>,
    reason: Option<Reason>,
}

#[derive(Clone, Copy)]
struct CurrentJob {
    id: u64,
    submitted_at: &'static Location<'static>,
}

/// Why a worker was stopped.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    Killed,
    TimedOut(Duration),
    /// It did not speak our language.
    Garbage(String),
    /// The pool broke while it worked.
    PoolBroke(String),
}

impl Reason {
    pub(crate) fn into_error(self) -> JobError {
        match self {
            Reason::Killed => JobError::Killed,
            Reason::TimedOut(limit) => JobError::TimedOut { limit },
            Reason::Garbage(what) => JobError::BadResult(what),
            Reason::PoolBroke(why) => JobError::BrokenPool(format!(
                "{why}, and this one was stopped while it ran, so it may have half run"
            )),
        }
    }
}

impl Leash {
    /// For a child that leads a process group of its own.
    pub(crate) fn new(child: Child) -> Leash {
        let pid = child.id();
        let child = Some(child);
        let held = Held { child, has_started: false, job: None, answered: None, reason: None };
        Leash { pid, held: Mutex::new(held) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn has_started(&self) -> bool {
        self.held.lock().has_started
    }

    /// From here on the worker can be given jobs.
    pub(crate) fn set_started(&self) {
        self.held.lock().has_started = true;
    }

    /// Becomes readable when the worker ends. `None` where the system has no such thing (Linux
    /// before 5.3, others), or no descriptor to spare.
    pub(crate) fn end_of_process(&self) -> Option<OwnedFd> {
        #[cfg(target_os = "linux")]
        return rustix::process::pidfd_open(as_pid(self.pid)?, PidfdFlags::empty()).ok();
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// The worker is about to get this job.
    pub(crate) fn job_begins(&self, id: u64, submitted_at: &'static Location<'static>) {
        self.held.lock().job = Some(CurrentJob { id, submitted_at });
    }

    /// Its answer has come. `Some`: too late, the worker was stopped before.
    pub(crate) fn job_ends(&self) -> Option<Reason> {
        let mut held = self.held.lock();
        if let Some(job) = held.job.take() {
            held.answered = Some(job.submitted_at);
        }
        held.reason.clone()
    }

    /// Its supervisor is done with the job as well, callbacks and all.
    pub(crate) fn job_is_over(&self) {
        self.held.lock().answered = None;
    }

    pub(crate) fn current_job(&self) -> Option<&'static Location<'static>> {
        let held = self.held.lock();
        held.job.map(|job| job.submitted_at).or(held.answered)
    }

    /// Kills the worker if it still has this job.
    pub(crate) fn kill_job(&self, id: u64) -> bool {
        let mut held = self.held.lock();
        let has_it = held.job.is_some_and(|job| job.id == id);
        if has_it {
            held.condemn(self.pid, Reason::Killed, Signal::KILL);
        }
        // It may have been condemned for another reason before: then this was not us.
        has_it && matches!(held.reason, Some(Reason::Killed))
    }

    pub(crate) fn condemn(&self, reason: Reason) {
        self.held.lock().condemn(self.pid, reason, Signal::KILL);
    }

    /// Asks the worker to end (SIGTERM), where `condemn` does not ask.
    pub(crate) fn terminate(&self, reason: Reason) {
        self.held.lock().condemn(self.pid, reason, Signal::TERM);
    }

    /// Kills the worker and what is left of its process group, waits for it, and collects its exit
    /// status.
    pub(crate) fn kill_and_reap(&self) -> WorkerExit {
        self.held.lock().signal(self.pid, Signal::KILL);
        self.reap()
    }

    /// Waits for the worker to end, and collects its exit status.
    pub(crate) fn reap(&self) -> WorkerExit {
        // Wait without collecting and without the lock, so that a kill can come in between; then
        // collect under the lock, which takes no time.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Some(pid) = as_pid(self.pid)
            && matches!(rustix::process::waitid(WaitId::Pid(pid), look), Err(Errno::INTR))
        {}
        let mut held = self.held.lock();
        match held.child.take() {
            Some(mut child) => child.wait().map_or(WorkerExit::Unknown, exit_of),
            None => WorkerExit::Unknown,
        }
    }
}

impl Held {
    fn condemn(&mut self, pid: u32, reason: Reason, signal: Signal) {
        self.reason.get_or_insert(reason);
        self.signal(pid, signal);
    }

    fn signal(&mut self, pid: u32, signal: Signal) {
        if self.child.is_some()
            && let Some(pid) = as_pid(pid)
        {
            // "No such process" means that nobody of it is left.
            let _ = rustix::process::kill_process_group(pid, signal);
            // A job may have put its worker into another group, and that group is not ours. The
            // worker is: then, and not otherwise, it is told by itself, for a handler of SIGTERM
            // that runs twice would be a surprise.
            if rustix::process::getpgid(Some(pid)) != Ok(pid) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn exit_of(status: ExitStatus) -> WorkerExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => WorkerExit::Code(code),
        (None, Some(signal)) => WorkerExit::Signal(signal),
        (None, None) => WorkerExit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    fn sleeper() -> Leash {
        let mut command = Command::new("sleep");
        Leash::new(command.arg("1000").stdin(Stdio::null()).process_group(0).spawn().unwrap())
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn the_first_reason_counts_and_the_exit_status_is_collected() {
        let leash = sleeper();
        leash.condemn(Reason::Killed);
        leash.condemn(Reason::Garbage("later".to_owned()));
        assert_eq!(leash.reap(), WorkerExit::Signal(9));
        assert!(matches!(leash.job_ends(), Some(Reason::Killed)));
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn a_worker_that_has_left_its_group_is_reached_too() {
        let mut leader = sleeper();
        let child = Command::new("sleep").arg("1000").process_group(leader.pid as i32).spawn();
        let strayed = Leash::new(child.unwrap());
        strayed.condemn(Reason::Killed);
        assert_eq!(strayed.reap(), WorkerExit::Signal(9));
        let held = leader.held.get_mut();
        assert!(
            held.child.as_mut().unwrap().try_wait().unwrap().is_none(),
            "that group is not ours"
        );
        leader.kill_and_reap();
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn a_job_is_killed_only_while_the_worker_has_it() {
        let leash = sleeper();
        leash.job_begins(1, Location::caller());
        assert!(!leash.kill_job(2));
        assert!(leash.job_ends().is_none());
        assert!(!leash.kill_job(1), "its answer has come");
        leash.job_begins(2, Location::caller());
        assert!(leash.kill_job(2));
        assert!(matches!(leash.job_ends(), Some(Reason::Killed)), "who was told yes is believed");
        assert_eq!(leash.kill_and_reap(), WorkerExit::Signal(9));
        assert!(!leash.kill_job(1), "and nobody is signalled after reaping");
    }
}
