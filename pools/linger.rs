//! Lingering: a thread that has nothing to do stays awake for a moment before it sleeps.
//!
//! To sleep and be woken costs both sides: the sleeper a switch or two, the waker a system call,
//! and if the sleeper's processor has gone idle meanwhile, it takes some 30 microseconds to come
//! back. A tiny job is done in one. So whoever has just done without anything to do looks again
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
//! others, *Competitive randomized algorithms for nonuniform problems*, 1990). And whoever
//! waited in vain leaves it out, each time twice as often, so a pool of long jobs does not
//! notice.
//!
//! The simple version sleeps at once. It is as fast while the scheduler keeps both threads on one
//! processor, and ten times as slow when it has put them on two: a round trip of 32 microseconds
//! and 53 of processor time for both, which is 3 and 6 with this. A thread that gives way where no
//! other can run comes back at once; on one processor it is what lets the other one go on.
//!
//! # Invariants
//! - A moment ends by itself. A thread with nothing to do sleeps, and nothing wakes it.
//! - After moments in vain fewer are tried: one in 256 waits at last. One success restores them.
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
}

/// A little longer than a sleeping thread on an idle processor takes to wake up: whoever has just
/// woken somebody, and lingers, is still there when the answer comes.
const MOMENT: Duration = Duration::from_micros(50);

thread_local! {
    static OWN: Cell<Linger> = const { Cell::new(Linger::new()) };
}

impl Linger {
    pub(crate) const fn new() -> Linger {
        Linger { leave_out: 0, left_out: 0 }
    }

    /// Looks for a moment, but not beyond the deadline; or does not look at all, where that has
    /// been in vain lately.
    pub(crate) fn linger<T>(
        &mut self,
        deadline: Option<Instant>,
        look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if !self.is_worth_it() {
            return None;
        }
        let end = Instant::now() + MOMENT;
        let cut_short = deadline.filter(|deadline| *deadline < end);
        let found = look_until(cut_short.unwrap_or(end), look);
        // A moment that was cut short says nothing about whole ones.
        if found.is_some() || cut_short.is_none() {
            self.learn(found.is_some());
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

    fn is_worth_it(&mut self) -> bool {
        if self.left_out < self.leave_out {
            self.left_out += 1;
            return false;
        }
        self.left_out = 0;
        true
    }

    fn learn(&mut self, was_worth_it: bool) {
        self.leave_out = if was_worth_it { 0 } else { self.leave_out.saturating_mul(2) | 1 };
    }
}

fn look_until<T>(end: Instant, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    while Instant::now() < end {
        thread::yield_now();
        if let Some(found) = look() {
            return Some(found);
        }
    }
    None
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
        let mut waits_until_next = || {
            let waits = 1 + (0..).take_while(|_| !linger.is_worth_it()).count();
            linger.learn(false);
            waits
        };
        let waits: Vec<_> = (0..11).map(|_| waits_until_next()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        linger.learn(true);
        assert!(linger.is_worth_it() && linger.is_worth_it());
    }
}
