//! Not more than so many starts in a while.
//!
//! A bucket holds up to `burst` tokens and gets a new one every so often; each start takes one.
//! Nobody has to pour them in: from one moment alone, *when the bucket will be full again*, it
//! follows at any time how many there are and when the next one comes.
//!
//! ```text
//!   interval 200 ms, burst 3              full again
//!   ---------------- now ------------------>|
//!                     |<-- 2 intervals away: 1 token left
//! ```
//!
//! Who finds no token sleeps until there is one. Only the first in line does; the others wait
//! for their turn behind it, so nobody overtakes, and whoever leaves has taken nothing that it
//! must give back.
//!
//! asyncio recipes use a semaphore and a task per permit that gives it back later. That limits
//! fractional rates not at all, and loses permits when the loop ends before those tasks do.
//!
//! # Invariants
//! - In any span of time there start no more than `burst`, plus one for each interval in it.
//! - First come, first served.
//! - A waiter that is dropped has taken no token.
//!
//! Tutorial: chapter 13. Before this: `retry.rs`. After this: `resource_pool.rs`.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::Instant;

use crate::sync::semaphore::Semaphore;
use crate::time::sleep::{now, sleep_until};

/// Lets tasks start at a limited rate. For tasks of one thread; clones share the bucket.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use roundelay_executor::{RateLimiter, Runner, now};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// let took = runner.run(async {
///     // One start every half second.
///     let limiter = RateLimiter::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(1));
///     let start = now();
///     for _ in 0..5 {
///         limiter.acquire().await;
///     }
///     now() - start
/// })?;
/// assert_eq!(took, Duration::from_secs(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[doc(alias = "token bucket")]
pub struct RateLimiter {
    shared: Rc<Shared>,
}

struct Shared {
    /// From one token to the next.
    interval: Duration,
    burst: NonZeroU32,
    /// When the bucket will be full again; `None` before the first start.
    full_at: Cell<Option<Instant>>,
    /// One permit: it makes its holder the first in line.
    turn: Semaphore,
}

impl RateLimiter {
    /// So many starts in each `period`, evenly spaced. A rate below one a second is no
    /// special case: one start in ten seconds. A period of zero limits nothing.
    #[must_use]
    pub fn new(starts: NonZeroU32, period: Duration) -> RateLimiter {
        // Rounded up: rather a nanosecond too slow than too fast.
        let nanoseconds = period.as_nanos().div_ceil(u128::from(starts.get()));
        let interval = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        RateLimiter::with(interval, NonZeroU32::MIN)
    }

    /// The same rate, and up to `burst` starts at once after a quiet time. The bucket is full
    /// at first. To be called before the limiter is used: the bucket begins anew.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use roundelay_executor::{RateLimiter, Runner, now};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// let [one, three] = [1, 3].map(|n| NonZeroU32::new(n).unwrap());
    /// let took = runner.run(async {
    ///     let limiter = RateLimiter::new(one, Duration::from_secs(1)).burst(three);
    ///     let start = now();
    ///     for _ in 0..4 {
    ///         limiter.acquire().await; // three at once, then one in a second
    ///     }
    ///     now() - start
    /// })?;
    /// assert_eq!(took, Duration::from_secs(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn burst(self, burst: NonZeroU32) -> RateLimiter {
        RateLimiter::with(self.shared.interval, burst)
    }

    fn with(interval: Duration, burst: NonZeroU32) -> RateLimiter {
        let turn = Semaphore::new(1);
        let shared = Shared { interval, burst, full_at: Cell::new(None), turn };
        RateLimiter { shared: Rc::new(shared) }
    }

    /// Waits for a token and takes it. With one to spare and nobody in line it does not wait
    /// at all.
    ///
    /// *Cancel safety: loses its place* in the line; no token is lost.
    ///
    /// # Panics
    /// When polled where no event loop runs.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::Duration};
    /// use roundelay_executor::{RateLimiter, Runner, now};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let limiter = RateLimiter::new(NonZeroU32::MIN, Duration::from_secs(10));
    ///     let start = now();
    ///     limiter.acquire().await; // at once
    ///     limiter.acquire().await;
    ///     assert_eq!(now() - start, Duration::from_secs(10));
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn acquire(&self) {
        let _first_in_line = self.shared.turn.acquire().await;
        loop {
            match self.shared.take(now()) {
                Ok(()) => return,
                Err(Some(there)) => sleep_until(there).await,
                Err(None) => std::future::pending().await,
            }
        }
    }

    /// Takes a token if there is one and nobody waits for it.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::Duration};
    /// use roundelay_executor::{RateLimiter, run};
    ///
    /// run(async {
    ///     let hourly = RateLimiter::new(NonZeroU32::MIN, Duration::from_secs(3600));
    ///     assert!(hourly.try_acquire());
    ///     assert!(!hourly.try_acquire()); // not within this hour
    /// });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn try_acquire(&self) -> bool {
        let turn = self.shared.turn.try_acquire();
        turn.is_some() && self.shared.take(now()).is_ok()
    }

    /// How many wait, the one that sleeps for the next token included.
    ///
    /// ```
    /// use std::{num::NonZeroU32, pin::pin, time::Duration};
    /// use futures_lite::future::poll_once;
    /// use roundelay_executor::{RateLimiter, run};
    ///
    /// run(async {
    ///     let hourly = RateLimiter::new(NonZeroU32::MIN, Duration::from_secs(3600));
    ///     hourly.acquire().await;
    ///     let mut next = pin!(hourly.acquire());
    ///     assert!(poll_once(next.as_mut()).await.is_none());
    ///     assert_eq!(hourly.waiting(), 1);
    /// });
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.turn.waiting() + usize::from(self.shared.turn.is_exhausted())
    }
}

impl Shared {
    /// Takes a token, or says when there will be one (`None`: at no time that a clock can show).
    fn take(&self, now: Instant) -> Result<(), Option<Instant>> {
        // Taking one moves the moment at which the bucket is full by one interval; it must not
        // be moved further away than a whole bucket takes to fill.
        let full_at = self.full_at.get().map_or(now, |full_at| full_at.max(now));
        let nearly_full = self.interval.saturating_mul(self.burst.get() - 1);
        let wait = full_at.duration_since(now).saturating_sub(nearly_full);
        if !wait.is_zero() {
            return Err(now.checked_add(wait));
        }
        let next = full_at.checked_add(self.interval).ok_or(None)?;
        self.full_at.set(Some(next));
        Ok(())
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("interval", &self.shared.interval)
            .field("burst", &self.shared.burst)
            .field("waiting", &self.waiting())
            .finish()
    }
}
