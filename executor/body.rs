//! A task's body: its future while it runs, and then its output, in one allocation.
//!
//! The table of tasks holds bodies of all types, so to it each is a `dyn Body`. Whoever takes an
//! output knows its type, and lends a place for it; `Any` sees that both mean the same.
//!
//! ```text
//!   [ Running: future ] --ready--> [ Done: output ] --taken--> [ Done: nothing ]
//! ```
//!
//! # Invariants
//! - The future is dropped before the output can be seen.
//! - An output is moved out once, or exchanged and put back.
//!
//! Tutorial: chapter 6. Before this: `done_callbacks.rs`. After this: `stage.rs`.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// A task's future, and later its output, in one allocation.
pub(crate) trait Body {
    /// Polls the future; when it is done, keeps the output in its place.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Moves the output into `into`, an `Option` of the output's type that is `None`.
    fn take_output(self: Pin<&mut Self>, into: &mut dyn Any);

    /// Whether it holds the output.
    fn is_done(&self) -> bool;

    /// Exchanges the output with what `with` holds, an `Option` of the output's type. So an
    /// output can be taken, and put back.
    fn swap_output(self: Pin<&mut Self>, with: &mut dyn Any);
}

pub(crate) type BoxedBody = Pin<Box<dyn Body>>;

pin_project! {
    /// The future while it runs, its output afterwards: one allocation serves both.
    #[project = TaskBodyProjection]
    pub(crate) enum TaskBody<F: Future> {
        Running { #[pin] future: F },
        Done { output: Option<F::Output> },
    }
}

impl<F: Future> TaskBody<F> {
    pub(crate) fn new(future: F) -> TaskBody<F> {
        TaskBody::Running { future }
    }
}

impl<F> Body for TaskBody<F>
where
    F: Future,
    F::Output: 'static,
{
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let TaskBodyProjection::Running { future } = self.as_mut().project() else {
            return Poll::Ready(());
        };
        let Poll::Ready(output) = future.poll(cx) else { return Poll::Pending };
        // The future is dropped here, before anybody hears that the task has ended.
        self.set(TaskBody::Done { output: Some(output) });
        Poll::Ready(())
    }

    fn is_done(&self) -> bool {
        matches!(self, TaskBody::Done { .. })
    }

    fn take_output(self: Pin<&mut Self>, into: &mut dyn Any) {
        let TaskBodyProjection::Done { output } = self.project() else { return };
        if let (Some(into), Some(output)) = (into.downcast_mut(), output.take()) {
            *into = Some(output);
        }
    }

    fn swap_output(self: Pin<&mut Self>, with: &mut dyn Any) {
        let with = with.downcast_mut::<Option<F::Output>>();
        if let (Some(with), TaskBodyProjection::Done { output }) = (with, self.project()) {
            mem::swap(with, output);
        }
    }
}
