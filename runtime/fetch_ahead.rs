//! Fetching ahead: what a crowd of due timers will need.
//!
//! Of a million sleeping tasks none is in the processor's cache. When a timer is due, the loop
//! looks into the timer's slot, then the task's, then at its future, and waits for memory each
//! time, the time of a hundred instructions or more. A processor can wait for a dozen places at
//! once, but only if it finds them close together in the program; between one timer and the next
//! lie the calls.
//!
//! ```text
//!   simple:  timer 1: wait, call   timer 2: wait, call   timer 3: wait, call
//!   ahead:   wait for 1, 2, 3 ...  call 1   call 2   call 3
//! ```
//!
//! So, when a turn has taken up many due timers, it first reads through all that they lead to, and
//! makes nothing of it. A million sleeps run out in two thirds of the time.
//!
//! # Invariants
//! - Nothing but time depends on it: nothing is called, changed or decided here.
//!
//! Tutorial: chapter 3. Before this: `script_play.rs`. After this: `arrange.rs`.

use crate::callback::Key;
use crate::event_loop::EventLoop;
use crate::ready::Entry;

/// Fewer due timers than this are not worth a look ahead.
const FEW: usize = 16;

impl EventLoop {
    /// Looks ahead at the `count` newest entries of the ready queue, which are due timers.
    #[inline]
    pub(crate) fn fetch_ahead(&self, count: usize) {
        if count >= FEW {
            self.announce_newest(count);
        }
    }

    #[inline(never)]
    fn announce_newest(&self, count: usize) {
        let core = &self.core;
        let keys: Vec<Key> = {
            let (ready, timers) = (core.ready.borrow(), core.timers.borrow());
            let newest = ready.newest(count).filter_map(|entry| match entry {
                Entry::Timer(timer) => timers.notified_key(timer),
                _ => None,
            });
            newest.collect()
        };
        let target = core.target.borrow().clone();
        if let Some(target) = target {
            target.announce(&keys);
        }
    }
}
