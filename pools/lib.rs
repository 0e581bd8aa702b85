//! Jobs that run elsewhere: a thread pool and a process pool.
//!
//! Python has them as `concurrent.futures`. They need no event loop: a [`Job`] can be waited
//! for by any thread. And they fit every event loop: a [`Job`] is a std `Future`.
//!
//! ```text
//!                             what it runs              a running job can be stopped
//!   ThreadPool    threads     any closure               no
//!   ProcessPool   processes   a #[remote] function,     yes: kill(), a time limit
//!                             serde arguments
//! ```
//!
//! ```
//! use roundelay_pools::ThreadPool;
//!
//! let pool = ThreadPool::new(4);
//! let job = pool.submit(|| std::fs::read_to_string("Cargo.toml"))?;
//! assert!(job.wait()??.contains("[package]")); // or: job.await
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both pools have the same verbs: `submit`, `map`, `close`, `cancel_queued`, `shutdown`,
//! `shutdown_timeout`, `ended`, `running`, `metrics`. Many jobs, of either pool, are waited for
//! with [`as_completed`] and [`wait`]. In tests a [`ScriptedPool`] stands in for both.
//!
//! What can go wrong, and what then happens, is a table: [`faults`]. What a parent and its
//! workers say to each other is drawn in [`wire_format`].
//!
//! # Invariants
//! - The crate knows no event loop. Whoever waits left a waker, a callback or a blocked thread.
//! - No code of the user's runs under one of our locks: take, let go, call.
//! - A job that was accepted ends exactly once, whatever happens to its worker or its pool.
//! - When `shutdown` returns, the threads have been joined and the processes reaped. (One thread is
//!   left for each daemon that a job has left behind, as long as that has the standard error.)
//!
//! The modules are listed in the order in which they can be read.
#![forbid(unsafe_code)]
// What stands in a `debug_assert!` does not happen in a release build. A worker that was to be told
// to exit there was once not told. See also `tests/house.rs`.
#![deny(clippy::debug_assert_with_mut_call)]

#[cfg(not(unix))]
compile_error!(
    "roundelay-pools runs on Unix systems: its process pool talks to its workers through a Unix \
     socket pair. Windows would need another transport behind `transport.rs`."
);

// What both pools share: the job, and the end.
mod panic_report;
mod worker_exit;
mod error;
mod panics;
mod shelf;
mod linger;
mod slot;
mod job;
mod bell;
mod as_completed;
mod wait;
mod ending;
mod metrics;

// The thread pool.
mod headcount;
mod hall;
mod out_of_turn;
mod thread_job;
mod roll;
mod crew;
mod thread_pool;
mod thread_pool_builder;
mod thread_map;

// The process pool.
mod codec;
mod bytes;
mod registry;
mod wire;
mod panic_words;
mod transport;
mod last_words;
mod leash;
mod lost;
mod remote_job;
mod chunk;
mod job_queue;
mod staffing;
mod team;
mod team_end;
mod start_worker;
mod supervisor;
mod worker;
mod guard;
mod process_pool;
mod process_pool_builder;
mod process_map;

// For tests of what uses a pool.
mod pool;
mod scripted;

pub use as_completed::{AsCompleted, CompletedStream, as_completed};
pub use bytes::Bytes;
pub use ending::Ended;
pub use error::{JobError, PoolError};
pub use guard::worker_entry;
pub use job::Job;
pub use metrics::{PoolMetrics, RunningJob, StillRunning};
pub use panic_report::PanicReport;
pub use pool::{Pool, RemotePool};
pub use process_map::ProcessMap;
pub use process_pool::{Limited, ProcessPool};
pub use process_pool_builder::ProcessPoolBuilder;
pub use registry::RemoteFn;
/// # Example
///
/// ```
/// use roundelay_pools::remote;
///
/// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
/// fn double(n: u64) -> u64 {
///     n * 2
/// }
///
/// assert_eq!(double(21), 42);
/// assert_eq!([1, 2].map(*double), [2, 4]);
/// ```
pub use roundelay_pools_macros::remote;
pub use scripted::ScriptedPool;
pub use team::OnWorkerDeath;
pub use thread_map::ThreadMap;
pub use thread_pool::ThreadPool;
pub use thread_pool_builder::ThreadPoolBuilder;
pub use wait::{WaitJobs, Waited, When, wait, wait_async};
pub use worker_exit::WorkerExit;

#[doc = include_str!("FAULTS.md")]
pub mod faults {}

#[doc = include_str!("WIRE.md")]
pub mod wire_format {}

/// What the macros expand to, and what the executor uses; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::__remote as remote;
    pub use crate::guard::{TestWorker, test_worker_entry};
    pub use crate::job::poll_done;
    pub use crate::out_of_turn::{PutAside, put_aside_with};
    pub use crate::registry::{CallError, Entry, Invoke};
    // A run in a worker is recorded under a name of its own.
    pub use crate::worker::is_serving;
    pub use inventory;
}
