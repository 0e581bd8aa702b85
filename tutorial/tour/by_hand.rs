//! A future by hand: what `async` makes for you, written out once.
//!
//! A future is a question that can be asked again: "are you done?" The answer "not yet"
//! comes with a promise: *I keep your waker, and will wake you when it is worth asking.*
//!
//! Tutorial: chapters 4 and 5. Before this: `callbacks.rs`. After this: `echo.rs`.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use roundelay::{RunError, Runner, current_loop};

use super::Voice;

/// Somebody will ring, and somebody may wait for it.
#[derive(Default)]
struct Doorbell {
    rung: bool,
    who_waits: Option<Waker>,
}

/// Waits for the bell.
struct Ring {
    bell: Rc<RefCell<Doorbell>>,
    voice: Voice,
}

impl Future for Ring {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut bell = self.bell.borrow_mut();
        if bell.rung {
            self.voice.say("polled again: it has rung");
            return Poll::Ready("a visitor");
        }
        self.voice.say("polled: not yet, so I keep your waker");
        bell.who_waits = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn ring(bell: &RefCell<Doorbell>) {
    let waker = {
        let mut bell = bell.borrow_mut();
        bell.rung = true;
        bell.who_waits.take()
    };
    // Take, let the borrow end, then wake: whoever is woken may look at the bell at once.
    if let Some(waker) = waker {
        waker.wake();
    }
}

pub(super) fn doorbell(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async {
        let bell = Rc::new(RefCell::new(Doorbell::default()));
        let button = Rc::clone(&bell);
        let finger = voice.clone();
        let event_loop = current_loop().expect("we are inside a run");
        let scheduled = event_loop.call_later(Duration::from_millis(40), move || {
            finger.say("ding dong");
            ring(&button);
        });
        debug_assert!(scheduled.is_ok());
        let visitor = Ring { bell, voice: voice.clone() }.await;
        voice.say(format_args!("it was {visitor}"));
    })
}
