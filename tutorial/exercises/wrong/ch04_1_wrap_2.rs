//! Write: a function that asks through a callback, made into one that can be awaited.
//!
//! `ask(number, then)` asks for the double of a number, and calls `then` with it, later. Nobody
//! knows the double of 0: then `then` is dropped, and never called. Give back `None` in that case.

use std::cell::Cell;
use std::rc::Rc;

use roundelay::yield_now;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch04;
use roundelay_exercises::props::ask;

async fn answer(number: u32) -> Option<u32> {
    let double = Rc::new(Cell::new(None));
    let found = double.clone();
    ask(number, move |value| found.set(Some(value)));
    while double.get().is_none() {
        yield_now().await;
    }
    double.get()
}

pub(crate) fn main() -> Verdict {
    ch04::wrap(answer)
}
