//! Wake-ups: two tasks of one thread that wake each other. One item is one round, there
//! and back: two wake-ups and two steps.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::measure::{Meter, Sample};
use crate::peer::{Host, Primitives, run_in_task};

/// The least that two tasks can meet at, the same for every peer.
#[derive(Default)]
struct Slot {
    full: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Slot {
    fn fill(&self) {
        self.full.set(true);
        let waiting = self.waiting.take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn emptied(&self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            if self.full.take() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

/// Through two slots with a waker in each.
pub fn through_slots<P: Host>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (there, back) = (Rc::new(Slot::default()), Rc::new(Slot::default()));
        let (ball, answer) = (Rc::clone(&there), Rc::clone(&back));
        let meter = Meter::start();
        let other = P::spawn(async move {
            for _ in 0..size {
                ball.emptied().await;
                answer.fill();
            }
        });
        for _ in 0..size {
            there.fill();
            back.emptied().await;
        }
        other.await.expect("it does not panic");
        meter.stop(size)
    })
}

/// The limit: both are polled in turn, whether or not anybody woke them.
pub fn through_slots_by_hand(size: usize) -> Sample {
    let (there, back) = (Rc::new(Slot::default()), Rc::new(Slot::default()));
    let (ball, answer) = (Rc::clone(&there), Rc::clone(&back));
    let mut one: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        for _ in 0..size {
            there.fill();
            back.emptied().await;
        }
    });
    let mut other: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        for _ in 0..size {
            ball.emptied().await;
            answer.fill();
        }
    });
    let mut cx = Context::from_waker(Waker::noop());
    let meter = Meter::start();
    while one.as_mut().poll(&mut cx).is_pending() {
        let _ = other.as_mut().poll(&mut cx);
    }
    meter.stop(size)
}

/// What is thrown through a one-shot: the one-shot for the answer.
struct Ball<P: Primitives>(P::Promise<Ball<P>>);

/// Through the peer's own one-shots, a new one for each throw.
pub fn through_promises<P: Primitives>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let meter = Meter::start();
        let (first, mut ball) = P::promise::<Ball<P>>();
        let other = P::spawn(async move {
            for _ in 0..size {
                let Ball(answer) = ball.await.expect("the other one throws");
                let (promise, next) = P::promise();
                P::resolve(answer, Ball(promise));
                ball = next;
            }
        });
        let mut there = first;
        for _ in 0..size {
            let (promise, back) = P::promise();
            P::resolve(there, Ball(promise));
            Ball(there) = back.await.expect("the other one throws");
        }
        other.await.expect("it does not panic");
        meter.stop(size)
    })
}

/// Through the peer's own channels, with room for one.
pub fn through_channels<P: Primitives>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (there, mut ball) = P::channel(1);
        let (answer, mut back) = P::channel(1);
        let meter = Meter::start();
        let other = P::spawn(async move {
            for _ in 0..size {
                let n: usize = P::receive(&mut ball).await;
                P::send(&answer, n).await;
            }
        });
        for n in 0..size {
            P::send(&there, n).await;
            assert_eq!(P::receive(&mut back).await, n);
        }
        other.await.expect("it does not panic");
        meter.stop(size)
    })
}

/// Through the crate async-channel, the same for every peer, with room for one.
pub fn through_async_channels<P: Host>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (there, ball) = async_channel::bounded(1);
        let (answer, back) = async_channel::bounded(1);
        let meter = Meter::start();
        let other = P::spawn(async move {
            for _ in 0..size {
                let n: usize = ball.recv().await.expect("the other one throws");
                answer.send(n).await.expect("the other one catches");
            }
        });
        for n in 0..size {
            there.send(n).await.expect("the other one catches");
            assert_eq!(back.recv().await, Ok(n));
        }
        other.await.expect("it does not panic");
        meter.stop(size)
    })
}
