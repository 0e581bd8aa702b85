//! Find the bug: the bell rings, and the one who listens is not woken.
//!
//! A task looks at the bell once, and leaves. Then another task listens. The bell rings, and nobody
//! hears it. Find out whose waker the bell has, and repair it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch06::{self, Bell};

/// Something that rings once.
#[derive(Clone, Default)]
struct Doorbell(Rc<RefCell<Inside>>);

#[derive(Default)]
struct Inside {
    has_rung: bool,
    waker: Option<Waker>,
}

impl Future for Doorbell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inside = self.0.borrow_mut();
        if inside.has_rung {
            return Poll::Ready(());
        }
        inside.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Bell for Doorbell {
    fn ring(&self) {
        let mut inside = self.0.borrow_mut();
        inside.has_rung = true;
        inside.waker = None;
    }
}

pub(crate) fn main() -> Verdict {
    ch06::lost_waker::<Doorbell>()
}
