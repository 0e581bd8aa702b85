//! Repair: somebody who leaves without a goodbye.
//!
//! `line.talk()` talks for 20 ms. Then comes `line.say_goodbye()`, which takes 5 ms. If the task is
//! cancelled, the talk has to end at once, and the goodbye has to be said all the same: also if the
//! whole run is over by then.

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch10;
use roundelay_exercises::props::Line;

async fn call(line: Line) {
    line.talk().await;
    // TODO: who says this if the task is cancelled?
    line.say_goodbye().await;
}

pub(crate) fn main() -> Verdict {
    ch10::goodbye(call)
}
