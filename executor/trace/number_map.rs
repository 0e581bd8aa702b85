//! Tables by number, for a recording.
//!
//! A recording looks into a dozen tables for each step of a task, each by one or two numbers. std's
//! hash map keeps out an adversary who chooses its keys; here the loop itself counts them up, so one
//! multiplication for each number does. (It was a third of what recording costs.)
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
        // By the golden ratio, which spreads numbers that follow each other far apart.
        self.hash = (self.hash.rotate_left(32) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
}
