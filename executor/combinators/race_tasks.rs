//! Racing as tasks: the first to end wins, and the others are seen to their end.
//!
//! ```text
//!   race_tasks([a, b, c])   b ends --> a and c are asked to end, and have ended
//!   .await                                                      --> (1, b's outcome)
//! ```
//!
//! What asyncio's users write as `wait(FIRST_COMPLETED)`, `cancel()` for each that is left,
//! and `wait` again; most forget the last.
//!
//! # Who owns the children
//! The race does, to the end: when it gives its answer or is dropped, no child is left.
//!
//! Tutorial: chapter 9. Before this: `staggered_race.rs`. After this: `select.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combinators::children::{Brood, Gatherable, outcome};
use crate::error::TaskError;
use crate::task::Task;

/// Runs the futures as tasks and gives the outcome of the first to end, with its place in the
/// argument. The others are cancelled, and have ended when it comes out.
///
/// Of several that end in one turn the one that ended first wins. A panic is an end like any
/// other. A loser's output is dropped, a loser's panic is reported. An end costs the same
/// among three as among thirty thousand; for a few futures that need not be `'static`, use
/// [`race`](crate::race()).
///
/// *Cancel safety: loses data.* Dropping it drops the children, in order, before that drop
/// returns.
///
/// # Panics
/// If there is no future: "the first of none" never comes. If no event loop runs on this
/// thread.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, race_tasks, sleep};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let (first, outcome) = race_tasks([30, 10, 20].map(|ms| async move {
///         sleep(Duration::from_millis(ms)).await;
///         ms
///     }))
///     .await;
///     assert_eq!((first, outcome.unwrap()), (1, 10));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn race_tasks<F>(futures: impl IntoIterator<Item = F>) -> RaceTasks<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let children = futures.spawn_all();
    assert!(
        !children.is_empty(),
        "`race_tasks` needs at least one future, and there is none that could win; ask first"
    );
    RaceTasks { brood: Brood::new(children), winner: None }
}

/// The future of [`race_tasks`].
#[must_use = "the tasks run only as long as it is kept, and the answer is lost without it"]
pub struct RaceTasks<T: 'static> {
    brood: Brood<Vec<Task<T>>>,
    /// Who ended first: the others have been asked to end.
    winner: Option<usize>,
}

impl<T> Unpin for RaceTasks<T> {}

impl<T: 'static> Future for RaceTasks<T> {
    type Output = (usize, Result<T, TaskError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some(index) = ready!(this.brood.poll_next_end(cx)) {
            if this.winner.is_none() {
                this.winner = Some(index);
                this.brood.cancel();
            }
        }
        let mut children = this.brood.let_go();
        let winner = this.winner.expect("of one child or more, one ends first");
        Poll::Ready((winner, outcome(children.remove(winner))))
    }
}

impl<T> fmt::Debug for RaceTasks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceTasks")
            .field("running", &self.brood.running())
            .field("winner", &self.winner)
            .finish()
    }
}
