//! Lingering: a loop that expects a message stays awake for a moment before it sleeps.
//!
//! A tiny job on a thread is done in a microsecond. A loop that sleeps meanwhile is woken through
//! the system, and if its processor has gone idle, that takes some thirty. So a loop that waits for
//! threads looks into its inbox again for a moment, and gives way to other threads between two
//! looks; then nobody rings its bell, either.
//!
//! ```text
//!   a job is awaited             --> a moment was in vain lately? --> no:  look, give way .. 50 us
//!   the last wait ended          --> the same, counted apart      \-> yes: sleep at once
//!     with a message
//!   neither                      --> sleep at once
//! ```
//!
//! It pays in the one case and costs a moment in the other, and which it will be is guessed from
//! the last times: after a moment in vain it is left out, each time twice as often, and after time
//! that was lost to strangers for 32 times as long. The threads of a pool do the same
//! (`pools/linger.rs` tells why).
//!
//! The simple version sleeps at once. A round trip to a thread on another processor then takes 32
//! microseconds, and 53 of processor time for both; with this, 3 and 6.
//!
//! # Invariants
//! - A moment ends by itself, and no later than the next deadline. A loop with nothing to do
//!   sleeps, and nothing wakes it.
//! - A loop whose waits end with sockets and timers never lingers, nor does one on the virtual
//!   clock or one that is observed: what its observer hears does not depend on luck.
//!
//! Tutorial: chapter 18. Before this: `inbox.rs`. After this: `doors.rs`.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::inbox::Inbox;

/// What a loop has learned about lingering.
pub(crate) struct Linger {
    last_wait_brought_message: Cell<bool>,
    for_jobs: Luck,
    for_others: Luck,
}

/// How it went the last times.
struct Luck {
    /// After the last moment, so many waits are to go without one.
    leave_out: Cell<u8>,
    left_out: Cell<u8>,
    /// Strangers had the processor.
    rests_until: Cell<Moment>,
}

const MOMENT: Duration = Duration::from_micros(50);

/// A moment that took so long was somebody else's.
const LOST: Duration = MOMENT.saturating_mul(4);

/// So many times as long as was lost, the loop does not linger.
const REST: u32 = 32;

impl Linger {
    pub(crate) fn new() -> Linger {
        let [for_jobs, for_others] = [(); 2].map(|()| Luck::new());
        Linger { last_wait_brought_message: Cell::new(false), for_jobs, for_others }
    }

    /// Waits awake for a moment. `true`: there is a message.
    pub(crate) fn linger(&self, inbox: &Inbox, clock: &Clock, at_most: Option<Duration>) -> bool {
        // Whoever awaits a job on a thread holds the clock.
        let luck = match (inbox.is_clock_held(), self.last_wait_brought_message.get()) {
            (true, _) => &self.for_jobs,
            (false, true) => &self.for_others,
            (false, false) => return false,
        };
        if at_most.is_some_and(|at_most| at_most < MOMENT) || !luck.has_its_turn() {
            return false;
        }
        let began = clock.peek();
        if began < luck.rests_until.get() {
            return false;
        }
        let (end, mut now, mut came) = (began.after(MOMENT), began, false);
        while !came && now < end {
            thread::yield_now();
            came = inbox.has_messages();
            now = clock.peek();
        }
        luck.learn(came, now.since(began), now);
        came
    }

    /// After a sleep.
    pub(crate) fn slept(&self, brought_message: bool) {
        self.last_wait_brought_message.set(brought_message);
    }
}

impl Luck {
    fn new() -> Luck {
        Luck {
            leave_out: Cell::new(0),
            left_out: Cell::new(0),
            rests_until: Cell::new(Moment::START),
        }
    }

    fn has_its_turn(&self) -> bool {
        let is_left_out = self.left_out.get() < self.leave_out.get();
        if is_left_out {
            self.left_out.set(self.left_out.get() + 1);
        }
        !is_left_out
    }

    fn learn(&self, came: bool, took: Duration, now: Moment) {
        let twice = self.leave_out.get().saturating_mul(2) | 1;
        self.left_out.set(0);
        self.leave_out.set(if came { 0 } else { twice });
        self.rests_until.set(if took > LOST { now.after(REST * took) } else { now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Message;
    use crate::reactor::Reactor;

    fn inbox() -> (Reactor, Inbox) {
        let (reactor, bell) = Reactor::new(false).unwrap();
        (reactor, Inbox::new(1, bell))
    }

    /// One that stands still.
    fn clock() -> Clock {
        Clock::virtual_time()
    }

    #[test]
    fn a_loop_whose_waits_bring_no_messages_does_not_linger() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::new(), clock());
        assert!(inbox.leave(Message::Stop).is_ok());
        assert!(!linger.linger(&inbox, &clock, None), "it did not even look");
        linger.slept(true);
        assert!(linger.linger(&inbox, &clock, None));
        linger.slept(false);
        assert!(!linger.linger(&inbox, &clock, None));
    }

    #[test]
    fn a_loop_that_awaits_a_job_lingers_unless_a_timer_is_near() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::new(), clock());
        assert!(inbox.leave(Message::Stop).is_ok());
        inbox.hold_clock();
        assert!(linger.linger(&inbox, &clock, None));
        assert!(linger.linger(&inbox, &clock, Some(MOMENT)));
        assert!(!linger.linger(&inbox, &clock, Some(MOMENT / 2)));
        inbox.release_clock();
        assert!(!linger.linger(&inbox, &clock, None));
    }

    #[test]
    fn a_moment_ends_by_itself() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::new(), Clock::real());
        linger.slept(true);
        assert!(!linger.linger(&inbox, &clock, None));
        assert_eq!(linger.for_others.leave_out.get(), 1, "and then it is left out");
    }

    #[test]
    fn moments_in_vain_are_tried_less_and_less_often_and_one_success_restores_them() {
        let (luck, now) = (Luck::new(), Moment::START);
        let waits = |_| {
            luck.learn(false, MOMENT, now);
            1 + (0..).take_while(|_| !luck.has_its_turn()).count()
        };
        let waits: Vec<_> = (0..10).map(waits).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        luck.learn(true, MOMENT, now);
        assert!(luck.has_its_turn() && luck.has_its_turn());
    }

    #[test]
    fn after_time_lost_to_strangers_it_is_left_out_for_32_times_as_long() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::new(), clock());
        linger.slept(true);
        assert!(inbox.leave(Message::Stop).is_ok());
        linger.for_others.learn(true, Duration::from_secs(1), clock.now());
        assert!(!linger.linger(&inbox, &clock, None), "left out");
        clock.jump_to(Moment::START.after(Duration::from_secs(31)));
        assert!(!linger.linger(&inbox, &clock, None), "still");
        inbox.hold_clock();
        assert!(linger.linger(&inbox, &clock, None), "it has learned nothing about jobs");
        inbox.release_clock();
        clock.jump_to(Moment::START.after(Duration::from_secs(32)));
        assert!(linger.linger(&inbox, &clock, None));
    }
}
