//! Chance, from a seed.
//!
//! Jitter, shuffled orders and simulated faults need numbers that nobody can predict, and a
//! test needs the same ones again. So every generator of this crate starts from a seed, and in
//! a test the seed comes from the test:
//!
//! ```text
//!   with_seed(7, || ..)  or  #[test(seed = 7)]     Random::new() -> seeds drawn from 7, in order
//!   otherwise                                      Random::new() -> a seed from the system
//! ```
//!
//! The generator is SplitMix64 (Steele, Lea, Flood 2014): one number of state, three lines, good
//! enough for all that and for no secret.
//!
//! # Invariants
//! - The same seed gives the same numbers on every machine.
//!
//! Tutorial: chapter 19. Before this: `bridge/from_thread.rs`. After this: `patterns/retry_policy.rs`.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A small random generator. Not for secrets.
///
/// ```
/// use roundelay_executor::Random;
///
/// let (mut one, mut other) = (Random::seeded(7), Random::seeded(7));
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!((0..100).all(|_| one.below(6) < 6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

thread_local! {
    /// Where the seeds of a seeded run come from.
    static SEEDS: Cell<Option<u64>> = const { Cell::new(None) };
}

impl Random {
    /// A generator that no other resembles; within [`with_seed`], the next one that its seed
    /// gives.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "two of them are never equal")]
    pub fn new() -> Random {
        let seed = SEEDS.try_with(|seeds| {
            let mut source = Random::seeded(seeds.get()?);
            let seed = source.next_u64();
            seeds.set(Some(source.state));
            Some(seed)
        });
        // Each `RandomState` has keys of its own, drawn from the system.
        Random::seeded(seed.ok().flatten().unwrap_or_else(|| RandomState::new().hash_one(0_u8)))
    }

    /// The generator of this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next number: any 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`. (A multiplication spreads them more evenly than a remainder would;
    /// what bias is left is less than `end` in 2⁶⁴.)
    ///
    /// # Panics
    /// If `end` is zero: no number is below that.
    ///
    /// ```
    /// let mut dice = roundelay_executor::Random::seeded(7);
    /// assert!((0..1000).map(|_| dice.below(6) + 1).all(|eyes| (1..=6).contains(&eyes)));
    /// ```
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "Random::below needs an end above zero: no number is below it");
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }
}

/// Calls `work` so that everything random in it comes from `seed`, on this thread.
///
/// ```
/// use roundelay_executor::{Random, with_seed};
///
/// let draw = || with_seed(7, || [Random::new().next_u64(), Random::new().next_u64()]);
/// assert_eq!(draw(), draw());
/// assert_ne!(draw()[0], draw()[1]);
/// ```
pub fn with_seed<T>(seed: u64, work: impl FnOnce() -> T) -> T {
    let _restore = Restore { earlier: SEEDS.with(|seeds| seeds.replace(Some(seed))) };
    work()
}

/// Puts the earlier seed back, also when the work panics.
struct Restore {
    earlier: Option<u64>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = SEEDS.try_with(|seeds| seeds.set(self.earlier));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The reference values of its authors for the seed 1234567.
        let mut random = Random::seeded(1_234_567);
        let first = [random.next_u64(), random.next_u64(), random.next_u64()];
        let known =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(first, known);
    }

    #[test]
    fn a_seed_holds_for_its_run_only() {
        let seeded = with_seed(1, Random::new);
        let nested = with_seed(1, || (with_seed(2, Random::new), Random::new()));
        assert_eq!(nested.1, seeded);
        assert_ne!(nested.0, seeded);
        assert_ne!(Random::new(), Random::new());
    }
}
