//! Selecting: a race between two futures of different types.
//!
//! ```text
//!   select(work, stop).await     Either::Left(work's output)   or  Either::Right(stop's)
//! ```
//!
//! Both are taken by value: the loser is dropped before the answer comes out. A future that
//! is only borrowed, and then neither polled nor dropped, keeps its place in the line for a
//! lock while nobody can take the lock: whoever wants that has to say so, with `&mut`.
//!
//! # Who owns the children
//! The select does. Dropped, it drops them.
//!
//! # Invariants
//! - The first is polled first: if both are ready it wins.
//! - The loser is dropped before the answer comes out.
//!
//! Tutorial: chapter 9. Before this: `race_tasks.rs`. After this: `joinable.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Awaits two futures of any types and gives the output of the first to end. The other has
/// been dropped by then.
///
/// The first is polled first: put what must not be overlooked, such as a request to stop,
/// before what is nearly always ready. For more than two of one type use
/// [`race`](crate::race()).
///
/// *Cancel safety:* that of the two, of which one is dropped in any case.
///
/// ```
/// use std::future::pending;
/// use roundelay_executor::{Either, run, select};
///
/// run(async {
///     match select(pending::<()>(), async { "work" }).await {
///         Either::Left(()) => unreachable!("it never ends"),
///         Either::Right(done) => assert_eq!(done, "work"),
///     }
/// });
/// ```
#[doc(alias = "or")]
pub fn select<A: Future, B: Future>(first: A, second: B) -> Select<A, B> {
    Select { first: Some(first), second: Some(second) }
}

/// One of two.
///
/// ```
/// use roundelay_executor::{Either, run, select};
///
/// let first = run(select(std::future::pending::<()>(), async { "ready" }));
/// assert_eq!(first, Either::Right("ready"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// What the first gave.
    Left(A),
    /// What the second gave.
    Right(B),
}

impl<T> Either<T, T> {
    /// What came out, when it does not matter from where.
    ///
    /// ```
    /// assert_eq!(roundelay_executor::Either::<u8, u8>::Right(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Either::Left(value) | Either::Right(value) => value,
        }
    }
}

pin_project! {
    /// The future of [`select`].
    #[derive(Debug)]
    #[must_use = "a select that is not awaited does nothing"]
    pub struct Select<A, B> {
        // Both emptied when one has won.
        #[pin]
        first: Option<A>,
        #[pin]
        second: Option<B>,
    }
}

impl<A: Future, B: Future> Future for Select<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(first), Some(second)) =
            (this.first.as_mut().as_pin_mut(), this.second.as_mut().as_pin_mut())
        else {
            panic!("a select has one winner; do not poll it again");
        };
        let winner = match first.poll(cx) {
            Poll::Ready(output) => Either::Left(output),
            Poll::Pending => match second.poll(cx) {
                Poll::Ready(output) => Either::Right(output),
                Poll::Pending => return Poll::Pending,
            },
        };
        this.first.set(None);
        this.second.set(None);
        Poll::Ready(winner)
    }
}
