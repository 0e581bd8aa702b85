// Step 2: timers and a virtual clock.

use std::time::Duration;

use tiny::Loop;

use crate::support::{Log, expect};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn timers_are_called_in_the_order_of_their_deadlines() {
    let (event_loop, log) = (Loop::new(), Log::default());
    event_loop.call_later(3 * SECOND, log.later("three"));
    event_loop.call_later(SECOND, log.later("one"));
    event_loop.call_later(2 * SECOND, log.later("two"));
    event_loop.run();
    log.expect("The earliest deadline comes first.", &["one", "two", "three"]);
}

#[test]
fn equal_deadlines_keep_the_order_of_creation() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let lines: Vec<String> = (0..20).map(|number| format!("timer {number}")).collect();
    for line in &lines {
        event_loop.call_later(SECOND, log.later(line.as_str()));
    }
    event_loop.run();
    let why = "Of two equal deadlines the older timer comes first. Give each timer a number.";
    expect(why, lines, log.lines());
}

#[test]
fn the_clock_moves_to_the_next_deadline_and_no_further() {
    let (event_loop, log) = (Loop::new(), Log::default());
    expect("A new loop's clock shows zero.", Duration::ZERO, event_loop.now());
    for seconds in [5, 3600] {
        let (clock, to_log) = (event_loop.clone(), log.clone());
        event_loop.call_later(seconds * SECOND, move || to_log.add(format!("{:?}", clock.now())));
    }
    event_loop.run();
    log.expect("A timer is called when the clock shows its deadline.", &["5s", "3600s"]);
}

#[test]
fn the_clock_stands_still_while_anything_is_ready() {
    let event_loop = Loop::new();
    event_loop.call_later(SECOND, || ());
    event_loop.call_soon(|| ());
    event_loop.turn();
    let why = "There was a callback to call, so no time may pass in that turn.";
    expect(why, Duration::ZERO, event_loop.now());
    event_loop.turn();
    expect("Then nothing is ready, and the clock moves.", SECOND, event_loop.now());
}

#[test]
fn a_timer_that_a_timer_sets_counts_from_then_on() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (inner, to_log) = (event_loop.clone(), log.clone());
    event_loop.call_later(SECOND, move || {
        let clock = inner.clone();
        inner.call_later(SECOND, move || to_log.add(format!("{:?}", clock.now())));
    });
    event_loop.run();
    log.expect("One second, and one more.", &["2s"]);
}

#[test]
fn a_timer_that_is_due_now_is_called_in_this_turn_after_what_is_ready() {
    let (event_loop, log) = (Loop::new(), Log::default());
    event_loop.call_later(Duration::ZERO, log.later("timer"));
    event_loop.call_soon(log.later("callback"));
    event_loop.turn();
    log.expect("It goes to the back of the queue.", &["callback", "timer"]);
}
