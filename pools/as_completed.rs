//! Results as they arrive: the first to end is the first to be had.
//!
//! `map` gives results in the order of the items, so a slow first one holds up a quick second.
//! Here whoever is done comes next, with the number of its place in the input.
//!
//! ```text
//!   as_completed([a, b, c])          b ends, then c, then a
//!        --> (1, b's result), (2, c's result), (0, a's result)
//! ```
//!
//! # Invariants
//! - Each job comes exactly once.
//! - Those that had ended when `as_completed` was called come first, in the order of the input;
//!   the others follow in the order in which they end.
//!
//! Tutorial: the chapter on thread pools. Before this: `bell.rs`. After this: `wait.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;

use crate::bell::{Bell, OwnJobs};
use crate::error::JobError;
use crate::job::Job;

/// The results of many jobs, each with its place in the input, in the order in which they end.
///
/// Jobs of both pools can be mixed. A job cannot be given twice: a [`Job`] is not `Clone`.
///
/// On an event loop's thread use [`into_stream`](AsCompleted::into_stream). A job may iterate over
/// jobs of its own pool: see [`Job::wait`]. While one of them runs elsewhere, that one is waited
/// for; if none has begun, the first that is queued is run by the thread that iterates.
///
/// ```
/// use roundelay_pools::{ThreadPool, as_completed};
///
/// let pool = ThreadPool::new(2);
/// let words = ["one", "three", "eleven"];
/// let jobs: Vec<_> =
///     words.iter().map(|word| pool.submit(|| word.len())).collect::<Result<_, _>>()?;
///
/// let mut lengths = [0; 3];
/// for (index, length) in as_completed(jobs) {
///     lengths[index] = length?; // whichever is done: words[index] says which one it is
/// }
/// assert_eq!(lengths, [3, 5, 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<T>(jobs: impl IntoIterator<Item = Job<T>>) -> AsCompleted<T> {
    let bell = Arc::new(Bell::default());
    let mut ended = VecDeque::new();
    let jobs = jobs.into_iter().enumerate().map(|(index, mut job)| {
        if bell.hang(index, &mut job) {
            ended.push_back(index);
        }
        Some(job)
    });
    let jobs: Vec<_> = jobs.collect();
    AsCompleted { open: jobs.len(), jobs, ended, bell, own: OwnJobs::default() }
}

/// The iterator of [`as_completed`].
///
/// # Dropping
///
/// Dropping it drops the handles of the jobs that have not come yet: they run on, and their
/// results are thrown away. [`into_pending`](AsCompleted::into_pending) gives them back.
#[must_use = "an iterator does nothing unless it is iterated"]
pub struct AsCompleted<T> {
    /// `None`: it has come.
    jobs: Vec<Option<Job<T>>>,
    /// Those that had ended before they could ring.
    ended: VecDeque<usize>,
    bell: Arc<Bell>,
    open: usize,
    own: OwnJobs,
}

impl<T> AsCompleted<T> {
    /// Like `next`, but blocks no longer than `limit`; `Ok(None)` when all have come.
    ///
    /// # Errors
    /// [`JobError::WaitTimeout`] when the limit comes first. No job is affected, and one may go
    /// on asking. A zero limit looks and does not block.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use roundelay_pools::{JobError, ThreadPool, as_completed};
    ///
    /// let pool = ThreadPool::new(1);
    /// let (open, door) = mpsc::channel::<()>();
    /// let mut results = as_completed([pool.submit(move || door.recv().is_ok())?]);
    /// let early = results.next_timeout(Duration::from_millis(1));
    /// assert!(matches!(early, Err(JobError::WaitTimeout)));
    ///
    /// open.send(())?;
    /// let (index, value) = results.next().unwrap();
    /// assert_eq!((index, value?), (0, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::type_complexity, reason = "what `next` gives, or a time-out")]
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<(usize, Result<T, JobError>)>, JobError> {
        if self.open == 0 {
            return Ok(None);
        }
        let deadline = Instant::now().checked_add(limit);
        let index = self.ended.pop_front().or_else(|| self.bell.listen(deadline));
        index.map(|index| Some(self.give(index))).ok_or(JobError::WaitTimeout)
    }

    /// How many have not come yet.
    ///
    /// ```
    /// use roundelay_pools::{ThreadPool, as_completed};
    ///
    /// let pool = ThreadPool::new(2);
    /// let mut results = as_completed([pool.submit(|| "a")?, pool.submit(|| "b")?]);
    /// assert_eq!(results.pending(), 2);
    /// results.next();
    /// assert_eq!(results.pending(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pending(&self) -> usize {
        self.open
    }

    /// The jobs that have not come yet, with their places; for instance to cancel them.
    ///
    /// ```
    /// use roundelay_pools::{ThreadPool, as_completed};
    ///
    /// let pool = ThreadPool::new(2);
    /// let jobs: Vec<_> = (0..10).map(|n| pool.submit(move || n)).collect::<Result<_, _>>()?;
    /// let mut results = as_completed(jobs);
    /// let (_, first) = results.next().unwrap();
    /// assert!(first.is_ok() && results.pending() == 9);
    /// for (_index, job) in results.into_pending() {
    ///     job.cancel(); // the first answer is enough
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_pending(self) -> Vec<(usize, Job<T>)> {
        let jobs = self.jobs.into_iter().enumerate();
        jobs.filter_map(|(index, job)| Some((index, job?))).collect()
    }

    /// The same for tasks: a stream, on any executor.
    pub fn into_stream(self) -> CompletedStream<T> {
        CompletedStream { all: self }
    }

    fn give(&mut self, index: usize) -> (usize, Result<T, JobError>) {
        let job = self.jobs[index].take().expect("a job ends once, so it comes once");
        self.open -= 1;
        (index, job.wait()) // it is done: this does not block
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T, JobError>);

    /// Blocks until the next job has ended.
    fn next(&mut self) -> Option<Self::Item> {
        if self.open == 0 {
            return None;
        }
        let AsCompleted { jobs, ended, bell, own, .. } = self;
        let index = ended.pop_front().or_else(|| {
            bell.listen_or_work(|| own.run_one(jobs.len(), |at| jobs[at].as_ref(), true))
        })?;
        Some(self.give(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.open, Some(self.open))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

/// The results of many jobs in the order in which they end, for tasks.
///
/// Made by [`AsCompleted::into_stream`]. It is a `Stream` of futures-core, so every library of
/// stream helpers knows it; without one there is [`next`](CompletedStream::next).
///
/// ```
/// use roundelay_pools::{ThreadPool, as_completed};
///
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) { return value }
/// #         std::thread::yield_now();
/// #     }
/// # }
/// let pool = ThreadPool::new(2);
/// let jobs: Vec<_> = (0..3).map(|n| pool.submit(move || n)).collect::<Result<_, _>>()?;
/// let total = block_on(async {
///     let mut results = as_completed(jobs).into_stream();
///     let mut total = 0;
///     while let Some((_index, value)) = results.next().await {
///         total += value?;
///     }
///     Ok::<_, roundelay_pools::JobError>(total)
/// });
/// assert_eq!(total?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it is dropping [`AsCompleted`].
#[must_use = "a stream does nothing unless it is awaited"]
pub struct CompletedStream<T> {
    all: AsCompleted<T>,
}

impl<T> CompletedStream<T> {
    /// The next job that has ended; `None` when all have come.
    ///
    /// *Cancel safety*: safe. Dropping the future loses nothing; the next call goes on.
    pub async fn next(&mut self) -> Option<(usize, Result<T, JobError>)> {
        poll_fn(|cx| self.poll_one(cx)).await
    }

    /// Back to the blocking form.
    ///
    /// ```
    /// use roundelay_pools::{ThreadPool, as_completed};
    ///
    /// let pool = ThreadPool::new(1);
    /// let stream = as_completed([pool.submit(|| 6 * 7)?]).into_stream();
    /// let (index, value) = stream.into_inner().next().unwrap(); // blocks
    /// assert_eq!((index, value?), (0, 42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_inner(self) -> AsCompleted<T> {
        self.all
    }

    fn poll_one(&mut self, cx: &Context<'_>) -> Poll<Option<(usize, Result<T, JobError>)>> {
        if self.all.open == 0 {
            return Poll::Ready(None);
        }
        let index = match self.all.ended.pop_front() {
            Some(index) => index,
            None => std::task::ready!(self.all.bell.poll_listen(cx)),
        };
        Poll::Ready(Some(self.all.give(index)))
    }
}

impl<T> Stream for CompletedStream<T> {
    type Item = (usize, Result<T, JobError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_one(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.all.size_hint()
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("pending", &self.open).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for CompletedStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletedStream").field("pending", &self.all.open).finish_non_exhaustive()
    }
}
