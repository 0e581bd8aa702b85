//! `map` on processes: items travel in chunks, results come back in the order of the items.
//!
//! A message to another process and back costs far more than a small call. So several items go
//! in one message, a *chunk*, and their results come back in one.
//!
//! ```text
//!   items:  a b c d e f g ...          chunk = 3, window = 2
//!           \---/ \---/
//!            job   job  <- in the pool; "g" is taken when the results of a, b, c are used up
//! ```
//!
//! # Invariants
//! - The n-th result belongs to the n-th item.
//! - An error belongs to its own item. Only what happens to a worker (a death, a time limit)
//!   happens to the whole chunk, and then to each item of it.
//! - At most `window` chunks are in the pool, or have ended and not yet been given back. Of one
//!   that had to be split each item counts as one, and waits outside for its turn.
//!
//! Tutorial: the chapter on process pools. Before this: `process_pool_builder.rs`. After this:
//! `pool.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;
use std::panic::Location;
use std::time::{Duration, Instant};
use std::vec;

use crate::chunk::{add_item, missing_result, read_outcomes};
use crate::codec;
use crate::error::{JobError, PoolError};
use crate::job::Job;
use crate::process_pool::{Limited, ProcessPool, finish};
use crate::registry::RemoteFn;
use crate::wire::{FrameWriter, Kind};

impl ProcessPool {
    /// Calls `function` with each item, in worker processes; results in the order of the items.
    ///
    /// Lazy, like [`ThreadPool::map`](crate::ThreadPool::map), and an error is the result of its
    /// own item. Small calls should travel several at a time: see [`chunk`](ProcessMap::chunk).
    /// What cannot be encoded is [`JobError::Refused`] for its item.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn factorial(n: u64) -> u64 { (1..=n).product() }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let all: Result<Vec<u64>, _> = pool.map(factorial, 1..=5).chunk(2).collect();
    ///     assert_eq!(all?, [1, 2, 6, 24, 120]);
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn map<F, I>(&self, function: F, items: I) -> ProcessMap<'_, F, I::IntoIter>
    where
        F: RemoteFn,
        I: IntoIterator<Item = F::Args>,
    {
        ProcessMap::new(self, function, items.into_iter().fuse(), None, Location::caller())
    }
}

impl<'a> Limited<'a> {
    /// [`ProcessPool::map`], with the time limit for each *chunk*.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn wait_if(odd: bool) { if odd { loop { std::thread::park() } } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let limited = pool.time_limit(Duration::from_secs(1));
    ///     let outcomes: Vec<_> = limited.map(wait_if, [false, true]).collect();
    ///     assert!(outcomes[0].is_ok());
    ///     assert!(matches!(outcomes[1], Err(JobError::TimedOut { .. })));
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn map<F, I>(&self, function: F, items: I) -> ProcessMap<'a, F, I::IntoIter>
    where
        F: RemoteFn,
        I: IntoIterator<Item = F::Args>,
    {
        ProcessMap::new(
            self.pool,
            function,
            items.into_iter().fuse(),
            Some(self.limit),
            Location::caller(),
        )
    }
}

/// The results of [`ProcessPool::map`], in the order of the items.
#[must_use = "map is lazy: nothing is submitted until it is iterated"]
pub struct ProcessMap<'a, F: RemoteFn, I> {
    pool: &'a ProcessPool,
    function: F,
    /// Asked on while results are left, so it has to stay at its end.
    items: Fuse<I>,
    limit: Option<Duration>,
    chunk: usize,
    window: usize,
    chunks: VecDeque<Chunk<F::Output>>,
    /// What is left of a chunk that could not travel as a whole: goes before anything else.
    alone: vec::IntoIter<F::Args>,
    /// Results of the oldest chunk that have not been given back yet.
    results: vec::IntoIter<Result<F::Output, JobError>>,
    called_at: &'static Location<'static>,
}

struct Chunk<T> {
    items: usize,
    job: Result<Job<Results<T>>, JobError>,
}

type Results<T> = Vec<Result<T, JobError>>;

/// Enough that no worker waits for the consumer, few enough to keep memory small.
const CHUNKS_PER_WORKER: usize = 4;

impl<'a, F: RemoteFn, I> ProcessMap<'a, F, I> {
    fn new(
        pool: &'a ProcessPool,
        function: F,
        items: Fuse<I>,
        limit: Option<Duration>,
        called_at: &'static Location<'static>,
    ) -> ProcessMap<'a, F, I> {
        ProcessMap {
            pool,
            function,
            items,
            limit,
            chunk: 1,
            window: pool.team().settings.workers.saturating_mul(CHUNKS_PER_WORKER),
            chunks: VecDeque::new(),
            alone: Vec::new().into_iter(),
            results: Vec::new().into_iter(),
            called_at,
        }
    }

    /// So many items travel in one message. Default: 1. With small calls, try 100.
    ///
    /// # Panics
    /// If it is zero.
    #[doc(alias = "chunksize")]
    pub fn chunk(mut self, items: usize) -> Self {
        assert!(items > 0, "a chunk of zero items would never get anywhere");
        self.chunk = items;
        self
    }

    /// At most this many chunks are in the pool at a time. Default: 4 for each worker.
    ///
    /// A chunk whose arguments are too long for one message
    /// ([`max_frame`](crate::ProcessPoolBuilder::max_frame)) goes item by item, and each of them
    /// counts.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// ```
    /// use roundelay_pools::{ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
    /// fn double(n: u64) -> u64 { n * 2 }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let mut taken = 0;
    ///     let items = (0..1000).inspect(|_| taken += 1);
    ///     let first = pool.map(double, items).chunk(10).window(2).next();
    ///     assert_eq!(first.unwrap()?, 0);
    ///     assert_eq!(taken, 30); // a chunk has come back, so two more are in the pool
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "buffersize")]
    pub fn window(mut self, chunks: usize) -> Self {
        assert!(chunks > 0, "a window of zero chunks would never submit anything");
        self.window = chunks;
        self
    }

    /// Queues a chunk. If it cannot travel as a whole, each item is to be tried alone, when there
    /// is room for it, so that only the culprit is refused.
    fn send(&mut self, items: Vec<F::Args>) {
        match self.send_whole(&items) {
            Err(PoolError::Encode(_) | PoolError::TooLarge { .. }) if items.len() > 1 => {
                self.alone = items.into_iter();
            }
            sent => {
                let job = sent.map_err(|error| JobError::Refused(error.to_string()));
                self.chunks.push_back(Chunk { items: items.len(), job });
            }
        }
    }

    fn send_whole(&self, items: &[F::Args]) -> Result<Job<Results<F::Output>>, PoolError> {
        let fill = |id, out: &mut Vec<u8>| {
            let mut frame = FrameWriter::begin(out, Kind::Batch).u64(id).name(F::NAME);
            for item in items {
                add_item(frame.rest(), |out| codec::encode(item, out))
                    .map_err(PoolError::Encode)?;
            }
            finish(frame, self.pool.team().settings.max_frame)
        };
        let decode = |frame: &mut Vec<u8>, start: usize| Ok(read_outcomes(frame, start));
        self.pool.send_frame(self.function, fill, decode, self.limit, self.called_at)
    }
}

impl<F: RemoteFn, I: Iterator<Item = F::Args>> ProcessMap<'_, F, I> {
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
    /// use std::time::{Duration, Instant};
    /// use roundelay_pools::{JobError, ProcessPool, remote};
    ///
    /// #[remote(crate = roundelay_pools)]
    /// fn wait_if(odd: bool) { if odd { loop { std::thread::park() } } }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     roundelay_pools::worker_entry();
    ///     let pool = ProcessPool::new()?;
    ///     let mut results = pool.map(wait_if, [false, true]);
    ///     assert!(results.next_timeout(Duration::MAX)?.is_some());
    ///     let late = results.next_timeout(Duration::from_millis(5));
    ///     assert!(matches!(late, Err(JobError::WaitTimeout)));
    ///     # pool.kill_workers();
    ///     Ok(())
    /// }
    /// ```
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<Result<F::Output, JobError>>, JobError> {
        // A limit beyond what the clock can say is no limit.
        let Some(deadline) = Instant::now().checked_add(limit) else { return Ok(self.next()) };
        loop {
            self.fill_window();
            if let Some(result) = self.results.next() {
                return Ok(Some(result));
            }
            match self.chunks.pop_front() {
                None => return Ok(None),
                Some(Chunk { items, job: Ok(job) }) if !job.is_done_by(deadline) => {
                    self.chunks.push_front(Chunk { items, job: Ok(job) });
                    return Err(JobError::WaitTimeout);
                }
                Some(chunk) => self.open(chunk),
            }
        }
    }

    fn fill_window(&mut self) {
        while self.chunks.len() < self.window {
            let items: Vec<F::Args> = match self.alone.next() {
                Some(item) => vec![item],
                None => self.items.by_ref().take(self.chunk).collect(),
            };
            if items.is_empty() {
                break;
            }
            self.send(items);
        }
    }

    /// Waits for a chunk and takes its results out.
    fn open(&mut self, Chunk { items, job }: Chunk<F::Output>) {
        self.results = match job.and_then(|job| job.wait()) {
            Ok(mut results) => {
                results.resize_with(items, || Err(missing_result()));
                results.into_iter()
            }
            // What happened to the worker happened to each item of the chunk.
            Err(error) => vec![error; items].into_iter().map(Err).collect::<Vec<_>>().into_iter(),
        };
    }
}

impl<F: RemoteFn, I: Iterator<Item = F::Args>> Iterator for ProcessMap<'_, F, I> {
    type Item = Result<F::Output, JobError>;

    /// Blocks until the next result is there.
    fn next(&mut self) -> Option<Result<F::Output, JobError>> {
        loop {
            self.fill_window();
            if let Some(result) = self.results.next() {
                return Some(result);
            }
            let first = self.chunks.pop_front()?;
            self.open(first);
        }
    }
}

impl<F: RemoteFn, I> Drop for ProcessMap<'_, F, I> {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            if let Ok(job) = &chunk.job {
                job.cancel();
                // Whoever drops the rest does not want to hear of it, however long it still runs.
                job.needs_no_telling();
            }
        }
    }
}

impl<F: RemoteFn, I> fmt::Debug for ProcessMap<'_, F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessMap")
            .field("chunk", &self.chunk)
            .field("window", &self.window)
            .field("chunks_in_the_pool", &self.chunks.len())
            .finish_non_exhaustive()
    }
}
