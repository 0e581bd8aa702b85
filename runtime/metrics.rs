//! Counting what a loop does.
//!
//! Nothing in the loop counts for this: the numbers are added up from the events that every
//! observer hears. So a loop without metrics pays nothing for them.
//!
//! Tutorial: chapter 19. Before this: `watchdog.rs`. After this: `builder.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::Moment;
use crate::interest::{Interest, Observer};
use crate::observer::{Event, Work};

/// An observer that counts. Give one clone to a loop's builder, and keep another to read.
///
/// ```
/// use roundelay_runtime::{EventLoop, Metrics};
///
/// let metrics = Metrics::new();
/// let event_loop = EventLoop::builder().observer(metrics.clone()).build()?;
/// event_loop.call_soon(|| ())?;
/// event_loop.run_once()?;
/// let counted = metrics.snapshot();
/// assert_eq!((counted.turns, counted.callbacks), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    counts: Rc<RefCell<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    so_far: MetricsSnapshot,
    call_began: Option<Moment>,
    wait_began: Option<Moment>,
    /// Timers that are set, by number: when each is due.
    deadlines: HashMap<u64, Moment>,
}

/// What was counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Turns that began.
    pub turns: u64,
    /// Steps of tasks: polls of their futures.
    pub steps: u64,
    /// Calls that are not a task's step: closures, and news for tasks.
    pub callbacks: u64,
    /// How often a task that waited was woken: it went to the ready queue.
    pub wakes: u64,
    /// Timers that were set.
    pub timers_set: u64,
    /// Timers whose deadline has passed.
    pub timers_fired: u64,
    /// The longest that a timer went to the ready queue after its deadline.
    pub longest_timer_lag: Duration,
    /// The time that all timers were late together.
    pub timer_lag: Duration,
    /// Tasks that were spawned.
    pub tasks_spawned: u64,
    /// Tasks that have ended.
    pub tasks_ended: u64,
    /// Jobs that were given to pools and are awaited.
    pub jobs_submitted: u64,
    /// Awaited jobs that have ended, well or not.
    pub jobs_ended: u64,
    /// Jobs that nobody awaits any more.
    pub jobs_abandoned: u64,
    /// The longest that one call (a step or a callback) kept the loop, on the loop's clock.
    pub longest_call: Duration,
    /// The time that all calls took together.
    pub busy: Duration,
    /// The time that the loop waited for events, on its clock. (Jumps of a virtual clock count as
    /// waiting.)
    pub idle: Duration,
    /// How often the loop was [held up](crate::LoopRef::held_up): slow spans between two looks
    /// outside.
    pub slow_spans: u64,
    /// The longest of them; if it is known which call it was, then how long that one took.
    pub longest_span: Duration,
    /// The longest ready queue at the beginning of a turn.
    pub longest_queue: usize,
    /// The ready queue at the beginning of the last turn.
    pub queue: usize,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// The counts up to now.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        self.counts.borrow().so_far.clone()
    }
}

impl Observer for Metrics {
    fn observe(&self, now: Moment, event: &Event) {
        let mut counts = self.counts.borrow_mut();
        let Counts { so_far, call_began, wait_began, deadlines } = &mut *counts;
        match event {
            Event::TurnBegins { ready, .. } => {
                so_far.turns += 1;
                so_far.queue = *ready;
                so_far.longest_queue = so_far.longest_queue.max(*ready);
            }
            Event::WaitBegins { .. } => *wait_began = Some(now),
            Event::WaitEnds { .. } => {
                so_far.idle += wait_began.take().map_or(Duration::ZERO, |began| now.since(began));
            }
            // In a call it is the call that takes time.
            Event::ClockJumps { from, to } if call_began.is_none() => {
                so_far.idle += to.since(*from)
            }
            Event::TimerSet { timer, deadline } => {
                so_far.timers_set += 1;
                deadlines.insert(*timer, *deadline);
            }
            Event::TimerCancelled { timer } => drop(deadlines.remove(timer)),
            Event::TimerDue { timer } => {
                so_far.timers_fired += 1;
                let lag = deadlines.remove(timer).map_or(Duration::ZERO, |due| now.since(due));
                so_far.longest_timer_lag = so_far.longest_timer_lag.max(lag);
                so_far.timer_lag += lag;
            }
            Event::HeldUp(span) => {
                so_far.slow_spans += 1;
                so_far.longest_span = so_far.longest_span.max(span.took);
            }
            Event::TaskWoken { .. } => so_far.wakes += 1,
            Event::JobSubmitted { .. } => so_far.jobs_submitted += 1,
            Event::JobEnded { .. } => so_far.jobs_ended += 1,
            Event::JobAbandoned { .. } => so_far.jobs_abandoned += 1,
            Event::TaskSpawned { .. } => so_far.tasks_spawned += 1,
            Event::TaskEnded { .. } => so_far.tasks_ended += 1,
            Event::TaskPolled { .. } => so_far.steps += 1,
            Event::CallBegins { what, .. } => {
                let calls = matches!(what, Work::Callback | Work::Notify(_) | Work::Timer(_));
                so_far.callbacks += u64::from(calls);
                *call_began = Some(now);
            }
            Event::CallEnds { .. } => {
                let took = call_began.take().map_or(Duration::ZERO, |began| now.since(began));
                so_far.longest_call = so_far.longest_call.max(took);
                so_far.busy += took;
            }
            _ => {}
        }
    }

    fn interest(&self) -> Interest {
        let of_tasks = Interest::TASKS | Interest::STEPS | Interest::WAKES | Interest::JOBS;
        of_tasks | Interest::CALLS | Interest::TURNS | Interest::TIMERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_call_and_the_longest_queue_are_kept() {
        let metrics = Metrics::new();
        let at = |ms| Moment::START.after(Duration::from_millis(ms));
        for (turn, ready, took) in [(1, 4, 7), (2, 1, 2)] {
            metrics.observe(at(0), &Event::TurnBegins { turn, ready });
            metrics.observe(at(0), &Event::CallBegins { place: 0, what: Work::Callback });
            metrics.observe(at(took), &Event::CallEnds { place: 0, panicked: false });
        }
        let counted = metrics.snapshot();
        assert_eq!((counted.longest_queue, counted.queue, counted.callbacks), (4, 1, 2));
        assert_eq!(counted.longest_call, Duration::from_millis(7));
        assert_eq!(counted.busy, Duration::from_millis(9));
    }
}
