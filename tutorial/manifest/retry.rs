//! How long to wait between attempts: longer each time, and never in step with others.
//!
//! An error that may pass ("too many open files") is best met by waiting; if it does not pass soon,
//! by waiting longer. And if a hundred files failed for the same reason, they should not all come
//! back at the same moment: each pause is a little longer or shorter, by chance.
//!
//! ```text
//!   pause before attempt n+1  =  base * 2^(n-1), at most cap,  then -10 % .. +10 %
//!   base 50 ms, cap 2 s:         50   100   200   400   800  1600  2000  2000 ...   (each +-10 %)
//! ```
//!
//! This is arithmetic only. Whoever retries takes the next pause from here and sleeps on the loop's
//! clock, so a test of it waits for nothing.
//!
//! # Invariants
//! - A [`Backoff`] gives as many pauses as there are retries, then ends.
//! - The same seed gives the same pauses.
//!
//! Tutorial: chapter 20, the capstone. Before this: `hash_error.rs`. After this: `record.rs`.

use std::time::Duration;

/// The pauses between the attempts at one thing: an iterator of [`Duration`].
///
/// ```
/// use std::time::Duration;
/// use roundelay_tutorial::manifest::retry::{Backoff, CAP};
///
/// let pauses: Vec<_> = Backoff::new(Duration::from_millis(100), CAP, 3, 42).collect();
/// assert_eq!(pauses.len(), 3);
/// assert!((90..=110).contains(&pauses[0].as_millis()));
/// assert!((360..=440).contains(&pauses[2].as_millis()));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    cap: Duration,
    left: u32,
    chance: fastrand::Rng,
}

/// The first pause that `roundelay manifest` makes.
pub const BASE: Duration = Duration::from_millis(50);

/// The longest pause that `roundelay manifest` makes, chance aside.
pub const CAP: Duration = Duration::from_secs(2);

/// How far chance lengthens or shortens a pause.
pub const JITTER: f64 = 0.1;

impl Backoff {
    /// Pauses for `retries` attempts after the first: `base`, then twice as long each time up to
    /// `cap`.
    ///
    /// `seed` decides what chance does: a number for each file, for instance, so that no two go in
    /// step.
    pub fn new(base: Duration, cap: Duration, retries: u32, seed: u64) -> Backoff {
        let chance = fastrand::Rng::with_seed(seed);
        Backoff { next: base.min(cap), cap, left: retries, chance }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.cap);
        // Chance comes after the cap: at the cap it is needed most, because there everybody waits
        // alike.
        let chance = 1.0 + JITTER * (2.0 * self.chance.f64() - 1.0);
        Some(Duration::try_from_secs_f64(pause.as_secs_f64() * chance).unwrap_or(pause))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pause_n_is_the_doubled_base_within_ten_percent_and_the_cap(
            base_us in 1..10_000_000u64, cap_us in 1..10_000_000u64, retries in 0..80u32, seed: u64
        ) {
            let (base, cap) = (Duration::from_micros(base_us), Duration::from_micros(cap_us));
            let backoff = Backoff::new(base, cap, retries, seed);
            let pauses: Vec<_> = backoff.clone().collect();
            prop_assert_eq!(&backoff.collect::<Vec<_>>(), &pauses, "one seed, one schedule");
            prop_assert_eq!(pauses.len(), retries as usize);
            for (n, pause) in pauses.iter().enumerate() {
                let exact = (base.as_secs_f64() * 2f64.powi(n as i32)).min(cap.as_secs_f64());
                let pause = pause.as_secs_f64();
                prop_assert!(pause >= 0.9 * exact - 1e-8 && pause <= 1.1 * exact + 1e-8,
                    "pause {}: {} for {}", n, pause, exact);
            }
        }
    }

    #[test]
    fn chance_spreads_pauses_that_would_be_equal() {
        let pauses = (0..100).filter_map(|seed| Backoff::new(CAP, CAP, 1, seed).next());
        let distinct: std::collections::BTreeSet<_> = pauses.collect();
        assert!(distinct.len() > 90, "{} of 100 are distinct", distinct.len());
    }

    #[test]
    fn even_the_longest_duration_does_not_overflow() {
        let pauses = Backoff::new(Duration::MAX, Duration::MAX, 3, 1);
        assert_eq!(pauses.count(), 3);
    }
}
