//! Exercise 0: it is solved already. It shows how the others work.
//!
//! Run `cargo learn check`. It says: passed. Then change the word in `say`, and check again. The
//! check says what it expected, what happened instead, and at which step of the run. Bring the word
//! back.

use std::time::Duration;

use roundelay::sleep;
use roundelay_exercises::checks::ch01;
use roundelay_exercises::{Verdict, say};

async fn answer() {
    sleep(Duration::from_secs(1)).await;
    say("hello");
}

pub(crate) fn main() -> Verdict {
    ch01::it_works(answer)
}
