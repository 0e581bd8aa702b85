//! Write: a beat at every full 100 milliseconds, without drift.
//!
//! `work(n)` is the work of beat n. It usually takes 5 ms, and once it takes 130. Beat n belongs at
//! n times 100 ms after the start. A beat that is late comes as soon as it can, and the next one is
//! on time again.

use std::time::Duration;

use roundelay::{now, sleep_until};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch03;

const PERIOD: Duration = Duration::from_millis(100);

async fn answer(beats: u32, work: fn(u32)) {
    let mut next = now() + PERIOD;
    for number in 1..=beats {
        sleep_until(next).await;
        next = now() + PERIOD;
        work(number);
    }
}

pub(crate) fn main() -> Verdict {
    ch03::rhythm(answer)
}
