//! Repair: three waits of one second take three seconds in all. Make it two.
//!
//! Move one line, and leave the waits as they are. All three have to be over when the answer is over.

use std::time::Duration;

use roundelay::{sleep, spawn};
use roundelay_exercises::checks::ch01;
use roundelay_exercises::{Verdict, say};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(name: &str) {
    sleep(SECOND).await;
    say(name);
}

async fn answer() {
    // TODO: move one line.
    let a = spawn(wait("a"));
    a.await.expect("a wait does not fail");
    let b = spawn(wait("b"));
    b.await.expect("a wait does not fail");
    let c = spawn(wait("c"));
    c.await.expect("a wait does not fail");
}

pub(crate) fn main() -> Verdict {
    ch01::two_seconds(answer)
}
