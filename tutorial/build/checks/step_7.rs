// Step 7: the real clock.

use std::time::{Duration, Instant};

use tiny::Loop;

use crate::support::{Log, expect};

const FIFTY: Duration = Duration::from_millis(50);

#[test]
fn an_idle_wait_of_50_ms_takes_few_turns() {
    let event_loop = Loop::with_real_clock();
    let before = event_loop.turns();
    event_loop.block_on(event_loop.sleep(FIFTY));
    let turns = event_loop.turns() - before;
    if turns >= 20 {
        panic!(
            "While nothing is ready the thread sleeps until the next deadline.\n  \
             expected: fewer than 20 turns\n  happened: {turns} turns"
        );
    }
}

#[test]
fn a_real_sleep_is_never_too_short() {
    let event_loop = Loop::with_real_clock();
    let begun = Instant::now();
    event_loop.block_on(event_loop.sleep(FIFTY));
    let enough = begun.elapsed() >= FIFTY;
    expect("A timer may be late. It is never early.", true, enough);
    expect("The loop's clock agrees.", true, event_loop.now() >= FIFTY);
}

#[test]
fn turns_are_counted() {
    let event_loop = Loop::new();
    event_loop.turn();
    event_loop.turn();
    expect("Each turn counts.", 2, event_loop.turns());
}

#[test]
fn what_is_ready_does_not_wait_for_a_timer() {
    let (event_loop, log) = (Loop::with_real_clock(), Log::default());
    event_loop.call_later(Duration::from_secs(3600), || ());
    event_loop.call_soon(log.later("called"));
    event_loop.turn();
    log.expect("With something ready, nobody sleeps.", &["called"]);
}

#[test]
fn a_new_loop_still_has_a_virtual_clock() {
    let event_loop = Loop::new();
    event_loop.block_on(event_loop.sleep(Duration::from_secs(3600)));
    expect("An hour takes no time.", Duration::from_secs(3600), event_loop.now());
}
