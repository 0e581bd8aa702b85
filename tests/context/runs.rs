//! Values from run to run.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use roundelay::{EventLoop, Runner, current_loop};

use crate::support::{run_virtual, virtual_runner};
use crate::{V, v};

#[test]
fn a_runner_keeps_the_values_of_its_main_tasks_from_run_to_run() {
    V.set(1);
    let runner = virtual_runner();
    V.set(2);
    assert_eq!(runner.run(async { (v(), V.set(5)).0 }).unwrap(), 1);
    assert_eq!(runner.run(async { v() }).unwrap(), 5);
    assert_eq!(v(), 2, "nothing comes back to whoever runs it");
    assert_eq!(Runner::new().unwrap().run(async { v() }).unwrap(), 2);
    assert_eq!(roundelay::run(async { v() }), 2);
}

#[test]
fn a_stopped_or_panicking_run_gives_the_thread_its_values_back() {
    V.set(1);
    let runner = virtual_runner();
    let stopped = runner.run(async {
        V.set(2);
        current_loop().unwrap().stop();
        pending::<()>().await;
    });
    assert!(stopped.is_err() && v() == 1);
    let panicked = std::panic::catch_unwind(|| {
        run_virtual(async {
            V.set(3);
            panic!("main");
        })
    });
    assert!(panicked.is_err() && v() == 1);
    assert_eq!(runner.run(async { v() }).unwrap(), 2);
}

#[test]
fn callbacks_between_runs_and_the_question_of_run_until_see_what_they_should() {
    V.set(1);
    let event_loop = EventLoop::new().unwrap();
    let seen = Rc::new(Cell::new(0));
    let inner = Rc::clone(&seen);
    event_loop.call_soon(move || inner.set(v())).unwrap();
    V.set(2);
    event_loop
        .run_until(|| {
            assert_eq!(v(), 2);
            seen.get() != 0
        })
        .unwrap();
    assert_eq!((seen.get(), v()), (1, 2));
}
