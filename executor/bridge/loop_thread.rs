//! A loop on a thread of its own, for programs that are not built around one.
//!
//! ```text
//!   program's threads                      the loop's thread
//!   LoopThread::start() ------------------> Runner, turning until it is told to stop
//!      .run(|| async { .. })  blocks ---->  a task
//!      .spawner()             does not -->  a task
//!      .stop(), drop ---------------------> tasks unwind, loop closed; joined
//! ```
//!
//! A blocking wrapper around an asynchronous library keeps one of these. A loop per call would
//! not do: what one call leaves running (a connection's keep-alive, a refresh) stands still
//! until the next. Here it goes on, because the loop does.
//!
//! # Invariants
//! - When `stop` returns, every task has unwound and the thread has been joined.
//! - Nobody waits on the loop's own thread: that is refused, or in a destructor left out.
//!
//! Tutorial: chapter 18. Before this: `spawner.rs`. After this: `from_thread.rs`.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use roundelay_runtime::{RunError, panic_message, tell_stderr};

use crate::bridge::remote_error::RemoteError;
use crate::bridge::reply::{Answer, Reply};
use crate::bridge::spawner::Spawner;
use crate::run::Runner;

/// An event loop that runs in a thread of its own.
///
/// Dropping it stops the loop and waits for the thread, but not longer than its
/// [`patience`](LoopThreadBuilder::patience); what went wrong then goes to standard error.
/// Dropped on its own loop's thread it asks the loop to stop, and waits for nothing. Inside of
/// a task of *another* loop it makes that loop wait: stop it in
/// [`to_thread`](crate::to_thread()) there.
///
/// ```
/// use roundelay_executor::{LoopThread, sleep};
///
/// let background = LoopThread::start()?;
/// let answer = background.run(|| async {
///     sleep(std::time::Duration::from_millis(1)).await;
///     42
/// });
/// assert_eq!(answer?, 42);
/// background.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "BlockingPortal")]
pub struct LoopThread {
    spawner: Spawner,
    /// `None` once it has been joined, or cannot be.
    thread: Option<JoinHandle<()>>,
    /// How the run ended, said by the thread at its very end.
    ended: Arc<Reply<Result<(), RunError>>>,
    patience: Duration,
}

impl LoopThread {
    /// Starts a loop on the real clock.
    ///
    /// # Errors
    /// [`LoopThreadError::NotStarted`], with what the system said.
    pub fn start() -> Result<LoopThread, LoopThreadError> {
        LoopThread::builder().start()
    }

    /// A loop thread with other settings.
    pub fn builder() -> LoopThreadBuilder {
        LoopThreadBuilder {
            name: "roundelay loop".to_owned(),
            threads: None,
            patience: Duration::from_secs(300),
        }
    }

    /// Runs a future on the loop, and blocks this thread for its output. Any number of threads
    /// may do so at the same time.
    ///
    /// # Errors
    /// [`RemoteError`]; among them [`RemoteError::OnLoopThread`], when a task of this very loop
    /// calls it.
    #[doc(alias = "block_on")]
    #[track_caller]
    pub fn run<F, M>(&self, make: M) -> Result<F::Output, RemoteError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawner.spawn(make).wait()
    }

    /// Starts tasks on the loop without waiting for them.
    #[must_use]
    pub fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// Stops the loop, cancels and unwinds its tasks, and joins the thread. Waits as long as
    /// that takes.
    ///
    /// # Errors
    /// [`LoopThreadError`]: the run had ended with an error, or the thread panicked; or this
    /// *is* the loop's thread, and then the loop is only asked to stop.
    #[doc(alias = "join")]
    pub fn stop(mut self) -> Result<(), LoopThreadError> {
        self.end(None)
    }

    fn end(&mut self, limit: Option<Duration>) -> Result<(), LoopThreadError> {
        self.spawner.proxy().stop();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if thread.thread().id() == thread::current().id() {
            return Err(LoopThreadError::OnLoopThread);
        }
        self.ended.block(limit);
        let Some(ended) = self.ended.take() else {
            return Err(LoopThreadError::StillRunning);
        };
        if let Err(payload) = thread.join() {
            return Err(LoopThreadError::Panicked(panic_message(&*payload)));
        }
        match ended {
            // The usual end: it was told to stop.
            Ok(Ok(()) | Err(RunError::Stopped)) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(LoopThreadError::Ended(error)),
        }
    }
}

impl Drop for LoopThread {
    fn drop(&mut self) {
        match self.end(Some(self.patience)) {
            Ok(()) | Err(LoopThreadError::OnLoopThread) => {}
            Err(error) => tell_stderr(error),
        }
    }
}

impl fmt::Debug for LoopThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopThread").field("spawner", &self.spawner).finish_non_exhaustive()
    }
}

/// Settings of a loop thread that is about to be started.
///
/// ```
/// use roundelay_executor::LoopThread;
///
/// let looping = LoopThread::builder().name("network").threads(2).start()?;
/// assert_eq!(looping.run(|| async { 6 * 7 })?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder starts nothing until `start` is called"]
pub struct LoopThreadBuilder {
    name: String,
    threads: Option<usize>,
    patience: Duration,
}

impl LoopThreadBuilder {
    /// The thread's name: "roundelay loop" by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// As [`RunnerBuilder::threads`](crate::RunnerBuilder::threads).
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How long a drop waits for the thread, and the loop for the jobs of its own pool; five
    /// minutes by default. With zero it waits for nothing.
    ///
    /// ```
    /// use std::{sync::mpsc::channel, time::Duration};
    /// use roundelay_executor::LoopThread;
    ///
    /// let background = LoopThread::builder().patience(Duration::ZERO).start()?;
    /// let ((begins, begun), (hold, held)) = (channel(), channel::<()>());
    /// let blocks = background.spawner().spawn(move || async move {
    ///     begins.send(()).unwrap();
    ///     held.recv().is_err()
    /// });
    /// begun.recv()?;
    /// drop(background); // a task blocks the loop, so this would take five minutes
    /// assert!(!blocks.is_finished());
    /// drop(hold); // only now it goes on, and the thread ends
    /// assert!(blocks.wait()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the thread. Returns when its loop can be reached.
    ///
    /// # Errors
    /// [`LoopThreadError::NotStarted`], with what the system said.
    pub fn start(self) -> Result<LoopThread, LoopThreadError> {
        let (tell_start, started) = bounded(1);
        let (ended, tell_end) = Reply::new();
        let (threads, patience) = (self.threads, self.patience);
        let thread = thread::Builder::new().name(self.name);
        let thread = thread
            .spawn(move || live(threads, patience, &tell_start, tell_end))
            .map_err(LoopThreadError::NotStarted)?;
        match started.recv() {
            Ok(Ok(spawner)) => Ok(LoopThread { spawner, thread: Some(thread), ended, patience }),
            Ok(Err(error)) => Err(LoopThreadError::NotStarted(io::Error::other(error))),
            // Nothing but a panic drops the sender unused.
            Err(_) => Err(LoopThreadError::Panicked(
                thread.join().map_or_else(|payload| panic_message(&*payload), |()| String::new()),
            )),
        }
    }
}

/// What the thread does all its life.
fn live(
    threads: Option<usize>,
    patience: Duration,
    tell_start: &Sender<Result<Spawner, RunError>>,
    tell_end: Answer<Result<(), RunError>>,
) {
    let mut builder = Runner::builder().patience(patience);
    if let Some(threads) = threads {
        builder = builder.threads(threads);
    }
    let runner = match builder.build() {
        Ok(runner) => runner,
        Err(error) => return drop(tell_start.send(Err(error))),
    };
    if tell_start.send(Ok(runner.spawner())).is_err() {
        return;
    }
    let outcome = runner.run(pending::<()>());
    // Tasks unwind in here, and may block or panic; then it has not ended well.
    runner.close();
    drop(tell_end.settle(Ok(outcome)));
}

/// What went wrong with a [`LoopThread`].
#[derive(Debug)]
#[non_exhaustive]
pub enum LoopThreadError {
    /// The system refused a thread, or what a loop needs.
    NotStarted(io::Error),
    /// The loop's run ended with this error, before anybody asked it to stop.
    Ended(RunError),
    /// The thread itself panicked; the text is the panic's.
    Panicked(String),
    /// Waiting for the loop's thread on that very thread would be waiting for ever.
    OnLoopThread,
    /// The thread has not ended within the patience that it was given.
    StillRunning,
}

impl fmt::Display for LoopThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoopThreadError::NotStarted(error) => {
                write!(f, "the loop's thread could not be started: {error}")
            }
            LoopThreadError::Ended(error) => {
                write!(f, "the loop of a loop thread ended early: {error}")
            }
            LoopThreadError::Panicked(message) => {
                write!(f, "the loop's thread panicked: {message}")
            }
            LoopThreadError::OnLoopThread => f.write_str(
                "a loop thread cannot be waited for on its own thread; it has been asked to \
                 stop. Stop it from the thread that started it",
            ),
            LoopThreadError::StillRunning => f.write_str(
                "a loop thread has not ended in time and is left behind; look for a task that \
                 blocks, or a job of its thread pool that does not end",
            ),
        }
    }
}

impl std::error::Error for LoopThreadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LoopThreadError::NotStarted(error) => Some(error),
            LoopThreadError::Ended(error) => Some(error),
            _ => None,
        }
    }
}
