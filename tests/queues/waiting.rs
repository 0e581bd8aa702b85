//! Somebody who waits, polled by hand: for models in which any waiter may be polled, woken or
//! cancelled at any step.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::cell::RefCell;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that was pending when it was polled last, and whether it was woken since.
pub(crate) struct Waiting<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<T> Waiting<T> {
    /// The output, if it is there at the first poll.
    pub(crate) fn begin(future: impl Future<Output = T> + 'static) -> Result<Waiting<T>, T> {
        let mut waiting = Waiting { future: Box::pin(future), wakes: Arc::default() };
        match waiting.poll() {
            Poll::Ready(output) => Err(output),
            Poll::Pending => Ok(waiting),
        }
    }

    /// Polls with a waker that it has never seen, as a future does that has moved.
    pub(crate) fn poll(&mut self) -> Poll<T> {
        self.wakes = Arc::default();
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::SeqCst) > 0
    }
}

/// Something that a future borrows while it lives, and that is back when the future ends or is
/// dropped.
pub(crate) struct Lent<T> {
    thing: Option<T>,
    home: Rc<RefCell<Option<T>>>,
}

impl<T> Lent<T> {
    pub(crate) fn from(home: &Rc<RefCell<Option<T>>>) -> Lent<T> {
        let thing = home.borrow_mut().take();
        Lent { thing: Some(thing.expect("it is at home")), home: Rc::clone(home) }
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("it is here until this is dropped")
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("it is here until this is dropped")
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.home.borrow_mut() = self.thing.take();
    }
}
