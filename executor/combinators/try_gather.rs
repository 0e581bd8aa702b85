//! Gathering all or nothing: the first error ends everybody.
//!
//! ```text
//!   try_gather([a, b, c])     b fails --> a and c are asked to end, and have ended
//!   .await                                                          --> Err(b's error)
//! ```
//!
//! The second rule of [`gather`](crate::gather()) turned round: what still runs after a
//! failure is cancelled, and the error comes out only when nobody runs any more.
//!
//! # Who owns the children
//! The combinator does, to the end: when it gives its answer or is dropped, no child is left.
//!
//! Tutorial: chapter 9. Before this: `gather.rs`. After this: `gather_error.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combinators::children::{Brood, Children, FallibleChildren, Gatherable};
use crate::combinators::gather_error::GatherError;

/// Runs the futures as tasks and gives all their results, in the order of the argument; the
/// first failure cancels the rest.
///
/// The argument is as for [`gather`](crate::gather()): an iterator of futures of one type, or
/// a tuple of two to eight. For children that come one by one, or to keep every error, use a
/// [`TaskGroup`](crate::TaskGroup); for futures that borrow, [`try_join`](crate::try_join()).
///
/// # Errors
/// The failure that happened first: an error, a panic, or a cancel of one child. It comes out
/// when all other children have ended and their futures have been dropped. What else went
/// wrong until then is lost, except panics, which are reported.
///
/// *Cancel safety: loses data.* Dropping it drops the children that still run, in order,
/// before that drop returns.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use std::future::pending;
/// use roundelay_executor::{run, try_gather};
///
/// run(async {
///     let both = try_gather((async { Err::<(), _>("no route") }, pending::<Result<(), _>>()));
///     assert_eq!(both.await.unwrap_err().index, 0); // and the second is gone
/// });
/// ```
#[track_caller]
pub fn try_gather<Kind, G>(futures: G) -> TryGather<G::Children>
where
    G: Gatherable<Kind>,
    G::Children: FallibleChildren,
{
    TryGather { brood: Brood::all_or_a_failure(futures.spawn_all()), first_failure: None }
}

/// The future of [`try_gather`].
#[must_use = "the tasks run only as long as it is kept, and their results are lost without it"]
pub struct TryGather<C: Children> {
    brood: Brood<C>,
    /// Who failed first: the others have been asked to end.
    first_failure: Option<usize>,
}

impl<C: Children> Unpin for TryGather<C> {}

impl<C: FallibleChildren> Future for TryGather<C> {
    type Output = Result<C::Values, GatherError<C::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some(index) = ready!(this.brood.poll_next_end(cx)) {
            if this.first_failure.is_none() && this.brood.children().has_failed(index) {
                this.first_failure = Some(index);
                this.brood.cancel();
            }
        }
        let children = this.brood.let_go();
        Poll::Ready(match this.first_failure {
            None => Ok(children.into_values()),
            Some(index) => Err(GatherError { index, cause: children.into_cause(index) }),
        })
    }
}

impl<C: Children> fmt::Debug for TryGather<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGather")
            .field("running", &self.brood.running())
            .field("first_failure", &self.first_failure)
            .finish()
    }
}
