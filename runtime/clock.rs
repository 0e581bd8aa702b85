//! The loop's clock, real or virtual.
//!
//! Everything asks this clock and no other, so a whole program can be run in made-up time.
//! The real clock is the operating system's monotonic one. The virtual clock stands still
//! until nothing else can happen: nothing is ready, nobody waits for a socket, nobody holds
//! the clock. Then it is moved to the next deadline at once: an hour of sleep takes no time,
//! and every run shows the same moments. (Beware: one quiet socket that somebody waits for
//! stops virtual time.)
//!
//! Inside, a moment is a [`Moment`]: nanoseconds in one number, so that timers compare and
//! add without ever overflowing.
//!
//! # Invariants
//! - Time never goes back.
//! - `Moment::NEVER` is later than every moment that the clock can show.
//! - `std::time::Instant` is read in this file only.
//!
//! Tutorial: chapter 3. Before this: `failure.rs`. After this: `callback.rs`.

use std::cell::Cell;
use std::time::Duration;

pub use std::time::Instant;

/// A moment on one loop's clock, in nanoseconds.
///
/// The loop's beginning is not zero but far from it, so that deadlines in the past have a
/// place too and keep their order: 146 years fit before it and 438 after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The loop's beginning.
    pub const START: Moment = Moment(1 << 62);
    /// A deadline that is never reached.
    pub const NEVER: Moment = Moment(u64::MAX);
    /// Nothing is before it.
    pub(crate) const FIRST: Moment = Moment(0);

    /// This moment and `delay` later; too far away is [`Moment::NEVER`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::Moment;
    ///
    /// assert_eq!(Moment::START.after(Duration::MAX), Moment::NEVER);
    /// ```
    #[must_use]
    pub fn after(self, delay: Duration) -> Moment {
        Moment(self.0.saturating_add(nanoseconds(delay)))
    }

    /// How long after `earlier` this moment is; zero if it is not later. For a deadline,
    /// `deadline.since(now)` is the time that is left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::Moment;
    ///
    /// let later = Moment::START.after(Duration::from_millis(3));
    /// assert_eq!(later.since(Moment::START), Duration::from_millis(3));
    /// assert_eq!(Moment::START.since(later), Duration::ZERO);
    /// ```
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The number itself, to sort by.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Moment {
        Moment(bits)
    }

    /// The first moment from this one on whose number ends in so many zero bits.
    pub(crate) const fn rounded_up(self, bits: u32) -> Moment {
        let below = (1 << bits) - 1;
        Moment(self.0.saturating_add(below) & !below)
    }

    pub(crate) const fn saturating_add(self, nanoseconds: u64) -> Moment {
        Moment(self.0.saturating_add(nanoseconds))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One loop's clock.
pub(crate) struct Clock {
    /// The loop's beginning as the operating system counts.
    origin: Instant,
    /// The virtual clock's time; `None` for the real clock.
    virtual_now: Option<Cell<Moment>>,
    /// The last moment that anybody read.
    latest: Cell<Moment>,
}

impl Clock {
    pub(crate) fn real() -> Clock {
        Clock { origin: Instant::now(), virtual_now: None, latest: Cell::new(Moment::START) }
    }

    /// A clock that stands still until it is told to jump.
    pub(crate) fn virtual_time() -> Clock {
        Clock { virtual_now: Some(Cell::new(Moment::START)), ..Clock::real() }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.virtual_now.is_some()
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Moment {
        let now = match &self.virtual_now {
            Some(now) => now.get(),
            None => Moment::START.after(self.origin.elapsed()),
        };
        // The system promises that time never goes back. Where it breaks the promise (after
        // a suspend, in a virtual machine), the last moment is shown again.
        let now = now.max(self.latest.get());
        self.latest.set(now);
        now
    }

    /// Reads the clock for somebody who only watches: `latest` does not hear of it, so the
    /// run is the same with and without.
    pub(crate) fn peek(&self) -> Moment {
        let latest = self.latest.get();
        let now = self.now();
        self.latest.set(latest);
        now
    }

    /// The last moment that anybody read: a little old, and free.
    ///
    /// Setting a timer reads the clock, so a deadline that has already passed is due by
    /// this measure as well.
    pub(crate) fn latest(&self) -> Moment {
        self.latest.get()
    }

    /// Moves the virtual clock to `then`, if that is in the future.
    pub(crate) fn jump_to(&self, then: Moment) {
        let now = self.virtual_now.as_ref().expect("only a virtual clock can jump");
        now.set(now.get().max(then));
        self.now();
    }

    /// `moment` as an [`Instant`], for users.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        if moment >= Moment::START {
            // `Instant` can hold less than `Moment` on some systems: stop at what it can.
            let mut distance = moment.since(Moment::START);
            loop {
                match self.origin.checked_add(distance) {
                    Some(instant) => return instant,
                    None => distance /= 2,
                }
            }
        }
        let distance = Moment::START.since(moment);
        self.origin.checked_sub(distance).unwrap_or(self.origin)
    }

    /// `instant` as a moment of this loop.
    pub(crate) fn moment(&self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.origin) {
            Some(after) => Moment::START.after(after),
            None => {
                let before = nanoseconds(self.origin.duration_since(instant));
                Moment(Moment::START.0.saturating_sub(before))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_virtual_clock_stands_still_until_it_jumps() {
        let clock = Clock::virtual_time();
        assert_eq!((clock.now(), clock.now()), (Moment::START, Moment::START));
        clock.jump_to(Moment::START.after(Duration::from_secs(3600)));
        assert_eq!(clock.now().since(Moment::START), Duration::from_secs(3600));
        clock.jump_to(Moment::START);
        assert_eq!(clock.now().since(Moment::START), Duration::from_secs(3600));
    }

    #[test]
    fn moments_and_instants_translate_both_ways() {
        let clock = Clock::virtual_time();
        for moment in [Moment::START, Moment::START.after(Duration::from_nanos(17))] {
            assert_eq!(clock.moment(clock.instant(moment)), moment);
        }
        let earlier = clock.origin.checked_sub(Duration::from_nanos(5));
        if let Some(earlier) = earlier {
            assert_eq!(Moment::START.since(clock.moment(earlier)), Duration::from_nanos(5));
        }
    }

    #[test]
    fn the_largest_delays_mean_never_and_do_not_overflow() {
        let clock = Clock::real();
        assert_eq!(clock.now().after(Duration::MAX), Moment::NEVER);
        assert_eq!(Moment::NEVER.after(Duration::MAX), Moment::NEVER);
        assert!(clock.instant(Moment::NEVER) > clock.instant(Moment::START));
    }
}
