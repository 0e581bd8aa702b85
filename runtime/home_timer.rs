//! A timer that may be sent away.
//!
//! Timers belong to their loop's thread. What was set on a loop and may travel, such as a sleep,
//! keeps no more than two numbers: which loop, and which timer.
//!
//! # Invariants
//! - It can be cancelled on any thread; everything else is for the loop's own.
//!
//! Tutorial: chapter 18. Before this: `proxy.rs`. After this: `source.rs`.

use crate::doors;
use crate::error::WrongLoop;
use crate::inbox::Message;
use crate::loop_ref::LoopRef;
use crate::running::{here, home};
use crate::timer_table::TimerKey;

/// A timer, and the number of the loop that it was set on. It may be sent and copied; dropping it
/// does nothing.
///
/// ```
/// use std::time::Duration;
/// use roundelay_runtime::{Callback, EventLoop, HomeTimer};
///
/// let event_loop = EventLoop::builder().virtual_clock().build()?;
/// let deadline = event_loop.now().after(Duration::from_secs(1));
/// let key = event_loop.set_timer(deadline, Callback::new(|| panic!("not called")))?;
/// let timer = HomeTimer::new(&event_loop, key);
/// assert!(timer.local().is_err()); // its loop does not run now
/// assert!(event_loop.is_timer_set(timer.key()));
/// std::thread::spawn(move || timer.cancel()).join().unwrap();
/// event_loop.run_once()?; // the message arrives
/// assert!(!event_loop.is_timer_set(timer.key()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeTimer {
    home: u64,
    key: TimerKey,
}

impl HomeTimer {
    /// A timer that was set on this loop.
    #[must_use]
    #[inline]
    pub fn new(home: &LoopRef, key: TimerKey) -> HomeTimer {
        HomeTimer { home: home.id(), key }
    }

    /// The timer, for its loop.
    #[must_use]
    #[inline]
    pub fn key(self) -> TimerKey {
        self.key
    }

    /// Its loop, if that is the one that runs on this thread.
    ///
    /// # Errors
    /// [`WrongLoop`], which names both loops.
    #[inline]
    pub fn local(self) -> Result<LoopRef, WrongLoop> {
        here(self.home)
    }

    /// Cancels the timer, from any thread. Elsewhere its loop does so in its next turn.
    #[inline]
    pub fn cancel(self) {
        match home(self.home) {
            Some(home) => drop(home.cancel_timer(self.key)),
            None => self.ask_to_cancel(),
        }
    }

    #[cold]
    fn ask_to_cancel(self) {
        // The timers of a closed loop are gone.
        if let Some(inbox) = doors::find(self.home) {
            let refused = inbox.leave(Message::CancelTimer(self.key));
            drop(refused);
        }
    }
}
