// Step 1: a queue of callbacks.

use tiny::Loop;

use crate::support::{Log, expect};

#[test]
fn a_callback_is_never_called_at_once() {
    let (event_loop, log) = (Loop::new(), Log::default());
    event_loop.call_soon(log.later("called"));
    log.expect("`call_soon` only puts the callback into the queue.", &[]);
    event_loop.turn();
    log.expect("A turn calls what is in the queue.", &["called"]);
    event_loop.turn();
    log.expect("A callback is called once.", &["called"]);
}

#[test]
fn callbacks_are_called_in_the_order_in_which_they_were_added() {
    let (event_loop, log) = (Loop::new(), Log::default());
    for line in ["first", "second", "third"] {
        event_loop.call_soon(log.later(line));
    }
    event_loop.turn();
    log.expect("The queue is first in, first out.", &["first", "second", "third"]);
}

#[test]
fn a_callback_added_during_a_turn_waits_for_the_next() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (in_callback, to_log) = (event_loop.clone(), log.clone());
    event_loop.call_soon(move || {
        to_log.add("outer");
        in_callback.call_soon(to_log.later("inner"));
    });
    event_loop.call_soon(log.later("beside"));
    event_loop.turn();
    let why = "A turn calls only what was ready when it began. Count the queue before you call.";
    log.expect(why, &["outer", "beside"]);
    event_loop.turn();
    log.expect("The next turn calls what was added.", &["outer", "beside", "inner"]);
}

#[test]
fn run_turns_until_nothing_is_left() {
    fn again(event_loop: &Loop, log: &Log, left: u32) {
        log.add(left.to_string());
        if left > 0 {
            let (next, log) = (event_loop.clone(), log.clone());
            event_loop.call_soon(move || again(&next, &log, left - 1));
        }
    }
    let (event_loop, log) = (Loop::new(), Log::default());
    again(&event_loop, &log, 3);
    event_loop.run();
    log.expect("`run` goes on while the queue has anything.", &["3", "2", "1", "0"]);
    event_loop.run();
    expect("`run` with nothing to do returns at once.", 4, log.lines().len());
}
