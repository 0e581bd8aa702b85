//! Timers: by deadline, then in the order of setting. One is cancelled, and one makes others late.

use std::time::Duration;

use roundelay::{CallHandle, Instant, LoopRef, RunError, Runner, block_for, say, sleep};

/// Sets a timer that prints its name, and the time at which it is called.
fn set(event_loop: &LoopRef, start: Instant, after: u64, name: &'static str) -> CallHandle {
    let clock = event_loop.clone();
    let print = move || say!("{:>3} ms: {name}", (clock.time() - start).as_millis());
    event_loop.call_later(Duration::from_millis(after), print).expect("the loop is open")
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;
    let event_loop = runner.loop_ref().clone();
    let start = event_loop.time();

    set(&event_loop, start, 30, "thirty");
    set(&event_loop, start, 10, "ten, set first");
    set(&event_loop, start, 10, "ten, set second");
    set(&event_loop, start, 20, "twenty, which is cancelled").cancel();
    event_loop
        .call_later(Duration::from_millis(40), || block_for(Duration::from_millis(25)))
        .expect("the loop is open");
    set(&event_loop, start, 50, "fifty");
    set(&event_loop, start, 60, "sixty");
    set(&event_loop, start, 70, "seventy");
    set(&event_loop, start, 0, "zero");

    runner.run(sleep(Duration::from_millis(100)))
}
