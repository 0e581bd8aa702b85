//! Inputs: where a window gets its work from, an iterator or a stream.
//!
//! An iterator always has its next item ready; a stream may have to wait for it. Inside
//! there are only streams: an iterator becomes one that never waits.
//!
//! # Invariants
//! - Nothing is pulled before it is asked for.
//! - After its end an input is not asked again.
//!
//! Tutorial: chapters 9 and 14. Before this: `shield.rs`. After this: `window.rs`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

/// What can be pulled from: whatever can be iterated, and every `Stream`.
///
/// The parameter is found by the compiler. It keeps the two kinds apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no inputs",
    label = "neither an iterator nor a `Stream` of futures-core"
)]
pub trait Inputs<Kind> {
    /// What it gives.
    type Item;
    /// What it becomes.
    type Stream: Stream<Item = Self::Item>;

    /// The same as a stream.
    fn into_stream(self) -> Self::Stream;
}

/// The kind of [`Inputs`] that is iterated.
#[derive(Debug)]
pub enum FromIterator {}

/// The kind of [`Inputs`] that is a stream.
#[derive(Debug)]
pub enum FromStream {}

impl<I: IntoIterator> Inputs<FromIterator> for I {
    type Item = I::Item;
    type Stream = Iterated<I::IntoIter>;

    fn into_stream(self) -> Self::Stream {
        Iterated { iterator: self.into_iter() }
    }
}

impl<S: Stream> Inputs<FromStream> for S {
    type Item = S::Item;
    type Stream = S;

    fn into_stream(self) -> S {
        self
    }
}

/// An iterator as a stream that never waits.
#[derive(Clone, Debug)]
pub struct Iterated<I> {
    iterator: I,
}

impl<I> Unpin for Iterated<I> {}

impl<I: Iterator> Stream for Iterated<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.iterator.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iterator.size_hint()
    }
}

pin_project! {
    /// A stream each of whose items becomes a future.
    #[derive(Debug)]
    pub(crate) struct Mapped<S, M> {
        #[pin]
        stream: S,
        make: M,
    }
}

impl<S, M> Mapped<S, M> {
    pub(crate) fn new(stream: S, make: M) -> Mapped<S, M> {
        Mapped { stream, make }
    }
}

impl<S: Stream, F, M: FnMut(S::Item) -> F> Stream for Mapped<S, M> {
    type Item = F;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F>> {
        let this = self.project();
        Poll::Ready(ready!(this.stream.poll_next(cx)).map(this.make))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
