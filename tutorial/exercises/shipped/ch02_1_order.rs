//! Predict: in which order are eleven callbacks called?
//!
//! Write the letters into `GUESS`, with spaces between them. Then check.

use roundelay::{CallHandle, LoopRef};
use roundelay_exercises::checks::ch02;
use roundelay_exercises::{Verdict, say};

// TODO: your guess.
const GUESS: &str = "";

fn soon(event_loop: &LoopRef, callback: impl FnOnce() + 'static) -> CallHandle {
    event_loop.call_soon(callback).expect("the loop is open")
}

fn program(event_loop: &LoopRef) {
    soon(event_loop, || say("a"));

    let within = event_loop.clone();
    soon(event_loop, move || {
        say("b");
        soon(&within, || say("h"));
        soon(&within, || say("i"));
    });

    let c = soon(event_loop, || say("c"));

    let e = event_loop.clone();
    let handle_of_e = std::rc::Rc::new(std::cell::OnceCell::<CallHandle>::new());
    let to_cancel = handle_of_e.clone();
    soon(event_loop, move || {
        say("d");
        to_cancel.get().map(CallHandle::cancel);
    });
    let _ = handle_of_e.set(soon(&e, || say("e")));

    soon(event_loop, move || {
        say("f");
        c.cancel();
    });

    let within = event_loop.clone();
    soon(event_loop, move || {
        say("g");
        let later = within.clone();
        soon(&within, move || {
            say("j");
            soon(&later, || say("k"));
        });
    });
}

pub(crate) fn main() -> Verdict {
    ch02::order(program, GUESS)
}
