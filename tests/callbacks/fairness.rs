//! Fairness: nobody is starved by callbacks that never rest.

use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

use roundelay::runtime::{Callback, Direction};
use roundelay::{EventLoop, LoopRef, RunError};

use crate::support::ms;

/// So many callbacks schedule each other for ever; each adds one to the count.
fn hot(event_loop: &EventLoop, callbacks: usize) -> Rc<Cell<usize>> {
    fn again(inner: LoopRef, count: Rc<Cell<usize>>) {
        count.set(count.get() + 1);
        let next = inner.clone();
        let _ = inner.call_soon(move || again(next, count));
    }
    let count = Rc::new(Cell::new(0));
    for _ in 0..callbacks {
        let (inner, count) = (event_loop.loop_ref().clone(), Rc::clone(&count));
        event_loop.call_soon(move || again(inner, count)).unwrap();
    }
    count
}

#[test]
#[cfg_attr(miri, ignore = "sets an option of a socket pair")]
fn a_ready_socket_is_noticed_within_a_bounded_number_of_callbacks() {
    let event_loop = EventLoop::new().unwrap();
    let (here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let source = event_loop.register(&here).unwrap();
    let count = hot(&event_loop, 3);
    let noticed = Rc::new(Cell::new(None));
    let (seen, at) = (Rc::clone(&noticed), Rc::clone(&count));
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_soon(move || {
            source.clear_ready(Direction::Read).unwrap();
            there.write_all(b"x").unwrap();
            let start = at.get();
            let callback = Callback::new(move || {
                seen.set(Some(at.get() - start));
                inner.stop();
            });
            source.wait(Direction::Read, None, callback).unwrap();
            std::mem::forget((source, there));
        })
        .unwrap();
    event_loop.run_until(|| count.get() > 10_000).unwrap_err();
    let passed = noticed.get().unwrap();
    assert!(passed <= 128 + 2 * 4, "{passed} callbacks ran before the socket's");
}

#[test]
fn a_due_timer_is_noticed_within_a_bounded_number_of_callbacks() {
    let event_loop = EventLoop::new().unwrap();
    let count = hot(&event_loop, 3);
    let due_at = Instant::now() + ms(2);
    let late = Rc::new(Cell::new(None));
    let first_late = Rc::new(Cell::new(None));
    let (seen, at, first) = (Rc::clone(&late), Rc::clone(&count), Rc::clone(&first_late));
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_at(due_at, move || {
            seen.set(Some(at.get() - first.get().unwrap_or(at.get())));
            inner.stop();
        })
        .unwrap();
    // Asked before each turn: the first turn that begins after the deadline starts the count.
    let at = Rc::clone(&count);
    let outcome = event_loop.run_until(|| {
        if first_late.get().is_none() && Instant::now() >= due_at {
            first_late.set(Some(at.get()));
        }
        false
    });
    assert!(matches!(outcome, Err(RunError::Stopped)));
    let passed = late.get().unwrap();
    assert!(passed <= 128 + 2 * 4, "{passed} callbacks ran after the deadline");
}
