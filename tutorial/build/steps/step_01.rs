//! A tiny event loop, step 1: a queue of callbacks.
//!
//! ```text
//!   call_soon --> [ ready queue ] --> run_ready calls those of this turn
//! ```
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

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
}

impl Loop {
    /// A loop with nothing to do.
    pub fn new() -> Loop {
        Loop::default()
    }

    /// Puts `callback` at the back of the ready queue. It is never called at once.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.inner.ready.borrow_mut().push_back(Box::new(callback));
    }

    /// One pass of the loop.
    pub fn turn(&self) {
        self.run_ready();
    }

    /// Turns until there is nothing left to do.
    pub fn run(&self) {
        while self.has_work() {
            self.turn();
        }
    }

    /// Whether anything can still happen.
    fn has_work(&self) -> bool {
        !self.inner.ready.borrow().is_empty()
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
