//! My event loop.
//!
//! Step 1 asks for the names below. Each step adds names and takes none away.
#![forbid(unsafe_code)]

/// The event loop. A clone is one more name for the same loop.
#[derive(Clone, Default)]
pub struct Loop {
    // TODO: the ready queue. The clones share it, so it lies behind an `Rc`.
}

impl Loop {
    /// A loop with nothing to do.
    pub fn new() -> Loop {
        Loop::default()
    }

    /// Puts `callback` at the back of the ready queue. It is never called at once.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        let _ = callback;
        todo!("step 1: put it into the queue")
    }

    /// One pass of the loop: calls what was ready when the pass began.
    pub fn turn(&self) {
        todo!("step 1: call what is ready")
    }

    /// Turns until there is nothing left to do.
    pub fn run(&self) {
        todo!("step 1: turn, again and again")
    }
}
