//! Time limits that have not begun.
//!
//! To read the clock costs as much as to set a timer and to cancel it again. A sleep needs the
//! reading, for it is to end on time. A limit guards something that nearly always ends before
//! it, often within a turn or two. So a limit lies here, without a deadline, until somebody
//! reads the clock anyhow; that one reading serves all that lie here.
//!
//! ```text
//!   "30 s at most" --> lies here --> the clock is read, 12.5 s --> a timer for 42.5 s
//!                              \--> cancelled: no reading, no deadline
//! ```
//!
//! libuv saves the readings in another way: it reads once a turn, and counts delays from there.
//! Then a timer that is set late in a long turn is due too early.
//!
//! # Invariants
//! - Whoever reads the loop's clock begins the limits. So nobody sees a moment that is later than
//!   the setting of a limit and earlier than its beginning: what is set for a moment by the clock
//!   is in order with the limits set before it.
//! - None lies here while the loop sleeps, and while it works none longer than the rest of a turn
//!   and one turn more.
//!
//! Tutorial: chapter 3. Before this: `near_timers.rs`. After this: `timer_table.rs`.

use std::mem;
use std::time::Duration;

/// A limit, as it lies here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) length: Duration,
    pub(crate) number: u64,
    pub(crate) slot: u32,
}

/// The limits of one loop that have not begun.
#[derive(Default)]
pub(crate) struct Limits {
    /// In the order of setting. Those that were cancelled are among them, until all are.
    limits: Vec<Limit>,
    /// How many were not cancelled.
    alive: usize,
    /// The turn in which the first came to lie here.
    since: u64,
}

/// So many at a time are worth a reading of their own, and a step that sets limits without end
/// does not make the list longer.
const MANY: usize = 1024;

impl Limits {
    #[inline]
    pub(crate) fn add(&mut self, limit: Limit, turn: u64) {
        if self.alive == 0 {
            self.since = turn;
        }
        self.alive += 1;
        self.limits.push(limit);
    }

    /// One was cancelled.
    #[inline]
    pub(crate) fn forget_one(&mut self) {
        self.alive -= 1;
        // Mostly it was the only one.
        if self.alive == 0 {
            self.limits.clear();
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.alive == 0
    }

    /// Whether the clock is to be read for their sake: they have lain here for all of the turn
    /// before this one, or there are many.
    #[inline]
    pub(crate) fn want_reading(&self, turn: u64) -> bool {
        self.reading_wanted_in() <= turn || (self.alive > 0 && self.limits.len() >= MANY)
    }

    /// The turn in which it is to be read at the latest.
    #[inline]
    pub(crate) fn reading_wanted_in(&self) -> u64 {
        if self.alive > 0 { self.since + 2 } else { u64::MAX }
    }

    /// Hands out all of them in the order of setting, among them some that were cancelled.
    pub(crate) fn take(&mut self) -> Vec<Limit> {
        self.alive = 0;
        mem::take(&mut self.limits)
    }

    /// Takes back what it handed out, for the room in it.
    pub(crate) fn give_back(&mut self, mut taken: Vec<Limit>) {
        taken.clear();
        self.limits = taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(slot: u32) -> Limit {
        Limit { length: Duration::from_secs(1), number: u64::from(slot), slot }
    }

    #[test]
    fn a_limit_wants_a_reading_when_it_has_lain_here_for_a_whole_turn() {
        let mut limits = Limits::default();
        assert!(!limits.want_reading(7));
        limits.add(limit(0), 7);
        limits.add(limit(1), 8);
        assert!(!limits.want_reading(8) && limits.want_reading(9));
        assert_eq!(limits.take(), [limit(0), limit(1)]);
        assert!(limits.is_empty() && !limits.want_reading(9));
    }

    #[test]
    fn where_all_were_cancelled_none_is_handed_out_and_the_turn_counts_anew() {
        let mut limits = Limits::default();
        limits.add(limit(0), 7);
        limits.add(limit(1), 7);
        limits.forget_one();
        assert!(!limits.is_empty());
        limits.forget_one();
        assert!(limits.is_empty());
        limits.add(limit(2), 9);
        assert!(!limits.want_reading(10));
        assert_eq!(limits.take(), [limit(2)]);
    }

    #[test]
    fn a_step_that_sets_and_cancels_limits_without_end_is_told_to_read_the_clock() {
        let mut limits = Limits::default();
        limits.add(limit(0), 7);
        for slot in 1..MANY as u32 {
            assert!(!limits.want_reading(7));
            limits.add(limit(slot), 7);
            limits.forget_one();
        }
        assert!(limits.want_reading(7));
    }
}
