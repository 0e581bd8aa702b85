//! Write: how long may the loop sleep in its one blocking call?
//!
//! The loop knows how many entries are ready, the earliest deadline (if a timer is set), and the
//! time. All times are counted from the start. `None` means: until something comes from outside.

use std::time::Duration;

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch07;

fn at_most(ready: usize, deadline: Option<Duration>, now: Duration) -> Option<Duration> {
    if ready > 0 {
        return Some(Duration::ZERO);
    }
    deadline.map(|deadline| deadline.saturating_sub(now))
}

pub(crate) fn main() -> Verdict {
    ch07::how_long(at_most)
}
