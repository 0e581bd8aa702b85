//! Predict: when are six timers called, and in which order?
//!
//! Write six lines into `GUESS`, such as "10 b": the time in milliseconds, and the letter. Then
//! check.

use std::time::Duration;

use roundelay::{LoopRef, block_for};
use roundelay_exercises::checks::ch03;
use roundelay_exercises::{Verdict, say};

// TODO: your guesses.
const GUESS: [&str; 6] = ["", "", "", "", "", ""];

fn program(event_loop: &LoopRef) {
    let start = event_loop.time();
    let set = |after: u64, name: &'static str, blocks: u64| {
        let clock = event_loop.clone();
        let callback = move || {
            say(format_args!("{} {name}", (clock.time() - start).as_millis()));
            block_for(Duration::from_millis(blocks));
        };
        event_loop.call_later(Duration::from_millis(after), callback).expect("the loop is open");
    };
    set(30, "a", 0);
    set(10, "b", 0);
    set(10, "c", 0);
    set(0, "d", 0);
    set(20, "e", 15); // it blocks for 15 ms
    set(25, "f", 0);
}

pub(crate) fn main() -> Verdict {
    ch03::firings(program, GUESS)
}
