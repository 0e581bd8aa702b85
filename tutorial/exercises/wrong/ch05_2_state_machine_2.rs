//! Write: a function with two stops, as a state machine.
//!
//! `Stop` is a future with a number. `product` is to wait for `first`, then for `second`, and to
//! give the product of both. Write down in which places it can be, what it keeps there, and what a
//! poll does.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch05;
use roundelay_exercises::props::Stop;

/// Two stops that are asked side by side.
struct Product {
    first: Stop,
    second: Stop,
    a: Option<u32>,
    b: Option<u32>,
}

impl Future for Product {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        let this = &mut *self;
        for (stop, value) in [(&mut this.first, &mut this.a), (&mut this.second, &mut this.b)] {
            if value.is_none()
                && let Poll::Ready(is) = Pin::new(stop).poll(cx)
            {
                *value = Some(is);
            }
        }
        match (this.a, this.b) {
            (Some(a), Some(b)) => Poll::Ready(a * b),
            _ => Poll::Pending,
        }
    }
}

/// As `async fn product(first, second) { first.await * second.await }`.
fn product(first: Stop, second: Stop) -> Product {
    Product { first, second, a: None, b: None }
}

pub(crate) fn main() -> Verdict {
    ch05::state_machine(product)
}
