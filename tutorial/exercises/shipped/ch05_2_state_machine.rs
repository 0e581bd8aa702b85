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
    // TODO: where else can it be?
    AtFirst { first: Stop, second: Stop },
}

impl Future for Product {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        // TODO: poll the one at which it has stopped: `Pin::new(first).poll(cx)`.
        let _ = cx;
        match self.get_mut() {
            Product::AtFirst { first, second } => {
                let _ = (first, second);
                Poll::Pending
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
