//! `map` on threads: one closure, many items, results in the order of the items.
//!
//! ```text
//!   items --(taken as needed)--> [ at most `window` jobs in the pool ] --> results, in order
//! ```
//!
//! # Invariants
//! - The n-th result belongs to the n-th item, however long each took.
//! - At most `window` items have been taken and not yet been given back as results.
//! - Dropping the iterator cancels what has not started.
//!
//! Tutorial: the chapter on thread pools. Before this: `thread_pool_builder.rs`. After this: `codec.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crew::WhenFull;
use crate::error::{JobError, PoolError};
use crate::job::Job;
use crate::thread_job::Runnable;
use crate::thread_pool::ThreadPool;

impl ThreadPool {
    /// Calls `function` with each item, on the pool's threads; results in the order of the items.
    ///
    /// Lazy: items are taken, and jobs submitted, when the iterator is advanced, and never more
    /// than a [`window`](ThreadMap::window) ahead. So the input may be endless. Several inputs
    /// are one input of tuples: `a.zip(b)`, which ends with the shorter.
    ///
    /// In a job of this very pool it works, too: what no other thread comes for is run by the
    /// thread that iterates.
    ///
    /// An error (a panic, a closed pool) is the result of its own item, and the others go on.
    /// To stop at the first, collect into a `Result`: dropping the iterator cancels the jobs
    /// that have not started.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(4);
    /// let squares: Result<Vec<u64>, _> = pool.map(|n| n * n, 1..=4).collect();
    /// assert_eq!(squares?, [1, 4, 9, 16]);
    /// # Ok::<(), roundelay_pools::JobError>(())
    /// ```
    #[track_caller]
    pub fn map<F, I, T>(&self, function: F, items: I) -> ThreadMap<'_, F, I::IntoIter, T>
    where
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        ThreadMap {
            pool: self,
            function: Arc::new(function),
            items: items.into_iter().fuse(),
            window: self.max_threads().saturating_mul(JOBS_PER_THREAD),
            jobs: VecDeque::new(),
            refused: None,
            called_at: Location::caller(),
        }
    }
}

/// Enough that no thread waits for the consumer, few enough to keep memory small.
const JOBS_PER_THREAD: usize = 16;

/// The results of [`ThreadPool::map`], in the order of the items.
#[must_use = "map is lazy: nothing is submitted until it is iterated"]
pub struct ThreadMap<'a, F, I, T> {
    pool: &'a ThreadPool,
    function: Arc<F>,
    /// Asked on while results are left, so it has to stay at its end.
    items: Fuse<I>,
    window: usize,
    jobs: VecDeque<Result<Job<T>, JobError>>,
    /// The job of the next item, if it found no room in the queue within a limit.
    refused: Option<(Arc<dyn Runnable>, Job<T>)>,
    called_at: &'static Location<'static>,
}

impl<F, I, T> ThreadMap<'_, F, I, T> {
    /// At most this many items are in the pool at a time. Default: 16 for each thread.
    ///
    /// # Panics
    /// If it is zero: nothing would ever be submitted.
    ///
    /// ```
    /// use roundelay_pools::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let mut taken = 0;
    /// let items = (1..).inspect(|_| taken += 1);
    /// let mut doubles = pool.map(|n| n * 2, items).window(3);
    /// assert_eq!(doubles.next().unwrap()?, 2);
    /// drop(doubles);
    /// assert!(taken <= 4); // of an endless input
    /// # Ok::<(), roundelay_pools::JobError>(())
    /// ```
    #[doc(alias = "buffersize")]
    pub fn window(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "a window of zero jobs would never submit anything");
        self.window = jobs;
        self
    }
}

impl<F, I, T> ThreadMap<'_, F, I, T>
where
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    /// Like `next`, but blocks no longer than `limit` (and as long as the input takes to give its
    /// next items); `Ok(None)` when all results have come.
    ///
    /// For a limit on the whole, give what is left of it each time.
    ///
    /// # Errors
    /// [`JobError::WaitTimeout`] when the limit comes first. No job is affected, nothing is lost,
    /// and one may go on asking. A zero limit looks and does not block.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use roundelay_pools::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let (open, door) = mpsc::channel::<()>();
    /// let door = std::sync::Mutex::new(door);
    /// let mut results = pool.map(move |n| door.lock().unwrap().recv().map(|()| n * n), [2, 3]);
    /// let early = results.next_timeout(Duration::from_millis(1));
    /// assert!(matches!(early, Err(JobError::WaitTimeout)));
    ///
    /// open.send(())?;
    /// assert_eq!(results.next_timeout(Duration::MAX)?.unwrap()?, Ok(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<Result<T, JobError>>, JobError> {
        // A limit beyond what the clock can say is no limit.
        let Some(deadline) = Instant::now().checked_add(limit) else { return Ok(self.next()) };
        self.submit_until(deadline);
        match self.jobs.front() {
            Some(Ok(job)) if !job.is_done_by(deadline) => Err(JobError::WaitTimeout),
            None if self.refused.is_some() => Err(JobError::WaitTimeout),
            _ => Ok(self.jobs.pop_front().map(|job| job?.wait())),
        }
    }

    /// Submits what the window allows and the queue has room for. Only if there is nothing else to
    /// wait for does it wait for room.
    fn submit_until(&mut self, deadline: Instant) {
        while self.jobs.len() < self.window {
            let (to_run, job) = match (self.refused.take(), &mut self.items) {
                (Some(refused), _) => refused,
                (None, items) => {
                    let Some(item) = items.next() else { return };
                    let function = Arc::clone(&self.function);
                    self.pool.prepare(move || function(item), self.called_at)
                }
            };
            let nothing_else = self.jobs.is_empty();
            let full = if nothing_else { WhenFull::WaitUntil(deadline) } else { WhenFull::Refuse };
            match self.pool.crew.accept(Arc::clone(&to_run), full) {
                Err(PoolError::QueueFull { .. }) => {
                    self.refused = Some((to_run, job));
                    return;
                }
                accepted => self.jobs.push_back(accepted.map(|()| job).map_err(refused)),
            }
        }
    }
}

fn refused(error: PoolError) -> JobError {
    JobError::Refused(error.to_string())
}

impl<F, I, T> Iterator for ThreadMap<'_, F, I, T>
where
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
{
    type Item = Result<T, JobError>;

    /// Blocks until the next result is there.
    fn next(&mut self) -> Option<Result<T, JobError>> {
        if let Some((to_run, job)) = self.refused.take() {
            let job = self.pool.place(to_run, job, WhenFull::RunHere);
            self.jobs.push_back(job.map_err(refused));
        }
        while self.jobs.len() < self.window
            && let Some(item) = self.items.next()
        {
            let function = Arc::clone(&self.function);
            let job = self.pool.accept(move || function(item), self.called_at, WhenFull::RunHere);
            self.jobs.push_back(job.map_err(refused));
        }
        self.jobs.pop_front().map(|job| job?.wait())
    }
}

impl<F, I, T> Drop for ThreadMap<'_, F, I, T> {
    fn drop(&mut self) {
        for job in self.jobs.iter().flatten() {
            job.cancel();
        }
    }
}

impl<F, I, T> fmt::Debug for ThreadMap<'_, F, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadMap")
            .field("window", &self.window)
            .field("in_the_pool", &self.jobs.len())
            .finish_non_exhaustive()
    }
}
