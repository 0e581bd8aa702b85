//! One function over many inputs, a few at a time: a window, run to its end.
//!
//! ```text
//!   map_concurrent(3, urls, fetch)         every outcome, in the order of the input
//!   for_each_concurrent(3, urls, store)    nothing, or the first failure: the rest is stopped
//! ```
//!
//! The first is a [`gather_all`](crate::gather_all()) with a limit, the second a
//! [`try_gather`](crate::try_gather()) with one.
//!
//! # Who owns the children
//! Their window does, inside of the future: no child is left when it ends or is dropped.
//!
//! Tutorial: chapter 9. Before this: `window.rs`. After this: `../cancel/token_tree.rs`.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;

use crate::combinators::children::outcome;
use crate::combinators::gather_error::{GatherCause, GatherError};
use crate::combinators::inputs::{Inputs, Mapped};
use crate::combinators::window::Window;
use crate::error::TaskError;

/// Calls `work` with each input, runs at most `limit` of the futures at a time, as tasks, and
/// gives every outcome in the order of the input.
///
/// `inputs` is an iterator or a `Stream`; it is pulled from when there is room. One that
/// panics is an `Err` in its place and stops nothing. For results as they come use
/// [`window`](crate::window()).
///
/// *Cancel safety: loses data.* Dropping it drops the tasks that still run, before that drop
/// returns.
///
/// # Panics
/// If `limit` is zero. When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{map_concurrent, run, sleep};
///
/// run(async {
///     let doubled = map_concurrent(2, 1..=4, async |n| {
///         sleep(Duration::from_millis(5 - n)).await;
///         n * 2
///     });
///     let doubled: Vec<_> = doubled.await.into_iter().map(Result::unwrap).collect();
///     assert_eq!(doubled, [2, 4, 6, 8]);
/// });
/// ```
#[doc(alias = "buffered")]
#[track_caller]
pub fn map_concurrent<Kind, I, F>(
    limit: usize,
    inputs: I,
    work: impl FnMut(I::Item) -> F,
) -> impl Future<Output = Vec<Result<F::Output, TaskError>>>
where
    I: Inputs<Kind>,
    F: Future + 'static,
    F::Output: 'static,
{
    let window = Window::new(limit, Mapped::new(inputs.into_stream(), work), Location::caller());
    async move {
        let mut window = pin!(window);
        // The tasks and not their outcomes: dropped half-way, they report what panicked.
        let mut ended = Vec::new();
        while let Some((number, task)) = poll_fn(|cx| window.as_mut().poll_ended(cx)).await {
            // What comes out of order leaves room for those before it.
            if ended.len() <= number {
                ended.resize_with(number + 1, || None);
            }
            ended[number] = Some(task);
        }
        ended.into_iter().flatten().map(outcome).collect()
    }
}

/// Calls `work` with each input and runs at most `limit` of the futures at a time, as tasks,
/// until all have ended or one has failed.
///
/// `inputs` is an iterator or a `Stream`; it is pulled from when there is room, so it may be
/// endless.
///
/// # Errors
/// The failure that happened first: an error, or a panic, with the number of its input. By
/// then nothing more has been pulled, and the tasks that still ran have been cancelled and
/// have ended.
///
/// *Cancel safety: loses data.* Dropping it drops the tasks that still run, before that drop
/// returns.
///
/// # Panics
/// If `limit` is zero. When polled where no event loop runs.
///
/// ```
/// use roundelay_executor::{for_each_concurrent, run, yield_now};
///
/// run(async {
///     let failed = for_each_concurrent(2, 0.., async |n| {
///         yield_now().await;
///         if n == 5 { Err("five is right out") } else { Ok(()) }
///     });
///     assert_eq!(failed.await.unwrap_err().index, 5);
/// });
/// ```
#[track_caller]
pub fn for_each_concurrent<Kind, I, F, E>(
    limit: usize,
    inputs: I,
    work: impl FnMut(I::Item) -> F,
) -> impl Future<Output = Result<(), GatherError<E>>>
where
    I: Inputs<Kind>,
    F: Future<Output = Result<(), E>> + 'static,
    E: 'static,
{
    let window = Window::new(limit, Mapped::new(inputs.into_stream(), work), Location::caller());
    async move {
        let mut window = pin!(window);
        let mut first_failure = None;
        while let Some((index, task)) = poll_fn(|cx| window.as_mut().poll_ended(cx)).await {
            if first_failure.is_some() {
                // Dropped with what it ended with: a second panic is reported.
                continue;
            }
            let cause = match outcome(task) {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => GatherCause::Failed(error),
                Err(error) => GatherCause::Task(error),
            };
            first_failure = Some(GatherError { index, cause });
            window.as_mut().cancel();
        }
        first_failure.map_or(Ok(()), Err)
    }
}
