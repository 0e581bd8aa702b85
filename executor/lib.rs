//! *Await* X: tasks, and everything that a task can wait for.
//!
//! This crate speaks futures. It stands on `runtime`, which calls callbacks, and on
//! `pools`, which run work elsewhere; what it adds is the *task*: a future that the loop
//! drives, one step whenever something woke it. Read the files in the order in which they
//! are listed here.
//!
//! ```text
//!   adapters              for hyper and tracing, each behind its feature
//!      |
//!   testing               for tests of all this
//!      |
//!   net, patterns         sockets; small machines that many programs need
//!      |
//!   bridge                from other threads into the loop
//!      |
//!   to_thread, run_on     from the loop into other threads
//!   run_remote            and into other processes
//!      |
//!   group, gather         several at once
//!      |
//!   cancel                giving up: tokens, scopes, cleanup
//!      |
//!   channel, sync,        what a task waits for
//!   promise, time
//!      |
//!   run, task             from outside: start, await, cancel
//!      |
//!   step, task_table, waker     from inside: one step
//! ```
//!
//! # Features
//! None is on by default.
//! - `hyper`: `HyperIo`, `HyperExecutor` and `HyperTimer`, what hyper asks of a runtime.
//! - `trace`: the module `trace`, which records runs, and `ROUNDELAY_TRACE`, which asks for it.
//! - `tracing`: `TaskSpans`, an observer that puts each task's steps into a span.
#![forbid(unsafe_code)]

mod error;
mod own_step;
mod waker;
mod told;
mod done_callbacks;
mod body;
mod stage;
mod task_table;
mod waiter;
mod birth;
mod requests;
mod step;
mod end;
mod fetch_ahead;
mod drop_now;
mod family;
mod shutdown;
mod current;
mod task_info;
mod task;
mod on_done;
mod context_scope;
mod interrupt;
mod run;
mod dump;
mod dump_text;
mod circle;
mod inspection;
mod dump_on;
mod runner_builder;
mod time;
mod yield_now;
mod promise;
mod shared;
mod sync;
mod channel;
pub mod combinators;
mod cancel;
mod group;
mod timed_pool;
mod blocking;
mod host;
mod job_ring;
mod awaited_job;
mod to_thread;
mod run_on;
mod bridge;
mod random;
mod patterns;
mod net;
mod signals;
mod pipe;
pub mod process;
mod stdio;
pub mod fs;
pub mod testing;
mod attributes;
mod adapters;
mod saying;
#[cfg(not(feature = "trace"))]
mod unrecorded;
#[cfg(feature = "trace")]
pub mod trace;

#[cfg(feature = "hyper")]
pub use adapters::hyper::{HyperExecutor, HyperIo, HyperTimer};
#[cfg(feature = "tracing")]
pub use adapters::tracing::TaskSpans;
pub use attributes::{__run_main, main, test};
pub use bridge::from_thread::{FromThreadError, from_thread, is_host_gone};
pub use bridge::loop_thread::{LoopThread, LoopThreadBuilder, LoopThreadError};
pub use bridge::remote_error::RemoteError;
pub use bridge::remote_task::RemoteTask;
pub use bridge::spawner::{Spawner, spawner};
pub use cancel::cleanup::{with_cleanup, with_resource};
pub use cancel::move_on::{FailAfter, fail_after, fail_at, move_on_after, move_on_at};
pub use cancel::scope::CancelScope;
pub use cancel::scoped::Scoped;
pub use cancel::shield::Shielded;
pub use cancel::stop::stop_gracefully;
pub use cancel::token::{CancelOnDrop, CancelToken, Cancelled, RunUntilCancelled, UntilCancelled};
pub use channel::broadcast::{
    BroadcastError, BroadcastReceiver, BroadcastReceiving, BroadcastSender, broadcast,
};
pub use channel::mpsc::{Receiver, Receiving, Sender, Sending, channel, unbounded_channel};
pub use channel::watch::{Changed, WatchReceiver, WatchSender, watch};
pub use combinators::as_completed::{AsCompleted, as_completed};
pub use combinators::concurrent::{for_each_concurrent, map_concurrent};
pub use combinators::gather::{Gather, GatherAll, gather, gather_all};
pub use combinators::gather_error::{GatherCause, GatherError};
pub use combinators::join::{Join, TryJoin, join, try_join};
pub use combinators::race::{AllFailed, Race, RaceOk, race, race_ok};
pub use combinators::race_tasks::{RaceTasks, race_tasks};
pub use combinators::select::{Either, Select, select};
pub use combinators::shield::shield;
pub use combinators::staggered_race::staggered_race;
pub use combinators::try_gather::{TryGather, try_gather};
pub use combinators::wait::{Wait, When, wait};
pub use combinators::window::{Window, window};
pub use context_scope::{ContextScope, WithVariable};
pub use done_callbacks::TaskEnded;
pub use dump::{Dump, HeldBy, TaskDump, TaskName, WaitsFor, dump};
pub use error::{Elapsed, TaskError, TaskPanic};
pub use group::child::Child;
pub use group::error::{ChildEnded, GroupCause, GroupError, GroupFailure};
pub use group::handle::{CancellableGroup, Room, TaskGroup};
pub use group::results::GroupResults;
pub use group::start::{Ready, Start, StartError};
pub use group::whole::{GroupBuilder, cancellable_group, task_group};
pub use inspection::client::{DumpForm, Inspected, inspect_process};
pub use net::accept::Accept;
pub use net::connect::ConnectError;
pub use net::duplex::{DuplexReader, DuplexStream, DuplexWriter, duplex};
pub use net::endpoint::Endpoint;
pub use net::halves::{ReadHalf, ReuniteError, WriteHalf};
pub use net::line_reader::{LineReader, LineTooLong};
pub use net::readiness::Watched;
pub use net::resolve::{LookupError, Resolver, lookup_host};
pub use net::server::{Server, ServerBuilder, serve};
pub use net::stream::SocketStream;
pub use net::tcp::TcpStream;
pub use net::tcp_listener::TcpListener;
pub use net::udp::UdpSocket;
pub use net::unix::{PeerCredentials, UnixStream};
pub use net::unix_datagram::UnixDatagram;
pub use net::unix_listener::UnixListener;
pub use on_done::OnDone;
pub use patterns::pipeline::{Feed, pipeline};
pub use patterns::rate_limit::RateLimiter;
pub use patterns::resource_pool::{Pooled, ResourcePool};
pub use patterns::retry::{GaveUp, RetryError, retry, retry_if};
pub use patterns::retry_policy::RetryPolicy;
pub use pipe::{PipeReader, PipeWriter};
pub use promise::{Abandoned, Promise, PromiseFuture, promise};
pub use random::{Random, with_seed};
#[doc(inline)]
pub use roundelay_runtime::{ContextValues, ContextVar, Reset, Signal};
pub use run::{Runner, run};
pub use run_on::{RunOn, run_on, run_remote};
pub use runner_builder::RunnerBuilder;
#[doc(hidden)]
pub use saying::say as __say;
pub use shared::{OnSettled, Shared};
pub use signals::{Signals, ctrl_c};
pub use stdio::{Stdin, Stdout, stderr, stdin, stdout};
pub use sync::barrier::{Barrier, BarrierWait, BrokenBarrier};
pub use sync::borrower::{BorrowError, Borrower};
pub use sync::bounded_semaphore::{BoundedSemaphore, OverReleased};
pub use sync::capacity_limiter::{AcquireToken, CapacityLimiter, LimiterStatistics, LimiterToken};
pub use sync::closed::{Closed, Finished, NoReceivers, TryGetError, TryPutError};
pub use sync::condition::{Condition, ConditionWait};
pub use sync::event::{Event, EventWait};
pub use sync::lock::{AcquireLock, Lock, LockGuard};
pub use sync::notify::{Notified, Notify};
pub use sync::once_cell::{OnceCell, SetError};
pub use sync::queue::{GetItem, Queue};
pub use sync::queue_item::{QueueItem, QueueJoin, TaskDoneError};
pub use sync::queue_lines::{Get, Put};
pub use sync::rw_lock::{AcquireRead, AcquireWrite, ReadGuard, RwLock, WriteGuard};
pub use sync::semaphore::{Acquire, Permit, Semaphore};
pub use task::{Task, TaskBuilder, spawn};
pub use task_info::{TaskInfo, TaskState, all_tasks, current_task};
pub use time::block_for::block_for;
pub use time::deadline::{Deadline, Guarded};
pub use time::interval::{Interval, MissedTick, interval, interval_at};
pub use time::sleep::{Sleep, now, sleep, sleep_until};
pub use time::timeout::{Timeout, timeout, timeout_at};
pub use time::timeout_join::{TimeoutJoin, timeout_join};
pub use timed_pool::{JobPlan, TimedPool};
pub use to_thread::{ToThread, to_thread};
pub use yield_now::{YieldNow, yield_now};
