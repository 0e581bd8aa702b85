//! A job: the handle of one call that runs elsewhere.
//!
//! One type for both pools. A thread can wait for it, with or without a limit; a task can
//! await it, on any executor; a callback can be left with it; or one can just look.
//!
//! ```text
//!   let job = pool.submit(..)?;
//!
//!   job.wait()          blocks this thread      -> Result<T, JobError>
//!   job.await           lets other tasks run    -> Result<T, JobError>
//!   job.outcome()       looks                   -> Option<Result<T, JobError>>
//!   job.on_done(f)      is told
//! ```
//!
//! # Invariants
//! - A job ends exactly once, and everybody who waits for it hears of it.
//! - The closure and what it captured are gone before the job counts as done.
//! - Dropping the handle changes nothing for the job: it runs, and its value is thrown away.
//!
//! Tutorial: the chapter on thread pools. Before this: `slot.rs`. After this: `bell.rs`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::JobError;
use crate::panics::contain_quietly;
use crate::slot::{Slot, State};

/// A call that was handed to a pool, and the way to its result.
///
/// Dropping a `Job` neither cancels nor waits: the job runs, and its result is dropped on the
/// worker. (A *task* of the executor is the same in this.) To stop it, say so:
/// [`cancel`](Job::cancel) or, in a process pool, [`kill`](Job::kill). That it failed is told all the
/// same: of a thread's panic std's hook has told already, for a process's job there is
/// [`on_lost`](crate::ProcessPoolBuilder::on_lost).
///
/// ```
/// use roundelay_pools::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let job = pool.submit(|| 6 * 7)?;
/// assert_eq!(job.wait()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # As a future
///
/// `job.await` gives what [`wait`](Job::wait) gives, on any executor.
///
/// *Cancel safety*: safe. Await `&mut job` where the await may be given up (a timeout, a
/// `select`): the job goes on and the result stays in it. Dropping the job itself while it is
/// awaited is dropping the handle, see above.
#[doc(alias = "Future")]
pub struct Job<T> {
    shared: Arc<dyn Shared<T>>,
}

/// What the handle and the worker share, whatever kind of worker it is.
pub(crate) trait Shared<T>: Send + Sync {
    fn slot(&self) -> &Slot<T>;

    /// Drops the closure or the encoded arguments of a job that will not run.
    fn drop_work(&self);

    /// Stops a running job by force, where that can be done.
    fn kill_running(&self) -> bool {
        false
    }

    /// This thread works for the pool that the job is in: see [`Job::wait`].
    fn is_own_job(&self) -> bool {
        false
    }

    /// Runs the job on this thread, if it is an own one and nobody has begun.
    fn run_here(self: Arc<Self>) -> bool {
        false
    }

    /// Where `submit` was called.
    fn submitted_at(&self) -> &'static Location<'static>;
}

impl<T> Job<T> {
    pub(crate) fn new(shared: Arc<dyn Shared<T>>) -> Job<T> {
        Job { shared }
    }

    /// Blocks this thread until the job is done, and moves the value out.
    ///
    /// On an event loop's thread use `.await`: blocking there stops every task.
    ///
    /// A job may wait for another one **of its own thread pool**, even if all threads are busy
    /// waiting: if that one is still queued, the thread that waits for it runs it, here and now
    /// and out of turn. So a pool of one thread can divide and conquer, as deep as its stack
    /// goes. (In Python's pools such a job waits for ever.) The job that runs in between sees no
    /// context variables of the one that waits.
    ///
    /// # Errors
    /// How the job ended without a value; [`JobError::ResultTaken`] if an earlier call has
    /// moved the value out. An error can be asked for again, a value cannot.
    ///
    /// ```
    /// use roundelay_pools::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| "a value")?;
    /// assert_eq!(job.wait()?, "a value");
    /// assert!(matches!(job.wait(), Err(JobError::ResultTaken))); // it was moved out
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "result")]
    #[doc(alias = "join")]
    pub fn wait(&self) -> Result<T, JobError> {
        self.run_here();
        self.shared.slot().block(None);
        self.outcome().unwrap_or(Err(JobError::ResultTaken))
    }

    /// Like [`wait`](Job::wait), but not longer than `limit`.
    ///
    /// # Errors
    /// [`JobError::WaitTimeout`] when the limit comes first: the *job* is not affected, and can
    /// be waited for again. A zero limit looks and does not block.
    ///
    /// With a limit nobody runs the job on this thread: a job cannot be broken off when the time
    /// is up.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use roundelay_pools::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let (open, door) = mpsc::channel::<()>();
    /// let job = pool.submit(move || door.recv())?;
    /// let early = job.wait_timeout(Duration::from_millis(1));
    /// assert!(matches!(early, Err(JobError::WaitTimeout)));
    ///
    /// open.send(())?;
    /// assert!(job.wait()?.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "result")]
    pub fn wait_timeout(&self, limit: Duration) -> Result<T, JobError> {
        // A limit beyond what the clock can say is no limit.
        if self.shared.slot().block(Instant::now().checked_add(limit)) {
            self.wait()
        } else {
            Err(JobError::WaitTimeout)
        }
    }

    /// Blocks until the job is done, and leaves the result in it. `false`: the deadline came first.
    pub(crate) fn is_done_by(&self, deadline: Instant) -> bool {
        self.shared.slot().block(Some(deadline))
    }

    /// Takes the result if the job is done; `None` if it is not. Never blocks.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| 6 * 7)?;
    /// pool.shutdown(); // so it is done
    /// assert_eq!(job.outcome().unwrap()?, 42);
    /// assert!(job.outcome().unwrap().is_err()); // the value has been taken
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "try_join")]
    pub fn outcome(&self) -> Option<Result<T, JobError>> {
        self.shared.slot().take()
    }

    /// How the job failed, if it is done and has; takes nothing, never blocks.
    ///
    /// A result of a process job is decoded by whoever takes it, so "the result does not
    /// decode" shows only then.
    ///
    /// ```
    /// use roundelay_pools::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| { if true { std::panic::resume_unwind(Box::new("no luck")) } })?;
    /// pool.shutdown();
    /// assert!(matches!(job.error(), Some(JobError::Panicked(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "exception")]
    pub fn error(&self) -> Option<JobError> {
        self.shared.slot().error()
    }

    /// It waits for its turn, and can still be cancelled.
    pub fn is_queued(&self) -> bool {
        self.shared.slot().state() == State::Queued
    }

    /// A worker has it.
    #[doc(alias = "running")]
    pub fn is_running(&self) -> bool {
        self.shared.slot().state() == State::Running
    }

    /// It has ended, in whatever way.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| ())?;
    /// assert!(job.is_queued() || job.is_running() || job.is_done());
    /// job.wait()?;
    /// assert_eq!((job.is_queued(), job.is_running(), job.is_done()), (false, false, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "done")]
    pub fn is_done(&self) -> bool {
        self.shared.slot().is_done()
    }

    /// It was cancelled before it started.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let jobs: Vec<_> = (0..100).map(|n| pool.submit(move || n)).collect::<Result<_, _>>()?;
    /// for job in &jobs {
    ///     assert_eq!(job.cancel(), job.is_cancelled()); // some had started already
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        self.shared.slot().state() == State::Cancelled
    }

    /// Cancels the job if it has not started; says honestly whether it did.
    ///
    /// `true`: the job has not run and never will; its closure has been dropped, on this
    /// thread (unless it was cancelled before), and whoever waits gets
    /// [`JobError::Cancelled`]. Asking again says `true` again. `false`: it is running or done,
    /// and goes on as if nothing had been asked.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let (open, door) = mpsc::channel::<()>();
    /// let (ready, is_running) = mpsc::channel();
    /// let first = pool.submit(move || { ready.send(()).unwrap(); door.recv() })?;
    /// let second = pool.submit(|| "never")?;
    /// is_running.recv()?;
    ///
    /// assert_eq!((first.cancel(), second.cancel()), (false, true));
    /// open.send(())?;
    /// assert!(first.wait()?.is_ok());
    /// assert!(second.wait().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        let slot = self.shared.slot();
        if slot.withdraw() {
            self.shared.drop_work();
            slot.complete(Err(JobError::Cancelled), || ());
        }
        slot.state() == State::Cancelled
    }

    /// Stops the job, running or not; says whether it did.
    ///
    /// A queued job is cancelled. A job that runs in a *process* ends with
    /// [`JobError::Killed`]: its worker is killed with what the worker has started, except what has
    /// taken a session or a process group of its own (`setsid`, a daemon, the jobs of an interactive
    /// shell); no other job is affected, and the pool starts a new worker when there is work for
    /// one. A job that runs in a *thread* cannot be stopped by anybody (destructors would not run,
    /// locks would stay locked): the answer is `false`.
    ///
    /// `true` means that the job's value will not arrive; it counts as done when its worker is
    /// really gone, so wait for it if that matters.
    ///
    /// ```
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn for_ever() { loop { std::thread::park() } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let job = pool.submit(for_ever, ())?;
    ///     assert!(job.kill());
    ///     assert!(matches!(job.wait(), Err(JobError::Killed | JobError::Cancelled)));
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "terminate")]
    pub fn kill(&self) -> bool {
        self.cancel() || self.shared.kill_running()
    }

    /// This thread works for the job's pool, and the job is still queued.
    pub(crate) fn may_run_here(&self) -> bool {
        self.is_queued() && self.shared.is_own_job()
    }

    /// If it may: runs the job, instead of waiting for a thread that may never be free.
    pub(crate) fn run_here(&self) -> bool {
        self.may_run_here() && Arc::clone(&self.shared).run_here()
    }

    /// Its failure is not reported when the handle is gone.
    pub(crate) fn needs_no_telling(&self) {
        self.shared.slot().needs_no_telling();
    }

    /// `true`: it is done. `false`: this waker will be woken when it is.
    pub(crate) fn poll_done(&mut self, waker: &Waker) -> bool {
        self.shared.slot().poll_done(waker)
    }

    /// Where the job was submitted.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| ())?;
    /// assert!(job.submitted_at().line() > 0);
    /// println!("waiting for the job of {}", job.submitted_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submitted_at(&self) -> &'static Location<'static> {
        self.shared.submitted_at()
    }
}

/// For an executor that is to be told of a job's end whether or not somebody polls it by then.
/// `true`: it is done. `false`: this waker will be woken when it is, unless the job is polled with
/// another one.
pub fn poll_done<T>(job: &mut Job<T>, waker: &Waker) -> bool {
    job.poll_done(waker)
}

impl<T: 'static> Job<T> {
    /// Calls `callback` with this job when it is done.
    ///
    /// It runs **on the thread that ends the job**: the pool's thread that ran it (thread
    /// pool), the parent's thread that looks after the worker (process pool), the thread that
    /// cancels it; or here and now, if the job is done already. Several are called in the order
    /// of their registration. Keep it short: while it runs, that worker takes no other job. A
    /// panic in it is printed and goes no further.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let (tell, told) = mpsc::channel();
    /// let job = pool.submit(|| 6 * 7)?;
    /// job.on_done(move |job| tell.send(job.outcome()).unwrap());
    /// assert_eq!(told.recv()?.unwrap()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done(&self, callback: impl FnOnce(&Job<T>) + Send + 'static) {
        // The callback holds the job and the job holds the callback. That ring lasts only until
        // the job ends, and every job ends.
        let job = Job::new(Arc::clone(&self.shared));
        let call_it = Box::new(move || callback(&job));
        if let Some(now) = self.shared.slot().on_done(call_it) {
            contain_quietly(now);
        }
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.poll_done(cx.waker()) { Poll::Ready(self.wait()) } else { Poll::Pending }
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("state", &self.shared.slot().state())
            .field("submitted_at", &format_args!("{}", self.submitted_at()))
            .finish()
    }
}
