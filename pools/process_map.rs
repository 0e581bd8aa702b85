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
//! - At most `window` chunks have been taken and not yet been given back.
//!
//! Tutorial: the chapter on process pools. Before this: `process_pool_builder.rs`. After this:
//! `pool.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::time::Duration;
use std::vec;

use crate::codec;
use crate::error::{JobError, PoolError};
use crate::job::Job;
use crate::panic_report::PanicReport;
use crate::process_pool::{Limited, ProcessPool, finish};
use crate::registry::RemoteFn;
use crate::wire::{Body, FrameWriter, Kind};

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
        ProcessMap::new(self, function, items.into_iter(), None, Location::caller())
    }
}

impl<'a> Limited<'a> {
    /// [`ProcessPool::map`], with the time limit for each *chunk*.
    ///
    /// ```
    /// use std::time::Duration;
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
            items.into_iter(),
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
    items: I,
    limit: Option<Duration>,
    chunk: usize,
    window: usize,
    chunks: VecDeque<Chunk<F::Output>>,
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
        items: I,
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
    /// # Panics
    /// If it is zero.
    #[doc(alias = "buffersize")]
    pub fn window(mut self, chunks: usize) -> Self {
        assert!(chunks > 0, "a window of zero chunks would never submit anything");
        self.window = chunks;
        self
    }

    /// Queues a chunk. If it cannot travel as a whole, each item is tried alone, so that only
    /// the culprit is refused.
    fn send(&mut self, items: &[F::Args]) {
        match self.send_whole(items) {
            Err(PoolError::Encode(_) | PoolError::TooLarge { .. }) if items.len() > 1 => {
                for item in items {
                    self.send(std::slice::from_ref(item));
                }
            }
            sent => {
                let job = sent.map_err(|error| JobError::Refused(error.to_string()));
                self.chunks.push_back(Chunk { items: items.len(), job });
            }
        }
    }

    fn send_whole(&self, items: &[F::Args]) -> Result<Job<Results<F::Output>>, PoolError> {
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let fill = |id, out: &mut Vec<u8>| {
            let mut frame = FrameWriter::begin(out, Kind::Batch).u64(id).name(F::NAME).u32(count);
            for item in items {
                codec::encode(item, frame.rest()).map_err(PoolError::Encode)?;
            }
            finish(frame, self.pool.team().settings.max_frame)
        };
        let decode = |frame: &mut Vec<u8>, start: usize| decode_batch::<F>(&frame[start..]);
        self.pool.send_frame(self.function, fill, decode, self.limit, self.called_at)
    }
}

impl<F: RemoteFn, I: Iterator<Item = F::Args>> Iterator for ProcessMap<'_, F, I> {
    type Item = Result<F::Output, JobError>;

    /// Blocks until the next result is there.
    fn next(&mut self) -> Option<Result<F::Output, JobError>> {
        loop {
            while self.chunks.len() < self.window {
                let items: Vec<F::Args> = self.items.by_ref().take(self.chunk).collect();
                if items.is_empty() {
                    break;
                }
                self.send(&items);
            }
            if let Some(result) = self.results.next() {
                return Some(result);
            }
            let Chunk { items, job } = self.chunks.pop_front()?;
            self.results = match job.and_then(|job| job.wait()) {
                Ok(mut results) => {
                    results.resize_with(items, || Err(missing_result()));
                    results.into_iter()
                }
                // What happened to the worker happened to each item of the chunk.
                Err(error) => {
                    vec![error; items].into_iter().map(Err).collect::<Vec<_>>().into_iter()
                }
            };
        }
    }
}

/// Each item is a kind and its body: a value ends where its type ends, a text has a length.
fn decode_batch<F: RemoteFn>(bytes: &[u8]) -> Result<Results<F::Output>, JobError> {
    let mut body = Body { rest: bytes };
    let mut results = Vec::new();
    while let Some(kind) = body.u8() {
        if Kind::from_byte(kind) == Some(Kind::Done) {
            let value = codec::decode_next(&mut body.rest).map_err(JobError::BadResult);
            let lost = value.is_err();
            results.push(value);
            if lost {
                break; // nobody knows where the next one begins
            }
            continue;
        }
        let text =
            body.u32().and_then(|length| body.take(length as usize)).ok_or_else(missing_result)?;
        let words = || String::from_utf8_lossy(text).into_owned();
        results.push(Err(match Kind::from_byte(kind) {
            Some(Kind::Panicked) => match PanicReport::decode(text) {
                Some(report) => JobError::Panicked(report),
                None => missing_result(),
            },
            Some(Kind::BadArgs) => JobError::BadArgs(words()),
            Some(Kind::BadResult) => JobError::BadResult(words()),
            _ => return Err(missing_result()),
        }));
    }
    Ok(results)
}

fn missing_result() -> JobError {
    JobError::BadResult(
        "it is missing from the answer, or stands behind one that does not decode".to_owned(),
    )
}

impl<F: RemoteFn, I> Drop for ProcessMap<'_, F, I> {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            if let Ok(job) = &chunk.job {
                job.cancel();
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
