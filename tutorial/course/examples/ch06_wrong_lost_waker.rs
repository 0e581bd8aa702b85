//! The mistake: a future that says "not yet", and leaves word with nobody.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay::{Runner, say, spawn};

/// A bell that does not keep the waker.
#[derive(Clone, Default)]
struct Bell(Rc<Cell<bool>>);

impl Future for Bell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn main() {
    let runner = Runner::builder().virtual_clock().build().expect("a loop can be made");
    let outcome = runner.run(async {
        let bell = Bell::default();
        let listener = spawn(bell.clone());
        let ringer = spawn(async move {
            bell.0.set(true);
            say!("it rings");
        });
        ringer.await.expect("it rings");
        listener.await.expect("somebody hears it");
        say!("somebody has heard it");
    });
    say!("{}", outcome.expect_err("nobody heard it"));
}
