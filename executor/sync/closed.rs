//! How handing a value over can fail.
//!
//! Queues and channels share these errors. Two rules hold for all of them: whoever could not
//! hand over gets the value back, and whoever waits for values hears of the end only when there
//! is nothing left to take.
//!
//! ```text
//!   to hand over    Closed(value)           for good: nobody takes values any more
//!                   Full(value)             for now: there is no room
//!                   NoReceivers(value)      for now: nobody listens
//!   to take         Finished                for good: closed, and empty
//!                   Empty                   for now: nothing is there
//! ```
//!
//! Tutorial: chapter 13. Before this: `once_cell.rs`. After this: `queue_order.rs`.

use std::fmt;

/// It is closed. Holds the value that was not handed over.
///
/// ```
/// use roundelay_executor::{Closed, Queue, run};
///
/// let queue = Queue::bounded(1);
/// queue.close();
/// assert_eq!(run(queue.put("a letter")), Err(Closed("a letter")));
/// ```
#[doc(alias = "SendError")]
#[doc(alias = "QueueShutDown")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<T>(pub T);

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nothing can be put in any more: the queue is closed, or the channel's receiver is \
             gone; the error holds what was not handed over",
        )
    }
}

impl<T: fmt::Debug> std::error::Error for Closed<T> {}

/// It is closed, and everything in it has been taken.
#[doc(alias = "RecvError")]
#[doc(alias = "QueueShutDown")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished;

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "there is nothing more to take, now or later: the queue is closed and empty, or every \
             sender is gone and all they sent was taken",
        )
    }
}

impl std::error::Error for Finished {}

/// Why a value could not be handed over without waiting. Holds the value.
///
/// ```
/// use roundelay_executor::{Queue, TryPutError};
///
/// let queue = Queue::bounded(1);
/// queue.try_put("first").unwrap();
/// let full = queue.try_put("second").unwrap_err();
/// assert!(matches!(full, TryPutError::Full("second")));
/// ```
#[doc(alias = "QueueFull")]
#[doc(alias = "TrySendError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// There is no room, or others wait for it.
    Full(T),
    /// It is closed.
    Closed(T),
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => {
                "there is no room now, or others wait for it; await the form that waits, or try \
                 again later"
            }
            TryPutError::Closed(_) => {
                "it is closed, so nothing was handed over; the error holds what was to be"
            }
        })
    }
}

impl<T: fmt::Debug> std::error::Error for TryPutError<T> {}

/// Why nothing could be taken without waiting.
#[doc(alias = "QueueEmpty")]
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryGetError {
    /// Nothing is there, or others who came first have a right to all there is.
    Empty,
    /// It is closed, and everything has been taken.
    Finished,
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryGetError::Empty => f.write_str(
                "nothing is there now that is not promised to somebody else; await the form that \
                 waits, or try again later",
            ),
            TryGetError::Finished => Finished.fmt(f),
        }
    }
}

impl std::error::Error for TryGetError {}

/// Nobody listens at the moment, so the value went nowhere. Holds the value.
///
/// Unlike [`Closed`] this may change: a sender of [`broadcast`](crate::broadcast()) or
/// [`watch`](crate::watch()) can subscribe new receivers at any time.
#[doc(alias = "SendError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReceivers<T>(pub T);

impl<T> fmt::Display for NoReceivers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nobody listens at the moment, so the value went nowhere and the error holds it; \
             `subscribe` makes a receiver",
        )
    }
}

impl<T: fmt::Debug> std::error::Error for NoReceivers<T> {}
