//! Lingering: a loop that expects a message stays awake for a moment before it sleeps.
//!
//! A tiny job on a thread is done in a microsecond. A loop that sleeps meanwhile is woken through
//! the system, and if its processor has gone idle, that takes some thirty. So a loop that waits for
//! threads looks into its inbox again for a moment, and gives way to other threads between two
//! looks; then nobody rings its bell, either.
//!
//! ```text
//!   a job is awaited             --> a moment was in vain lately? --> no:  look, give way .. 50 us
//!   the last wait ended          --> the same, counted apart      \-> yes: leave it out
//!     with a message
//!   neither                      --> sleep at once
//! ```
//!
//! It pays in the one case and costs a moment in the other, and which it will be is guessed from
//! the last times: after a moment in vain it is left out, each time twice as often. The threads of
//! a pool do the same (`linger.rs` there tells why a moment is so long).
//!
//! The simple version sleeps at once. A round trip to a thread on another processor then takes 32
//! microseconds, and 53 of processor time for both; with this, 3 and 6.
//!
//! # Invariants
//! - A moment ends by itself, and no later than the next deadline. A loop with nothing to do sleeps,
//!   and nothing wakes it.
//! - A loop whose waits end with sockets and timers never lingers, nor does one on the virtual
//!   clock or one that is observed: what its observer hears does not depend on luck.
//!
//! Tutorial: chapter 18. Before this: `inbox.rs`. After this: `doors.rs`.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::inbox::Inbox;

/// What a loop has learned about lingering.
#[derive(Default)]
pub(crate) struct Linger {
    last_wait_brought_message: Cell<bool>,
    for_jobs: Luck,
    for_others: Luck,
}

/// How it went the last times.
#[derive(Default)]
struct Luck {
    /// After the last moment, so many waits are to go without one.
    leave_out: Cell<u8>,
    left_out: Cell<u8>,
}

const MOMENT: Duration = Duration::from_micros(50);

impl Linger {
    /// Waits awake for a moment. `true`: there is a message.
    pub(crate) fn linger(&self, inbox: &Inbox, clock: &Clock, at_most: Option<Duration>) -> bool {
        // Whoever awaits a job on a thread holds the clock.
        let luck = match (inbox.is_clock_held(), self.last_wait_brought_message.get()) {
            (true, _) => &self.for_jobs,
            (false, true) => &self.for_others,
            (false, false) => return false,
        };
        if at_most.is_some_and(|at_most| at_most < MOMENT) || !luck.is_worth_it() {
            return false;
        }
        let came = look_for_a_moment(inbox, clock);
        luck.learn(came);
        came
    }

    /// After a sleep.
    pub(crate) fn slept(&self, brought_message: bool) {
        self.last_wait_brought_message.set(brought_message);
    }
}

fn look_for_a_moment(inbox: &Inbox, clock: &Clock) -> bool {
    let begin = clock.peek();
    while clock.peek().since(begin) < MOMENT {
        thread::yield_now();
        if inbox.has_messages() {
            return true;
        }
    }
    false
}

impl Luck {
    fn is_worth_it(&self) -> bool {
        if self.left_out.get() < self.leave_out.get() {
            self.left_out.set(self.left_out.get() + 1);
            return false;
        }
        self.left_out.set(0);
        true
    }

    fn learn(&self, was_worth_it: bool) {
        let twice = self.leave_out.get().saturating_mul(2) | 1;
        self.leave_out.set(if was_worth_it { 0 } else { twice });
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

    #[test]
    fn a_loop_whose_waits_bring_no_messages_does_not_linger() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::default(), Clock::real());
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
        let (linger, clock) = (Linger::default(), Clock::real());
        assert!(inbox.leave(Message::Stop).is_ok());
        inbox.hold_clock();
        assert!(linger.linger(&inbox, &clock, None));
        assert!(linger.linger(&inbox, &clock, Some(MOMENT)));
        assert!(!linger.linger(&inbox, &clock, Some(MOMENT / 2)));
        inbox.release_clock();
        assert!(!linger.linger(&inbox, &clock, None));
    }

    #[test]
    fn moments_in_vain_are_tried_less_and_less_often_for_jobs_and_for_others_apart() {
        let (_reactor, inbox) = inbox();
        let (linger, clock) = (Linger::default(), Clock::real());
        linger.slept(true);
        // Nothing ever comes, so only whether it has looked can be seen.
        let looked = |luck: &Luck| {
            let before = luck.leave_out.get();
            assert!(!linger.linger(&inbox, &clock, None));
            luck.leave_out.get() != before
        };
        let others: Vec<_> = (0..7).map(|_| looked(&linger.for_others)).collect();
        assert_eq!(others, [true, false, true, false, false, false, true]);
        inbox.hold_clock();
        assert!(looked(&linger.for_jobs), "it has learned nothing yet about jobs");
        assert!(inbox.leave(Message::Stop).is_ok());
        assert!(!linger.linger(&inbox, &clock, None), "left out");
        assert!(linger.linger(&inbox, &clock, None));
        assert!(linger.linger(&inbox, &clock, None), "one success restores it");
    }
}
