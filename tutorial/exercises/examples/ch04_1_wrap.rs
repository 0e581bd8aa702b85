//! Write: a function that asks through a callback, made into one that can be awaited.
//!
//! `ask(number, then)` asks for the double of a number, and calls `then` with it, later. Nobody
//! knows the double of 0: then `then` is dropped, and never called. Give back `None` in that case.

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch04;
use roundelay_exercises::props::ask;

async fn answer(number: u32) -> Option<u32> {
    // TODO: bring the value from the callback to the one who awaits. `roundelay::promise` may help.
    ask(number, |_double| ());
    None
}

pub(crate) fn main() -> Verdict {
    ch04::wrap(answer)
}
