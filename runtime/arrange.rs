//! The scheduler's hand in the ready queue.
//!
//! A test may give the loop a scheduler: see `scheduler.rs`, which says what it may do. Here a turn
//! cuts what is ready into segments, shows it one after the other, and looks at what comes back.
//!
//! # Invariants
//! - A scheduler that panics, or that does not hand back what it was given, is reported, and the
//!   segment stays as it was.
//! - The scheduler is user code: nothing is borrowed while it is asked.
//!
//! Tutorial: chapter 19. Before this: `fetch_ahead.rs`. After this: `held_up.rs`.

use crate::event_loop::EventLoop;
use crate::failure::{Failure, FailureKind, contain};
use crate::observer::{Event, Work};
use crate::observing::work;
use crate::scheduler::{ReadyEntry, is_arrangement};

impl EventLoop {
    /// Lets the scheduler put the next `count` entries into another order, segment by segment.
    #[cold]
    pub(crate) fn arrange_ready(&self, count: usize) {
        let core = &self.core;
        let Some(scheduler) = &core.scheduler else { return };
        let front = core.ready.borrow().front();
        let end = front + count as u64;
        let mut first = front;
        while first < end {
            let mut segment: Vec<ReadyEntry> = {
                let ready = core.ready.borrow();
                let entries = (first..end).map_while(|place| Some((place, ready.peek(place)?)));
                let entries = entries.map(|(place, entry)| (place, work(entry)));
                let moves = entries
                    .take_while(|(_, what)| !matches!(what, Work::Callback | Work::Cancelled));
                moves.map(|(place, what)| ReadyEntry { place, what }).collect()
            };
            let length = segment.len() as u64;
            if length > 1 {
                let outcome = contain(|| scheduler.arrange(&mut segment));
                match outcome {
                    Ok(()) if is_arrangement(first, &segment) => self.put_in_order(first, &segment),
                    Ok(()) => self.blame_scheduler("it did not hand back what it was given".into()),
                    Err(message) => self.blame_scheduler(message),
                }
            }
            first += length + 1;
        }
    }

    fn put_in_order(&self, first: u64, segment: &[ReadyEntry]) {
        let places = || segment.iter().map(|entry| entry.place);
        if places().eq(first..first + segment.len() as u64) {
            return;
        }
        self.core.ready.borrow_mut().rearrange(first, places());
        self.observe(|| Event::ReadyArranged { first, order: places().collect() });
    }

    fn blame_scheduler(&self, message: String) {
        self.report(Failure::new(FailureKind::CallbackPanicked, "the loop's scheduler", message));
    }
}
