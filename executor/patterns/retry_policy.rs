//! How to try again: how often, after which pauses, for how long.
//!
//! ```text
//!   by a factor    first pause * factor^(n-1)  \
//!   linear         first pause * n              > at most the longest, times a number near 1
//!   of one's own   whatever it says of n       /                                  = pause n
//! ```
//!
//! The pauses grow so that a server in trouble is left alone, and are jittered so that those
//! who failed together do not come back together.
//!
//! # Invariants
//! - There is at least one attempt: the count is of attempts, not of retries.
//! - No pause is longer than the longest, jitter included.
//! - Of several ways to grow the one that was set last counts.
//!
//! Tutorial: chapter 11. Before this: `../random.rs`. After this: `retry.rs`.

use std::fmt;
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::random::Random;

/// How [`retry`](crate::retry()) tries again. Durations are on the loop's clock.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use roundelay_executor::RetryPolicy;
///
/// let policy = RetryPolicy::new(NonZeroU32::new(5).unwrap())
///     .first_pause(Duration::from_millis(100))
///     .jitter_percent(0);
/// let pauses: Vec<_> = policy.pauses().map(|pause| pause.as_millis()).collect();
/// assert_eq!(pauses, [100, 200, 400, 800]); // between five attempts lie four pauses
/// ```
#[derive(Clone, Debug)]
#[must_use = "a policy does nothing until it is given to `retry`"]
pub struct RetryPolicy {
    pub(crate) attempts: NonZeroU32,
    first_pause: Duration,
    growth: Growth,
    longest_pause: Duration,
    jitter_percent: u32,
    pub(crate) limit: Option<Duration>,
    seed: Option<u64>,
}

/// How long the next pause is, before the longest and the jitter have their say.
#[derive(Clone)]
enum Growth {
    ByFactor(u32),
    Linear,
    Own(Arc<dyn Fn(u32) -> Duration + Send + Sync>),
}

impl RetryPolicy {
    /// So many attempts in all. The first pause is 100 ms, each next one twice as long, none
    /// longer than 30 s; each is up to 10 % shorter or longer than that, by chance.
    pub fn new(attempts: NonZeroU32) -> RetryPolicy {
        RetryPolicy {
            attempts,
            first_pause: Duration::from_millis(100),
            growth: Growth::ByFactor(2),
            longest_pause: Duration::from_secs(30),
            jitter_percent: 10,
            limit: None,
            seed: None,
        }
    }

    /// The pause after the first failed attempt.
    pub fn first_pause(mut self, pause: Duration) -> RetryPolicy {
        self.first_pause = pause;
        self
    }

    /// How many times as long each next pause is; with 1 they are all alike. 0 counts as 1.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::RetryPolicy;
    ///
    /// let policy = RetryPolicy::new(NonZeroU32::new(4).unwrap())
    ///     .first_pause(Duration::from_secs(1))
    ///     .factor(3)
    ///     .jitter_percent(0);
    /// assert_eq!(policy.pauses().map(|pause| pause.as_secs()).collect::<Vec<_>>(), [1, 3, 9]);
    /// ```
    pub fn factor(mut self, factor: u32) -> RetryPolicy {
        self.growth = Growth::ByFactor(factor.max(1));
        self
    }

    /// Each next pause is longer by the first one: the delay times the number of attempts.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::RetryPolicy;
    ///
    /// let policy = RetryPolicy::new(NonZeroU32::new(5).unwrap())
    ///     .first_pause(Duration::from_secs(2))
    ///     .linear()
    ///     .jitter_percent(0);
    /// assert_eq!(policy.pauses().map(|pause| pause.as_secs()).collect::<Vec<_>>(), [2, 4, 6, 8]);
    /// ```
    pub fn linear(mut self) -> RetryPolicy {
        self.growth = Growth::Linear;
        self
    }

    /// Asks `pause_after` for each pause: it is given the number of the attempt that has failed,
    /// from 1 on. The first pause that was set counts for nothing then; the longest one and the
    /// jitter do. It is asked when the attempt has failed, and its panic comes out of
    /// [`retry`](crate::retry()).
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::RetryPolicy;
    ///
    /// // Once more at once, then as a table says, the last line for all that follow.
    /// let table = [0, 1, 5, 30].map(Duration::from_secs);
    /// let policy = RetryPolicy::new(NonZeroU32::new(7).unwrap())
    ///     .pauses_by(move |failed| table[failed.min(4) as usize - 1])
    ///     .jitter_percent(0);
    /// let pauses: Vec<_> = policy.pauses().map(|pause| pause.as_secs()).collect();
    /// assert_eq!(pauses, [0, 1, 5, 30, 30, 30]);
    /// ```
    pub fn pauses_by(
        mut self,
        pause_after: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> RetryPolicy {
        self.growth = Growth::Own(Arc::new(pause_after));
        self
    }

    /// No pause is longer than this.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::RetryPolicy;
    ///
    /// let policy = RetryPolicy::new(NonZeroU32::new(5).unwrap())
    ///     .first_pause(Duration::from_secs(1))
    ///     .factor(10)
    ///     .longest_pause(Duration::from_secs(60))
    ///     .jitter_percent(0);
    /// assert_eq!(policy.pauses().map(|pause| pause.as_secs()).collect::<Vec<_>>(), [1, 10, 60, 60]);
    /// ```
    pub fn longest_pause(mut self, pause: Duration) -> RetryPolicy {
        self.longest_pause = pause;
        self
    }

    /// By how many percent a pause may be shorter or longer, by chance. Above 100 counts as 100.
    pub fn jitter_percent(mut self, percent: u32) -> RetryPolicy {
        self.jitter_percent = percent.min(100);
        self
    }

    /// A limit for everything together: attempts and pauses.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::{GaveUp, RetryPolicy, Runner, retry};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// let policy = RetryPolicy::new(NonZeroU32::MAX).within(Duration::from_secs(1));
    /// let failed = runner.run(retry(&policy, async |_| Err::<(), _>("busy")))?.unwrap_err();
    /// assert_eq!(failed.why(), GaveUp::OutOfTime);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(mut self, limit: Duration) -> RetryPolicy {
        self.limit = Some(limit);
        self
    }

    /// Takes the jitter from this seed, so that the pauses are the same each time. In a test
    /// that has a seed this is not needed: see [`with_seed`](crate::with_seed()).
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use roundelay_executor::RetryPolicy;
    ///
    /// let policy = RetryPolicy::new(NonZeroU32::new(5).unwrap()).seed(7);
    /// assert!(policy.pauses().eq(policy.pauses()));
    /// ```
    pub fn seed(mut self, seed: u64) -> RetryPolicy {
        self.seed = Some(seed);
        self
    }

    /// The pauses between the attempts, one fewer than attempts.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let policy = self.clone();
        let mut random = self.seed.map_or_else(Random::new, Random::seeded);
        let mut grown = self.first_pause;
        (1..self.attempts.get()).map(move |failed| {
            let even = match &policy.growth {
                Growth::ByFactor(factor) => {
                    let next = grown.saturating_mul(*factor).min(policy.longest_pause);
                    mem::replace(&mut grown, next)
                }
                Growth::Linear => policy.first_pause.saturating_mul(failed),
                Growth::Own(pause_after) => pause_after(failed),
            };
            policy.jittered(even.min(policy.longest_pause), &mut random)
        })
    }

    fn jittered(&self, pause: Duration, random: &mut Random) -> Duration {
        if self.jitter_percent == 0 {
            return pause;
        }
        // In millionths: from 100 % - jitter to 100 % + jitter.
        let jitter = u64::from(self.jitter_percent) * 10_000;
        let share = 1_000_000 - jitter + random.below(2 * jitter + 1);
        let nanoseconds = pause.as_nanos().saturating_mul(u128::from(share)) / 1_000_000;
        let jittered = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        jittered.min(self.longest_pause)
    }
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Growth::ByFactor(factor) => f.debug_tuple("ByFactor").field(factor).finish(),
            Growth::Linear => f.write_str("Linear"),
            Growth::Own(_) => f.write_str("Own"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_pause_lies_in_its_band_and_below_the_longest(
            attempts in 1_u32..40,
            first in 0_u64..10_000,
            factor in 0_u32..5,
            longest in 0_u64..100_000,
            percent in 0_u32..130,
            seed: u64,
        ) {
            let policy = RetryPolicy::new(NonZeroU32::new(attempts).unwrap())
                .first_pause(Duration::from_millis(first))
                .factor(factor)
                .longest_pause(Duration::from_millis(longest))
                .jitter_percent(percent)
                .seed(seed);
            let pauses: Vec<Duration> = policy.pauses().collect();
            prop_assert_eq!(pauses.len(), attempts as usize - 1);
            prop_assert_eq!(&pauses, &policy.pauses().collect::<Vec<_>>());
            for (n, pause) in (0_u32..).zip(&pauses) {
                let grown = u128::from(first) * u128::from(factor.max(1)).pow(n);
                let even = grown.min(u128::from(longest)) as f64 / 1e3;
                let jitter = f64::from(percent.min(100)) / 1e2;
                let seconds = pause.as_secs_f64();
                prop_assert!(seconds >= even * (1.0 - jitter) - 1e-6);
                prop_assert!(seconds <= even * (1.0 + jitter) + 1e-6);
                prop_assert!(*pause <= Duration::from_millis(longest));
            }
        }
    }

    #[test]
    fn the_largest_durations_do_not_overflow() {
        let policy = RetryPolicy::new(NonZeroU32::new(4).unwrap())
            .first_pause(Duration::MAX)
            .longest_pause(Duration::MAX)
            .jitter_percent(100);
        let growing = [
            policy.clone().factor(u32::MAX),
            policy.clone().linear(),
            policy.pauses_by(|_| Duration::MAX),
        ];
        for policy in growing {
            assert_eq!(policy.pauses().count(), 3, "{policy:?}");
        }
    }
}
