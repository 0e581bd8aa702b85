//! A sliding window: many futures, a few at a time.
//!
//! ```text
//!   window(3, futures)      done | running | not yet pulled
//!                           a b  | c d e   | f g h ...
//!                  d ends:  a b d| c e f   | g h ...
//! ```
//!
//! As soon as one in the window has ended, the next is pulled from the input, which may be
//! endless. No semaphore is needed, and no more memory than the window is wide. The futures
//! become tasks, so they go on while the consumer does something else; only the refilling
//! waits until it asks again.
//!
//! # Who owns the children
//! The window does. Dropped, it drops them.
//!
//! # Invariants
//! - At most `limit` run, and nothing is pulled that cannot run at once.
//! - Each comes out once, in the order of ending.
//! - When the window is dropped, its tasks are dropped before that drop returns, in the order
//!   of the input (one that is taking a step at that very moment: when the step ends).
//!
//! Tutorial: chapter 9. Before this: `inputs.rs`. After this: `concurrent.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::combinators::children::outcome;
use crate::combinators::finish_line::{AnyTask, FinishLine};
use crate::combinators::inputs::Inputs;
use crate::error::TaskError;
use crate::task::{Task, TaskBuilder};

/// Runs the futures that `inputs` gives as tasks, at most `limit` at a time, and gives their
/// outcomes in the order in which they end, each with its number in the input.
///
/// `inputs` is an iterator of futures, or a `Stream` of them; it is pulled from only when
/// there is room, and only while the window is polled. What comes out is a `Stream`; without
/// a library of stream helpers use [`next`](Window::next). A panic is an outcome like any
/// other, and stops nothing.
///
/// For futures that borrow, `buffer_unordered` of futures-util works on this runtime too.
///
/// # Panics
/// If `limit` is zero. When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, sleep, window};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let naps = [30, 10, 20].map(|ms| sleep(Duration::from_millis(ms)));
///     let mut order = Vec::new();
///     let mut naps = window(2, naps);
///     while let Some((index, outcome)) = naps.next().await {
///         outcome.unwrap();
///         order.push(index);
///     }
///     // The third begins when the second ends, and is done about when the first is.
///     assert_eq!(order[0], 1);
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "buffer_unordered")]
#[track_caller]
pub fn window<Kind, I>(limit: usize, inputs: I) -> Window<I::Stream>
where
    I: Inputs<Kind>,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: 'static,
{
    Window::new(limit, inputs.into_stream(), Location::caller())
}

pin_project! {
    /// The stream of [`window`].
    ///
    /// Dropping it drops the tasks that still run, before that drop returns. What was not
    /// pulled is dropped with the input.
    #[must_use = "a stream does nothing unless it is awaited"]
    pub struct Window<S: Stream>
    where
        S::Item: Future,
    {
        // `None` after its end.
        #[pin]
        inputs: Option<S>,
        running: Running<<S::Item as Future>::Output>,
        limit: usize,
        next_number: usize,
        at: &'static Location<'static>,
    }
}

/// The tasks in the window, by their numbers in the input.
struct Running<T> {
    tasks: BTreeMap<usize, Task<T>>,
    line: Rc<FinishLine>,
}

impl<S> Window<S>
where
    S: Stream,
    S::Item: Future + 'static,
    <S::Item as Future>::Output: 'static,
{
    pub(crate) fn new(limit: usize, inputs: S, at: &'static Location<'static>) -> Window<S> {
        assert!(limit > 0, "in a window of width zero nothing can ever run; give it at least one");
        let running = Running { tasks: BTreeMap::new(), line: Rc::default() };
        Window { inputs: Some(inputs), running, limit, next_number: 0, at }
    }

    /// The next outcome, with its number in the input; `None` when all have come.
    ///
    /// A stream that is not `Unpin` needs a pinned window: `pin!(window(..))`.
    ///
    /// *Cancel safety: safe.* Dropping the future loses nothing; the next call goes on.
    ///
    /// ```
    /// use roundelay_executor::{run, window};
    ///
    /// run(async {
    ///     let mut squares = window(2, (0..3).map(|n| async move { n * n }));
    ///     let mut sum = 0;
    ///     while let Some((_, square)) = squares.next().await {
    ///         sum += square.unwrap();
    ///     }
    ///     assert_eq!(sum, 5);
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<Outcome<S>>
    where
        S: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next task that has ended. Its outcome is still in it, so that a panic is reported
    /// if nobody takes it.
    pub(crate) fn poll_ended(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Ended<S>>> {
        let mut this = self.project();
        let running = this.running;
        // 1. fill the window
        while running.tasks.len() < *this.limit
            && let Some(inputs) = this.inputs.as_mut().as_pin_mut()
        {
            match inputs.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => this.inputs.set(None),
                Poll::Ready(Some(future)) => {
                    let task = TaskBuilder::new().spawn_from(this.at, future);
                    running.line.watch(*this.next_number, &task);
                    running.tasks.insert(*this.next_number, task);
                    *this.next_number += 1;
                }
            }
        }
        if running.tasks.is_empty() {
            // Either all have come, or the input has nothing yet and will wake us.
            // (Looked at through its pin: a `&` to the whole input would void a `&mut` that it
            // holds to a variable of its own.)
            let is_over = this.inputs.as_mut().as_pin_mut().is_none();
            return if is_over { Poll::Ready(None) } else { Poll::Pending };
        }
        // 2. who has ended?
        let number = ready!(running.line.poll_next(cx));
        let task = running.tasks.remove(&number).expect("a task ends once, so it comes once");
        Poll::Ready(Some((number, task)))
    }

    /// Stops pulling, and asks those that run to end. They come out nevertheless.
    pub(crate) fn cancel(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.inputs.set(None);
        for task in this.running.tasks.values() {
            task.cancel();
        }
    }
}

impl<S> Window<S>
where
    S: Stream,
    S::Item: Future,
{
    /// How many run.
    ///
    /// ```
    /// use roundelay_executor::{run, window};
    ///
    /// run(async {
    ///     let mut squares = window(2, (0..5).map(|n| async move { n * n }));
    ///     assert_eq!(squares.running(), 0); // it does nothing unless awaited
    ///     squares.next().await;
    ///     assert!(squares.running() <= 2);
    /// });
    /// ```
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.tasks.len()
    }
}

type Ended<S> = (usize, Task<<<S as Stream>::Item as Future>::Output>);
type Outcome<S> = (usize, Result<<<S as Stream>::Item as Future>::Output, TaskError>);

impl<S> Stream for Window<S>
where
    S: Stream,
    S::Item: Future + 'static,
    <S::Item as Future>::Output: 'static,
{
    type Item = Outcome<S>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some((number, task)) = ready!(self.poll_ended(cx)) else { return Poll::Ready(None) };
        Poll::Ready(Some((number, outcome(task))))
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.end_now();
        }
    }
}

impl<S> fmt::Debug for Window<S>
where
    S: Stream,
    S::Item: Future,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("limit", &self.limit)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
