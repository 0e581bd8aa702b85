//! Timers of a loop, for those who build on it.
//!
//! Users say `call_later` (`schedule.rs`) or await a sleep. Under both lie these few methods, which
//! take any kind of callback and speak of moments.
//!
//! # Invariants
//! - What is taken out of the table is dropped when the table is no longer borrowed.
//!
//! Tutorial: chapter 3. Before this: `observing.rs`. After this: `schedule.rs`.

use std::time::Duration;

use crate::callback::Callback;
use crate::clock::Moment;
use crate::error::LoopClosed;
use crate::loop_ref::LoopRef;
use crate::observer::Event;
use crate::timer_table::TimerKey;

impl LoopRef {
    /// Sets a timer for any kind of callback.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::{Callback, EventLoop};
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let deadline = event_loop.moment(event_loop.time() + Duration::from_secs(1));
    /// let timer = event_loop.set_timer(deadline, Callback::new(|| unreachable!()))?;
    /// assert!(event_loop.is_timer_set(timer));
    /// assert!(event_loop.cancel_timer(timer));
    /// assert!(!event_loop.cancel_timer(timer)); // it was before
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn set_timer(&self, deadline: Moment, callback: Callback) -> Result<TimerKey, LoopClosed> {
        if self.is_closed() {
            return Err(LoopClosed);
        }
        let key = self.core.timers.borrow_mut().set(deadline, callback);
        // It may be due at once.
        self.core.quiet_until.set(0);
        self.observe(move || Event::TimerSet { timer: key.number(), deadline });
        Ok(key)
    }

    /// Sets a timer for a time limit: it counts from the next reading of the loop's clock, and
    /// costs none of its own.
    ///
    /// So it is never early, and late by what the loop does until that reading: that comes when
    /// anybody asks for the time, before the loop sleeps, and at the latest in the turn after the
    /// next. With a virtual clock, or an observer of timers, it comes at once.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use roundelay_runtime::{Callback, EventLoop};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (start, inner) = (Instant::now(), event_loop.loop_ref().clone());
    /// event_loop.set_limit(Duration::from_millis(5), Callback::new(move || inner.stop()))?;
    /// event_loop.run_forever()?;
    /// assert!(start.elapsed() >= Duration::from_millis(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn set_limit(&self, length: Duration, callback: Callback) -> Result<TimerKey, LoopClosed> {
        if !self.core.limits_wait.get() {
            return self.set_timer(self.now().after(length), callback);
        }
        let turn = self.core.turn.get();
        let mut timers = self.core.timers.borrow_mut();
        let key = timers.set_limit(length, callback, turn);
        let many = timers.want_reading(turn);
        self.core.limits_at.set(timers.reading_wanted_in());
        drop(timers);
        if many {
            self.core.read_clock();
        }
        Ok(key)
    }

    /// How many timers wait for their deadline. One that is cancelled does not count.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let timer = event_loop.call_later(Duration::from_secs(5), || ())?;
    /// assert_eq!(event_loop.timers_len(), 1);
    /// timer.cancel();
    /// assert_eq!(event_loop.timers_len(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn timers_len(&self) -> usize {
        self.core.timers.borrow().len()
    }

    /// Whether a timer is still to be called.
    #[must_use]
    pub fn is_timer_set(&self, key: TimerKey) -> bool {
        self.core.timers.borrow().is_set(key)
    }

    /// Gives a timer that is still to be called another callback.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::{Callback, EventLoop};
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let inner = event_loop.loop_ref().clone();
    /// let soon = event_loop.moment(event_loop.time() + Duration::from_secs(1));
    /// let timer = event_loop.set_timer(soon, Callback::new(|| unreachable!()))?;
    /// event_loop.replace_timer(timer, Callback::new(move || inner.stop()));
    /// event_loop.run_forever()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace_timer(&self, key: TimerKey, callback: Callback) {
        let unused = self.core.timers.borrow_mut().replace(key, callback);
        drop(unused);
    }

    /// Cancels a timer. `false` if it was called or cancelled before.
    pub fn cancel_timer(&self, key: TimerKey) -> bool {
        let callback = self.core.timers.borrow_mut().cancel(key);
        if callback.is_some() {
            self.observe(move || Event::TimerCancelled { timer: key.number() });
        }
        callback.is_some()
    }
}
