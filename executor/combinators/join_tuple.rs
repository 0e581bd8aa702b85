//! A tuple of futures that are polled together.
//!
//! ```text
//!   (a, b, c)  -->  [ a | [ b | [ c | end ]]]  -->  (A, (B, (C, ())))  -->  (A, B, C)
//! ```
//!
//! They sit in a row, each beside the rest of the row: so two types do for tuples of any length,
//! and nothing is boxed. At each wake-up all that have not ended are polled, with the waker of
//! whoever polls the join: of eight futures a few are polled in vain, which costs less than wakers
//! of their own would, and what the last of them waits for is what a dump shows.
//!
//! # Invariants
//! - They are polled and dropped in the order of the argument.
//! - After an error nobody further on is polled.
//!
//! Tutorial: chapter 9. Before this: `joinable.rs`. After this: `woken.rs`.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::combinators::children::Mixed;
use crate::combinators::joinable::{Joinable, Joined, Rule, Seat};

pin_project! {
    /// Futures of several types, in a row.
    #[allow(missing_debug_implementations, reason = "futures are looked at through their pin only")]
    pub struct JoinedTuple<Row> {
        #[pin]
        row: Row,
    }
}

pin_project! {
    /// A future, and the rest of its row.
    #[allow(missing_debug_implementations, reason = "futures are looked at through their pin only")]
    pub struct Row<F, R, Rest>
    where
        F: Future,
        R: Rule<F::Output>,
    {
        #[pin]
        seat: Seat<F, R::Value>,
        #[pin]
        rest: Rest,
    }
}

/// The end of a row whose futures have this error.
#[derive(Debug)]
pub struct End<E>(PhantomData<fn() -> E>);

impl<F, R, Rest> Joined for Row<F, R, Rest>
where
    F: Future,
    R: Rule<F::Output>,
    Rest: Joined<Error = R::Error>,
{
    type Values = (R::Value, Rest::Values);
    type Error = R::Error;

    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        let this = self.project();
        let first = this.seat.poll::<R>(cx)?;
        let rest = this.rest.poll_all(cx)?;
        if first.is_ready() && rest.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn take_values(self: Pin<&mut Self>) -> Self::Values {
        let this = self.project();
        (this.seat.take(), this.rest.take_values())
    }

    fn drop_all(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.seat.set(Seat::Empty);
        this.rest.drop_all();
    }
}

impl<E> Joined for End<E> {
    type Values = ();
    type Error = E;

    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn take_values(self: Pin<&mut Self>) {}

    fn drop_all(self: Pin<&mut Self>) {}
}

impl<Row> Joined for JoinedTuple<Row>
where
    Row: Joined,
    Row::Values: Flat,
{
    type Values = <Row::Values as Flat>::Tuple;
    type Error = Row::Error;

    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Row::Error>> {
        self.project().row.poll_all(cx)
    }

    fn take_values(self: Pin<&mut Self>) -> Self::Values {
        self.project().row.take_values().flat()
    }

    fn drop_all(self: Pin<&mut Self>) {
        self.project().row.drop_all();
    }
}

/// The values of a row: `(A, (B, ()))`, which is `(A, B)`.
pub trait Flat {
    /// The same, as one writes it.
    type Tuple;

    /// Takes the row apart.
    #[doc(hidden)]
    fn flat(self) -> Self::Tuple;
}

/// `a, b, c` as `(a, (b, (c, ())))`: a type, a pattern.
macro_rules! nested {
    () => { () };
    ($first:ident $($rest:ident)*) => { ($first, nested!($($rest)*)) };
}

/// The row that holds the futures of a tuple: the type, and the value.
macro_rules! row {
    (type $rule:ident $error:ty;) => { End<$error> };
    (type $rule:ident $error:ty; $first:ident $($rest:ident)*) => {
        Row<$first, $rule, row!(type $rule $error; $($rest)*)>
    };
    () => { End(PhantomData) };
    ($first:ident $($rest:ident)*) => {
        Row { seat: Seat::Running { future: $first }, rest: row!($($rest)*) }
    };
}

macro_rules! tuple {
    ($first:ident $($type:ident)*; $($name:ident)+) => {
        impl<R, $first, $($type,)*> Joinable<Mixed, R> for ($first, $($type,)*)
        where
            $first: Future,
            R: Rule<$first::Output>,
            $($type: Future, R: Rule<$type::Output, Error = <R as Rule<$first::Output>>::Error>,)*
        {
            type Joined = JoinedTuple<
                row!(type R <R as Rule<$first::Output>>::Error; $first $($type)*)
            >;

            fn seat_all(self) -> Self::Joined {
                let ($($name,)+) = self;
                JoinedTuple { row: row!($($name)+) }
            }
        }

        impl<$first, $($type,)*> Flat for nested!($first $($type)*) {
            type Tuple = ($first, $($type,)*);

            fn flat(self) -> Self::Tuple {
                let nested!($($name)+) = self;
                ($($name,)+)
            }
        }
    };
}

tuple!(A B; a b);
tuple!(A B C; a b c);
tuple!(A B C D; a b c d);
tuple!(A B C D E; a b c d e);
tuple!(A B C D E F; a b c d e f);
tuple!(A B C D E F G; a b c d e f g);
tuple!(A B C D E F G H; a b c d e f g h);
