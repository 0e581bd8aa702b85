//! Gathering: several tasks at once, their results in the order of asking.
//!
//! ```text
//!   gather([a, b, c])     each becomes a task; they run interleaved
//!   .await                Ok([a's, b's, c's])  or the first error, and the others go on
//! ```
//!
//! This is asyncio's `gather`, with its two rules that surprise: the first error comes out
//! at once, and the other tasks are *not* cancelled by it. Who wants them cancelled wants
//! [`try_gather`](crate::try_gather()) or a [`TaskGroup`](crate::TaskGroup).
//!
//! # Who owns the children
//! The gather does, until it gives its answer: dropped before that, it drops those that
//! still run. After an error the rest are detached.
//!
//! Tutorial: chapter 9. Before this: `children.rs`. After this: `try_gather.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combinators::children::{Brood, Children, FallibleChildren, Gatherable};
use crate::combinators::gather_error::GatherError;

/// Runs the futures as tasks and gives all their results, in the order of the argument.
///
/// The argument is anything that gives futures of one type when iterated, or a tuple of two
/// to eight futures of different types, with one type of error. The tasks begin in the next
/// turn, whether the gather is awaited or not.
///
/// # Errors
/// The first error, as soon as it happens: the other tasks go on, detached, and their results
/// are dropped; a panic among them is reported. A child that was cancelled or panicked is an
/// error too.
///
/// Nothing to gather gives an empty list at once.
///
/// *Cancel safety: loses data.* Dropping it drops the children that still run, in order,
/// before that drop returns.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{gather, run};
///
/// run(async {
///     let squares = gather((1..=3).map(|n| async move { Ok::<_, String>(n * n) })).await;
///     assert_eq!(squares.unwrap(), [1, 4, 9]);
///
///     let (name, age) = gather((async { Ok::<_, String>("Ada") }, async { Ok(36) })).await?;
///     assert_eq!((name, age), ("Ada", 36));
///     Ok::<_, roundelay_executor::GatherError<String>>(())
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn gather<Kind, G>(futures: G) -> Gather<G::Children>
where
    G: Gatherable<Kind>,
    G::Children: FallibleChildren,
{
    Gather { brood: Brood::all_or_a_failure(futures.spawn_all()) }
}

/// Runs the futures as tasks and gives every outcome, in the order of the argument. Never
/// fails as a whole: one that was cancelled or panicked is an `Err` in its place.
///
/// The argument is as for [`gather`]; the outputs may be of any type. A list gives a list, a
/// tuple gives a tuple. For futures that borrow, use [`join`](crate::join()).
///
/// *Cancel safety: loses data.* Dropping it drops the children that still run, in order,
/// before that drop returns.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{gather_all, run};
///
/// run(async {
///     let squares = gather_all((1..=3).map(|n| async move { n * n })).await;
///     assert_eq!(squares.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 4, 9]);
///
///     let (number, word) = gather_all((async { 7 }, async { "seven" })).await;
///     assert_eq!((number.unwrap(), word.unwrap()), (7, "seven"));
/// });
/// ```
#[doc(alias = "return_exceptions")]
#[track_caller]
pub fn gather_all<Kind, G>(futures: G) -> GatherAll<G::Children>
where
    G: Gatherable<Kind>,
{
    GatherAll { brood: Brood::all(futures.spawn_all()) }
}

/// The future of [`gather`].
#[must_use = "the tasks run only as long as it is kept, and their results are lost without it"]
pub struct Gather<C: Children> {
    brood: Brood<C>,
}

impl<C: Children> Unpin for Gather<C> {}

impl<C: FallibleChildren> Future for Gather<C> {
    type Output = Result<C::Values, GatherError<C::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let brood = &mut self.brood;
        while let Some(index) = ready!(brood.poll_next_end(cx)) {
            if brood.children().has_failed(index) {
                // The answer is given: from now on nobody is dropped.
                let cause = brood.let_go().into_cause(index);
                return Poll::Ready(Err(GatherError { index, cause }));
            }
        }
        Poll::Ready(Ok(brood.let_go().into_values()))
    }
}

/// The future of [`gather_all`].
#[must_use = "the tasks run only as long as it is kept, and their results are lost without it"]
pub struct GatherAll<C: Children> {
    brood: Brood<C>,
}

impl<C: Children> Unpin for GatherAll<C> {}

impl<C: Children> Future for GatherAll<C> {
    type Output = C::Outcomes;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while ready!(self.brood.poll_next_end(cx)).is_some() {}
        Poll::Ready(self.brood.let_go().into_outcomes())
    }
}

impl<C: Children> fmt::Debug for Gather<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("running", &self.brood.running()).finish()
    }
}

impl<C: Children> fmt::Debug for GatherAll<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherAll").field("running", &self.brood.running()).finish()
    }
}
