//! A pool whose jobs take the time that a script says, on the loop's own clock.
//!
//! Threads finish in any order, on no clock of ours. This pool has none: a plan says of each job
//! how long it takes, and at that moment of the loop's time its function is called, on the loop's
//! thread.
//!
//! ```text
//!   plan:   job 0 takes 30 ms       job 1 fails after 10 ms
//!
//!   0 ms    submit 0, submit 1
//!   10 ms   job 1 ends with its error; its function is dropped uncalled
//!   30 ms   job 0's function is called, and its value is the result
//! ```
//!
//! # Invariants
//! - A job has begun when it was submitted: giving it up does not stop it.
//! - A virtual clock is not held: the end of a job is a timer like any other.
//!
//! Tutorial: chapter 15. Before this: `group/results.rs`. After this: `blocking.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use roundelay_pools::{Job, JobError, Pool, PoolError, ScriptedPool};
use roundelay_runtime::{Callback, current_loop};

/// What becomes of one job of a [`TimedPool`].
#[derive(Clone, Debug)]
pub struct JobPlan {
    after: Duration,
    error: Option<JobError>,
}

impl JobPlan {
    /// It takes this long, and then its function is called.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{JobPlan, Runner, to_thread};
    ///
    /// let plan = |_job| JobPlan::takes(Duration::from_secs(9));
    /// let runner = Runner::builder().virtual_clock().scripted_jobs(plan).build()?;
    /// let start = runner.loop_ref().time();
    /// runner.run(async { to_thread(|| ()).await })?.unwrap();
    /// assert_eq!(runner.loop_ref().time() - start, Duration::from_secs(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn takes(time: Duration) -> JobPlan {
        JobPlan { after: time, error: None }
    }

    /// After so long it ends with an error, as if its worker had died. Its function is never
    /// called.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{JobPlan, Runner, TimedPool, run_on};
    /// use roundelay_pools::JobError;
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// let plan = |_| JobPlan::fails(Duration::from_secs(1), JobError::Killed);
    /// let pool = TimedPool::new(plan);
    /// let outcome = runner.run(async { run_on(&pool, || unreachable!()).await })?;
    /// assert!(outcome.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fails(after: Duration, error: JobError) -> JobPlan {
        JobPlan { after, error: Some(error) }
    }
}

/// A pool without threads, for tests and lessons: each job takes as long as its plan says, on the
/// clock of the loop. Clones are the same pool.
///
/// [`RunnerBuilder::scripted_jobs`](crate::RunnerBuilder::scripted_jobs) puts one in the place of
/// the loop's own threads; with [`run_on`](crate::run_on()) it stands in for any other pool.
///
/// # On the loop's thread
///
/// There the functions are called, and not on one of their own. So a correct program is refused
/// what it may do in a thread: to wait for the loop ([`from_thread`](crate::from_thread()),
/// [`RemoteTask::wait`](crate::RemoteTask::wait)) or to run another one. And a mistake may pass
/// that a thread would be told of: to [`spawn`](crate::spawn()), say, where no loop runs. Try jobs
/// that call back with real threads ([`Explore::real_jobs`](crate::testing::Explore::real_jobs)).
///
/// # Dropping
///
/// A closing runner ends the jobs of its own pool at once, in the order of submission, without
/// waiting for their time. Dropping the last clone of any other ends its jobs with
/// [`JobError::Killed`].
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{JobPlan, Runner, TimedPool, run_on};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// let start = runner.loop_ref().time();
/// let disk = TimedPool::new(|_job| JobPlan::takes(Duration::from_millis(30)));
/// let size = runner.run(async { run_on(&disk, || 17).await })?;
/// assert_eq!(size.unwrap(), 17);
/// assert_eq!(runner.loop_ref().time() - start, Duration::from_millis(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TimedPool {
    shared: Rc<Shared>,
}

struct Shared {
    script: ScriptedPool,
    plan: RefCell<Box<dyn FnMut(u64) -> JobPlan>>,
    submitted: Cell<usize>,
    /// What becomes of the jobs that have not ended.
    under_way: RefCell<BTreeMap<usize, JobPlan>>,
}

impl TimedPool {
    /// A pool whose jobs go as `plan` says. It is asked once for each job, by its number: the
    /// first to be submitted is 0.
    pub fn new(plan: impl FnMut(u64) -> JobPlan + 'static) -> TimedPool {
        TimedPool {
            shared: Rc::new(Shared {
                script: ScriptedPool::new(),
                plan: RefCell::new(Box::new(plan)),
                submitted: Cell::new(0),
                under_way: RefCell::default(),
            }),
        }
    }

    /// Takes no more jobs, and ends all that are under way, now.
    pub(crate) fn finish(&self) {
        self.close();
        loop {
            let next = self.shared.under_way.borrow().keys().next().copied();
            let Some(number) = next else { return };
            self.shared.end(number);
        }
    }
}

impl Shared {
    fn end(&self, number: usize) {
        let plan = self.under_way.borrow_mut().remove(&number);
        match plan {
            None => {}
            Some(JobPlan { error: None, .. }) => drop(self.script.run(number)),
            Some(JobPlan { error: Some(error), .. }) => drop(self.script.fail(number, error)),
        }
    }
}

impl Pool for TimedPool {
    /// As [`Pool::submit`].
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    #[track_caller]
    fn submit<F, T>(&self, work: F) -> Result<Job<T>, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let home = current_loop().expect(
            "a TimedPool lives by the clock of the event loop on this thread, and there is none; \
             submit inside `roundelay::run(async { .. })`",
        );
        let job = self.shared.script.submit(work)?;
        let number = self.shared.submitted.replace(self.shared.submitted.get() + 1);
        let plan = (self.shared.plan.borrow_mut())(number as u64);
        self.shared.script.start(number);
        let deadline = home.now().after(plan.after);
        self.shared.under_way.borrow_mut().insert(number, plan);
        // Weak: the timer of a job must not keep the pool.
        let shared = Rc::downgrade(&self.shared);
        let end = move || {
            if let Some(shared) = shared.upgrade() {
                shared.end(number);
            }
        };
        // A loop that is being closed sets no timer: then `finish` ends the job.
        let _ = home.set_timer(deadline, Callback::new(end));
        Ok(job)
    }

    fn close(&self) {
        self.shared.script.close();
    }

    fn cancel_queued(&self) -> usize {
        0
    }

    fn takes_real_time(&self) -> bool {
        false
    }
}

impl fmt::Debug for TimedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let under_way = self.shared.under_way.borrow().len();
        f.debug_struct("TimedPool").field("under_way", &under_way).finish_non_exhaustive()
    }
}
