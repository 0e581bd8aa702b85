//! A task of another thread's loop, as seen from here.
//!
//! ```text
//!   let task = spawner.spawn(..);
//!
//!   task.wait()        blocks this thread      -> Result<T, RemoteError>
//!   task.await         on any runtime          -> Result<T, RemoteError>
//!   task.outcome()     looks                   -> Option<Result<T, RemoteError>>
//!   task.cancel()      asks the task to end
//! ```
//!
//! The verbs are those of a pool's [`Job`](roundelay_pools::Job): for a thread, a loop is one
//! more place where things run. asyncio's `run_coroutine_threadsafe` gives such a handle, and
//! waiting for it on the loop's own thread is its classic deadlock; here that is an error.
//!
//! # Invariants
//! - The handle never holds the task's future: it may be dropped on any thread, and the
//!   future is dropped on its loop's.
//! - Every wait ends when the task has ended or its loop is closed.
//!
//! Tutorial: chapter 18. Before this: `reply.rs`. After this: `spawner.rs`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Duration;

use roundelay_runtime::{Failure, LoopProxy, report_here};

use crate::bridge::remote_error::RemoteError;
use crate::bridge::reply::{Asked, Reply};
use crate::current::current_tasks;
use crate::error::lost_panic;

/// A handle to a task that was started from another thread: see
/// [`Spawner::spawn`](crate::Spawner::spawn).
///
/// As a future, on any runtime and also on the task's own loop, it gives what
/// [`wait`](RemoteTask::wait) gives.
///
/// Dropping it *detaches*: the task goes on. If it panics, nobody can be told, so the panic is
/// reported to the loop's failure policy.
///
/// *Cancel safety: safe.* Await `&mut task` where the await may be given up; the outcome
/// stays with the handle.
///
/// ```
/// use roundelay_executor::Runner;
///
/// let runner = Runner::new()?;
/// let home = runner.spawner();
/// let thread = std::thread::spawn(move || {
///     let task = home.spawn(|| async { 6 * 7 });
///     task.wait() // blocks this thread until the loop has come to it
/// });
/// let answered = async { while !thread.is_finished() { roundelay_executor::yield_now().await } };
/// runner.run(answered)?;
/// assert_eq!(thread.join().unwrap()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the handle detaches the task; call `detach` to say that it is meant"]
#[doc(alias = "run_coroutine_threadsafe")]
pub struct RemoteTask<T> {
    reply: Arc<Reply<T>>,
    door: LoopProxy,
    home: ThreadId,
    name: Option<String>,
    spawned_at: &'static Location<'static>,
}

impl<T> RemoteTask<T> {
    pub(crate) fn new(
        reply: Arc<Reply<T>>,
        door: LoopProxy,
        home: ThreadId,
        name: Option<String>,
        spawned_at: &'static Location<'static>,
    ) -> RemoteTask<T> {
        RemoteTask { reply, door, home, name, spawned_at }
    }

    /// Blocks this thread until the task has ended, and moves its output out.
    ///
    /// It waits as long as the task takes. A loop that is not being run (a
    /// [`Runner`](crate::Runner) between two runs) makes no progress; when it is closed, the
    /// wait ends.
    ///
    /// # Errors
    /// [`RemoteError`]: how the task ended without an output; [`RemoteError::OnLoopThread`],
    /// at once, on the thread that the task needs; [`RemoteError::Taken`] the second time.
    ///
    /// ```
    /// use roundelay_executor::LoopThread;
    ///
    /// let background = LoopThread::start()?;
    /// let task = background.spawner().spawn(|| async { 6 * 7 });
    /// assert_eq!(task.wait()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "result")]
    #[doc(alias = "join")]
    pub fn wait(&self) -> Result<T, RemoteError> {
        self.wait_within(None)
    }

    /// As [`RemoteTask::wait`], but not longer than `limit` of real time.
    ///
    /// # Errors
    /// [`RemoteError::WaitTimeout`] when the limit comes first: the task is not affected, and
    /// can be waited for again. A zero limit looks and does not block.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{LoopThread, RemoteError};
    ///
    /// let background = LoopThread::start()?;
    /// let task = background.spawner().spawn(std::future::pending::<()>);
    /// let late = task.wait_timeout(Duration::ZERO);
    /// assert!(matches!(late, Err(RemoteError::WaitTimeout)) && task.outcome().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_timeout(&self, limit: Duration) -> Result<T, RemoteError> {
        self.wait_within(Some(limit))
    }

    fn wait_within(&self, limit: Option<Duration>) -> Result<T, RemoteError> {
        if let Some(outcome) = self.outcome() {
            return outcome;
        }
        if limit == Some(Duration::ZERO) {
            return Err(RemoteError::WaitTimeout);
        }
        if thread::current().id() == self.home {
            return Err(RemoteError::OnLoopThread);
        }
        self.reply.block(limit);
        self.outcome().unwrap_or(Err(RemoteError::WaitTimeout))
    }

    /// Takes the outcome if the task has ended; `None` if it has not. Never blocks.
    pub fn outcome(&self) -> Option<Result<T, RemoteError>> {
        self.reply.take()
    }

    /// Whether the task has ended and its future has been dropped.
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.reply.is_settled()
    }

    /// Asks the task to end: its future is dropped on its loop, in the task's own next step.
    /// `false` if it has ended already. Never blocks.
    ///
    /// The answer to whoever waits is [`RemoteError::Cancelled`], once the future has really
    /// been dropped. If the task ends by itself before the loop hears of the request, its
    /// output stands.
    ///
    /// ```
    /// use roundelay_executor::{LoopThread, RemoteError};
    ///
    /// let background = LoopThread::start()?;
    /// let task = background.spawner().spawn(std::future::pending::<()>);
    /// assert!(task.cancel());
    /// assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        ask_to_end(&self.reply, &self.door)
    }

    /// What [`RemoteTask::cancel`] does, as a value that can be left with somebody.
    pub(crate) fn canceller(&self) -> impl FnOnce() + use<T> {
        let (reply, door) = (Arc::clone(&self.reply), self.door.clone());
        move || {
            ask_to_end(&reply, &door);
        }
    }

    /// Lets the task go its way. The same as dropping the handle, but says so.
    pub fn detach(self) {}

    /// The line that started the task.
    ///
    /// ```
    /// use roundelay_executor::LoopThread;
    ///
    /// let background = LoopThread::start()?;
    /// let (task, line) = (background.spawner().spawn(|| async {}), line!());
    /// assert_eq!(task.spawned_at().line(), line);
    /// task.detach();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }
}

fn ask_to_end<T>(reply: &Reply<T>, door: &LoopProxy) -> bool {
    match reply.ask_to_cancel() {
        Asked::TooLate => false,
        Asked::Withdrawn => true,
        Asked::Running(key) => {
            // Refused by a loop that is closed: that has cancelled it already.
            let _ = door.call_soon_threadsafe(move || {
                if let Some(tasks) = current_tasks() {
                    tasks.cancel(key);
                }
            });
            true
        }
    }
}

impl<T> Future for RemoteTask<T> {
    type Output = Result<T, RemoteError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.reply.poll_settled(cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.outcome().unwrap_or(Err(RemoteError::Taken)))
    }
}

impl<T> Drop for RemoteTask<T> {
    fn drop(&mut self) {
        let Some(Err(RemoteError::Panicked(panic))) = self.reply.renounce() else { return };
        let name = self.name.as_deref().unwrap_or("started from another thread");
        let lost = lost_panic(format!("task {name}"), &panic).origin(self.spawned_at);
        let report = Report { lost: Some(lost) };
        let _ = self.door.call_soon_threadsafe(move || drop(report));
    }
}

/// A failure on its way to the loop's failure policy. It is reported where it is dropped: on the
/// loop's thread as its policy says; here, if the loop is closed, on standard error.
struct Report {
    lost: Option<Failure>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(lost) = self.lost.take() {
            report_here(lost);
        }
    }
}

impl<T> fmt::Debug for RemoteTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTask")
            .field("finished", &self.is_finished())
            .field("spawned_at", &format_args!("{}", self.spawned_at))
            .finish_non_exhaustive()
    }
}
