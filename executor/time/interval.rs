//! Ticks: the same wait again and again, without drifting.
//!
//! ```text
//!   interval(10 ms)   |----|----|----|----|          moments, fixed by the first
//!   tick().await      0    10   20   30   40
//! ```
//!
//! A loop around `sleep` comes later each time by what its body takes. Ticks are counted
//! from the first, so a late one does not make the next one late. What happens when whole
//! ticks were missed is a choice:
//!
//! ```text
//!   a body that takes 25 ms, once        0 ...... 25
//!   Burst   every tick is made up for    0        25 25 30 40     none is lost
//!   Delay   a whole period after         0        25      35 45   never two close together
//!   Skip    the next in the old rhythm   0        25   30   40    always at round moments
//! ```
//!
//! # Invariants
//! - No tick comes early.
//! - A tick that is dropped half-way is not lost: the next call waits for the same moment.
//!
//! Tutorial: chapters 11 and 14. Before this: `deadline.rs`. After this: `../yield_now.rs`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use roundelay_runtime::Instant;

use crate::time::sleep::{Sleep, now, sleep, sleep_until};

/// Ticks every `period`; the first at once.
///
/// The ticks are counted from the first poll of the first one. "At once" is as for a sleep
/// of no time: every ready task runs once before.
///
/// # Panics
/// If `period` is zero: that would be a loop that never waits.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, interval, sleep};
///
/// Runner::builder().virtual_clock().build()?.run(async {
///     let mut ticks = interval(Duration::from_millis(5));
///     let first = ticks.tick().await;
///     sleep(Duration::from_millis(1)).await; // what the body takes does not add up
///     assert_eq!(ticks.tick().await - first, Duration::from_millis(5));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::new(None, period)
}

/// As [`interval`], with the first tick at `start`.
///
/// # Panics
/// If `period` is zero: that would be a loop that never waits.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{interval_at, now, run};
///
/// run(async {
///     let period = Duration::from_millis(5);
///     let start = now() + period;
///     assert_eq!(interval_at(start, period).tick().await, start);
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(Some(start), period)
}

/// What an [`Interval`] does when a whole period or more has been missed.
///
/// A tick that is late by less keeps the rhythm, whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "MissedTickBehavior")]
pub enum MissedTick {
    /// Makes up for the missed ticks, one after the other: as many come as should have.
    #[default]
    Burst,
    /// Goes on from now: the next tick is a whole period after this one.
    Delay,
    /// Leaves them out: the next tick is the next that should come, counted from the first.
    Skip,
}

/// Ticks: what [`interval`] makes.
///
/// Also a `Stream` of futures-core, which gives the moments and never ends.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{MissedTick, Runner, interval};
///
/// Runner::builder().virtual_clock().build()?.run(async {
///     let mut ticks = interval(Duration::from_millis(1)).missed_tick(MissedTick::Skip);
///     let first = ticks.tick().await;
///     assert_eq!(ticks.tick().await - first, ticks.period());
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an interval ticks only when `tick` is awaited"]
pub struct Interval {
    period: Duration,
    missed_tick: MissedTick,
    /// The moment of the next tick; `None`: as soon as somebody asks.
    next: Option<Instant>,
    /// The wait for it, once somebody has asked.
    sleep: Option<Sleep>,
    /// The next tick is so far away that no clock can hold it.
    is_over: bool,
}

impl Interval {
    #[track_caller]
    fn new(start: Option<Instant>, period: Duration) -> Interval {
        assert!(
            !period.is_zero(),
            "an interval of no time would tick for ever without waiting; give it a period, or \
             call `yield_now` in a loop"
        );
        let missed_tick = MissedTick::default();
        Interval { period, missed_tick, next: start, sleep: None, is_over: false }
    }

    /// Chooses what happens when ticks are missed; by default [`MissedTick::Burst`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{MissedTick, interval};
    ///
    /// let ticks = interval(Duration::from_secs(1)).missed_tick(MissedTick::Skip);
    /// assert_eq!(ticks.period(), Duration::from_secs(1));
    /// ```
    pub fn missed_tick(mut self, missed_tick: MissedTick) -> Interval {
        self.missed_tick = missed_tick;
        self
    }

    /// Waits for the next tick and gives the moment for which it was planned.
    ///
    /// *Cancel safety: safe.* Dropping the future loses no tick; the next call waits for the
    /// same moment.
    ///
    /// # Panics
    /// When polled where no event loop runs, or another than the one that it was first polled
    /// on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, interval, now};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let mut ticks = interval(Duration::from_secs(10));
    ///     let first = ticks.tick().await; // at once
    ///     assert_eq!(ticks.tick().await - first, Duration::from_secs(10));
    ///     assert_eq!(now() - first, Duration::from_secs(10));
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Begins anew: the next tick is a whole period from now.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, interval, now, sleep};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let mut ticks = interval(Duration::from_secs(10));
    ///     ticks.tick().await;
    ///     sleep(Duration::from_secs(7)).await;
    ///     let moment = now();
    ///     ticks.reset(); // a whole period from here, and not the three seconds that were left
    ///     assert_eq!(ticks.tick().await - moment, Duration::from_secs(10));
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reset(&mut self) {
        self.plan(now().checked_add(self.period));
    }

    /// The time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if self.is_over {
            let sleep = self.sleep.get_or_insert_with(|| sleep(Duration::MAX));
            ready!(Pin::new(sleep).poll(cx));
        }
        let planned = *self.next.get_or_insert_with(now);
        let sleep = self.sleep.get_or_insert_with(|| sleep_until(planned));
        ready!(Pin::new(sleep).poll(cx));
        self.plan(self.after(planned, now()));
        Poll::Ready(planned)
    }

    fn plan(&mut self, next: Option<Instant>) {
        self.sleep = None;
        self.is_over = next.is_none();
        self.next = next;
    }

    /// The tick that follows the one that was planned for `planned` and comes `now`.
    fn after(&self, planned: Instant, now: Instant) -> Option<Instant> {
        let late = now.saturating_duration_since(planned);
        let next = planned.checked_add(self.period);
        match self.missed_tick {
            _ if late < self.period => next,
            MissedTick::Burst => next,
            MissedTick::Delay => now.checked_add(self.period),
            MissedTick::Skip => {
                let beyond = nanoseconds(late.as_nanos() % self.period.as_nanos());
                now.checked_sub(beyond)?.checked_add(self.period)
            }
        }
    }
}

fn nanoseconds(nanoseconds: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new((nanoseconds / SECOND) as u64, (nanoseconds % SECOND) as u32)
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
