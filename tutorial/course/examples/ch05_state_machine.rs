//! The same function without `async`: a value that remembers where it stopped.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use roundelay::{PromiseFuture, promise};

/// Where `sum` can be, and what it must keep there.
enum Sum {
    Start { first: PromiseFuture<u32>, second: PromiseFuture<u32> },
    AtFirst { first: PromiseFuture<u32>, second: PromiseFuture<u32> },
    AtSecond { a: u32, second: PromiseFuture<u32> },
    Over,
}

impl Future for Sum {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        loop {
            match std::mem::replace(&mut *self, Sum::Over) {
                Sum::Start { first, second } => {
                    println!("  it begins");
                    *self = Sum::AtFirst { first, second };
                }
                Sum::AtFirst { mut first, second } => match Pin::new(&mut first).poll(cx) {
                    Poll::Pending => {
                        *self = Sum::AtFirst { first, second };
                        return Poll::Pending;
                    }
                    Poll::Ready(a) => {
                        let a = a.expect("a value comes");
                        println!("  it has {a}");
                        *self = Sum::AtSecond { a, second };
                    }
                },
                Sum::AtSecond { a, mut second } => match Pin::new(&mut second).poll(cx) {
                    Poll::Pending => {
                        *self = Sum::AtSecond { a, second };
                        return Poll::Pending;
                    }
                    Poll::Ready(b) => {
                        let b = b.expect("a value comes");
                        println!("  it has {a} and {b}");
                        return Poll::Ready(a + b);
                    }
                },
                Sum::Over => panic!("polled after it was over"),
            }
        }
    }
}

fn main() {
    let (one, first) = promise();
    let (two, second) = promise();
    let mut future = pin!(Sum::Start { first, second });
    println!("made, and nothing has run");
    let mut cx = Context::from_waker(Waker::noop());
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    one.resolve(1).expect("it waits");
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
    two.resolve(2).expect("it waits");
    println!("poll: {:?}", future.as_mut().poll(&mut cx));
}
