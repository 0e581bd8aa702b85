// Step 3: a value that comes later.

use std::time::Duration;

use tiny::Loop;

use crate::support::{Log, expect};

#[test]
fn the_value_is_handed_over_later() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (promise, later) = event_loop.promise();
    let to_log = log.clone();
    later.on_done(move |value: i32| to_log.add(format!("got {value}")));
    event_loop.call_later(Duration::from_secs(1), move || promise.resolve(42).unwrap());
    event_loop.run();
    log.expect("The callback gets the value.", &["got 42"]);
}

#[test]
fn the_callback_is_queued_and_not_called_inside_resolve() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (promise, later) = event_loop.promise();
    let to_log = log.clone();
    later.on_done(move |_: i32| to_log.add("told"));
    promise.resolve(1).unwrap();
    log.add("after resolve");
    event_loop.run();
    let why = "Resolving puts the callback into the ready queue. It calls nobody.";
    log.expect(why, &["after resolve", "told"]);
}

#[test]
fn resolving_twice_is_refused_and_gives_the_value_back() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (promise, later) = event_loop.promise();
    expect("The first time it is taken.", Ok(()), promise.resolve("first"));
    let why = "The second time it is refused. The value comes back in the error.";
    expect(why, Err("second"), promise.resolve("second"));
    let to_log = log.clone();
    later.on_done(move |value| to_log.add(value));
    event_loop.run();
    log.expect("The first value stays.", &["first"]);
    expect("It is refused after the end, too.", Err("third"), promise.resolve("third"));
}

#[test]
fn resolving_twice_is_refused_while_a_callback_waits_to_be_called() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (promise, later) = event_loop.promise();
    let to_log = log.clone();
    later.on_done(move |value| to_log.add(value));
    promise.resolve("first").unwrap();
    expect("The callback is under way.", Err("second"), promise.resolve("second"));
    event_loop.run();
    log.expect("It is called once, with the first value.", &["first"]);
}

#[test]
fn who_asks_after_the_value_has_come_gets_it_too() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (promise, later) = event_loop.promise();
    promise.resolve(7).unwrap();
    let to_log = log.clone();
    later.on_done(move |value: i32| to_log.add(format!("got {value}")));
    log.expect("`on_done` does not call at once either.", &[]);
    event_loop.run();
    log.expect("The callback is called in a turn.", &["got 7"]);
}
