//! The team: the queue of a process pool, and who is there to work on it.
//!
//! Everything that submitters and supervisors share lies behind one lock: jobs, numbers, the
//! door. A job costs a trip to another process and back, so one lock is not what is slow here,
//! and the rules can be read one after the other.
//!
//! ```text
//!    submit -> queue -> next_job() -> a supervisor and its worker
//!                |
//!                '--> more jobs than workers that are free or starting? start one more
//!                     (the very first alone, until it has said hello)
//! ```
//!
//! # Invariants
//! - Exactly one supervisor (a thread) for each worker; it leaves when its worker has ended.
//! - As long as jobs are queued, somebody is free, busy or starting, or else the pool breaks
//!   and the jobs fail: none waits for ever.
//! - Before the first worker has ever been ready, only one is started at a time, and three
//!   failures in a row break the pool. A program that forgot its guard stays a handful of
//!   processes.
//! - Lock order: a job's slot, then the team, then a leash. No code of the user's runs under
//!   any of them.
//!
//! Tutorial: the chapter on process pools. Before this: `remote_job.rs`. After this:
//! `supervisor.rs`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::ending::Ending;
use crate::error::{JobError, PoolError};
use crate::leash::{Leash, Reason};
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::remote_job::RemoteJob;

pub(crate) struct Team {
    pub(crate) settings: Settings,
    /// A supervisor's life. Handed down as a value, because it is written on top of this file.
    life: fn(&Arc<Team>),
    state: Mutex<State>,
    /// There is a job, or the door has moved: for those that wait for a job.
    news: Condvar,
    /// The door has moved: for those that pause before they start a worker.
    door_moved: Condvar,
    ending: Arc<Ending>,
    next_id: AtomicU64,
}

pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) eager: bool,
    pub(crate) max_tasks: Option<u64>,
    pub(crate) start_timeout: Duration,
    pub(crate) max_frame: u32,
    pub(crate) inherit_stderr: bool,
    pub(crate) on_worker_death: OnWorkerDeath,
    /// The frame that calls the initializer.
    pub(crate) init_frame: Option<Vec<u8>>,
    /// How this program is started as a worker, after its path.
    pub(crate) worker_arguments: Vec<std::ffi::OsString>,
    pub(crate) under_test: bool,
}

/// What the death of a worker process means for the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWorkerDeath {
    /// The job that it had fails with [`JobError::WorkerDied`]; nothing else happens. The
    /// default.
    #[default]
    FailJob,
    /// The pool is broken, as Python's is: the other jobs, running or queued, fail with
    /// [`JobError::BrokenPool`], later ones are refused.
    #[doc(alias = "BrokenProcessPool")]
    BreakPool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn RemoteJob>>,
    door: Door,
    /// Supervisors: those that start a worker, those that are free, those that have a job.
    present: usize,
    starting: usize,
    free: usize,
    /// Some worker of this pool has once been ready.
    ever_ready: bool,
    failed_starts: u32,
    /// Workers are no longer wanted, not even to finish what they do.
    killed: bool,
    next_number: u64,
    leashes: Vec<Arc<Leash>>,
    handles: Vec<JoinHandle<()>>,
    done: u64,
    abandoned: u64,
}

#[derive(Default)]
enum Door {
    #[default]
    Open,
    Closed,
    Broken(String),
}

/// How many starts may fail one after the other: at first, and in a pool that has worked (there
/// somebody outside may be killing workers, and stop again).
const FAILURES_AT_FIRST: u32 = 3;
const FAILURES_LATER: u32 = 12;

impl Team {
    pub(crate) fn new(settings: Settings, life: fn(&Arc<Team>)) -> Arc<Team> {
        let team = Arc::new(Team {
            settings,
            life,
            state: Mutex::default(),
            news: Condvar::new(),
            door_moved: Condvar::new(),
            ending: Ending::new(),
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
        match &state.door {
            Door::Open => {}
            Door::Closed => return Err(PoolError::ShutDown),
            Door::Broken(why) => return Err(PoolError::Broken(why.clone())),
        }
        state.queue.push_back(job);
        if let Err(source) = self.start_who_is_needed(&mut state) {
            let job = state.queue.pop_back();
            drop(state);
            drop(job);
            return Err(PoolError::Os { doing: "starting a thread of the pool", source });
        }
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// Starts supervisors while there are more jobs than workers to come for them. `Err`: nobody
    /// is there, and nobody can be started.
    fn start_who_is_needed(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        while state.needs_another(&self.settings) {
            let (team, life) = (Arc::clone(self), self.life);
            let name = format!("pool-supervisor-{}", state.next_number);
            let started = thread::Builder::new().name(name).spawn(move || {
                team.ending.enter();
                life(&team);
            });
            match started {
                Ok(handle) => {
                    state.next_number += 1;
                    state.present += 1;
                    state.starting += 1;
                    state.handles.retain(|handle| !handle.is_finished());
                    state.handles.push(handle);
                }
                Err(error) if state.present == 0 => return Err(error),
                Err(_) => break, // those who are there will do the work
            }
        }
        Ok(())
    }

    fn start_or_break(self: &Arc<Self>, state: &mut State) {
        if let Err(error) = self.start_who_is_needed(state) {
            state.door = Door::Broken(format!("no thread could be started: {error}"));
        }
    }
}

impl State {
    fn needs_another(&self, settings: &Settings) -> bool {
        let wanted = match self.door {
            _ if self.killed => 0,
            Door::Open if settings.eager => settings.workers,
            Door::Open | Door::Closed => self.queue.len(),
            Door::Broken(_) => 0,
        };
        self.present < settings.workers
            && wanted > self.free + self.starting
            && (self.ever_ready || self.starting == 0)
    }

    fn failure_limit(&self) -> u32 {
        if self.ever_ready { FAILURES_LATER } else { FAILURES_AT_FIRST }
    }

    /// Is it worth while to start a worker?
    fn wants_workers(&self) -> bool {
        match self.door {
            _ if self.killed => false,
            Door::Open => true,
            Door::Closed => !self.queue.is_empty(),
            Door::Broken(_) => false,
        }
    }

    /// The jobs that nobody will ever come for, to be failed when the lock has been let go.
    fn take_hopeless(&mut self) -> Vec<(Arc<dyn RemoteJob>, JobError)> {
        let error = match &self.door {
            Door::Broken(why) => JobError::BrokenPool(why.clone()),
            _ if self.killed => JobError::Cancelled,
            _ => return Vec::new(),
        };
        self.queue.drain(..).map(|job| (job, error.clone())).collect()
    }
}

// ---- a supervisor's reports -----------------------------------------------------------------

impl Team {
    /// Before a worker is started: waits a little if the last ones failed. `false`: don't.
    pub(crate) fn may_start(&self) -> bool {
        let mut state = self.state.lock();
        if state.failed_starts > 0 {
            let pause = Duration::from_millis(5 << state.failed_starts.min(8));
            let deadline = Instant::now() + pause;
            while matches!(state.door, Door::Open)
                && !self.door_moved.wait_until(&mut state, deadline).timed_out()
            {}
        }
        state.wants_workers()
    }

    /// A worker has been started. `false`: it is no longer wanted, and has been killed.
    pub(crate) fn register(&self, leash: &Arc<Leash>) -> bool {
        let mut state = self.state.lock();
        state.leashes.push(Arc::clone(leash));
        if state.killed {
            leash.condemn(Reason::Killed);
        }
        !state.killed
    }

    pub(crate) fn worker_is_ready(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.starting -= 1;
        state.free += 1;
        state.ever_ready = true;
        state.failed_starts = 0;
        self.start_or_break(&mut state);
    }

    /// A worker could not be started.
    pub(crate) fn start_failed(&self, why: &str) {
        let hopeless = {
            let mut state = self.state.lock();
            state.starting -= 1;
            state.failed_starts += 1;
            // Whoever else is there is busy, free or starting; this one is still counted.
            let alone = state.present - state.starting == 1;
            !state.killed && alone && state.failed_starts >= state.failure_limit()
        };
        if hopeless {
            self.break_pool(format!("workers die while starting: {why}"));
        }
    }

    /// A start was given up because nobody wants workers any more.
    pub(crate) fn start_given_up(&self) {
        self.state.lock().starting -= 1;
    }

    /// For a supervisor that counts as free: its next job. `None`: it is to leave.
    pub(crate) fn next_job(&self) -> Option<Arc<dyn RemoteJob>> {
        let mut state = self.state.lock();
        loop {
            let job = state.queue.pop_front();
            if job.is_some() || !matches!(state.door, Door::Open) {
                state.free -= 1;
                return job;
            }
            self.news.wait(&mut state);
        }
    }

    /// A job has ended that a worker had. `stays`: its supervisor is free for another.
    pub(crate) fn job_done(&self, stays: bool) {
        let mut state = self.state.lock();
        state.done += 1;
        state.free += usize::from(stays);
    }

    pub(crate) fn job_was_abandoned(&self) {
        self.state.lock().abandoned += 1;
    }

    /// A supervisor counts as free again without having run anything.
    pub(crate) fn is_free(&self) {
        self.state.lock().free += 1;
    }

    /// A job whose worker was dead before it got it: first in the queue again.
    pub(crate) fn put_back(&self, job: Arc<dyn RemoteJob>) {
        let mut state = self.state.lock();
        state.queue.push_front(job);
        self.after_change(state);
    }

    /// The last thing a supervisor does: its worker has been reaped.
    pub(crate) fn leave(self: &Arc<Self>, leash: Option<&Arc<Leash>>) {
        let mut state = self.state.lock();
        state.present -= 1;
        if let Some(leash) = leash {
            state.leashes.retain(|theirs| !Arc::ptr_eq(theirs, leash));
        }
        self.start_or_break(&mut state);
        self.after_change(state);
    }

    /// Lets the lock go; then fails the jobs without hope, tells everybody who waits, and raises
    /// the end if it has come.
    fn after_change(&self, mut state: MutexGuard<'_, State>) {
        let hopeless = state.take_hopeless();
        let closed = !matches!(state.door, Door::Open);
        let over = closed && state.present == 0 && state.queue.is_empty();
        drop(state);
        self.news.notify_all();
        if closed {
            self.door_moved.notify_all();
        }
        hopeless.into_iter().for_each(|(job, error)| job.fail(error));
        if over && !self.ending.has_come() {
            self.ending.raise();
        }
    }
}

// ---- the end --------------------------------------------------------------------------------

impl Team {
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if matches!(state.door, Door::Open) {
            state.door = Door::Closed;
        }
        self.after_change(state);
    }

    pub(crate) fn break_pool(&self, why: String) {
        let mut state = self.state.lock();
        if !matches!(state.door, Door::Broken(_)) {
            state.door = Door::Broken(why);
        }
        self.after_change(state);
    }

    /// The pool is broken, and nobody is to finish what they do.
    pub(crate) fn break_and_kill(&self, why: String) {
        let leashes = {
            let mut state = self.state.lock();
            state.killed = true;
            state.leashes.clone()
        };
        leashes.iter().for_each(|leash| leash.condemn(Reason::PoolBroke(why.clone())));
        self.break_pool(why);
    }

    pub(crate) fn stop_workers(&self, stop: impl Fn(&Leash)) {
        let leashes = {
            let mut state = self.state.lock();
            state.killed = true;
            state.leashes.clone()
        };
        self.close();
        self.cancel_queued();
        leashes.iter().for_each(|leash| stop(leash));
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        let mut state = self.state.lock();
        let jobs = std::mem::take(&mut state.queue);
        self.after_change(state);
        let cancelled = jobs.len();
        jobs.into_iter().for_each(|job| job.fail(JobError::Cancelled));
        cancelled
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
