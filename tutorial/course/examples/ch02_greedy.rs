//! A callback that asks for itself again, for ever. The others still get their turn.

use roundelay::{LoopRef, RunError, Runner, say, yield_now};

fn greedy(event_loop: LoopRef) {
    say!("turn {}: greedy asks to be called again", event_loop.turn());
    let again = event_loop.clone();
    event_loop.call_soon(move || greedy(again)).expect("the loop is open");
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;
    let event_loop = runner.loop_ref().clone();
    greedy(event_loop.clone());
    runner.run(async {
        for _ in 0..3 {
            say!("turn {}: the others, too", event_loop.turn());
            yield_now().await;
        }
    })
}
