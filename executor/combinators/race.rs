//! Racing: the first answer wins.
//!
//! ```text
//!   race([a, b, c])       polled here, one after the other, in this order
//!   .await                (1, b's output); a and c have been dropped
//! ```
//!
//! The futures stay inside of the race: they are no tasks, may borrow, and cost nothing but
//! their polls. Dropping a future is how it is cancelled, so no loser is left when the winner
//! comes out. What a future loses when it is dropped half-way is told by its own doc, under
//! *Cancel safety*: a race is safe for what is lost only if that is.
//!
//! # Who owns the children
//! The race does. Dropped, it drops them.
//!
//! # Invariants
//! - Of several that are ready in one poll the first in the argument wins.
//! - The losers are dropped, in order, before the answer comes out.
//!
//! Tutorial: chapter 9. Before this: `as_completed.rs`. After this: `staggered_race.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Awaits several futures of one type and gives the output of the first to end, with its
/// place in the argument. The others have been dropped by then.
///
/// The order of the argument is an order of preference: of two that are ready in one poll the
/// earlier wins. Every wake-up polls all of them, which is cheap for ten and dear for a
/// thousand: for many use [`race_tasks`](crate::race_tasks()). For two futures of different
/// types use [`select`](crate::select()).
///
/// *Cancel safety:* that of the futures, of which all but one are dropped in any case.
///
/// # Panics
/// If there is no future: "the first of none" never comes.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, race, sleep};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let mirrors = [30, 10, 20].map(|ms| async move {
///         sleep(Duration::from_millis(ms)).await;
///         format!("answer after {ms} ms")
///     });
///     assert_eq!(race(mirrors).await, (1, "answer after 10 ms".to_owned()));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "select_all")]
#[doc(alias = "FIRST_COMPLETED")]
#[track_caller]
pub fn race<F: Future>(futures: impl IntoIterator<Item = F>) -> Race<F> {
    let racers: Vec<_> = futures.into_iter().map(Box::pin).collect();
    assert!(
        !racers.is_empty(),
        "`race` needs at least one future, and there is none that could win; ask first"
    );
    Race { racers }
}

/// Awaits several futures of one type and gives the first success, with its place in the
/// argument. The others have been dropped by then.
///
/// A failure only takes its future out of the race. As for [`race`], the argument's order is
/// an order of preference, and every wake-up polls all that are left.
///
/// # Errors
/// [`AllFailed`] with all errors in the order of the argument, when none is left; at once if
/// there is no future.
///
/// *Cancel safety:* that of the futures, of which all but one are dropped in any case.
///
/// ```
/// use roundelay_executor::{race_ok, run};
///
/// run(async {
///     let tries = [Err("no route"), Ok("hello"), Ok("too late")].map(std::future::ready);
///     assert_eq!(race_ok(tries).await.unwrap(), (1, "hello"));
///
///     let tries: [Result<(), _>; 2] = [Err("no route"), Err("refused")];
///     let failed = race_ok(tries.map(std::future::ready)).await.unwrap_err();
///     assert_eq!(failed.errors, ["no route", "refused"]);
/// });
/// ```
#[doc(alias = "select_ok")]
#[doc(alias = "any")]
pub fn race_ok<F, T, E>(futures: impl IntoIterator<Item = F>) -> RaceOk<F, E>
where
    F: Future<Output = Result<T, E>>,
{
    RaceOk { racers: futures.into_iter().map(|future| Racer::Running(Box::pin(future))).collect() }
}

/// The future of [`race`].
#[must_use = "a race that is not awaited is not run"]
pub struct Race<F> {
    /// Empty when it is over.
    racers: Vec<Pin<Box<F>>>,
}

impl<F: Future> Future for Race<F> {
    type Output = (usize, F::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.racers.is_empty(), "a race has one winner; do not poll it again");
        let answers = self.racers.iter_mut().map(|racer| racer.as_mut().poll(cx)).enumerate();
        let winner = answers.filter_map(|(index, answer)| match answer {
            Poll::Ready(output) => Some((index, output)),
            Poll::Pending => None,
        });
        let Some(winner) = { winner }.next() else { return Poll::Pending };
        self.racers.clear();
        Poll::Ready(winner)
    }
}

/// The future of [`race_ok`].
#[must_use = "a race that is not awaited is not run"]
pub struct RaceOk<F, E> {
    racers: Vec<Racer<F, E>>,
}

enum Racer<F, E> {
    Running(Pin<Box<F>>),
    Failed(E),
}

// The futures are boxed, and the errors are never pinned.
impl<F, E> Unpin for RaceOk<F, E> {}

impl<F, T, E> Future for RaceOk<F, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<(usize, T), AllFailed<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut running = false;
        for index in 0..self.racers.len() {
            let Racer::Running(racer) = &mut self.racers[index] else { continue };
            match racer.as_mut().poll(cx) {
                Poll::Pending => running = true,
                Poll::Ready(Err(error)) => self.racers[index] = Racer::Failed(error),
                Poll::Ready(Ok(output)) => {
                    self.racers.clear();
                    return Poll::Ready(Ok((index, output)));
                }
            }
        }
        if running {
            return Poll::Pending;
        }
        let errors = self.racers.drain(..).filter_map(|racer| match racer {
            Racer::Failed(error) => Some(error),
            Racer::Running(_) => None,
        });
        Poll::Ready(Err(AllFailed { errors: errors.collect() }))
    }
}

/// None of the futures of [`race_ok`] succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllFailed<E> {
    /// All errors, in the order of the argument.
    pub errors: Vec<E>,
}

impl<E: fmt::Display> fmt::Display for AllFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.errors.split_first() else {
            return f.write_str("nobody won the race: there was no future to run in it");
        };
        write!(f, "all {} that were raced failed: {first}", self.errors.len())?;
        rest.iter().try_for_each(|error| write!(f, "; {error}"))
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for AllFailed<E> {}

impl<F> fmt::Debug for Race<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("racers", &self.racers.len()).finish()
    }
}

impl<F, E> fmt::Debug for RaceOk<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceOk").field("racers", &self.racers.len()).finish()
    }
}
