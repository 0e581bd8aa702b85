//! Repair: somebody who leaves without a goodbye.
//!
//! `line.talk()` talks for 20 ms. Then comes `line.say_goodbye()`, which takes 5 ms. If the task is
//! cancelled, the talk has to end at once, and the goodbye has to be said all the same: also if the
//! whole run is over by then.

use std::time::Duration;

use roundelay::with_cleanup;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch10;
use roundelay_exercises::props::Line;

const LIMIT: Duration = Duration::from_secs(1);

async fn call(line: Line) {
    with_cleanup(line.talk(), line.say_goodbye(), LIMIT).await;
}

pub(crate) fn main() -> Verdict {
    ch10::goodbye(call)
}
