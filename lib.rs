//! roundelay: an event-loop runtime to learn from and to keep.
//!
//! One thread, one event loop, many tasks; threads and processes for what must run
//! elsewhere. Shaped like Python's asyncio and concurrent.futures, written by hand in safe
//! Rust, and small enough to read.
//!
//! ```
//! use std::time::Duration;
//!
//! let total = roundelay::run(async {
//!     let waits = (1..=3).map(|n| async move {
//!         roundelay::sleep(Duration::from_millis(n)).await;
//!         n
//!     });
//!     // The three sleep at the same time, on one thread.
//!     roundelay::gather_all(waits).await.into_iter().map(Result::unwrap).sum::<u64>()
//! });
//! assert_eq!(total, 6);
//! ```
//!
//! This crate only gathers names. Where a name lives tells what it speaks:
//!
//! | A name that... | lives in | for example |
//! |---|---|---|
//! | takes a callback | [`runtime`] | [`EventLoop`], [`LoopRef`], [`LoopProxy`] |
//! | is awaited | [`executor`] | [`spawn`], [`sleep`], [`timeout`](timeout()), [`TcpStream`], ... |
//! | runs elsewhere | [`pools`] | thread pool, process pool, jobs |
#![forbid(unsafe_code)]

#[doc(inline)]
pub use roundelay_executor as executor;
#[doc(inline)]
pub use roundelay_pools as pools;
#[doc(inline)]
pub use roundelay_runtime as runtime;

#[doc(inline)]
pub use roundelay_executor::*;
#[doc(inline)]
pub use roundelay_pools::*;
// Tasks and jobs are waited for alike. The plain name is that for tasks; the other is
// `roundelay::pools::wait`.
#[doc(inline)]
pub use roundelay_executor::{AsCompleted, When, as_completed, wait};
#[doc(inline)]
pub use roundelay_runtime::{
    CallHandle, ContextValues, ContextVar, EventLoop, EventLoopBuilder, Failure, FailureKind,
    FailurePolicy, HeldUp, Instant, Interest, LoopClosed, LoopProxy, LoopRef, Metrics,
    MetricsSnapshot, Moment, Observer, ReadinessScript, ReadyEntry, Reset, RunError, Scheduler,
    Signal, SignalHandler, SlowSpan, Stuck, TaskEnd, Work, WrongLoop, current_loop,
};

/// The README's example runs with the tests.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
