//! The watchdog: a thread that barks while the loop is blocked.
//!
//! The slow watch (`slow_watch.rs`) tells of a step that *was* slow. A step that never ends never
//! was. So another thread looks at the loop four times within the limit, and when it has found the
//! same call each time, says which one it is, while it is still under way.
//!
//! ```text
//!   look    look    look    look    look
//!    |       |       |       |       |
//!   call 7  call 9  call 9  call 9  call 9   -> "task 3 (save) has blocked the loop .."
//! ```
//!
//! # Invariants
//! - It barks once for each call.
//! - The only foreign code on its thread is the handler that it was given.
//! - It counts looks and reads no clock; it is joined when its loop is gone.
//!
//! Tutorial: chapter 19. Before this: `on_duty.rs`. After this: `metrics.rs`.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Moment;
use crate::failure::{Failure, FailureKind, contain, tell_stderr};
use crate::interest::{Interest, Observer};
use crate::observer::Event;
use crate::on_duty::{Call, OnDuty};

/// Whom the watchdog tells.
pub(crate) type Bark = Arc<dyn Fn(&Failure) + Send + Sync>;

/// The observer that keeps a watchdog for its loop.
pub(crate) struct Watchdog {
    scribe: Box<dyn Observer>,
    leash: Arc<Leash>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Leash {
    over: Mutex<bool>,
    pulled: Condvar,
}

/// Looks so many times within the limit.
const LOOKS: u32 = 4;

impl Watchdog {
    /// # Errors
    /// What the operating system says when it has no thread left.
    pub(crate) fn start(limit: Duration, bark: Bark) -> io::Result<Watchdog> {
        let (duty, leash) = (OnDuty::new(), Arc::new(Leash::default()));
        let scribe = Box::new(duty.observer());
        let held = Arc::clone(&leash);
        let mut watch = Watch { limit, seen: None, looks: 0 };
        let pause = (limit / LOOKS).max(Duration::from_micros(100));
        let work = move || {
            while held.pause(pause) {
                let Some(warning) = watch.look(duty.now()) else { continue };
                if let Err(panic) = contain(|| bark(&warning)) {
                    tell_stderr(format_args!("the watchdog's handler panicked ({panic})"));
                }
            }
        };
        let thread = thread::Builder::new().name("roundelay-watchdog".into()).spawn(work)?;
        Ok(Watchdog { scribe, leash, thread: Some(thread) })
    }
}

impl Observer for Watchdog {
    fn observe(&self, now: Moment, event: &Event) {
        self.scribe.observe(now, event);
    }

    fn interest(&self) -> Interest {
        self.scribe.interest()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.leash.lock() = true;
        self.leash.pulled.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Leash {
    /// `false` when it is over.
    fn pause(&self, pause: Duration) -> bool {
        let waited = self.pulled.wait_timeout_while(self.lock(), pause, |over| !*over);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the watchdog remembers from look to look.
struct Watch {
    limit: Duration,
    seen: Option<u64>,
    /// How often it has been seen.
    looks: u32,
}

impl Watch {
    fn look(&mut self, call: Option<Call>) -> Option<Failure> {
        let number = call.as_ref().map(|call| call.number);
        if number != self.seen {
            (self.seen, self.looks) = (number, 0);
        }
        let call = call?;
        self.looks = self.looks.saturating_add(1);
        // The first look may have come right after the beginning: one more, then, than fit in.
        (self.looks == LOOKS + 1).then(|| {
            let message = format!(
                "it has kept the loop for {:?} and has not come to an end; meanwhile nothing else \
                 can run, so await something in between, or move the work to a thread",
                self.limit
            );
            let warning = Failure::new(FailureKind::TooSlow, &*call.who, message);
            match call.spawned_at {
                Some(at) => warning.origin(at),
                None => warning,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, who: &str) -> Option<Call> {
        let duty = OnDuty::new();
        let scribe = duty.observer();
        let what = crate::observer::Work::Callback;
        (0..number)
            .for_each(|place| scribe.observe(Moment::START, &Event::CallBegins { place, what }));
        duty.now().map(|call| Call { who: who.into(), ..call })
    }

    #[test]
    fn it_barks_once_at_the_fifth_look_at_one_call_and_not_at_a_busy_loop() {
        let mut watch = Watch { limit: Duration::from_secs(1), seen: None, looks: 0 };
        let mut barks = Vec::new();
        let looks = [1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8];
        for (look, number) in looks.into_iter().enumerate() {
            barks.extend(watch.look(call(number, "a")).map(|failure| (look, failure.who)));
        }
        assert_eq!(barks, [(10, "a".to_owned())]);
    }

    #[test]
    fn an_idle_loop_is_not_barked_at() {
        let mut watch = Watch { limit: Duration::from_secs(1), seen: None, looks: 0 };
        assert!((0..20).all(|_| watch.look(None).is_none()));
    }
}
