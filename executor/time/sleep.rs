//! Sleeping: a timer as a future.
//!
//! ```text
//!   poll: set a timer --> [timers] --due--> "it happened" --> task is ready --> poll: done
//!                                     turn k                       turn k + 1
//! ```
//!
//! The future keeps two numbers, the loop's and the timer's: the callback lives in the loop and
//! holds the sleeping task's key. That is why a `Sleep` may be sent to another thread, and may be
//! dropped there.
//!
//! # Invariants
//! - It never ends early.
//! - Dropping it takes its timer out of the loop.
//!
//! Tutorial: chapters 3 and 6. Before this: `../runner_builder.rs`. After this: `block_for.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use roundelay_runtime::{
    Awaited, Callback, HomeTimer, Instant, LoopClosed, LoopRef, Moment, TimerKey, current_loop,
};

use crate::current::expect_tasks;
use crate::own_step::Wait;
use crate::task_table::Waiter;
use crate::told::{awaits_numbered, made};

/// Waits until `delay` has passed, and lets other tasks run meanwhile.
///
/// The time counts from the first poll, as a future does nothing before: usually that is
/// the `.await`. (asyncio's does the same; tokio's counts from the call.) A zero delay lets
/// every ready task run once: it is [`yield_now`](crate::yield_now()). A delay that no clock
/// can hold never ends.
///
/// *Cancel safety: safe.* Dropping it cancels the timer.
///
/// # Panics
/// When polled where no event loop runs, or another than the one that it was first polled on.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// roundelay_executor::run(async {
///     let start = Instant::now();
///     roundelay_executor::sleep(Duration::from_millis(10)).await;
///     assert!(start.elapsed() >= Duration::from_millis(10));
/// });
/// ```
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    made("timer");
    Sleep { stage: Stage::New(Until::Passed(delay)) }
}

/// Waits until the loop's clock shows `deadline`. At once if it does already, but not
/// before every ready task has run once.
///
/// *Cancel safety: safe.* Dropping it cancels the timer.
///
/// # Panics
/// As [`sleep`].
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{now, run, sleep_until};
///
/// run(async {
///     let deadline = now() + Duration::from_millis(5);
///     sleep_until(deadline).await;
///     assert!(now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    made("timer");
    Sleep { stage: Stage::New(Until::Reached(deadline)) }
}

/// The time on the clock of the loop that runs here.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, now, sleep};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await; // takes no time at all
///     assert_eq!(now() - start, Duration::from_secs(3600));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
#[must_use]
pub fn now() -> Instant {
    expect_tasks("now").loop_ref.time()
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "a sleep that is not awaited does not wait"]
pub struct Sleep {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New(Until),
    /// It was for no time at all: it gives way once.
    Yielded,
    Waiting {
        timer: HomeTimer,
        deadline: Moment,
    },
    Over,
}

#[derive(Clone, Copy, Debug)]
enum Until {
    Passed(Duration),
    Reached(Instant),
    /// The same, counted from the next reading of the clock.
    Limited(Duration),
}

impl Sleep {
    /// A sleep that guards something, and so begins when the clock is next read.
    #[track_caller]
    pub(crate) fn limit(length: Duration) -> Sleep {
        made("timer");
        Sleep { stage: Stage::New(Until::Limited(length)) }
    }

    /// Whether it has ended.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{run, sleep};
    ///
    /// run(async {
    ///     let mut nap = sleep(Duration::from_millis(1));
    ///     assert!(!nap.is_over());
    ///     (&mut nap).await;
    ///     assert!(nap.is_over());
    /// });
    /// ```
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether it was for no time at all: asked before its first poll.
    #[inline]
    pub(crate) fn is_over_before_it_begins(&self) -> bool {
        let Stage::New(until) = self.stage else { return false };
        match until {
            Until::Passed(delay) | Until::Limited(delay) => delay.is_zero(),
            Until::Reached(_) => {
                current_loop().is_some_and(|home| until.deadline(&home) <= home.latest())
            }
        }
    }
}

impl Until {
    fn deadline(self, home: &LoopRef) -> Moment {
        match self {
            Until::Passed(delay) => home.now().after(delay),
            Until::Reached(deadline) => home.moment(deadline),
            // As far as can be said: it is there for whoever asks how long the task waits.
            Until::Limited(length) => home.latest().after(length),
        }
    }

    /// Sets the timer, and says when it will be due.
    #[inline]
    fn set_timer(self, home: &LoopRef, cx: &Context<'_>) -> (Moment, Result<TimerKey, LoopClosed>) {
        let deadline = self.deadline(home);
        let set = |callback| match self {
            Until::Limited(length) => home.set_limit(length, callback),
            Until::Passed(_) | Until::Reached(_) => home.set_timer(deadline, callback),
        };
        // Two calls, so that a key goes straight to its place in the table.
        let timer = match Waiter::task_of(cx) {
            Some(key) => set(Callback::Notify(key)),
            None => set(Waiter::foreign_callback(cx)),
        };
        (deadline, timer)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.stage {
            Stage::New(Until::Passed(Duration::ZERO) | Until::Limited(Duration::ZERO)) => {
                // No timer, as in asyncio: that would cost a turn more.
                self.stage = Stage::Yielded;
                Waiter::wake_poller(cx);
                awaits_numbered(Wait::Unknown, || Awaited::NextTurn);
                Poll::Pending
            }
            Stage::New(until) => {
                let home = current_loop();
                let home = home.expect(
                    "sleep needs a running event loop on this thread; await it inside \
                     `roundelay::run(async { .. })`",
                );
                let (deadline, timer) = until.set_timer(&home, cx);
                // A loop that is being closed will not wake anybody any more.
                let Ok(timer) = timer else { return Poll::Pending };
                awaits_numbered(Wait::Until(deadline), move || Awaited::Timer(timer.number()));
                self.stage = Stage::Waiting { timer: HomeTimer::new(&home, timer), deadline };
                Poll::Pending
            }
            Stage::Waiting { timer, deadline } => {
                let home = timer.local().unwrap_or_else(|error| panic!("a sleep: {error}"));
                let key = timer.key();
                if home.is_timer_set(key) {
                    home.replace_timer(key, Waiter::callback(cx));
                    awaits_numbered(Wait::Until(*deadline), move || Awaited::Timer(key.number()));
                    return Poll::Pending;
                }
                self.stage = Stage::Over;
                Poll::Ready(())
            }
            Stage::Yielded | Stage::Over => {
                self.stage = Stage::Over;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Stage::Waiting { timer, .. } = &self.stage {
            timer.cancel();
        }
    }
}
