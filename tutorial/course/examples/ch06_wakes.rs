//! A task, its waker, and how often it is polled.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay::{RunError, Runner, say, spawn, yield_now};

/// Something that rings once.
#[derive(Clone, Default)]
struct Bell(Rc<RefCell<Inside>>);

#[derive(Default)]
struct Inside {
    rung: bool,
    polls: u32,
    waker: Option<Waker>,
}

impl Bell {
    fn ring(&self) {
        self.0.borrow_mut().rung = true;
        self.wake();
    }

    fn wake(&self) {
        // Copy it, let the borrow end, then wake: a waker may run code that comes back here.
        let waker = self.0.borrow().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Bell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inside = self.0.borrow_mut();
        inside.polls += 1;
        say!("  poll {}: has it rung? {}", inside.polls, inside.rung);
        if inside.rung {
            return Poll::Ready(());
        }
        inside.waker = Some(cx.waker().clone()); // whoever rings will wake this task
        Poll::Pending
    }
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let bell = Bell::default();
        let task = spawn(bell.clone());
        say!("spawned");
        yield_now().await;

        say!("woken three times, for nothing");
        bell.wake();
        bell.wake();
        bell.wake();
        yield_now().await;

        say!("rung");
        bell.ring();
        task.await.expect("it rings");

        say!("woken after the end");
        bell.wake();
        yield_now().await;
    })
}
