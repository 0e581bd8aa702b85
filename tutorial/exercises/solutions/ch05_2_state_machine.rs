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

/// Where `product` can be, and what it must keep there.
enum Product {
    AtFirst { first: Stop, second: Stop },
    AtSecond { a: u32, second: Stop },
    Over,
}

impl Future for Product {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        loop {
            match &mut *self {
                Product::AtFirst { first, second } => match Pin::new(first).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(a) => {
                        let second = second.clone();
                        *self = Product::AtSecond { a, second };
                    }
                },
                Product::AtSecond { a, second } => match Pin::new(second).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(b) => {
                        let product = *a * b;
                        *self = Product::Over;
                        return Poll::Ready(product);
                    }
                },
                Product::Over => panic!("polled after it was over"),
            }
        }
    }
}

/// As `async fn product(first, second) { first.await * second.await }`.
fn product(first: Stop, second: Stop) -> Product {
    Product::AtFirst { first, second }
}

pub(crate) fn main() -> Verdict {
    ch05::state_machine(product)
}
