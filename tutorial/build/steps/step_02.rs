//! A tiny event loop, step 2: timers and a virtual clock.
//!
//! ```text
//!   call_later --> [ heap of timers ] --due--+
//!   call_soon -------------------------------+--> [ ready queue ] --> run_ready
//! ```
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// What the loop calls, once.
type Callback = Box<dyn FnOnce()>;

/// The event loop. A clone is one more name for the same loop.
#[derive(Clone, Default)]
pub struct Loop {
    inner: Rc<Inner>,
}

/// What the clones share. Each part is borrowed for a moment only, never while foreign code runs.
#[derive(Default)]
struct Inner {
    /// Callbacks whose moment has come, oldest first.
    ready: RefCell<VecDeque<Callback>>,
    /// How far the virtual clock has come.
    clock: Cell<Duration>,
    /// The timers' callbacks, by number.
    timers: RefCell<HashMap<u64, Callback>>,
    /// Deadline and number of each timer, the earliest on top.
    deadlines: RefCell<BinaryHeap<Reverse<(Duration, u64)>>>,
    /// The number of the next timer.
    next_timer: Cell<u64>,
}

impl Loop {
    /// A loop with nothing to do, and a virtual clock that shows zero.
    pub fn new() -> Loop {
        Loop::default()
    }

    /// Puts `callback` at the back of the ready queue. It is never called at once.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.inner.ready.borrow_mut().push_back(Box::new(callback));
    }

    /// How much time has passed since the loop was made.
    pub fn now(&self) -> Duration {
        self.inner.clock.get()
    }

    /// Calls `callback` when `delay` has passed.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) {
        let number = next(&self.inner.next_timer);
        // The number breaks a tie: of two equal deadlines the older timer is on top.
        let deadline = self.now() + delay;
        self.inner.deadlines.borrow_mut().push(Reverse((deadline, number)));
        self.inner.timers.borrow_mut().insert(number, Box::new(callback));
    }

    /// One pass of the loop.
    pub fn turn(&self) {
        self.skip_time(); // 1. nothing is ready: the clock moves
        self.collect_due(); // 2. timers whose moment has come
        self.run_ready(); // 3. the only place where callbacks are called
    }

    /// Turns until there is nothing left to do.
    pub fn run(&self) {
        while self.has_work() {
            self.turn();
        }
    }

    /// Whether anything can still happen.
    fn has_work(&self) -> bool {
        self.has_ready() || !self.inner.timers.borrow().is_empty()
    }

    /// Whether anything can be called now.
    fn has_ready(&self) -> bool {
        !self.inner.ready.borrow().is_empty()
    }

    /// When the next timer is due.
    fn next_deadline(&self) -> Option<Duration> {
        self.inner.deadlines.borrow().peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// With nothing ready, moves the clock to the next deadline. Else it stands still.
    fn skip_time(&self) {
        if self.has_ready() {
            return;
        }
        if let Some(deadline) = self.next_deadline() {
            self.inner.clock.set(deadline.max(self.now()));
        }
    }

    /// Moves the timers that are due into the ready queue.
    fn collect_due(&self) {
        while self.next_deadline().is_some_and(|deadline| deadline <= self.now()) {
            let top = self.inner.deadlines.borrow_mut().pop();
            let Some(Reverse((_, number))) = top else { return };
            let callback = self.inner.timers.borrow_mut().remove(&number);
            self.inner.ready.borrow_mut().extend(callback);
        }
    }

    /// Calls what is ready now.
    fn run_ready(&self) {
        // Counted first: what is added meanwhile waits for the next turn.
        let count = self.inner.ready.borrow().len();
        for _ in 0..count {
            // Take, let the borrow end, then call: the callback may come back here.
            let callback = self.inner.ready.borrow_mut().pop_front();
            if let Some(callback) = callback {
                callback();
            }
        }
    }
}

/// The number in `counter`, which then counts one more.
fn next(counter: &Cell<u64>) -> u64 {
    counter.replace(counter.get() + 1)
}
