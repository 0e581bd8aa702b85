//! Giving up at every await, one after the other.
//!
//! ```text
//!   run 1:  poll | drop                  check
//!   run 2:  poll | poll | drop           check
//!   run 3:  poll | poll | poll: ready    check, the end
//!                ^ first suspension
//! ```
//!
//! A future can be dropped wherever it waits, and its author has usually thought of one such
//! place. This tries them all. It is exhaustive, because in virtual time every run is like the
//! last, except for the place of the cut.
//!
//! # Invariants
//! - Each run has a loop of its own, so nothing of one run is seen in the next.
//!
//! Tutorial: chapter 19. Before this: `test_run.rs`. After this: `sequencer.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_runtime::RunError;

use crate::run::Runner;

/// Where [`cancel_at_every_await`] has cut a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The future was dropped at its so-many-th suspension, counted from 1.
    At(usize),
    /// The future has finished, after so many suspensions.
    Finished(usize),
}

/// Runs a future to its first suspension and drops it there, then another one to its second,
/// and so on, until one finishes. After each of them `check` is run on the same loop. Returns
/// how often the future suspends when nobody gives up.
///
/// `make` makes what the check needs, and the future. It is called on the loop, so it may
/// spawn. Every run has a new loop in virtual time.
///
/// # Panics
/// If `check` does, and if a run can never finish: because the future waits for something that
/// will not come, or suspends ten thousand times.
///
/// ```
/// use roundelay_executor::{Semaphore, testing::cancel_at_every_await, yield_now};
///
/// let suspensions = cancel_at_every_await(
///     || {
///         let doors = Semaphore::new(1);
///         (doors.clone(), async move {
///             let _permit = doors.acquire().await;
///             yield_now().await;
///         })
///     },
///     async |doors, _cut| assert_eq!(doors.available_permits(), 1),
/// );
/// assert_eq!(suspensions, 1); // a permit that is free is had without waiting
/// ```
#[track_caller]
pub fn cancel_at_every_await<S, F: Future>(
    mut make: impl FnMut() -> (S, F),
    mut check: impl AsyncFnMut(S, Cut),
) -> usize {
    for at in 1..=MOST {
        let runner = Runner::builder().virtual_clock().build();
        let runner = runner.unwrap_or_else(|error| panic!("cancel_at_every_await: {error}"));
        let mut cut = None;
        let outcome = runner.run(async {
            let (state, future) = make();
            let future = Some(Box::pin(future));
            let reached = CutAt { future, at, suspensions: 0 }.await;
            cut = Some(reached);
            check(state, reached).await;
        });
        match (outcome, cut) {
            (Ok(()), Some(Cut::Finished(suspensions))) => return suspensions,
            (Ok(()), _) => {}
            (Err(RunError::Deadlock(_)), None) => panic!(
                "cancel_at_every_await: after {} suspensions the future waits for something that \
                 will never come; let `make` spawn whoever is to give it",
                at - 1
            ),
            (Err(error), _) => panic!("cancel_at_every_await, cut at suspension {at}: {error}"),
        }
    }
    panic!("cancel_at_every_await: the future suspends more than {MOST} times; does it ever end?")
}

/// After so many runs it is a future that never ends.
const MOST: usize = 10_000;

/// Polls a future until it has suspended so many times, then drops it.
struct CutAt<F> {
    future: Option<Pin<Box<F>>>,
    at: usize,
    suspensions: usize,
}

impl<F: Future> Future for CutAt<F> {
    type Output = Cut;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cut> {
        let this = &mut *self;
        let Some(future) = &mut this.future else { return Poll::Ready(Cut::At(this.at)) };
        if future.as_mut().poll(cx).is_ready() {
            this.future = None;
            return Poll::Ready(Cut::Finished(this.suspensions));
        }
        this.suspensions += 1;
        if this.suspensions < this.at {
            return Poll::Pending;
        }
        this.future = None;
        Poll::Ready(Cut::At(this.at))
    }
}
