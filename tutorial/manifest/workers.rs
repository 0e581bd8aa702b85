//! Who hashes: threads of this process, or other processes, and never more at once than `--jobs`.
//!
//! ```text
//!   hash(files).await
//!     permit of a semaphore --> job in a pool --> await it, perhaps with a limit --> permit comes back
//!                                                   |
//!                                                   +-- given up: ask the job to stop,
//!                                                       and bring the permit back when it has
//! ```
//!
//! Giving up is dropping the future, as everywhere in asynchronous Rust: by the time limit, by
//! Ctrl-C, by the deadline. What then happens to the *job* differs. A thread can only be asked, and
//! answers at its next chunk; a process is killed. In both cases the worker is busy until it really
//! ends, so the permit stays out that long: two jobs never mean three threads at work.
//!
//! A thread that hangs inside the system does not answer. Its permit stays out, and the others go
//! on. When *all* hang, nobody can go on; whoever waits for a permit is told so.
//!
//! # Invariants
//! - Jobs that run are never more than the permits that are out.
//! - Every job is awaited to its end by somebody: by whoever asked, or by `bring_back`.
//!
//! Tutorial: chapter 20, the capstone. Before this: `status.rs`. After this: `portion.rs`.

use std::cell::Cell;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use roundelay::{
    Job, JobError, Permit, PoolError, ProcessPool, Semaphore, ThreadPool, spawn, timeout,
};
use serde::{Deserialize, Serialize};

use super::hash::{Hashed, Watch, hash_file, hash_listed_file, hash_reader};
use super::hash_error::HashError;
use super::options::PoolKind;

/// A file to be hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: OsString,
    pub(crate) manner: Manner,
}

/// How a file is to be approached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// The walk has seen that it is a file.
    Walked,
    /// A manifest names it, and nobody has looked.
    Listed,
    /// It is standard input, which only this very process has.
    StandardInput,
}

/// What came out, for each file of a job.
pub(crate) type Digests = Vec<Result<Hashed, HashError>>;

/// How one file is hashed: the same function in a thread and in a process, another one in tests.
pub(crate) type HashOne = fn(&Target, &Watch) -> Result<Hashed, HashError>;

/// Why a whole job has no digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The system refused the file.
    Hash(HashError),
    /// It took longer than it may.
    TimedOut { limit: Duration },
    /// The worker process died.
    Died { worker: String },
    /// Every thread hangs in the system, so the file's turn will never come.
    NobodyLeft { limit: Duration },
    /// The pool cannot run anything any more.
    Broken(String),
    /// Anything else, such as a panic.
    Other(String),
}

/// The workers of one run.
pub(crate) struct Workers {
    pool: Pool,
    hash: HashOne,
    jobs: usize,
    limit: Option<Duration>,
    permits: Semaphore,
    /// How many have been given up and have not ended.
    hanging: Rc<Cell<usize>>,
    /// Bytes that have been hashed. A process tells when its job is done, a thread at each chunk.
    bytes: Arc<AtomicU64>,
}

enum Pool {
    Threads(ThreadPool),
    /// The second is for standard input, which worker processes do not have.
    Processes(ProcessPool, ThreadPool),
}

impl Workers {
    /// Prepares `jobs` workers. They start when there is work.
    pub(crate) fn new(
        kind: PoolKind,
        jobs: usize,
        limit: Option<Duration>,
    ) -> Result<Workers, PoolError> {
        let threads = |count| ThreadPool::builder().threads(count).name("hash").build();
        let pool = match kind {
            PoolKind::Threads => Pool::Threads(threads(jobs)),
            PoolKind::Processes => {
                Pool::Processes(ProcessPool::builder().workers(jobs).build()?, threads(1))
            }
        };
        Ok(Workers {
            pool,
            hash: hash_target,
            jobs,
            limit,
            permits: Semaphore::new(jobs),
            hanging: Rc::default(),
            bytes: Arc::default(),
        })
    }

    /// Threads that hash in their own way.
    #[cfg(test)]
    pub(crate) fn with_hash(jobs: usize, limit: Option<Duration>, hash: HashOne) -> Workers {
        let workers = Workers::new(PoolKind::Threads, jobs, limit).expect("threads need nothing");
        Workers { hash, ..workers }
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Has each file a time limit of its own? Then it needs a job of its own.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Hashes `files` in one job, when a worker is free; `begun` is called when one is.
    ///
    /// Dropping the future stops the job. A time limit is for the whole job, from its beginning.
    pub(crate) async fn hash(
        &self,
        files: &Arc<[Target]>,
        begun: impl FnOnce(),
    ) -> Result<Digests, Failure> {
        let permit = self.free_worker().await?;
        begun();
        let watch = Watch::counting(Arc::clone(&self.bytes));
        let job = self.submit(files, &watch)?;
        let hanging = Rc::clone(&self.hanging);
        let mut running = Running { job: Some(job), permit: Some(permit), watch, hanging };
        let answer = match self.limit {
            None => running.end().await,
            Some(limit) => match timeout(self.patience(limit, files), running.end()).await {
                Ok(answer) => answer,
                Err(_) => return Err(Failure::TimedOut { limit }),
            },
        };
        if let (Pool::Processes(..), Ok(digests)) = (&self.pool, &answer) {
            let bytes = digests.iter().flatten().map(|hashed| hashed.bytes).sum();
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        answer
    }

    /// Asks everybody to leave, and waits until they have, but not longer than `patience`.
    pub(crate) async fn dismiss(&self, patience: Duration) {
        let ended = match &self.pool {
            Pool::Threads(threads) => {
                threads.close();
                threads.ended()
            }
            Pool::Processes(processes, threads) => {
                threads.close();
                // Nobody waits for an answer any more, and an idle worker does not mind.
                processes.kill_workers();
                processes.ended()
            }
        };
        // A thread that hangs in the system ends with the process.
        let _ = timeout(patience, ended).await;
    }

    async fn free_worker(&self) -> Result<Permit, Failure> {
        let mut permit = pin!(self.permits.acquire());
        let Some(limit) = self.limit else { return Ok(permit.await) };
        loop {
            match timeout(limit.max(LOOK_ROUND), permit.as_mut()).await {
                Ok(permit) => return Ok(permit),
                Err(_) if self.hanging.get() == self.jobs => {
                    return Err(Failure::NobodyLeft { limit });
                }
                Err(_) => {}
            }
        }
    }

    fn submit(&self, files: &Arc<[Target]>, watch: &Watch) -> Result<Job<Digests>, Failure> {
        let job = match &self.pool {
            Pool::Processes(processes, _) if can_travel(files) => match self.limit {
                None => processes.submit(hash_in_process, files.to_vec()),
                Some(limit) => processes.time_limit(limit).submit(hash_in_process, files.to_vec()),
            },
            Pool::Threads(threads) | Pool::Processes(_, threads) => {
                let (files, watch, hash) = (Arc::clone(files), watch.clone(), self.hash);
                threads.submit(move || files.iter().map(|file| hash(file, &watch)).collect())
            }
        };
        job.map_err(|refusal| Failure::Broken(refusal.to_string()))
    }

    /// A process pool keeps the limit itself, from when the process has the job. The margin is for
    /// one that does not even start.
    fn patience(&self, limit: Duration, files: &[Target]) -> Duration {
        match self.pool {
            Pool::Processes(..) if can_travel(files) => limit.saturating_add(TO_START_A_PROCESS),
            _ => limit,
        }
    }
}

/// How often those who wait for a worker look whether all of them hang.
const LOOK_ROUND: Duration = Duration::from_millis(250);

/// A pool gives a process this long to start.
const TO_START_A_PROCESS: Duration = Duration::from_secs(10);

/// Can another process do it? The standard input of a worker process is empty.
fn can_travel(files: &[Target]) -> bool {
    files.iter().all(|file| file.manner != Manner::StandardInput)
}

/// A job at work. Dropped before its end, it is stopped, and its permit comes back when it has.
struct Running {
    job: Option<Job<Digests>>,
    permit: Option<Permit>,
    watch: Watch,
    hanging: Rc<Cell<usize>>,
}

impl Running {
    async fn end(&mut self) -> Result<Digests, Failure> {
        let job = self.job.as_mut().expect("it is taken out only at the end");
        let answer = job.await.map_err(Failure::from);
        self.job = None;
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(job), Some(permit)) = (self.job.take(), self.permit.take()) else { return };
        self.watch.stop();
        job.kill();
        let hanging = Rc::clone(&self.hanging);
        hanging.set(hanging.get() + 1);
        spawn(bring_back(job, permit, hanging)).detach();
    }
}

async fn bring_back(job: Job<Digests>, permit: Permit, hanging: Rc<Cell<usize>>) {
    // What it found is of no interest any more.
    let _ = job.await;
    hanging.set(hanging.get() - 1);
    drop(permit);
}

/// What a worker process runs.
#[roundelay::remote]
fn hash_in_process(files: Vec<Target>) -> Digests {
    files.iter().map(|file| hash_target(file, &Watch::default())).collect()
}

fn hash_target(file: &Target, watch: &Watch) -> Result<Hashed, HashError> {
    let path = Path::new(&file.name);
    match file.manner {
        Manner::Walked => hash_file(path, watch),
        Manner::Listed => hash_listed_file(path, watch),
        Manner::StandardInput => hash_reader(io::stdin().lock(), watch),
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Failure {
        match error {
            JobError::TimedOut { limit } => Failure::TimedOut { limit },
            JobError::WorkerDied { pid, exit, .. } => {
                Failure::Died { worker: format!("worker process {pid} ended ({exit})") }
            }
            JobError::BrokenPool(why) => Failure::Broken(why),
            error => Failure::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Hash(error) => error.fmt(f),
            Failure::TimedOut { limit } => write!(f, "it took longer than {limit:?}"),
            Failure::Died { worker } => f.write_str(worker),
            Failure::NobodyLeft { limit } => write!(
                f,
                "its turn never came: every thread hangs in the system with a file that took longer \
                 than {limit:?} (--pool processes can end those)"
            ),
            Failure::Broken(why) => write!(f, "no worker can be had: {why}"),
            Failure::Other(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
