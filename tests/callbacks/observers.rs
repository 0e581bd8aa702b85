//! Observers hear the same story each time, and change nothing in it.

use std::cell::RefCell;
use std::rc::Rc;

use roundelay::{EventLoop, Moment, current_loop, runtime::Event};

use crate::support::{Log, in_a_process, ms};

#[test]
fn an_observer_that_panics_changes_nothing() {
    let log = Log::new();
    let event_loop = EventLoop::builder().virtual_clock();
    let event_loop =
        event_loop.observer(|_: Moment, _: &Event| panic!("observer")).build().unwrap();
    event_loop.call_soon(log.adds("soon")).unwrap();
    event_loop.call_later(ms(1), log.adds("later")).unwrap();
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["soon", "later"]);
}

#[test]
fn an_observer_that_schedules_at_every_event_does_not_recurse() {
    let name = "observers::an_observer_that_schedules_at_every_event_does_not_recurse";
    in_a_process(name, || {
        let observer = |_: Moment, _: &Event| {
            if let Some(inner) = current_loop() {
                let _ = inner.call_soon(|| ());
                let _ = inner.call_later(ms(1), || ()).map(|handle| handle.cancel());
            }
        };
        let event_loop = EventLoop::builder().virtual_clock().observer(observer).build().unwrap();
        event_loop.call_soon(|| println!("called")).unwrap();
        event_loop.run_once().unwrap();
        event_loop.run_once().unwrap();
    })
    .well();
}

#[test]
fn the_same_program_tells_an_observer_the_same_story_twice() {
    let story = || {
        let told = Rc::new(RefCell::new(Vec::new()));
        let ear = Rc::clone(&told);
        let event_loop = EventLoop::builder().virtual_clock();
        let event_loop = event_loop
            .observer(move |now: Moment, event: &Event| {
                ear.borrow_mut().push(format!("{:?} {event:?}", now.since(Moment::START)));
            })
            .build()
            .unwrap();
        let inner = event_loop.loop_ref().clone();
        event_loop.call_later(ms(3), || panic!("no")).unwrap();
        event_loop.call_soon(|| ()).unwrap().cancel();
        event_loop.call_later(ms(5), move || inner.stop()).unwrap();
        event_loop.run_forever().unwrap();
        told.take()
    };
    let (first, second) = (story(), story());
    assert_eq!(first, second);
    assert!(first.iter().any(|line| line.contains("ClockJumps")), "{first:#?}");
}
