//! Predict: who goes first?
//!
//! Write the lines that the program says into `GUESS`, in order. Then check.

use std::time::Duration;

use roundelay::{Runner, sleep, task_group};
use roundelay_exercises::checks::ch12;
use roundelay_exercises::{Verdict, say};

const GUESS: &[&str] = &[
    "body waits",
    "a fails",
    "a is dropped",
    "b is dropped",
    "body is dropped",
    "the group has failed",
];

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say(format_args!("{} is dropped", self.0));
    }
}

async fn child(name: &'static str, millis: u64) -> Result<(), &'static str> {
    let _guard = Guard(name);
    sleep(Duration::from_millis(millis)).await;
    if name == "a" {
        say("a fails");
        return Err("a has failed");
    }
    say(format_args!("{name} is done"));
    Ok(())
}

fn program(runner: Runner) {
    let _ = runner.run(async {
        let outcome = task_group(async |group| {
            let _guard = Guard("body");
            group.spawn(child("a", 10));
            group.spawn(child("b", 20));
            say("body waits");
            sleep(Duration::from_millis(30)).await;
            say("body is done");
            Ok(())
        });
        match outcome.await {
            Ok(()) => say("all is well"),
            Err(_) => say("the group has failed"),
        }
    });
}

pub(crate) fn main() -> Verdict {
    ch12::who_goes(program, GUESS)
}
