//! Tables by number, for a recording.
//!
//! A recording looks into a dozen tables for each step of a task, each by one or two numbers. std's
//! hash map keeps out an adversary who chooses its keys; here the loop itself counts them up, so
//! one multiplication for each number does. (It was a third of what recording costs.)
//!
//! # Invariants
//! - Nobody goes through such a table in order: its order is no part of a trace.
//!
//! Tutorial: chapter 19. Before this: `state.rs`. After this: `numbers.rs`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hash map whose keys are numbers that nobody chooses.
pub(crate) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

#[derive(Default)]
pub(crate) struct NumberHasher {
    hash: u64,
}

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        // By the golden ratio, which spreads numbers that follow each other far apart. The lower
        // half of a product knows nothing of the number's upper bits: so both halves are taken.
        // (Without, all keys that differ in their generation only lay in one place of the table.)
        let product = u128::from(self.hash ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_isize(&mut self, variant: isize) {
        self.write_u64(variant as u64);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_that_follow_each_other_find_their_own() {
        let mut table = NumberMap::default();
        for number in 0..1000u64 {
            table.insert((number, number % 7), number);
        }
        assert!((0..1000).all(|number| table.get(&(number, number % 7)) == Some(&number)));
        assert_eq!(table.get(&(1, 2)), None);
    }

    #[test]
    fn numbers_that_differ_in_their_upper_or_lower_half_only_lie_far_apart() {
        for shift in [0, 8, 20, 32, 48] {
            let place = |number: u64| {
                let mut hasher = NumberHasher::default();
                hasher.write_u64(number << shift);
                hasher.finish() % 1024
            };
            let places: BTreeSet<u64> = (0..1024).map(place).collect();
            assert!(places.len() > 500, "{} places for a shift of {shift}", places.len());
        }
    }
}
