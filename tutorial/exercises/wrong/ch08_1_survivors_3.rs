//! Predict: what survives the end of a run?
//!
//! Write the lines that the program says into `GUESS`, in order. Then check.

use std::time::Duration;

use roundelay::{Runner, sleep, spawn};
use roundelay_exercises::checks::ch08;
use roundelay_exercises::{Verdict, say};

const GUESS: &[&str] = &["tick 1", "tick 2", "tick 3", "between", "dropped", "closed"];

/// Says when it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        say("dropped");
    }
}

async fn tick() {
    let _guard = Guard;
    for number in 1.. {
        say(format_args!("tick {number}"));
        sleep(Duration::from_secs(1)).await;
    }
}

fn program(runner: Runner) {
    let _ = runner.run(async {
        spawn(tick()).detach();
        sleep(Duration::from_millis(1500)).await;
    });
    say("between");
    let _ = runner.run(sleep(Duration::from_secs(1)));
    runner.close();
    say("closed");
}

pub(crate) fn main() -> Verdict {
    ch08::survivors(program, GUESS)
}
