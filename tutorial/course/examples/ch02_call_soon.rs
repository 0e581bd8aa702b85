//! Callbacks in the ready queue: first in, first out, and a turn ends.

use roundelay::{LoopRef, RunError, Runner, say, yield_now};

/// Asks for a line to be printed soon.
fn say_soon(event_loop: &LoopRef, line: &'static str) {
    let within = event_loop.clone();
    event_loop.call_soon(move || say!("turn {}: {line}", within.turn())).expect("the loop is open");
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;
    let event_loop = runner.loop_ref();

    say_soon(event_loop, "first");

    let within = event_loop.clone();
    event_loop
        .call_soon(move || {
            say!("turn {}: second, and it asks for two more", within.turn());
            say_soon(&within, "fifth, asked for by the second");
            say_soon(&within, "sixth, asked for by the second");
        })
        .expect("the loop is open");

    let never = event_loop.call_soon(|| say!("this is never printed")).expect("the loop is open");
    say!("cancelled in time: {}", never.cancel());

    say_soon(event_loop, "third");
    say_soon(event_loop, "fourth");

    runner.run(async {
        yield_now().await; // the turn of the first four
        yield_now().await; // the turn of the two that were added
    })
}
