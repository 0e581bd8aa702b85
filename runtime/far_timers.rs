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
//! A cancelled timer's node stays on its pile, *dead*: to take it out, another one would have to be
//! moved into its place, and told so, in memory that nobody has touched for long. (The simple version
//! did that: 4 nanoseconds more for a timer set and cancelled, of 125, where there are a million.)
//! Who is dead, only the timers' table knows.
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
//! - A pile of which all are dead is empty, and one of which most are dead is swept, unless they are
//!   few.
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

/// In which pile a far timer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pile: u16,
}

/// The timers of one span, in the order in which they came.
#[derive(Default)]
struct Pile {
    nodes: Vec<Node>,
    /// How many of them are dead.
    dead: usize,
}

/// Fewer dead nodes than this are never swept out.
pub(crate) const FEW: usize = 64;

/// Whether it is time to sweep the dead out: if they are more than half of all, and not few. Then
/// fewer than two nodes are looked at for each that is swept out.
pub(crate) fn are_mostly_dead(dead: usize, all: usize) -> bool {
    dead >= FEW && dead * 2 > all
}

/// All far timers of one loop.
pub(crate) struct FarTimers {
    horizon: Moment,
    /// For each level, one bit for each pile that is not empty.
    occupied: [u64; LEVELS],
    /// The piles of level 0, then those of level 1, and so on up to the widest level that a timer
    /// has needed. Two or three are enough for most loops, and a loop that sets no timer has none.
    piles: Vec<Pile>,
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
        let spot = self.spot_of(node.deadline);
        self.lay(node, spot);
        spot
    }

    #[inline]
    fn spot_of(&mut self, deadline: Moment) -> Spot {
        let level = self.level_of(deadline);
        let index = pile_of(deadline, level);
        if index >= self.piles.len() {
            self.build_piles(level);
        }
        Spot { pile: index as u16 }
    }

    #[inline]
    fn lay(&mut self, node: Node, spot: Spot) {
        let index = spot.pile as usize;
        self.occupied[index / PILES] |= bit(index);
        self.piles[index].nodes.push(node);
    }

    #[cold]
    fn build_piles(&mut self, widest: usize) {
        self.piles.resize_with((widest + 1) * PILES, Pile::default);
    }

    /// The lowest level on which a deadline is less than 64 spans ahead.
    fn level_of(&self, deadline: Moment) -> usize {
        let ahead = |level| span(deadline, level) - span(self.horizon, level);
        let fits = (0..LEVELS).find(|&level| ahead(level) < PILES as u64);
        fits.expect("the widest level reaches the end of time")
    }

    /// A timer of this pile was cancelled. Its node stays until the pile's time comes, or until most
    /// of them are dead: then they are swept out.
    #[inline]
    pub(crate) fn forget_one(&mut self, spot: Spot, is_alive: impl Fn(Node) -> bool) {
        let index = spot.pile as usize;
        let pile = &mut self.piles[index];
        pile.dead += 1;
        if pile.dead == pile.nodes.len() {
            self.occupied[index / PILES] &= !bit(index);
            pile.nodes.clear();
            pile.dead = 0;
        } else if are_mostly_dead(pile.dead, pile.nodes.len()) {
            pile.nodes.retain(|&node| is_alive(node));
            pile.dead = 0;
        }
    }

    /// Hands out the pile that comes first, dead nodes among it, and moves the horizon to its end.
    /// `note` hears where the timers of wider piles come to lie on the way; it says no for a dead
    /// one.
    pub(crate) fn take_first(
        &mut self,
        mut note: impl FnMut(Node, Spot) -> bool,
    ) -> Option<Vec<Node>> {
        loop {
            let (begin, level) = self.first_pile()?;
            self.horizon = begin;
            let index = pile_of(begin, level);
            self.occupied[level] &= !bit(index);
            let nodes = std::mem::take(&mut self.piles[index]).nodes;
            if level == 0 {
                self.horizon = begin.saturating_add(1 << NARROWEST_BITS);
                return Some(nodes);
            }
            for node in nodes {
                let spot = self.spot_of(node.deadline);
                if note(node, spot) {
                    self.lay(node, spot);
                }
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
        while let Some(nodes) = far.take_first(|_, _| true) {
            let end = far.horizon();
            assert!(nodes.iter().all(|node| begin <= node.deadline && node.deadline < end));
            begin = end;
            slots.push(nodes.iter().map(|node| node.slot).collect::<Vec<_>>());
        }
        assert_eq!(slots, [vec![3], vec![1, 5], vec![0, 2], vec![4]]);
    }

    #[test]
    fn a_pile_of_which_all_were_cancelled_is_no_pile() {
        let mut far = FarTimers::new();
        let spot = far.put(node(50, 0));
        assert_eq!(far.put(node(50, 1)), spot);
        far.forget_one(spot, |node| node.slot != 0);
        assert!(far.first_pile().is_some());
        far.forget_one(spot, |_| false);
        assert!(far.take_first(|_, _| true).is_none());
    }

    #[test]
    fn the_cancelled_are_swept_out_when_they_are_most_of_a_pile() {
        let mut far = FarTimers::new();
        let many = 4 * FEW as u32;
        let spots: Vec<Spot> = (0..many).map(|slot| far.put(node(50, slot))).collect();
        let lying = |far: &FarTimers| far.piles[spots[0].pile as usize].nodes.len() as u32;
        for cancelled in 0..=many / 2 {
            assert_eq!(lying(&far), many);
            far.forget_one(spots[0], |node| node.slot > cancelled);
        }
        assert_eq!(lying(&far), many / 2 - 1);
        let left = far.take_first(|_, _| true).unwrap();
        assert!(left.iter().all(|node| node.slot > many / 2));
    }

    #[test]
    fn a_timer_that_is_dealt_out_to_a_narrower_pile_is_told_of_and_a_dead_one_is_left_out() {
        let mut far = FarTimers::new();
        let wide = far.put(node(10_000, 0));
        far.put(node(10_200, 1));
        far.put(node(10_200, 2));
        let mut moved = Vec::new();
        let first = far.take_first(|node, spot| {
            moved.push((node.slot, spot));
            node.slot != 2
        });
        assert_eq!(first.unwrap(), [node(10_000, 0)]);
        let last_of = |slot| moved.iter().rev().find(|(s, _)| *s == slot).unwrap().1;
        assert_ne!(last_of(0), wide);
        far.forget_one(last_of(1), |_| false);
        assert!(far.take_first(|_, _| true).is_none());
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
        far.forget_one(spot, |_| false);
        assert_eq!(far.take_first(|_, _| true).unwrap(), [node(20, 0)]);
        assert!(far.take_first(|_, _| true).is_none());
    }

    #[test]
    fn the_last_moments_of_time_have_a_pile_too() {
        let mut far = FarTimers::new();
        far.put(Node { deadline: Moment::NEVER, number: 0, slot: 0 });
        assert_eq!(far.take_first(|_, _| true).unwrap().len(), 1);
        assert!(far.take_first(|_, _| true).is_none());
    }
}
