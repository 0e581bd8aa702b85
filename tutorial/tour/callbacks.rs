//! Callbacks: the loop without a single task.
//!
//! Tutorial: chapter 2. Before this: `waits.rs`. After this: `by_hand.rs`.

use std::time::Duration;

use roundelay::{RunError, Runner, current_loop};

use super::Voice;

pub(super) fn in_order(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    let event_loop = runner.loop_ref();
    let say_soon = |line: &'static str| {
        let voice = voice.clone();
        event_loop.call_soon(move || voice.say(line))
    };
    let scheduled = say_soon("first")
        .and_then(|_| say_soon("second"))
        .and_then(|_| say_soon("never said"))
        .map(|never| never.cancel());
    debug_assert_eq!(scheduled, Ok(true));

    let voice = voice.clone();
    let nested = move || {
        let event_loop = current_loop().expect("a callback runs on its loop");
        let later = voice.clone();
        let soon = voice.clone();
        let scheduled = event_loop
            .call_later(Duration::from_millis(5), move || later.say("later, by a timer"))
            .and_then(|_| event_loop.call_soon(move || soon.say("soon, in the next turn")));
        voice.say("I have scheduled two more");
        debug_assert!(scheduled.is_ok());
    };
    // A loop that has nothing left to do, and that nobody can reach, says so. Here that is
    // simply the end.
    event_loop.call_soon(nested).map_err(|_| RunError::Closed)?;
    match runner.run(std::future::pending::<()>()) {
        Err(RunError::Deadlock(_)) => Ok(()),
        outcome => outcome,
    }
}
