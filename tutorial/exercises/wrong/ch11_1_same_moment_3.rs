//! Predict: in time?
//!
//! Write the lines that the program says into `GUESS`, in order. Then check.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, block_for, sleep, timeout, yield_now};
use roundelay_exercises::checks::ch11;
use roundelay_exercises::{Verdict, say};

const GUESS: &[&str] = &[
    "exact is in time",
    "ready is in time",
    "polite is too late",
    "stubborn is too late",
];

async fn within(name: &str, millis: u64, work: impl Future<Output = ()>) {
    match timeout(Duration::from_millis(millis), work).await {
        Ok(()) => say(format_args!("{name} is in time")),
        Err(_) => say(format_args!("{name} is too late")),
    }
}

fn program(runner: Runner) {
    let _ = runner.run(async {
        within("exact", 10, sleep(Duration::from_millis(10))).await;
        within("ready", 0, async {}).await;
        within("polite", 0, yield_now()).await;
        within("stubborn", 10, async { block_for(Duration::from_millis(50)) }).await;
    });
}

pub(crate) fn main() -> Verdict {
    ch11::same_moment(program, GUESS)
}
