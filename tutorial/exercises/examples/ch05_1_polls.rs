//! Predict: how often is each of four futures polled?
//!
//! `counted` awaits a future, and says how often it was polled. Write your four guesses into
//! `GUESS`.

use std::time::Duration;

use roundelay::{promise, sleep, yield_now};
use roundelay_exercises::checks::ch05;
use roundelay_exercises::props::counted;
use roundelay_exercises::{Verdict, say};

// TODO: your guesses.
const GUESS: [u32; 4] = [0, 0, 0, 0];

async fn program() {
    // A function that never stops.
    let ((), polls) = counted(async { say_nothing() }).await;
    say(polls);

    // A function with two stops.
    let two_stops = async {
        yield_now().await;
        yield_now().await;
    };
    let ((), polls) = counted(two_stops).await;
    say(polls);

    // An await of a value that is there already.
    let (promise, future) = promise();
    promise.resolve(7).expect("somebody has the future");
    let (_, polls) = counted(async { future.await.expect("it is there") + 1 }).await;
    say(polls);

    // A long wait.
    let ((), polls) = counted(sleep(Duration::from_secs(3600))).await;
    say(polls);
}

fn say_nothing() {}

pub(crate) fn main() -> Verdict {
    ch05::polls(program, GUESS)
}
