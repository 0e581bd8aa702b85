//! Pushing an async function by hand: what it does at each poll, and what it says.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use roundelay::{PromiseFuture, promise};

/// Stops twice: once for each value.
async fn sum(first: PromiseFuture<u32>, second: PromiseFuture<u32>) -> u32 {
    println!("  it begins");
    let a = first.await.expect("a value comes");
    println!("  it has {a}");
    let b = second.await.expect("a value comes");
    println!("  it has {a} and {b}");
    a + b
}

fn main() {
    let (one, first) = promise();
    let (two, second) = promise();

    let mut future = pin!(sum(first, second));
    println!("called, and nothing has run");

    // Nobody is to be told when it is worth asking again: we ask when we like.
    let mut cx = Context::from_waker(Waker::noop());

    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    one.resolve(1).expect("it waits");
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    two.resolve(2).expect("it waits");
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
}
