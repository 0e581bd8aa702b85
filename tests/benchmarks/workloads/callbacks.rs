//! Callbacks: the loop without tasks.
//!
//! A closure that captures nothing has no size, and then a box of it allocates nothing: the
//! first workload is what the queue itself costs. Most closures capture something: the
//! second is what callbacks cost in a program.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;

use crate::measure::{Memory, Meter, Sample, passes};
use crate::peer::{Peer, run_in_task};

thread_local! {
    static CALLED: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    CALLED.set(CALLED.get() + 1);
}

/// Schedules `size` callbacks that capture nothing, then lets them run.
///
/// Done twice: the first pass shows the memory, the second the time.
pub fn call_soon<P: Peer>(size: usize) -> Sample {
    call_soon_so_often::<P>(size, 1)
}

/// The same, the second pass so often that few callbacks can be measured, too.
pub fn call_soon_growing<P: Peer>(size: usize) -> Sample {
    call_soon_so_often::<P>(size, passes(size))
}

fn call_soon_so_often<P: Peer>(size: usize, passes: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let pass = async || {
            CALLED.set(0);
            for _ in 0..size {
                P::call_soon(count);
            }
            while CALLED.get() < size {
                P::yield_now().await;
            }
        };
        let memory = Memory::start();
        pass().await;
        let bytes = memory.peak_per(size);
        let meter = Meter::start();
        for _ in 0..passes {
            pass().await;
        }
        meter.stop(size * passes).with("bytes", bytes)
    })
}

/// The same with callbacks that capture a reference-counted counter.
pub fn call_soon_boxed<P: Peer>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let pass = async || {
            let called = Rc::new(Cell::new(0));
            for _ in 0..size {
                let called = Rc::clone(&called);
                P::call_soon(move || called.set(called.get() + 1));
            }
            while called.get() < size {
                P::yield_now().await;
            }
        };
        let memory = Memory::start();
        pass().await;
        let bytes = memory.peak_per(size);
        let meter = Meter::start();
        pass().await;
        meter.stop(size).with("bytes", bytes)
    })
}

/// The limit: a queue of boxed closures.
pub fn call_soon_by_hand(size: usize) -> Sample {
    twice(size, || -> Box<dyn FnOnce()> { Box::new(count) })
}

/// The limit, with something captured.
pub fn call_soon_boxed_by_hand(size: usize) -> Sample {
    let called = Rc::new(Cell::new(0));
    twice(size, || {
        let called = Rc::clone(&called);
        Box::new(move || called.set(called.get() + 1))
    })
}

fn twice(size: usize, mut callback: impl FnMut() -> Box<dyn FnOnce()>) -> Sample {
    let mut pass = || {
        let queue: VecDeque<Box<dyn FnOnce()>> = (0..size).map(|_| callback()).collect();
        for callback in black_box(queue) {
            callback();
        }
    };
    let memory = Memory::start();
    pass();
    let bytes = memory.peak_per(size);
    let meter = Meter::start();
    for _ in 0..passes(size) {
        pass();
    }
    meter.stop(size * passes(size)).with("bytes", bytes)
}
