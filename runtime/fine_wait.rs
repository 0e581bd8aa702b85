//! Waits that end on time.
//!
//! epoll counts in whole milliseconds and rounds up, so a loop that sleeps until its next
//! deadline wakes up to a millisecond late. Linux has a clock of its own
//! for this: a *timer descriptor*, which becomes readable at a moment given in nanoseconds. The
//! reactor watches it as it watches a socket, and sets it before it sleeps.
//!
//! ```text
//!   sleep until 12.345678 ms:   timer descriptor := 12.345678 ms,  then wait without a limit
//! ```
//!
//! Setting it is a system call, and most long sleeps end early: a server sleeps until a
//! connection's time limit in half a minute, and a message comes. So a long sleep first goes
//! without: it is cut short by two milliseconds, and what is left then is slept with the timer.
//!
//! kqueue counts in nanoseconds by itself. Where there is no timer descriptor (another system, none
//! left to open), the wait's own limit serves: never too early, up to a millisecond late.
//!
//! # Invariants
//! - The descriptor is made when the loop first sleeps until a deadline: a loop on the virtual
//!   clock never has one.
//! - A timer that ends a later sleep than the one it was set for does no harm: every turn asks
//!   the clock.
//!
//! Tutorial: chapters 3 and 7. Before this: `latch.rs`. After this: `reactor.rs`.

use std::os::fd::RawFd;
use std::time::Duration;

/// Ends a wait at a moment finer than a millisecond, where the system can.
#[derive(Default)]
pub(crate) struct FineWait {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    NotTried,
    /// This system has none, or gave none.
    Without,
    #[cfg(all(target_os = "linux", not(miri)))]
    With(std::os::fd::OwnedFd),
}

/// A sleep so long first goes without the timer.
#[cfg(all(target_os = "linux", not(miri)))]
const LONG: Duration = Duration::from_millis(100);

/// So much is left of it for the timer: more than the system may be late.
#[cfg(all(target_os = "linux", not(miri)))]
const REST: Duration = Duration::from_millis(2);

impl FineWait {
    /// Sets the timer to go off after `timeout`. What is left for the wait itself to limit:
    /// nothing; `timeout` where there is no such timer; or a little less, if it is long. `register`
    /// is called once, with the timer's descriptor.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn set(
        &mut self,
        timeout: Duration,
        register: impl FnOnce(RawFd) -> std::io::Result<()>,
    ) -> Option<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        if timeout >= LONG && !matches!(self.state, State::Without) {
            let whole = (timeout - REST).as_millis();
            return Some(Duration::from_millis(whole.try_into().unwrap_or(u64::MAX)));
        }
        if matches!(self.state, State::NotTried) {
            self.state = new_timer(register).map_or(State::Without, State::With);
        }
        let State::With(timer) = &self.state else { return Some(timeout) };
        let Ok(it_value) = Timespec::try_from(timeout) else { return Some(timeout) };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        match timerfd_settime(timer, TimerfdTimerFlags::empty(), &once) {
            Ok(_) => None,
            Err(_) => Some(timeout),
        }
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    pub(crate) fn set(
        &mut self,
        timeout: Duration,
        _register: impl FnOnce(RawFd) -> std::io::Result<()>,
    ) -> Option<Duration> {
        self.state = State::Without;
        Some(timeout)
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn new_timer(
    register: impl FnOnce(RawFd) -> std::io::Result<()>,
) -> std::io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::AsRawFd;

    use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    register(timer.as_raw_fd())?;
    Ok(timer)
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_long_sleep_asks_for_no_timer_and_ends_before_its_time() {
        let mut wait = FineWait::default();
        let left = wait.set(Duration::from_micros(30_000_700), |_| panic!("not yet"));
        assert_eq!(left, Some(Duration::from_millis(29_998)));
    }

    #[test]
    fn a_short_sleep_is_the_timers_and_without_one_the_waits() {
        let short = Duration::from_millis(99);
        let mut wait = FineWait::default();
        assert_eq!(wait.set(short, |_| Ok(())), None);
        let mut wait = FineWait::default();
        let none_left = |_| Err(std::io::Error::from_raw_os_error(24));
        assert_eq!(wait.set(short, none_left), Some(short));
        let long = Duration::from_secs(30);
        assert_eq!(wait.set(long, |_| panic!("tried once")), Some(long));
    }
}
