//! What can be joined: a list of futures of one type, or a tuple of futures of several.
//!
//! ```text
//!   join([f, f, f])  --seated-->  a list: each has a waker of its own    --> Vec<T>
//!   join((f, g))     --seated-->  a row: all are polled at each wake-up  --> (A, B)
//! ```
//!
//! Whether an output is a value as it is ([`join`](crate::join())) or may be an error, with which
//! all is over ([`try_join`](crate::try_join())), is a [`Rule`]. So there is one list and one row
//! for both. Kind and rule are found by the compiler, and nobody ever writes them.
//!
//! # Invariants
//! - A future is dropped as soon as it has ended, and is not polled again.
//! - Nothing of ours is borrowed while a future is polled or dropped but the place that it is in.
//!
//! Tutorial: chapter 9. Before this: `select.rs`. After this: `join_tuple.rs`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Futures that can be joined: whatever can be iterated, and tuples of two to eight.
///
/// Both parameters are found by the compiler: the kind keeps lists and tuples apart, the
/// [`Rule`] [`join`](crate::join()) and [`try_join`](crate::try_join()).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined",
    label = "neither an iterator of futures nor a tuple of two to eight of them",
    note = "for `try_join` each must give a `Result`, and all the same type of error"
)]
pub trait Joinable<Kind, R> {
    /// Where they are while they are polled.
    type Joined: Joined;

    /// Takes them there, in order. Polls nobody.
    #[doc(hidden)]
    fn seat_all(self) -> Self::Joined;
}

/// Futures that are polled together, and the values of those that have ended.
pub trait Joined {
    /// Every value, in the order of the argument: a list, or a tuple.
    type Values;

    /// With what all may be over before.
    type Error;

    /// Polls whoever has to be, in order. Ready when all have ended or one has failed.
    #[doc(hidden)]
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Takes all values. All have ended.
    #[doc(hidden)]
    fn take_values(self: Pin<&mut Self>) -> Self::Values;

    /// Drops the futures that are left, and the values, in order.
    #[doc(hidden)]
    fn drop_all(self: Pin<&mut Self>);
}

/// What an output means to the whole.
pub trait Rule<Output> {
    /// What is kept of it.
    type Value;

    /// With what all is over.
    type Error;

    /// Which of the two it is.
    #[doc(hidden)]
    fn judge(output: Output) -> Result<Self::Value, Self::Error>;
}

/// The [`Rule`] that every output is a value.
#[derive(Debug)]
pub enum UntilAllEnd {}

impl<Output> Rule<Output> for UntilAllEnd {
    type Value = Output;
    type Error = Infallible;

    fn judge(output: Output) -> Result<Output, Infallible> {
        Ok(output)
    }
}

/// The [`Rule`] that outputs are `Result`s, and all is over with the first error.
#[derive(Debug)]
pub enum UntilOneFails {}

impl<T, E> Rule<Result<T, E>> for UntilOneFails {
    type Value = T;
    type Error = E;

    fn judge(output: Result<T, E>) -> Result<T, E> {
        output
    }
}

pin_project! {
    /// A future's place, where its value lies afterwards.
    #[project = SeatPin]
    #[project_replace = Left]
    pub(crate) enum Seat<F, V> {
        Running { #[pin] future: F },
        Ended { value: V },
        Empty,
    }
}

impl<F: Future, V> Seat<F, V> {
    /// Polls the future, if it has not ended. Ready when it has.
    pub(crate) fn poll<R>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), R::Error>>
    where
        R: Rule<F::Output, Value = V>,
    {
        let SeatPin::Running { future } = self.as_mut().project() else {
            return Poll::Ready(Ok(()));
        };
        match future.poll(cx).map(R::judge) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(value)) => {
                self.set(Seat::Ended { value });
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.set(Seat::Empty);
                Poll::Ready(Err(error))
            }
        }
    }

    /// Takes the value of a future that has ended.
    pub(crate) fn take(self: Pin<&mut Self>) -> V {
        match self.project_replace(Seat::Empty) {
            Left::Ended { value } => value,
            _ => unreachable!("values are taken once, when all have ended"),
        }
    }
}
