//! A pool that does only what a test says: for runs that are the same each time.
//!
//! A real pool answers when it pleases: which of two jobs ends first is the system's choice, and
//! a bug that needs the other order shows once in a thousand runs. A [`ScriptedPool`] has the
//! same `submit` and gives the same [`Job`]s, but no threads and no processes. A job waits until
//! the test names it; then it runs, on the test's own thread.
//!
//! ```text
//!   code under test:  submit(a)  submit(b)  submit(c)       await a, await b ..
//!                         \          |          /
//!                          [ 0: a   1: b   2: c ]
//!   the test:         run(2)   fail(0, WorkerDied)   start(1) .. run(1)
//! ```
//!
//! What both kinds of pool share is the trait [`Pool`]: write the code under test for
//! `&impl Pool`, and give it a [`ThreadPool`](crate::ThreadPool) in the program and a script in
//! the test.
//!
//! # Invariants
//! - Nothing runs but in `run`, `run_next` and `run_all`, on the thread that calls them.
//! - No lock is held while a job runs: it may submit, and even run others.
//!
//! Tutorial: the chapter on pools in tests. Before this: `pool.rs`. After this: nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::codec;
use crate::error::{JobError, PoolError};
use crate::job::{Job, Shared};
use crate::panics::{contain, contain_quietly, install_hook, watch_this_thread};
use crate::pool::{Pool, RemotePool};
use crate::registry::RemoteFn;
use crate::slot::{Answer, Slot, State as SlotState};

/// A pool without workers: the test says which job runs, when, and which one fails how.
///
/// A clone is the same pool, so the code under test can have one and the test another. Jobs are
/// named by their number: the first to be submitted is 0. A closed script still runs what was
/// submitted.
///
/// # Dropping
///
/// Dropping the last clone cancels what has not been run (a job that was started is
/// [`JobError::Killed`]), so nobody waits for ever.
///
/// ```
/// use roundelay_pools::{JobError, Pool, ScriptedPool, as_completed};
///
/// // The code under test: the first answer wins.
/// fn fastest<P: Pool>(pool: &P) -> impl Iterator<Item = usize> + use<P> {
///     let jobs: Vec<_> = (0..3).map(|_| pool.submit(|| ()).unwrap()).collect();
///     as_completed(jobs).filter(|(_, outcome)| outcome.is_ok()).map(|(index, _)| index)
/// }
///
/// let script = ScriptedPool::new();
/// let mut order = fastest(&script);
/// script.run(2); // on a real pool this order is rare
/// assert_eq!(order.next(), Some(2));
/// script.fail(0, JobError::Killed); // and this one cannot be had by waiting
/// script.run(1);
/// assert_eq!(order.next(), Some(1));
/// assert_eq!(order.next(), None);
/// ```
#[derive(Clone, Default)]
pub struct ScriptedPool {
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    next_number: usize,
    waiting: BTreeMap<usize, Arc<dyn Scripted>>,
}

impl ScriptedPool {
    /// A script without jobs.
    pub fn new() -> ScriptedPool {
        ScriptedPool::default()
    }

    /// Hands over a call of a `#[remote]` function, as
    /// [`ProcessPool::submit`](crate::ProcessPool::submit) does.
    ///
    /// It runs in this process; but arguments and result are encoded and decoded on the way, so
    /// what could not travel to a worker does not travel here either. There is no limit to their
    /// size, and no guard is needed.
    ///
    /// # Errors
    /// [`PoolError::Encode`] when the arguments cannot travel; [`PoolError::ShutDown`] after
    /// `close`.
    ///
    /// ```
    /// use roundelay_pools::{JobError, ScriptedPool, WorkerExit, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn double(n: u64) -> u64 { n * 2 }
    ///
    /// let script = ScriptedPool::new();
    /// let first = script.submit_remote(double, 1)?;
    /// let second = script.submit_remote(double, 21)?;
    /// script.fail(0, JobError::WorkerDied {
    ///     pid: 4711, exit: WorkerExit::Signal(9), stderr: String::new(),
    /// });
    /// script.run(1);
    /// assert!(matches!(first.wait(), Err(JobError::WorkerDied { .. })));
    /// assert_eq!(second.wait()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_remote<F: RemoteFn>(
        &self,
        _function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        let mut sent = Vec::new();
        codec::encode(&args, &mut sent).map_err(PoolError::Encode)?;
        self.accept(Location::caller(), move || {
            let args = codec::decode(&sent).map_err(JobError::BadArgs)?;
            let value = F::call(args);
            let mut answer = Vec::new();
            codec::encode(&value, &mut answer).map_err(JobError::BadResult)?;
            codec::decode(&answer).map_err(JobError::BadResult)
        })
    }

    /// The numbers of the jobs that have not ended, in the order of their submission.
    pub fn waiting(&self) -> Vec<usize> {
        let state = self.script.state.lock();
        let open = state.waiting.iter().filter(|(_, job)| job.is_open());
        open.map(|(number, _)| *number).collect()
    }

    /// From here on the job counts as running: it can no longer be cancelled. `false`: it has
    /// ended, was cancelled, or runs already.
    ///
    /// ```
    /// use roundelay_pools::{Pool, ScriptedPool};
    ///
    /// let script = ScriptedPool::new();
    /// let job = script.submit(|| 7)?;
    /// assert!(script.start(0) && job.is_running());
    /// assert!(!job.cancel()); // too late
    /// assert!(script.run(0));
    /// assert_eq!(job.wait()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(&self, number: usize) -> bool {
        let job = self.script.state.lock().waiting.get(&number).cloned();
        job.is_some_and(|job| job.start())
    }

    /// Runs a job, here and now, to its end; started or not. `false`: there is nothing to run,
    /// because it has ended or was cancelled.
    ///
    /// Its callbacks and wakers are called before this returns, on this thread. A panic in it
    /// becomes its outcome.
    ///
    /// ```
    /// use roundelay_pools::{JobError, Pool, ScriptedPool};
    ///
    /// let script = ScriptedPool::new();
    /// let jobs: Vec<_> = (0..3).map(|n| script.submit(move || n)).collect::<Result<_, _>>()?;
    /// assert!(script.run(2) && script.start(1));
    /// assert_eq!(script.waiting(), [0, 1]);
    /// assert!(script.fail(1, JobError::Killed));
    /// assert_eq!(script.run_all(), 1);
    /// assert!(!script.run_next());
    /// assert_eq!((jobs[2].wait()?, jobs[1].wait().is_err(), jobs[0].wait()?), (2, true, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self, number: usize) -> bool {
        install_hook();
        watch_this_thread();
        let job = self.script.state.lock().waiting.remove(&number);
        job.is_some_and(|job| job.run())
    }

    /// Runs the oldest job that has not ended. `false`: there is none.
    pub fn run_next(&self) -> bool {
        loop {
            // One that was cancelled leaves its place when it is looked at.
            let oldest = self.script.state.lock().waiting.keys().next().copied();
            let Some(number) = oldest else { return false };
            if self.run(number) {
                return true;
            }
        }
    }

    /// Runs jobs, oldest first, until none is left, those included that are submitted meanwhile.
    /// Says how many.
    ///
    /// ```
    /// use roundelay_pools::{Pool, ScriptedPool};
    ///
    /// let script = ScriptedPool::new();
    /// let inner = script.clone();
    /// let job = script.submit(move || inner.submit(|| 7).unwrap())?;
    /// assert_eq!(script.run_all(), 2); // the second was submitted by the first
    /// assert_eq!(job.wait()?.wait()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_all(&self) -> usize {
        std::iter::from_fn(|| self.run_next().then_some(())).count()
    }

    /// Ends a job with an error instead of running it: what a worker's death, a time limit or a
    /// kill would look like. `false`: it has ended, or was cancelled.
    ///
    /// ```
    /// use roundelay_pools::{JobError, Pool, ScriptedPool};
    ///
    /// let script = ScriptedPool::new();
    /// let job = script.submit(|| unreachable!("it is never run"))?;
    /// assert!(script.fail(0, JobError::Killed));
    /// let outcome: Result<(), _> = job.wait();
    /// assert!(matches!(outcome, Err(JobError::Killed)));
    /// assert!(!script.fail(0, JobError::Killed)); // it has ended
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fail(&self, number: usize, error: JobError) -> bool {
        let job = self.script.state.lock().waiting.remove(&number);
        job.is_some_and(|job| job.fail(error))
    }

    fn accept<T: Send + 'static>(
        &self,
        submitted_at: &'static Location<'static>,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<Job<T>, PoolError> {
        let mut state = self.script.state.lock();
        if state.closed {
            drop(state);
            return Err(PoolError::ShutDown);
        }
        let job = Arc::new(ScriptedJob {
            work: Mutex::new(Some(Box::new(work) as Work<T>)),
            slot: Slot::new(),
            submitted_at,
        });
        let number = state.next_number;
        state.next_number += 1;
        // Cancelled ones leave their place when somebody looks; a script is short.
        state.waiting.insert(number, Arc::clone(&job) as _);
        Ok(Job::new(job))
    }
}

impl RemotePool for ScriptedPool {
    #[track_caller]
    fn submit_remote<F: RemoteFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> Result<Job<F::Output>, PoolError> {
        ScriptedPool::submit_remote(self, function, args)
    }
}

impl Pool for ScriptedPool {
    #[track_caller]
    fn submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.accept(Location::caller(), move || Ok(work()))
    }

    fn close(&self) {
        self.script.state.lock().closed = true;
    }

    fn cancel_queued(&self) -> usize {
        self.script.cancel_queued()
    }
}

impl Script {
    fn cancel_queued(&self) -> usize {
        let jobs: Vec<_> = self.state.lock().waiting.values().cloned().collect();
        jobs.into_iter().filter(|job| job.cancel()).count()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.cancel_queued();
        // What was started has to end, too.
        let started = std::mem::take(&mut self.state.get_mut().waiting);
        for job in started.into_values() {
            job.fail(JobError::Killed);
        }
    }
}

type Work<T> = Box<dyn FnOnce() -> Result<T, JobError> + Send>;

struct ScriptedJob<T> {
    work: Mutex<Option<Work<T>>>,
    slot: Slot<T>,
    submitted_at: &'static Location<'static>,
}

/// What a script can do with a job, whatever its type.
trait Scripted: Send + Sync {
    fn is_open(&self) -> bool;
    fn start(&self) -> bool;
    fn run(&self) -> bool;
    fn fail(&self, error: JobError) -> bool;
    fn cancel(&self) -> bool;
}

impl<T> ScriptedJob<T> {
    /// The closure of a job that is started, now or before. `None`: it has ended.
    fn take_work(&self) -> Option<Work<T>> {
        // Not the closure of one that is just being cancelled: that is the canceller's.
        let is_ours = self.slot.start() || self.slot.state() == SlotState::Running;
        if is_ours { self.work.lock().take() } else { None }
    }
}

impl<T: Send + 'static> Scripted for ScriptedJob<T> {
    fn is_open(&self) -> bool {
        self.work.lock().is_some()
    }

    fn start(&self) -> bool {
        self.slot.start()
    }

    fn run(&self) -> bool {
        let Some(work) = self.take_work() else { return false };
        // The whole way of a call is contained: arguments and results may panic on it, too.
        let outcome = contain(work).unwrap_or_else(|report| Err(JobError::Panicked(report)));
        self.slot.complete(outcome.map(Answer::Here), || ());
        true
    }

    fn fail(&self, error: JobError) -> bool {
        let Some(work) = self.take_work() else { return false };
        contain_quietly(move || drop(work));
        self.slot.complete(Err(error), || ());
        true
    }

    fn cancel(&self) -> bool {
        let cancelled = self.slot.withdraw();
        if cancelled {
            self.drop_work();
            self.slot.complete(Err(JobError::Cancelled), || ());
        }
        cancelled
    }
}

impl<T: Send + 'static> Shared<T> for ScriptedJob<T> {
    fn slot(&self) -> &Slot<T> {
        &self.slot
    }

    fn drop_work(&self) {
        let work = self.work.lock().take();
        contain_quietly(move || drop(work));
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }
}

impl fmt::Debug for ScriptedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedPool").field("waiting", &self.waiting()).finish()
    }
}
