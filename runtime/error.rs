//! What can go wrong when you ask something of a loop.
//!
//! Every message says what happened, to whom, and what to do next. The type says who has
//! to act: [`LoopClosed`] whoever still schedules, [`WrongLoop`] whoever carried a handle
//! to another thread, [`RunError`] whoever runs the loop.
//!
//! Tutorial: chapter 8. Before this: nothing. After this: `failure.rs`.

use std::fmt;
use std::io;
use std::panic::Location;
use std::time::Duration;

use crate::failure::Failure;

/// The loop has been closed, so it will never call anything again.
///
/// asyncio says "Event loop is closed".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this event loop is closed and will run nothing more; schedule the work before \
             the loop is closed, or on a loop that is still open",
        )
    }
}

impl std::error::Error for LoopClosed {}

impl From<LoopClosed> for io::Error {
    fn from(closed: LoopClosed) -> Self {
        io::Error::new(io::ErrorKind::NotConnected, closed)
    }
}

/// A thing of one loop was used where that loop is not running: a [`Source`](crate::Source)
/// here; a sleep or a socket in the crates above.
///
/// Such things may travel to other threads, and may be dropped there, but only their own
/// loop can wait for them. (A [`CallHandle`](crate::CallHandle) cannot travel at all.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongLoop {
    /// The loop that the handle belongs to, by its number.
    pub made_on: u64,
    /// The loop that runs on this thread, if any.
    pub used_on: Option<u64>,
}

impl fmt::Display for WrongLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this handle belongs to event loop {}, but ", self.made_on)?;
        match self.used_on {
            Some(id) => write!(f, "was used on event loop {id}")?,
            None => f.write_str("was used on a thread where no event loop is running")?,
        }
        f.write_str("; move the work to its own loop, for example through a LoopProxy")
    }
}

impl std::error::Error for WrongLoop {}

impl From<WrongLoop> for io::Error {
    fn from(wrong: WrongLoop) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, wrong)
    }
}

/// Why a run of the loop ended without what it was started for.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// A loop already runs on this thread, and a thread can take part in one dance only.
    Nested {
        /// Where the loop that is running was started.
        outer: &'static Location<'static>,
        /// Where the second one was tried.
        inner: &'static Location<'static>,
    },
    /// The loop has been closed.
    Closed,
    /// Somebody called `stop` before the awaited thing was done.
    Stopped,
    /// What the loop ran for was cancelled.
    Cancelled,
    /// Ctrl-C: the main task was cancelled and has unwound, or had just finished, and its value
    /// was dropped. Only where the runner was built to hear of it.
    Interrupted,
    /// The loop would have slept for ever: nothing is ready, no timer can ever be due (one
    /// set for never does not count), nobody waits for a socket, and nobody holds a door:
    /// no [`LoopProxy`](crate::LoopProxy), and nothing that keeps one, such as a
    /// [`Source`](crate::Source) or a waker. (Of a loop that was built
    /// [isolated](crate::EventLoopBuilder::isolated) doors do not count.)
    ///
    /// With it comes who waits for what, the oldest first.
    Deadlock(Vec<Stuck>),
    /// The failure policy is to stop at the first failure that nobody can take.
    Failed(Box<Failure>),
    /// The operating system refused to report events.
    Io(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Nested { outer, inner } => write!(
                f,
                "an event loop is already running on this thread (started at {outer}), so \
                 another cannot be run at {inner}; await the future instead, spawn it as a \
                 task, or run the second loop on a thread of its own"
            ),
            RunError::Closed => LoopClosed.fmt(f),
            RunError::Stopped => f.write_str(
                "the event loop was stopped before what it ran for was done; run it again to \
                 go on, or look for the call of `stop`",
            ),
            RunError::Cancelled => f.write_str(
                "what the event loop ran for was cancelled before it was done; whoever asked for \
                 that knows why",
            ),
            RunError::Interrupted => f.write_str(
                "Ctrl-C was pressed, so the main task was cancelled; a program that ends now should \
                 exit with status 130",
            ),
            RunError::Deadlock(stuck) => {
                f.write_str(
                    "the event loop would sleep for ever: nothing is ready, no timer can be due, \
                     no socket is waited for, and no other thread can reach it; something awaits \
                     a value that nobody is left to send",
                )?;
                // A text that a screen can hold: the whole list is in the error.
                stuck.iter().take(MOST_TOLD).try_for_each(|one| write!(f, "\n  {one}"))?;
                match stuck.len().saturating_sub(MOST_TOLD) {
                    0 => Ok(()),
                    more => write!(f, "\n  and {more} more"),
                }
            }
            RunError::Failed(failure) => {
                write!(f, "the event loop stopped, as its failure policy says, because {failure}")
            }
            RunError::Io(error) => {
                write!(f, "the operating system could not report events to the event loop: {error}")
            }
        }
    }
}

/// How many of those who wait for ever a message names.
const MOST_TOLD: usize = 20;

/// Somebody who waits for what cannot come any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// A task, with its number and name.
    pub who: String,
    /// The line that spawned it.
    pub spawned_at: &'static Location<'static>,
    /// What it waits for, and who holds that, in words.
    pub waits_for: String,
    /// How long it has waited, on the loop's clock.
    pub waited: Duration,
}

impl Stuck {
    /// All that there is to say.
    ///
    /// ```
    /// use std::{panic::Location, time::Duration};
    /// use roundelay_runtime::Stuck;
    ///
    /// let (who, line) = ("task 3 (save)".to_owned(), Location::caller());
    /// let stuck = Stuck::new(who, line, "the lock".to_owned(), Duration::from_secs(5));
    /// let text = format!("task 3 (save), spawned at {line}, has waited 5s for the lock");
    /// assert_eq!(stuck.to_string(), text);
    /// ```
    pub fn new(
        who: String,
        spawned_at: &'static Location<'static>,
        waits_for: String,
        waited: Duration,
    ) -> Stuck {
        Stuck { who, spawned_at, waits_for, waited }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stuck { who, spawned_at, waits_for, waited } = self;
        write!(f, "{who}, spawned at {spawned_at}, has waited {waited:?} for {waits_for}")
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        RunError::Io(error)
    }
}
