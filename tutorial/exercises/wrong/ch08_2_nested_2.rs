//! Repair: a run inside a run.
//!
//! `price` runs a loop of its own, so that its callers need not know about loops. Here it is called
//! from a task, and is refused. The total of both prices should be 7, and both waits belong on this
//! loop.

use std::time::Duration;

use roundelay::{Runner, sleep};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch08;

async fn fetch(what: &'static str) -> u32 {
    sleep(Duration::from_millis(10)).await;
    what.len() as u32
}

fn price(what: &'static str) -> u32 {
    let runner = Runner::new().expect("a loop can be made");
    runner.run(fetch(what)).unwrap_or(0)
}

async fn total() -> u32 {
    price("tea") + price("cake")
}

pub(crate) fn main() -> Verdict {
    ch08::nested(total)
}
