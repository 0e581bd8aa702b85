//! Repair: somebody who leaves without a goodbye.
//!
//! `line.talk()` talks for 20 ms. Then comes `line.say_goodbye()`, which takes 5 ms. If the task is
//! cancelled, the talk has to end at once, and the goodbye has to be said all the same: also if the
//! whole run is over by then.

use roundelay::spawn;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch10;
use roundelay_exercises::props::Line;

/// Says goodbye when it is dropped.
struct Goodbye(Line);

impl Drop for Goodbye {
    fn drop(&mut self) {
        spawn(self.0.say_goodbye()).detach();
    }
}

async fn call(line: Line) {
    let _goodbye = Goodbye(line);
    line.talk().await;
}

pub(crate) fn main() -> Verdict {
    ch10::goodbye(call)
}
