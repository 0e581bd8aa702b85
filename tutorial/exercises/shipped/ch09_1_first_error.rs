//! Predict: one of three fails.
//!
//! Write the lines that the program says into `GUESS`, in order. Then check.

use std::time::Duration;

use roundelay::{Runner, gather, sleep};
use roundelay_exercises::checks::ch09;
use roundelay_exercises::{Verdict, say};

// TODO: your guess, one line after another: "b", ...
const GUESS: &[&str] = &[];

async fn work(name: &'static str, millis: u64) -> Result<(), &'static str> {
    sleep(Duration::from_millis(millis)).await;
    say(name);
    if name == "b" { Err("b has failed") } else { Ok(()) }
}

fn program(runner: Runner) {
    let _ = runner.run(async {
        match gather([work("a", 30), work("b", 10), work("c", 20)]).await {
            Ok(_) => say("all is well"),
            Err(_) => say("one has failed"),
        }
        sleep(Duration::from_millis(15)).await;
        say("end");
    });
}

pub(crate) fn main() -> Verdict {
    ch09::first_error(program, GUESS)
}
