//! *Await* X: tasks, and everything that a task can wait for.
//!
//! This crate speaks futures. It stands on `runtime`, which calls callbacks, and on
//! `pools`, which run work elsewhere; what it adds is the *task*: a future that the loop
//! drives, one step whenever something woke it. Read the files in the order in which they
//! are listed here.
//!
//! ```text
//!   net, to_thread        sockets, work in threads
//!      |
//!   task_group, gather    several at once
//!      |
//!   sync, promise, time   what a task waits for
//!      |
//!   run, task             from outside: start, await, cancel
//!      |
//!   step, task_table, waker     from inside: one step
//! ```
#![forbid(unsafe_code)]

mod error;
mod waker;
mod done_callbacks;
mod task_table;
mod requests;
mod step;
mod shutdown;
mod current;
mod task_info;
mod task;
mod on_done;
mod context_scope;
mod run;
mod time;
mod yield_now;
mod promise;
mod shared;
mod sync;
mod combinators;
mod group_error;
mod task_group;
mod blocking;
mod to_thread;
mod net;

pub use combinators::gather::{Gather, GatherAll, GatherCause, GatherError, gather, gather_all};
pub use context_scope::{ContextScope, Scoped};
pub use done_callbacks::TaskEnded;
pub use error::{Elapsed, TaskError, TaskPanic};
pub use group_error::{ChildEnded, GroupCause, GroupError, GroupFailure};
pub use net::tcp::{ReadHalf, TcpListener, TcpStream, WriteHalf};
pub use on_done::OnDone;
pub use promise::{Abandoned, Promise, PromiseFuture, promise};
#[doc(inline)]
pub use roundelay_runtime::{ContextValues, ContextVar, Reset};
pub use run::{Runner, RunnerBuilder, run};
pub use shared::{OnSettled, Shared};
pub use sync::queue::{Closed, Finished, Get, Put, Queue, TryPutError};
pub use sync::semaphore::{Acquire, Permit, Semaphore};
pub use task::{Task, TaskBuilder, spawn};
pub use task_group::{Child, TaskGroup, task_group};
pub use task_info::{TaskInfo, TaskState, all_tasks, current_task};
pub use time::sleep::{Sleep, now, sleep, sleep_until};
pub use time::timeout::{Timeout, timeout, timeout_at};
pub use to_thread::{ToThread, to_thread};
pub use yield_now::{YieldNow, yield_now};
