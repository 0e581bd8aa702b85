//! The team: the queue of a process pool, and who is there to work on it.
//!
//! Everything that submitters and supervisors share lies behind one lock: jobs, numbers, the
//! door. A job costs a trip to another process and back, so one lock is not what is slow here,
//! and the rules can be read one after the other.
//!
//! ```text
//!    submit -> queue -> next_job() -> a supervisor and its worker
//!                |
//!                '--> one more worker needed? (the rules are in `staffing.rs`)
//! ```
//!
//! # Invariants
//! - Exactly one supervisor (a thread) for each worker; it leaves when its worker has ended.
//! - As long as jobs are queued, somebody is free, busy or starting, or else the pool breaks
//!   and the jobs fail: none waits for ever.
//! - Lock order: a job's slot, then the team, then a leash. No code of the user's runs under
//!   any of them.
//!
//! Tutorial: the chapter on process pools. Before this: `staffing.rs`. After this:
//! `team_end.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::ending::Ending;
use crate::error::PoolError;
use crate::job_queue::JobQueue;
use crate::leash::{Leash, Reason};
use crate::lost::OnLost;
use crate::remote_job::RemoteJob;
use crate::roll::{Farewell, Guest};
use crate::staffing::{Door, Staffing};

pub(crate) struct Team {
    pub(crate) settings: Settings,
    /// A supervisor's life. Handed down as a value, because it is written on top of this file.
    life: fn(&Arc<Team>),
    pub(crate) state: Mutex<State>,
    /// There is a job, or the door has moved: for those that wait for a job.
    pub(crate) news: Condvar,
    /// The door has moved, or somebody has left through it: for those that pause before they start a
    /// worker.
    pub(crate) door_moved: Condvar,
    pub(crate) ending: Arc<Ending>,
    /// Held by the shutdown that joins the supervisors; another one waits for that.
    pub(crate) joining: Mutex<()>,
    pub(crate) farewell: Arc<Farewell>,
    next_id: AtomicU64,
}

pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) eager: bool,
    pub(crate) max_tasks: Option<u64>,
    pub(crate) start_timeout: Duration,
    /// The pause after a failed start; it doubles with each further one.
    pub(crate) pause: Duration,
    pub(crate) max_frame: u32,
    pub(crate) inherit_stderr: bool,
    pub(crate) on_worker_death: OnWorkerDeath,
    pub(crate) on_lost: OnLost,
    /// The frame that calls the initializer.
    pub(crate) init_frame: Option<Vec<u8>>,
    /// How this program is started as a worker, after its path.
    pub(crate) worker_arguments: Vec<std::ffi::OsString>,
    pub(crate) under_test: bool,
}

/// What the death of a worker process means for the pool.
///
/// ```
/// use roundelay_pools::{JobError, OnWorkerDeath, PoolError, ProcessPool, remote};
///
/// #[remote(crate = roundelay_pools)]
/// fn leave() { std::process::exit(3) }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     roundelay_pools::worker_entry();
///     let strict = ProcessPool::builder().on_worker_death(OnWorkerDeath::BreakPool).build()?;
///     assert!(matches!(strict.submit(leave, ())?.wait(), Err(JobError::WorkerDied { .. })));
///     assert!(matches!(strict.submit(leave, ()), Err(PoolError::Broken(_))));
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWorkerDeath {
    /// The job that it had fails with [`WorkerDied`](crate::JobError::WorkerDied); nothing else
    /// happens. The default.
    #[default]
    FailJob,
    /// The pool is broken, as Python's is: the other jobs, running or queued, fail with
    /// [`BrokenPool`](crate::JobError::BrokenPool), later ones are refused.
    #[doc(alias = "BrokenProcessPool")]
    BreakPool,
}

pub(crate) struct State {
    pub(crate) staff: Staffing,
    pub(crate) queue: JobQueue,
    pub(crate) next_number: u64,
    pub(crate) leashes: Vec<Arc<Leash>>,
    pub(crate) handles: Vec<JoinHandle<()>>,
    /// How often jobs are being ended at this moment that have left the queue without a worker.
    pub(crate) ending_jobs: usize,
    pub(crate) done: u64,
    pub(crate) abandoned: u64,
}

impl Team {
    pub(crate) fn new(settings: Settings, life: fn(&Arc<Team>)) -> Arc<Team> {
        let state = State {
            staff: Staffing::new(settings.workers, settings.eager, settings.pause),
            queue: JobQueue::new(),
            next_number: 0,
            leashes: Vec::new(),
            handles: Vec::new(),
            ending_jobs: 0,
            done: 0,
            abandoned: 0,
        };
        let team = Arc::new(Team {
            settings,
            life,
            state: Mutex::new(state),
            news: Condvar::new(),
            door_moved: Condvar::new(),
            ending: Ending::new(),
            joining: Mutex::new(()),
            farewell: Arc::default(),
            next_id: AtomicU64::new(1),
        });
        team.start_or_break(&mut team.state.lock());
        team
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn submit(self: &Arc<Self>, job: Arc<dyn RemoteJob>) -> Result<(), PoolError> {
        let mut state = self.state.lock();
        match &state.staff.door {
            Door::Open => {}
            Door::Closed => return Err(PoolError::ShutDown),
            Door::Broken(why) => return Err(PoolError::Broken(why.clone())),
        }
        let swept = state.queue.push(job);
        if let Err(source) = self.start_who_is_needed(&mut state) {
            let job = state.queue.unpush();
            drop(state);
            drop((job, swept));
            return Err(PoolError::Os { doing: "starting a thread of the pool", source });
        }
        drop(state);
        drop(swept);
        self.news.notify_one();
        Ok(())
    }

    /// Starts supervisors while there are more jobs than workers to come for them. `Err`: nobody
    /// is there, and nobody can be started.
    fn start_who_is_needed(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        while state.staff.needs_another(state.queue.len()) {
            let (team, life) = (Arc::clone(self), self.life);
            let name = format!("pool-supervisor-{}", state.next_number);
            let guest = Guest::new(&self.farewell);
            let started = thread::Builder::new().name(name).spawn(move || {
                guest.stays_until_the_last_destructor();
                team.ending.enter();
                life(&team);
                team.join_those_gone();
            });
            match started {
                Ok(handle) => {
                    state.next_number += 1;
                    state.staff.start_begins();
                    state.handles.push(handle);
                }
                Err(error) if state.staff.present == 0 => return Err(error),
                Err(_) => break, // those who are there will do the work
            }
        }
        Ok(())
    }

    /// Nobody is there and nobody can be started: the jobs that wait would do so for ever. If none
    /// waits, the next one's `submit` tries again.
    fn start_or_break(self: &Arc<Self>, state: &mut State) {
        if let Err(error) = self.start_who_is_needed(state)
            && state.queue.len() > 0
        {
            state.staff.door = Door::Broken(format!("no thread could be started: {error}"));
        }
    }
}

// ---- a supervisor's reports -----------------------------------------------------------------

impl Team {
    /// Before a worker is started: waits a little if the last ones failed. `false`: don't.
    pub(crate) fn may_start(&self) -> bool {
        let mut state = self.state.lock();
        let deadline = Instant::now() + state.staff.pause();
        // Also in a closed pool: what is queued there may wait for another worker for long.
        while state.staff.wants_workers(state.queue.len()) && Instant::now() < deadline {
            self.door_moved.wait_until(&mut state, deadline);
        }
        state.staff.wants_workers(state.queue.len())
    }

    /// A worker has been started. `false`: it is no longer wanted, and has been killed.
    pub(crate) fn register(&self, leash: &Arc<Leash>) -> bool {
        let mut state = self.state.lock();
        state.leashes.push(Arc::clone(leash));
        if state.staff.killed {
            leash.condemn(Reason::Killed);
        }
        !state.staff.killed
    }

    pub(crate) fn worker_is_ready(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.staff.worker_is_ready();
        self.start_or_break(&mut state);
    }

    /// A worker could not be started.
    pub(crate) fn start_failed(&self, why: String) {
        if self.state.lock().staff.start_failed() {
            self.break_pool(why);
        }
    }

    /// A start was given up because nobody wants workers any more.
    pub(crate) fn start_given_up(&self) {
        self.state.lock().staff.starting -= 1;
    }

    /// For a supervisor that counts as free: its next job. `None`: it is to leave.
    pub(crate) fn next_job(&self) -> Option<Arc<dyn RemoteJob>> {
        let mut state = self.state.lock();
        loop {
            let job = state.queue.pop();
            if job.is_some() || !state.staff.is_open() {
                state.staff.free -= 1;
                return job;
            }
            self.news.wait(&mut state);
        }
    }

    /// A job has ended that a worker had. `stays`: its supervisor is free for another.
    pub(crate) fn job_done(&self, stays: bool) {
        let mut state = self.state.lock();
        state.done += 1;
        state.staff.job_done();
        state.staff.free += usize::from(stays);
    }

    pub(crate) fn on_lost(&self) -> OnLost {
        self.settings.on_lost.clone()
    }

    pub(crate) fn job_was_abandoned(&self) {
        self.state.lock().abandoned += 1;
    }

    /// A supervisor counts as free again without having run anything.
    pub(crate) fn is_free(&self) {
        self.state.lock().staff.free += 1;
    }

    /// A job whose worker was dead before it got it: first in the queue again.
    pub(crate) fn put_back(&self, job: Arc<dyn RemoteJob>) {
        let mut state = self.state.lock();
        state.queue.put_back(job);
        let hopeless = state.staff.was_found_dead();
        self.after_change(state);
        if hopeless {
            self.break_pool("workers die before they get a job, one after the other".to_owned());
        }
    }

    /// The last thing a supervisor does: its worker has been reaped.
    pub(crate) fn leave(self: &Arc<Self>, leash: Option<&Arc<Leash>>) {
        let mut state = self.state.lock();
        state.staff.present -= 1;
        if let Some(leash) = leash {
            state.leashes.retain(|theirs| !Arc::ptr_eq(theirs, leash));
        }
        self.start_or_break(&mut state);
        self.after_change(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::JobError;
    use crate::job::Job;
    use crate::remote_job::RemoteCall;
    use std::panic::Location;
    use std::sync::atomic::AtomicBool;

    fn settings() -> Settings {
        Settings {
            workers: 2,
            eager: false,
            max_tasks: None,
            start_timeout: Duration::MAX,
            pause: Duration::from_millis(1),
            max_frame: 4096,
            inherit_stderr: true,
            on_worker_death: OnWorkerDeath::FailJob,
            on_lost: None,
            init_frame: None,
            worker_arguments: Vec::new(),
            under_test: true,
        }
    }

    fn submit(team: &Arc<Team>) -> Job<()> {
        let job =
            RemoteCall::new(0, "f", vec![0; 100], None, Location::caller(), |_, _| Ok(()), None);
        team.submit(Arc::clone(&job) as _).unwrap();
        Job::new(job)
    }

    /// Its worker says hello, and is dead when it is to get a job.
    fn dies_when_idle(team: &Arc<Team>) {
        if !team.may_start() {
            team.start_given_up();
            return team.leave(None);
        }
        team.worker_is_ready();
        if let Some(job) = team.next_job() {
            team.put_back(job);
        }
        team.leave(None);
    }

    #[test]
    fn workers_that_die_right_after_hello_break_the_pool_instead_of_spinning() {
        let team = Team::new(settings(), dies_when_idle);
        let Err(JobError::BrokenPool(why)) = submit(&team).wait() else { panic!("no worker") };
        assert!(why.contains("one after the other"), "{why}");
        team.wait_for_end(None).unwrap();
    }

    static STARTS: AtomicU64 = AtomicU64::new(0);
    static GATE: AtomicBool = AtomicBool::new(false);

    /// The first worker has its jobs done when the gate is open; no other can be started.
    fn only_the_first_can_start(team: &Arc<Team>) {
        if !team.may_start() {
            team.start_given_up();
        } else if STARTS.fetch_add(1, Ordering::SeqCst) > 0 {
            team.start_failed("no more of them".to_owned());
        } else {
            team.worker_is_ready();
            while let Some(job) = team.next_job() {
                wait_until(|| GATE.load(Ordering::SeqCst));
                job.fail(JobError::Killed).unwrap().tell();
                team.job_done(true);
            }
        }
        team.leave(None);
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        while !is_so() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_closed_pool_pauses_between_failed_starts_as_an_open_one_does() {
        let hour = Duration::from_secs(3600);
        let team = Team::new(Settings { pause: hour, ..settings() }, only_the_first_can_start);
        let _busy = submit(&team);
        wait_until(|| team.state.lock().queue.len() == 0);
        let _queued = submit(&team);
        wait_until(|| STARTS.load(Ordering::SeqCst) == 2 && team.state.lock().staff.starting == 1);
        team.close();
        // Time to do it wrong; to do it right takes what comes next.
        (0..1000).for_each(|_| thread::yield_now());
        GATE.store(true, Ordering::SeqCst);
        team.wait_for_end(None).unwrap();
        assert_eq!(STARTS.load(Ordering::SeqCst), 2);
    }
}
