//! Write: a beat at every full 100 milliseconds, without drift.
//!
//! `work(n)` is the work of beat n. It usually takes 5 ms, and once it takes 130. Beat n belongs at
//! n times 100 ms after the start. A beat that is late comes as soon as it can, and the next one is
//! on time again.

use std::time::Duration;

use roundelay::sleep;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch03;

const PERIOD: Duration = Duration::from_millis(100);

async fn answer(beats: u32, work: fn(u32)) {
    for number in 1..=beats {
        // TODO: until which moment should this wait? `now` and `sleep_until` may help.
        sleep(PERIOD).await;
        work(number);
    }
}

pub(crate) fn main() -> Verdict {
    ch03::rhythm(answer)
}
