//! Who is next, where nobody has promised an order.
//!
//! The ready queue is first in, first out, and programs come to rely on it without knowing. So a
//! test may hand the loop a scheduler: before a turn calls what is ready, the scheduler is shown
//! the entries and may put them into another order.
//!
//! ```text
//!   ready:     [ run a ][ run b ][ callback ][ run c ][ timer ][ run d ]
//!                \____________/               \_______________________/
//!                one segment     stays where        another segment
//!                                it is
//! ```
//!
//! A callback of `call_soon` is promised to run after everything that was ready when it was
//! scheduled, and its handle knows its place. So callbacks stay where they are, and only what
//! stands between two of them is handed out, one segment at a time.
//!
//! The loop does not know what an order means to tasks. Which orders are legal is for the
//! scheduler to know: see `testing/explore.rs` in the executor.
//!
//! # Invariants
//! - An entry is called in the turn in which it would have been called without a scheduler.
//! - Callbacks of `call_soon` keep their place.
//!
//! Tutorial: chapter 19. Before this: `interest.rs`. After this: `readiness_script.rs`.

use crate::observer::Work;

/// One entry of the ready queue, as a [`Scheduler`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyEntry {
    /// Where it stood in the line: counted up with every entry.
    pub place: u64,
    /// What it is.
    pub what: Work,
}

/// Decides in which order a turn calls the steps that are ready: see
/// [`EventLoopBuilder::scheduler`](crate::EventLoopBuilder::scheduler).
pub trait Scheduler {
    /// Puts `segment` into the order in which it is to be called. At first it is in the order of
    /// the line, oldest first.
    ///
    /// Called while nothing of the loop is borrowed. What is handed back must be the same entries:
    /// anything else, and a panic, is reported as a failure, and the old order is kept.
    fn arrange(&self, segment: &mut [ReadyEntry]);
}

/// Whether `order` has exactly the entries of the line that begins at `first`.
pub(crate) fn is_arrangement(first: u64, order: &[ReadyEntry]) -> bool {
    let mut seen = vec![false; order.len()];
    order.iter().all(|entry| {
        let index = entry.place.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        let spot = index.and_then(|index| seen.get_mut(index));
        spot.is_some_and(|seen| !std::mem::replace(seen, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrangement_has_every_place_once() {
        let order = |places: &[u64]| -> Vec<ReadyEntry> {
            places.iter().map(|&place| ReadyEntry { place, what: Work::Main }).collect()
        };
        assert!(is_arrangement(5, &order(&[7, 5, 6])));
        for wrong in [&[5, 5, 6][..], &[5, 6, 8], &[4, 5, 6]] {
            assert!(!is_arrangement(5, &order(wrong)));
        }
    }
}
