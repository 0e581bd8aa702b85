//! Write: a function that asks through a callback, made into one that can be awaited.
//!
//! `ask(number, then)` asks for the double of a number, and calls `then` with it, later. Nobody
//! knows the double of 0: then `then` is dropped, and never called. Give back `None` in that case.

use roundelay::promise;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch04;
use roundelay_exercises::props::ask;

async fn answer(number: u32) -> Option<u32> {
    let (promise, future) = promise();
    ask(number, move |double| {
        // Refused only if nobody waits any more.
        let _ = promise.resolve(double);
    });
    future.await.ok()
}

pub(crate) fn main() -> Verdict {
    ch04::wrap(answer)
}
