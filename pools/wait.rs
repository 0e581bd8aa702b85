//! Waiting for several jobs: for the first, for the first that goes wrong, or for all.
//!
//! ```text
//!   wait(&mut jobs, When::FirstCompleted, limit) --> Waited { done: [1], not_done: [0, 2] }
//! ```
//!
//! The jobs stay with the caller, and so do their results: this only looks. Nothing is cancelled
//! and nothing is taken, also when the limit comes first.
//!
//! # Invariants
//! - `done` and `not_done` are each place of the input once, in ascending order.
//! - `done` is not empty, unless the limit came first or there were no jobs.
//!
//! Tutorial: the chapter on thread pools. Before this: `as_completed.rs`. After this: `ending.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::bell::{Bell, OwnJobs};
use crate::error::JobError;
use crate::job::Job;

/// What [`wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "return_when")]
pub enum When {
    /// One job has ended, in whatever way; being cancelled is one.
    FirstCompleted,
    /// One job has failed, or all have ended. Being cancelled is not a failure. A result that
    /// does not decode shows only when it is taken, so it is none here.
    #[doc(alias = "FIRST_EXCEPTION")]
    FirstFailure,
    /// All jobs have ended.
    #[doc(alias = "ALL_COMPLETED")]
    All,
}

/// Which jobs have ended, by their places in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waited {
    /// Those that have ended.
    pub done: Vec<usize>,
    /// Those that go on.
    pub not_done: Vec<usize>,
}

/// Blocks until enough of the jobs have ended, or until `limit` has passed; `None`: no limit.
///
/// Jobs of both pools can be mixed. They are borrowed mutably, because a job has one waiter of
/// this kind at a time; anything that gives `&mut Job`s will do (`&mut vec`,
/// `map.values_mut()`, `[&mut a, &mut b]`). No jobs are enough at once. The limit cancels
/// nothing and is no error: look at `not_done`. A zero limit looks and does not block.
///
/// On an event loop's thread use [`wait_async`]. A job may wait for jobs of its own pool, if it
/// sets no limit: see [`Job::wait`]. If not all are waited for and one of them runs elsewhere, none
/// is run by the thread that waits.
///
/// ```
/// use roundelay_pools::{ThreadPool, When, wait};
///
/// let pool = ThreadPool::new(2);
/// let (open, door) = std::sync::mpsc::channel::<()>();
/// let mut jobs = [pool.submit(move || door.recv().is_ok())?, pool.submit(|| true)?];
///
/// let first = wait(&mut jobs, When::FirstCompleted, None);
/// assert_eq!((first.done, first.not_done), (vec![1], vec![0]));
///
/// open.send(())?;
/// assert_eq!(wait(&mut jobs, When::All, None).done, [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait<'a, T: 'a>(
    jobs: impl IntoIterator<Item = &'a mut Job<T>>,
    when: When,
    limit: impl Into<Option<Duration>>,
) -> Waited {
    let deadline = limit.into().and_then(|limit| Instant::now().checked_add(limit));
    let mut waiting = wait_async(jobs, when);
    let mut own = OwnJobs::default();
    while !waiting.enough {
        let WaitJobs { jobs, bell, .. } = &waiting;
        let heard = match deadline {
            None => bell.listen_or_work(|| {
                let job = |at: usize| Some(&*jobs[at]).filter(|job| when.is_waiting_for(job));
                own.run_one(jobs.len(), job, when != When::All)
            }),
            deadline => bell.listen(deadline),
        };
        let Some(index) = heard else { break };
        waiting.note(index);
    }
    waiting.answer()
}

/// [`wait`] for tasks, on any executor; for a limit put it into a timeout of that executor.
///
/// *Cancel safety*: safe. It has no effect but waiting; dropping it loses nothing.
///
/// ```
/// use roundelay_pools::{When, wait_async};
/// # async fn example(pool: roundelay_pools::ThreadPool) -> Result<(), Box<dyn std::error::Error>> {
/// let mut jobs = [pool.submit(|| 1)?, pool.submit(|| 2)?];
/// let waited = wait_async(&mut jobs, When::All).await;
/// assert_eq!(waited.done, [0, 1]);
/// # Ok(()) }
/// ```
pub fn wait_async<'a, T: 'a>(
    jobs: impl IntoIterator<Item = &'a mut Job<T>>,
    when: When,
) -> WaitJobs<'a, T> {
    let mut waiting =
        WaitJobs { jobs: Vec::new(), open: 0, when, bell: Arc::default(), enough: false };
    let mut ended = Vec::new();
    for (index, job) in jobs.into_iter().enumerate() {
        if waiting.bell.hang(index, job) {
            ended.push(index);
        }
        waiting.jobs.push(job);
    }
    // "All have ended" can be said only when it is known how many there are.
    waiting.open = waiting.jobs.len();
    waiting.enough = waiting.open == 0;
    ended.into_iter().for_each(|index| waiting.note(index));
    waiting
}

/// The future of [`wait_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct WaitJobs<'a, T> {
    jobs: Vec<&'a mut Job<T>>,
    /// How many have not ended, as far as we have heard.
    open: usize,
    when: When,
    bell: Arc<Bell>,
    enough: bool,
}

impl When {
    /// `false`: the job's end, which has come, changes nothing.
    fn is_waiting_for<T>(self, job: &Job<T>) -> bool {
        !job.is_done()
            || self == When::FirstCompleted
            || self == When::FirstFailure && has_failed(job)
    }
}

fn has_failed<T>(job: &Job<T>) -> bool {
    job.error().is_some_and(|error| !matches!(error, JobError::Cancelled))
}

impl<T> WaitJobs<'_, T> {
    /// A job has ended: is that what is waited for?
    fn note(&mut self, index: usize) {
        self.open -= 1;
        self.enough |= match self.when {
            _ if self.open == 0 => true,
            When::FirstCompleted => true,
            When::FirstFailure => has_failed(self.jobs[index]),
            When::All => false,
        };
    }

    fn answer(&self) -> Waited {
        let places = 0..self.jobs.len();
        // Others may have ended since the bell was last heard, or since this was enough.
        let (done, not_done) = places.partition(|index| self.jobs[*index].is_done());
        Waited { done, not_done }
    }
}

impl<T> Future for WaitJobs<'_, T> {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        while !self.enough {
            let index = ready!(self.bell.poll_listen(cx));
            self.note(index);
        }
        Poll::Ready(self.answer())
    }
}

impl<T> fmt::Debug for WaitJobs<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitJobs")
            .field("when", &self.when)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
