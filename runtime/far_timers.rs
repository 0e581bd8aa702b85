//! Timers that are far away: piles, not yet sorted.
//!
//! Most timers guard something that nearly always ends in time, and are cancelled long before
//! their deadline. Sorting them in would be work for nothing. So far timers lie in *piles*, one
//! for each span of the future, in no order within a pile. The near future has narrow spans, and
//! the further away, the wider they are: 64 piles of 4 milliseconds, 64 of a quarter of a second,
//! 64 of 17 seconds, and so on. When a wide pile's time comes, it is dealt out to narrower ones;
//! when a narrow one's time comes, it is handed out, to be sorted.
//!
//! ```text
//!             |horizon
//!   level 0   | s3 s9 |   | s4 |  ...   64 piles, each of 2^22 ns: 4.2 ms
//!   level 1   | s8    | s2 s7   | ...   64 piles, each of 2^28 ns: 0.27 s
//!   level 2   |       | s1 s5   | ...   64 piles, each of 2^34 ns: 17 s     (and four more)
//! ```
//!
//! These are the hierarchical timing wheels of G. Varghese and T. Lauck (1987): the piles of a
//! level are used over and over, as the hours on a clock's face.
//!
//! # Invariants
//! - No timer here has a deadline before the horizon, and the horizon never goes back.
//! - On its level a timer is less than 64 spans ahead of the horizon, so no pile ever holds
//!   timers of two spans.
//! - A timer lies where its [`Spot`] says. Whoever moves one says so: to the caller, who keeps
//!   the spots.
//!
//! Tutorial: chapter 3. Before this: `context.rs`. After this: `near_timers.rs`.

use crate::clock::Moment;

/// A timer as the piles and the heap know it: its deadline, its number, its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) deadline: Moment,
    pub(crate) number: u64,
    pub(crate) slot: u32,
}

impl Node {
    /// Deadline and number as one number, to sort by: it is compared without a branch.
    pub(crate) fn rank(self) -> u128 {
        u128::from(self.deadline.to_bits()) << 64 | u128::from(self.number)
    }
}

/// Where a far timer lies: in which pile, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pile: u16,
    place: u32,
}

/// All far timers of one loop.
pub(crate) struct FarTimers {
    horizon: Moment,
    /// For each level, one bit for each pile that is not empty.
    occupied: [u64; LEVELS],
    /// The piles of level 0, then those of level 1, and so on up to the widest level that a timer
    /// has needed. Two or three are enough for most loops, and a loop that sets no timer has none.
    piles: Vec<Vec<Node>>,
}

/// How many piles a level has: as many as a word has bits.
const PILES: usize = 64;
/// A pile of level 0 holds the timers of 2^22 nanoseconds, about 4 milliseconds. With a million
/// timers in a second that is 4,000 to sort at a time, few enough for the processor's cache.
const NARROWEST_BITS: u32 = 22;
/// Each level's spans are 64 times as wide as those of the one below.
const BITS_PER_LEVEL: u32 = PILES.ilog2();
/// So many that the widest level reaches the end of time.
const LEVELS: usize = (u64::BITS - NARROWEST_BITS).div_ceil(BITS_PER_LEVEL) as usize;

impl FarTimers {
    pub(crate) fn new() -> FarTimers {
        FarTimers { horizon: Moment::START, occupied: [0; LEVELS], piles: Vec::new() }
    }

    /// Earlier deadlines do not belong here.
    pub(crate) fn horizon(&self) -> Moment {
        self.horizon
    }

    /// Lays a timer on its pile. Its deadline must not be before the horizon.
    #[inline]
    pub(crate) fn put(&mut self, node: Node) -> Spot {
        let level = self.level_of(node.deadline);
        let index = pile_of(node.deadline, level);
        self.occupied[level] |= bit(index);
        if index >= self.piles.len() {
            self.build_piles(level);
        }
        let nodes = &mut self.piles[index];
        nodes.push(node);
        Spot { pile: index as u16, place: (nodes.len() - 1) as u32 }
    }

    #[cold]
    fn build_piles(&mut self, widest: usize) {
        self.piles.resize_with((widest + 1) * PILES, Vec::new);
    }

    /// The lowest level on which a deadline is less than 64 spans ahead.
    fn level_of(&self, deadline: Moment) -> usize {
        let ahead = |level| span(deadline, level) - span(self.horizon, level);
        let fits = (0..LEVELS).find(|&level| ahead(level) < PILES as u64);
        fits.expect("the widest level reaches the end of time")
    }

    /// Takes a timer away. The last of its pile comes to lie in its place: its slot is returned,
    /// if there is one.
    pub(crate) fn remove(&mut self, spot: Spot) -> Option<u32> {
        let index = spot.pile as usize;
        let nodes = &mut self.piles[index];
        nodes.swap_remove(spot.place as usize);
        if nodes.is_empty() {
            self.occupied[index / PILES] &= !bit(index);
        }
        nodes.get(spot.place as usize).map(|node| node.slot)
    }

    /// Hands out the pile that comes first, and moves the horizon to its end. `moved` hears
    /// where the timers of wider piles come to lie on the way.
    pub(crate) fn take_first(&mut self, mut moved: impl FnMut(Node, Spot)) -> Option<Vec<Node>> {
        loop {
            let (begin, level) = self.first_pile()?;
            self.horizon = begin;
            let index = pile_of(begin, level);
            self.occupied[level] &= !bit(index);
            let nodes = std::mem::take(&mut self.piles[index]);
            if level == 0 {
                self.horizon = begin.saturating_add(1 << NARROWEST_BITS);
                return Some(nodes);
            }
            for node in nodes {
                let spot = self.put(node);
                moved(node, spot);
            }
        }
    }

    /// Where the earliest pile begins, and its level: of two that begin together the wider one,
    /// which is to be dealt out first.
    fn first_pile(&self) -> Option<(Moment, usize)> {
        let mut first: Option<(Moment, usize)> = None;
        for (level, &occupied) in self.occupied.iter().enumerate() {
            if occupied == 0 {
                continue;
            }
            let now = span(self.horizon, level);
            let ahead = occupied.rotate_right((now % PILES as u64) as u32).trailing_zeros();
            let begin = Moment::from_bits((now + u64::from(ahead)) << bits(level));
            if first.is_none_or(|(earliest, _)| begin <= earliest) {
                first = Some((begin, level));
            }
        }
        first
    }

    /// Says whether a pile's time has come. If not, the horizon moves to the end of the span in
    /// which `now` lies: spans are narrow near the horizon, so it should not lag behind.
    #[inline]
    pub(crate) fn advance(&mut self, now: Moment) -> bool {
        // Asked in every turn: mostly the horizon is ahead of the clock, and no timer lies before
        // the horizon.
        now >= self.horizon && self.really_advance(now)
    }

    fn really_advance(&mut self, now: Moment) -> bool {
        if let Some((begin, _)) = self.first_pile()
            && begin <= now
        {
            return true;
        }
        // A pile that begins later begins with a later span.
        let begin = now.to_bits() >> NARROWEST_BITS << NARROWEST_BITS;
        self.horizon = Moment::from_bits(begin).saturating_add(1 << NARROWEST_BITS);
        false
    }

    /// Forgets every timer.
    pub(crate) fn clear(&mut self) {
        if self.first_pile().is_some() {
            *self = FarTimers { horizon: self.horizon, ..FarTimers::new() };
        }
    }
}

/// Where the pile of a moment stands in the row of all piles.
fn pile_of(moment: Moment, level: usize) -> usize {
    level * PILES + (span(moment, level) % PILES as u64) as usize
}

/// A pile's bit among those of its level.
fn bit(index: usize) -> u64 {
    1 << (index % PILES)
}

/// The number of the span in which a moment lies.
fn span(moment: Moment, level: usize) -> u64 {
    moment.to_bits() >> bits(level)
}

fn bits(level: usize) -> u32 {
    NARROWEST_BITS + BITS_PER_LEVEL * level as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn node(ms: u64, slot: u32) -> Node {
        let deadline = Moment::START.after(Duration::from_millis(ms));
        Node { deadline, number: u64::from(slot), slot }
    }

    #[test]
    fn piles_come_out_by_time_and_hold_what_was_laid_on_them() {
        let mut far = FarTimers::new();
        for (slot, ms) in [9_000, 100, 9_000, 40, 3_600_000, 99].into_iter().enumerate() {
            far.put(node(ms, slot as u32));
        }
        let mut slots = Vec::new();
        let mut begin = far.horizon();
        while let Some(nodes) = far.take_first(|_, _| ()) {
            let end = far.horizon();
            assert!(nodes.iter().all(|node| begin <= node.deadline && node.deadline < end));
            begin = end;
            slots.push(nodes.iter().map(|node| node.slot).collect::<Vec<_>>());
        }
        assert_eq!(slots, [vec![3], vec![1, 5], vec![0, 2], vec![4]]);
    }

    #[test]
    fn whoever_lies_last_takes_the_place_of_one_that_is_taken_away() {
        let mut far = FarTimers::new();
        let first = far.put(node(50, 0));
        far.put(node(50, 1));
        let last = far.put(node(50, 2));
        assert_eq!(far.remove(first), Some(2));
        assert_eq!((last.place, far.remove(first)), (2, Some(1)));
        assert_eq!(far.remove(first), None);
        assert!(far.take_first(|_, _| ()).is_none());
    }

    #[test]
    fn a_timer_that_is_dealt_out_to_a_narrower_pile_is_told_of() {
        let mut far = FarTimers::new();
        let wide = far.put(node(10_000, 0));
        far.put(node(10_200, 1));
        let mut moved = Vec::new();
        far.take_first(|node, spot| moved.push((node.slot, spot)));
        let last_of = |slot| moved.iter().rev().find(|(s, _)| *s == slot).unwrap().1;
        assert_ne!(last_of(0), wide);
        assert_eq!(far.remove(last_of(1)), None);
        assert!(far.take_first(|_, _| ()).is_none());
    }

    #[test]
    fn the_horizon_follows_the_clock_but_passes_no_pile() {
        let mut far = FarTimers::new();
        far.put(node(500, 0));
        let at = |ms| node(ms, 0).deadline;
        assert!(!far.advance(at(100)) && at(100) < far.horizon() && far.horizon() < at(105));
        assert!(!far.advance(at(100)));
        assert!(far.advance(at(600)) && far.horizon() < at(500));
    }

    #[test]
    fn a_level_is_built_when_the_first_timer_needs_it() {
        let mut far = FarTimers::new();
        assert_eq!(far.piles.len(), 0);
        far.put(node(20, 0));
        assert_eq!(far.piles.len(), PILES);
        let spot = far.put(node(60_000, 1));
        assert_eq!(far.piles.len(), 3 * PILES);
        assert_eq!(far.remove(spot), None);
        assert_eq!(far.take_first(|_, _| ()).unwrap(), [node(20, 0)]);
        assert!(far.take_first(|_, _| ()).is_none());
    }

    #[test]
    fn the_last_moments_of_time_have_a_pile_too() {
        let mut far = FarTimers::new();
        far.put(Node { deadline: Moment::NEVER, number: 0, slot: 0 });
        assert_eq!(far.take_first(|_, _| ()).unwrap().len(), 1);
        assert!(far.take_first(|_, _| ()).is_none());
    }
}
