//! Predict: who ends?
//!
//! Write the lines that the program says into `GUESS`, in order. Then check.

use std::time::Duration;

use roundelay::{Runner, sleep, spawn};
use roundelay_exercises::checks::ch10;
use roundelay_exercises::{Verdict, say};

const GUESS: &[&str] =
    &["outer is dropped", "main goes on", "inner is done", "inner is dropped", "end"];

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say(format_args!("{} is dropped", self.0));
    }
}

async fn inner() {
    let _guard = Guard("inner");
    sleep(Duration::from_millis(10)).await;
    say("inner is done");
}

async fn outer() {
    let _guard = Guard("outer");
    let _ = spawn(inner()).await;
    say("outer is done");
}

fn program(runner: Runner) {
    let _ = runner.run(async {
        let task = spawn(outer());
        sleep(Duration::from_millis(5)).await;
        task.cancel();
        let _ = task.await;
        say("main goes on");
        sleep(Duration::from_millis(50)).await;
        say("end");
    });
}

pub(crate) fn main() -> Verdict {
    ch10::who_ends(program, GUESS)
}
