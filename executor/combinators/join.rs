//! Joining: several futures inside of one, until all have ended.
//!
//! ```text
//!   join((a, b, c))       polled here, in this order; none of them is a task
//!   .await                (a's output, b's output, c's output)
//! ```
//!
//! The counterpart of [`gather`](crate::gather()) without tasks. Nothing is spawned, so the
//! futures may borrow from whoever joins them; and to drop a future is all that it takes to end
//! it, so whoever drops the join is rid of them at once.
//!
//! | | [`join`], [`try_join`] | [`gather_all`](crate::gather_all()), [`try_gather`](crate::try_gather()) |
//! |---|---|---|
//! | the futures | may borrow | are `'static`: they become tasks |
//! | begin | when the join is polled first | in the next turn, awaited or not |
//! | a panic | comes through the join, and the others go | is the outcome of that task |
//! | have a name, a place in a dump, a handle to cancel | no | yes |
//! | a wake-up | polls one of a list, or what is left of a tuple | is a step of that task |
//!
//! # Who owns the children
//! The join does. Dropped, it drops them.
//!
//! # Invariants
//! - In the first poll all are polled, in the order of the argument.
//! - When an error comes out nobody is left, and nobody was polled after it.
//! - After its end, or a panic of one of its futures, it is not to be polled again.
//!
//! Tutorial: chapter 9. Before this: `join_list.rs`. After this: `shield.rs`.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::combinators::joinable::{Joinable, Joined, UntilAllEnd, UntilOneFails};

/// Awaits several futures at once, where they are, and gives all their outputs in the order of
/// the argument.
///
/// The argument is anything that gives futures of one type when iterated, or a tuple of two to
/// eight futures of different types. A list gives a list, a tuple gives a tuple, and an empty
/// list ends at once. They become no tasks: so they may borrow, they begin when the join is
/// first polled, and they go with it. Who wants tasks uses [`gather_all`](crate::gather_all()).
///
/// A future of a list is polled when it was woken, so thirty thousand cost no more for each
/// than three do; two small allocations each. A tuple allocates nothing, and polls all that have
/// not ended at each wake-up.
///
/// *Cancel safety: loses data.* Dropping it drops the futures that have not ended and the
/// outputs of those that have, in order.
///
/// # Panics
/// If one of the futures does: the panic comes through, and the others are dropped with the join.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{join, run, sleep};
///
/// run(async {
///     let words = ["one".to_owned(), "three".to_owned()];
///     let lengths = words.iter().map(|word| async move {
///         sleep(Duration::from_millis(2)).await;
///         word.len() // borrowed: no task could do that
///     });
///     assert_eq!(join(lengths).await, [3, 5]);
///
///     let (name, age) = join((async { words[0].as_str() }, async { 36 })).await;
///     assert_eq!((name, age), ("one", 36));
/// });
/// ```
///
/// A loop in which nothing is left to happen says
/// [`RunError::Deadlock`](roundelay_runtime::RunError) also if its task waits for a tuple. With a
/// list it sleeps: the wakers may be anywhere.
#[doc(alias = "join_all")]
#[doc(alias = "zip")]
pub fn join<Kind, J>(futures: J) -> Join<J::Joined>
where
    J: Joinable<Kind, UntilAllEnd>,
    J::Joined: Joined<Error = Infallible>,
{
    Join { joined: futures.seat_all(), is_over: false }
}

/// Awaits several futures at once, where they are, and gives all their values in the order of
/// the argument; the first error ends them all.
///
/// The argument is as for [`join`]; each future gives a `Result`, all with one type of error.
/// Who wants tasks uses [`try_gather`](crate::try_gather()).
///
/// # Errors
/// The first error that is seen: the order of the argument decides among those that come in the
/// first poll, and in a tuple always; in a list after that it is the order in which they were
/// woken. The other futures, which are polled no more, and all values have been dropped by then.
///
/// *Cancel safety: loses data.* Dropping it drops the futures that have not ended and the values
/// of those that have, in order.
///
/// # Panics
/// As [`join`].
///
/// ```
/// use std::future::pending;
/// use roundelay_executor::{run, try_join};
///
/// run(async {
///     let both = try_join((async { Ok::<_, &str>(7) }, async { Ok("seven") })).await;
///     assert_eq!(both, Ok((7, "seven")));
///
///     // The first never ends, and is dropped.
///     let first_error = try_join((pending::<Result<(), _>>(), async { Err::<(), _>("no") }));
///     assert_eq!(first_error.await, Err("no"));
/// });
/// ```
#[doc(alias = "try_join_all")]
#[doc(alias = "try_zip")]
pub fn try_join<Kind, J>(futures: J) -> TryJoin<J::Joined>
where
    J: Joinable<Kind, UntilOneFails>,
{
    TryJoin { joined: futures.seat_all(), is_over: false }
}

pin_project! {
    /// The future of [`join`].
    #[must_use = "futures that are joined are polled only while the join is awaited"]
    pub struct Join<J> {
        #[pin]
        joined: J,
        // Also while they are polled, and so after a panic.
        is_over: bool,
    }
}

impl<J: Joined<Error = Infallible>> Future for Join<J> {
    type Output = J::Values;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<J::Values> {
        let mut this = self.project();
        begin_poll(this.is_over);
        match this.joined.as_mut().poll_all(cx) {
            Poll::Pending => {
                *this.is_over = false;
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(this.joined.take_values()),
        }
    }
}

pin_project! {
    /// The future of [`try_join`].
    #[must_use = "futures that are joined are polled only while the join is awaited"]
    pub struct TryJoin<J> {
        #[pin]
        joined: J,
        // Also while they are polled, and so after a panic.
        is_over: bool,
    }
}

impl<J: Joined> Future for TryJoin<J> {
    type Output = Result<J::Values, J::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        begin_poll(this.is_over);
        match this.joined.as_mut().poll_all(cx) {
            Poll::Pending => {
                *this.is_over = false;
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(this.joined.take_values())),
            Poll::Ready(Err(error)) => {
                this.joined.drop_all();
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Counts as over until a poll has come to its end.
fn begin_poll(is_over: &mut bool) {
    assert!(
        !mem::replace(is_over, true),
        "a join gives its answer once, and none after a panic of one of its futures; do not poll \
         it again"
    );
}

impl<J> fmt::Debug for Join<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl<J> fmt::Debug for TryJoin<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoin").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
