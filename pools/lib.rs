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
//! `shutdown_timeout`, `ended`, `running`, `metrics`.
//!
//! # Invariants
//! - The crate knows no event loop. Whoever waits left a waker, a callback or a blocked thread.
//! - No code of the user's runs under one of our locks: take, let go, call.
//! - A job that was accepted ends exactly once, whatever happens to its worker or its pool.
//! - When `shutdown` returns, the threads have been joined and the processes reaped.
//!
//! The modules are listed in the order in which they can be read.
#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!(
    "roundelay-pools runs on Unix systems: its process pool talks to its workers through a Unix \
     socket pair. Windows would need another transport (see PROCESS_POOL.md, section 11)."
);

// What both pools share: the job, and the end.
mod error;
mod panics;
mod slot;
mod job;
mod ending;
mod metrics;

// The thread pool.
mod headcount;
mod thread_job;
mod crew;
mod thread_pool;
mod thread_map;

// The process pool.
mod codec;
mod bytes;
mod registry;
mod wire;
mod transport;
mod last_words;
mod leash;
mod remote_job;
mod team;
mod supervisor;
mod worker;
mod guard;
mod process_pool;
mod process_map;

pub use bytes::Bytes;
pub use ending::Ended;
pub use error::{JobError, PanicReport, PoolError, WorkerExit};
pub use guard::worker_entry;
pub use job::Job;
pub use metrics::{PoolMetrics, RunningJob, StillRunning};
pub use process_map::ProcessMap;
pub use process_pool::{Limited, ProcessPool, ProcessPoolBuilder};
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
pub use team::OnWorkerDeath;
pub use thread_map::ThreadMap;
pub use thread_pool::{ThreadPool, ThreadPoolBuilder};

/// What the macros expand to; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::__remote as remote;
    pub use crate::guard::{TestWorker, test_worker_entry};
    pub use crate::registry::{CallError, Entry, Invoke};
    pub use inventory;
}
