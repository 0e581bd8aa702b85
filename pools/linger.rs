//! Lingering: a thread that has nothing to do stays awake for a moment before it sleeps.
//!
//! To sleep and be woken costs both sides: the sleeper a switch or two, the waker a system call,
//! and if the sleeper's processor has gone idle meanwhile, it takes some 30 microseconds to come
//! back. A tiny job is done in one. So whoever runs out of work looks again
//! for a moment, and gives way to other threads between two looks.
//!
//! ```text
//!   nothing there -> look, give way, look, give way .. 50 us -> sleep
//!                          | there it is: no sleep, no wake-up     the moment was in vain
//!                          v
//!              next time: the same                 next time: sleep at once; then 3 times; 7; ..
//! ```
//!
//! The moment is about as long as a sleep with its wake-up costs. Whoever waits so long and then
//! sleeps pays at most twice what the better of the two would have cost ("ski rental"; Karlin and
//! others, *Competitive randomized algorithms for nonuniform problems*, 1990). And whoever waited
//! in vain leaves it out, each time twice as often, so a pool of long jobs does not notice.
//!
//! The simple version sleeps at once. It is as fast while the scheduler keeps both threads on one
//! processor, and ten times as slow when it has put them on two: a round trip of 32 microseconds
//! and 53 of processor time for both, which is 3 and 6 with this. A thread that gives way where no
//! other can run comes back at once; on one processor it is what lets the other one go on. Where
//! strangers want the processor, to give way can cost milliseconds, which a sleeper does not pay:
//! who wakes up goes first. Then it is left out for 32 times as long as was lost.
//!
//! # Invariants
//! - A moment ends by itself. A thread with nothing to do sleeps, and nothing wakes it.
//! - After moments in vain fewer are tried, one in 256 waits at last; one success restores them.
//! - Of the time, a thirtieth at most is lost to strangers by giving way.
//!
//! Tutorial: the chapter on thread pools. Before this: `shelf.rs`. After this: `slot.rs`.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// What one waiting thread has learned about lingering.
#[derive(Clone, Copy)]
pub(crate) struct Linger {
    /// After the last moment, so many waits are to go without one.
    leave_out: u8,
    left_out: u8,
    /// Strangers had the processor.
    rests_until: Option<Instant>,
}

/// A little longer than a sleeping thread on an idle processor takes to wake up: whoever has just
/// woken somebody, and lingers, is still there when the answer comes.
const MOMENT: Duration = Duration::from_micros(50);

/// A moment that took so long was somebody else's.
const LOST: Duration = MOMENT.saturating_mul(4);

/// So many times as long as was lost, nobody lingers.
const REST: u32 = 32;

thread_local! {
    static OWN: Cell<Linger> = const { Cell::new(Linger::new()) };
}

impl Linger {
    pub(crate) const fn new() -> Linger {
        Linger { leave_out: 0, left_out: 0, rests_until: None }
    }

    /// Looks for a moment, but not beyond the deadline; or does not look at all, where that has
    /// been in vain lately.
    pub(crate) fn linger<T>(
        &mut self,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if self.left_out < self.leave_out {
            self.left_out += 1;
            return None;
        }
        let began = Instant::now();
        if self.rests_until.is_some_and(|end| began < end) {
            return None;
        }
        let end = deadline.map_or(began + MOMENT, |deadline| deadline.min(began + MOMENT));
        let (mut now, mut found) = (began, None);
        while found.is_none() && now < end {
            thread::yield_now();
            found = look();
            now = Instant::now();
        }
        if found.is_some() || now - began >= MOMENT {
            self.learn(found.is_some(), now - began, now);
        }
        found
    }

    /// The same with what this thread has learned from all its waits.
    pub(crate) fn here<T>(deadline: Option<Instant>, look: impl FnMut() -> Option<T>) -> Option<T> {
        let mut own = OWN.get();
        let found = own.linger(deadline, look);
        OWN.set(own);
        found
    }

    /// The time that others had the processor was well spent.
    pub(crate) fn has_lost_nothing(&mut self) {
        self.rests_until = None;
    }

    fn learn(&mut self, found: bool, took: Duration, now: Instant) {
        self.left_out = 0;
        self.leave_out = if found { 0 } else { self.leave_out.saturating_mul(2) | 1 };
        self.rests_until = (took > LOST).then(|| now + REST * took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_somebody_lingers_is_found() {
        let mut linger = Linger::new();
        let mut looks = 0;
        let found = linger.linger(None, || {
            looks += 1;
            Some("here")
        });
        assert_eq!((found, looks), (Some("here"), 1));
    }

    #[test]
    fn a_moment_ends_by_itself_and_a_deadline_that_has_passed_ends_it_at_once() {
        assert_eq!(Linger::new().linger(None, || None::<()>), None);
        let mut looks = 0;
        let passed = Some(Instant::now());
        let found = Linger::new().linger(passed, || {
            looks += 1;
            Some(())
        });
        assert_eq!((found, looks), (None, 0));
    }

    #[test]
    fn moments_in_vain_are_tried_less_and_less_often_and_one_success_restores_them() {
        let mut linger = Linger::new();
        let now = Instant::now();
        let mut waits_until_next = || {
            linger.learn(false, MOMENT, now);
            let looks = |linger: &mut Linger| linger.linger(None, || Some(())).is_some();
            let mut next = linger;
            1 + (0..).take_while(|_| !looks(&mut next)).count()
        };
        let waits: Vec<_> = (0..10).map(|_| waits_until_next()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        linger.learn(true, MOMENT, now);
        assert_eq!(linger.linger(None, || Some("here")), Some("here"));
    }

    #[test]
    fn after_time_lost_to_strangers_nobody_looks_for_32_times_as_long() {
        let mut linger = Linger::new();
        let now = Instant::now();
        linger.learn(true, Duration::from_secs(60), now);
        assert_eq!(linger.rests_until, Some(now + Duration::from_secs(32 * 60)));
        assert_eq!(linger.linger(None, || -> Option<()> { panic!("nobody looks") }), None);
        linger.learn(true, LOST, now);
        assert_eq!(linger.rests_until, None);
    }

    #[test]
    fn a_moment_that_a_deadline_cuts_short_teaches_nothing() {
        let mut linger = Linger::new();
        assert_eq!(linger.linger(Some(Instant::now()), || None::<()>), None);
        assert_eq!(linger.leave_out, 0);
    }
}
