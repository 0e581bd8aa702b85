//! Predict: when are two waits over?
//!
//! The program has four parts. Each part has two pieces of work, and says how long both took
//! together. Read it, and write your four guesses into `GUESS`, in seconds. Then check.

use std::time::Duration;

use roundelay::{Instant, block_for, now, sleep, spawn};
use roundelay_exercises::checks::ch01;
use roundelay_exercises::{Verdict, say};

const GUESS: [u64; 4] = [3, 3, 3, 3];

const SECOND: Duration = Duration::from_secs(1);

fn say_how_long(start: Instant) {
    say(format_args!("{} s", (now() - start).as_secs()));
}

async fn program() {
    // Part 1.
    let start = now();
    sleep(2 * SECOND).await;
    sleep(SECOND).await;
    say_how_long(start);

    // Part 2.
    let start = now();
    let (a, b) = (spawn(sleep(2 * SECOND)), spawn(sleep(SECOND)));
    a.await.expect("a wait does not fail");
    b.await.expect("a wait does not fail");
    say_how_long(start);

    // Part 3.
    let start = now();
    let (a, b) = (spawn(sleep(2 * SECOND)), spawn(async { block_for(SECOND) }));
    a.await.expect("a wait does not fail");
    b.await.expect("it does not fail");
    say_how_long(start);

    // Part 4: the one that blocks comes first.
    let start = now();
    let a = spawn(async { block_for(2 * SECOND) });
    let b = spawn(async { sleep(SECOND).await });
    a.await.expect("it does not fail");
    b.await.expect("a wait does not fail");
    say_how_long(start);
}

pub(crate) fn main() -> Verdict {
    ch01::end_times(program, GUESS)
}
