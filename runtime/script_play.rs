//! The turn's second step, when a script speaks in the operating system's place.
//!
//! The script itself is a list of lines, in `readiness_script.rs`. Here the lines whose time has
//! come are played: whoever waits for their sources goes to the ready queue, as if the system had
//! said so.
//!
//! # Invariants
//! - A line is news only for a source that is there: others are counted and passed over.
//!
//! Tutorial: chapter 7. Before this: `waiting.rs`. After this: `fetch_ahead.rs`.

use crate::callback::Callback;
use crate::event_loop::EventLoop;
use crate::reactor::News;

impl EventLoop {
    /// What the script says instead of the system: how many lines of it were due.
    #[cold]
    pub(crate) fn play(&self, released: &mut Vec<Callback>, mut tell: impl FnMut(News)) -> usize {
        let Some(script) = &self.core.script else { return 0 };
        let now = self.core.read_clock();
        let mut count = 0;
        while let Some(line) = script.borrow_mut().pop_due(now) {
            count += 1;
            let Some((source, readable, writable)) = line else { continue };
            let (read, write) = (readable.then_some(false), writable.then_some(false));
            if self.core.reactor.borrow_mut().release(source, read, write, released) {
                tell(News { source, readable, writable });
            }
        }
        count
    }
}
