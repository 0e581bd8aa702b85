//! Evil things: values, owners, wakers and futures that do the next act when they are dropped,
//! cloned, called, woken or polled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::leaves::leaf;
use crate::storm::Place;
use crate::world::{Balance, Leaf, keep, misbehave, world};

/// Something to drop, at which the next act may be done: a value that travels.
///
/// It may end on a thread of the pool, as part of a context that went there with a job.
pub(crate) struct Evil(Balance);

impl Evil {
    pub(crate) fn new() -> Evil {
        let values = world().map(|world| world.values.clone()).unwrap_or_default();
        values.birth();
        Evil(values)
    }
}

impl Clone for Evil {
    fn clone(&self) -> Evil {
        misbehave(Place::Call);
        Evil::new()
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        self.0.death();
        misbehave(Place::Drop);
    }
}

/// The same for what stays where it is: in a future, in a callback.
pub(crate) struct Owner(Balance);

impl Owner {
    pub(crate) fn new() -> Owner {
        let owners = world().map(|world| world.owners.clone()).unwrap_or_default();
        owners.birth();
        Owner(owners)
    }

    pub(crate) fn call(self) {
        misbehave(Place::Call);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.death();
        misbehave(Place::Drop);
    }
}

struct EvilWaker {
    inner: Option<Waker>,
    _owner: Owner,
}

/// A waker that passes the wake on, if there is somebody to pass it on to.
pub(crate) fn evil_waker(inner: Option<Waker>) -> Waker {
    Waker::from(Arc::new(EvilWaker { inner, _owner: Owner::new() }))
}

impl Wake for EvilWaker {
    fn wake(self: Arc<Self>) {
        if let Some(inner) = &self.inner {
            inner.wake_by_ref();
        }
        misbehave(Place::Wake);
    }
}

impl Drop for EvilWaker {
    fn drop(&mut self) {
        misbehave(Place::WakerDrop);
    }
}

/// Waits for one thing after the other, and does the next act whenever it is polled.
pub(crate) struct EvilFuture {
    steps: u8,
    seed: u8,
    generation: u8,
    leaf: Option<Leaf>,
    _owner: Owner,
}

impl EvilFuture {
    pub(crate) fn new(seed: u8, generation: u8) -> EvilFuture {
        EvilFuture { steps: 1 + seed % 4, seed, generation, leaf: None, _owner: Owner::new() }
    }
}

impl Future for EvilFuture {
    type Output = Evil;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Evil> {
        let this = &mut *self;
        if let Some(world) = world()
            && world.wants_waker.take()
        {
            keep(&world.wakers, cx.waker().clone());
        }
        misbehave(Place::Poll);
        loop {
            if let Some(leaf) = &mut this.leaf {
                let polled = if this.seed.is_multiple_of(3) {
                    let foreign = evil_waker(Some(cx.waker().clone()));
                    leaf.as_mut().poll(&mut Context::from_waker(&foreign))
                } else {
                    leaf.as_mut().poll(cx)
                };
                if polled.is_pending() {
                    return Poll::Pending;
                }
                this.leaf = None;
            }
            if this.steps == 0 {
                return Poll::Ready(Evil::new());
            }
            this.steps -= 1;
            this.seed = this.seed.wrapping_mul(13).wrapping_add(7);
            this.leaf = Some(leaf(this.seed, this.generation));
        }
    }
}
