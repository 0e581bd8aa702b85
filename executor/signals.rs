//! Signals to await.
//!
//! ```text
//!   kernel --> handler --> pipe --> readiness --> the task that awaits
//! ```
//!
//! # Invariants
//! - A listener hears of every kind of signal that came since it was made, also of those that
//!   came while nobody awaited it; of several of one kind, once.
//! - When the last listener of a signal is dropped, it does again what it did before.
//!
//! Tutorial: chapter 8. Before this: `net/server.rs`. After this: `pipe.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use roundelay_runtime::{Direction, Signal, SignalPipe, WaitKey};

use crate::net::readiness::Watched;

/// Waits for Ctrl-C, from the first poll on.
///
/// From then on Ctrl-C does not end the process; when the future is dropped, and nobody else
/// listens, it does again. Who wants to hear of it several times keeps a [`Signals`].
///
/// # Errors
/// Those of [`Signals::new`].
///
/// *Cancel safety: loses data.* A Ctrl-C that came and was not looked at is forgotten.
///
/// ```no_run
/// use roundelay_executor::{ctrl_c, run};
///
/// run(async {
///     println!("press Ctrl-C");
///     ctrl_c().await?;
///     println!("thank you");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    Signals::new([Signal::INTERRUPT])?.recv().await.map(drop)
}

/// Signals of some kinds, as they come: a [`Stream`] that never ends.
///
/// Several listeners, on one loop or on many, all hear of every signal. While one is awaited,
/// a virtual clock stands still.
///
/// ```
/// use roundelay_executor::{Signal, Signals, run};
///
/// run(async {
///     let mut signals = Signals::new([Signal::USER_1, Signal::HANGUP])?;
///     # rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
///     match signals.recv().await? {
///         Signal::HANGUP => println!("reading the settings again"),
///         signal => println!("{signal}"),
///     }
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Signals {
    watched: Watched<SignalPipe>,
    ready: VecDeque<Signal>,
    wait: Option<WaitKey>,
}

impl Signals {
    /// Listens from now on, on the loop that runs here.
    ///
    /// # Errors
    /// `InvalidInput` for a signal that nobody can listen for; what the system says when it has
    /// no descriptors left; no loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{Signal, Signals, run};
    ///
    /// run(async {
    ///     let refused = Signals::new([Signal::KILL]).unwrap_err(); // nobody can listen for that
    ///     assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    /// });
    /// ```
    pub fn new(signals: impl IntoIterator<Item = Signal>) -> io::Result<Signals> {
        let watched = Watched::new(SignalPipe::new(signals)?)?;
        Ok(Signals { watched, ready: VecDeque::new(), wait: None })
    }

    /// The next signal. Those that came together are told by their numbers.
    ///
    /// # Errors
    /// It is awaited on a thread where its loop does not run.
    ///
    /// *Cancel safety: safe.* No signal is lost.
    pub async fn recv(&mut self) -> io::Result<Signal> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Signal>> {
        if let Some(signal) = self.ready.pop_front() {
            return Poll::Ready(Ok(signal));
        }
        let ready = &mut self.ready;
        self.watched.poll_io(&mut self.wait, cx, Direction::Read, |pipe| {
            ready.extend(pipe.take());
            ready.pop_front().ok_or_else(|| io::ErrorKind::WouldBlock.into())
        })
    }
}

impl Stream for Signals {
    type Item = io::Result<Signal>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("of", &self.watched.file).finish_non_exhaustive()
    }
}
