//! A schedule under which a test fails, as a report.
//!
//! What is to be read first comes first: which schedule, what went wrong, how to see it again,
//! and who was waiting.
//!
//! Tutorial: chapter 19. Before this: `explore.rs`. After this: `sim_pipe.rs`.

use std::any::Any;
use std::fmt;

use roundelay_runtime::{RunError, panic_message};

use crate::task_info::TaskInfo;
use crate::testing::schedule::Schedule;

/// A schedule under which a test fails: see [`Explore::check`](super::Explore::check).
#[derive(Clone, Debug)]
pub struct FailingSchedule {
    pub(crate) schedule: Schedule,
    pub(crate) hash: u64,
    pub(crate) passed: usize,
    pub(crate) failure: ScheduleFailure,
    pub(crate) waiting: Vec<TaskInfo>,
}

/// What went wrong under a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleFailure {
    /// The test panicked, with this message.
    Panicked(String),
    /// Nothing can ever happen any more.
    Stuck,
    /// It, or a cleanup that it left, had not ended after so many turns.
    OutOfTurns(u64),
    /// The loop ended the run, for this reason: mostly a task's panic that nobody can take.
    Failed(String),
    /// Two runs of one schedule differ: chance, time or order comes from somewhere else.
    NotDeterministic {
        /// How many events were the same.
        event: usize,
        /// The next event of one run.
        first: String,
        /// The next event of the other.
        second: String,
    },
    /// The run is always the same, but does not have the hash that was asked for.
    OtherHash {
        /// The hash that was asked for.
        expected: u64,
    },
}

impl FailingSchedule {
    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The seed of the schedule, if it has one.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.schedule.seed()
    }

    /// The hash of all events up to the failure.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many schedules passed before this one.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// What went wrong.
    ///
    /// ```
    /// use roundelay_executor::testing::{Explore, Schedule, ScheduleFailure};
    ///
    /// let fail = || Explore::new().check([7], async || std::future::pending().await).unwrap_err();
    /// let failing = fail();
    /// assert_eq!((failing.seed(), failing.passed()), (Some(7), 0));
    /// assert_eq!(failing.failure(), &ScheduleFailure::Stuck);
    /// assert_eq!(failing.waiting().len(), 1); // the test itself
    /// assert_eq!(failing.schedule(), &Schedule::seeded(7));
    /// assert_eq!(failing.hash(), fail().hash()); // event for event the same
    /// ```
    #[must_use]
    pub fn failure(&self) -> &ScheduleFailure {
        &self.failure
    }

    /// The tasks that had not ended, the oldest first.
    #[must_use]
    pub fn waiting(&self) -> &[TaskInfo] {
        &self.waiting
    }
}

impl fmt::Display for FailingSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FailingSchedule { schedule, hash, passed, failure, waiting } = self;
        write!(f, "the test fails with {schedule} (hash {hash:#018x}, {passed} passed before)")?;
        write!(f, "\n  {failure}")?;
        if let Some(seed) = schedule.seed() {
            write!(f, "\n  again: ROUNDELAY_SEED={seed}, or replay({seed}, {hash:#018x}, test)")?;
        }
        for task in waiting {
            let TaskInfo { id, name, spawned_at, state, .. } = task;
            write!(f, "\n  not ended: task {id} ({name}), {state:?}, spawned at {spawned_at}")?;
        }
        Ok(())
    }
}

impl ScheduleFailure {
    /// What went wrong in a run that ended like this. `most`: it had come to so many turns, and may
    /// take no more.
    pub(crate) fn of(outcome: Outcome, most: Option<u64>) -> Option<ScheduleFailure> {
        match (outcome, most) {
            (Ok(Ok(())), _) => None,
            (Ok(Err(RunError::Stopped)), Some(most)) => Some(ScheduleFailure::OutOfTurns(most)),
            (Ok(Err(RunError::Deadlock(_))), _) => Some(ScheduleFailure::Stuck),
            (Ok(Err(error)), _) => Some(ScheduleFailure::Failed(error.to_string())),
            (Err(payload), _) => Some(ScheduleFailure::Panicked(panic_message(&*payload))),
        }
    }
}

/// How a run ended, or the payload of its panic.
pub(crate) type Outcome = Result<Result<(), RunError>, Box<dyn Any + Send>>;

impl fmt::Display for ScheduleFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScheduleFailure::Panicked(message) => write!(f, "it panicked: {message}"),
            ScheduleFailure::Stuck => f.write_str(
                "it is stuck: no task is ready, no timer is set, and nothing outside can help; \
                 look at what the tasks below wait for",
            ),
            ScheduleFailure::OutOfTurns(turns) => write!(
                f,
                "it has not ended after {turns} turns; if it only needs longer, raise \
                 `Explore::most_turns`"
            ),
            ScheduleFailure::Failed(why) => f.write_str(why),
            ScheduleFailure::NotDeterministic { event, first, second } => write!(
                f,
                "it is not the same twice: after {event} equal events one run has [{first}], \
                 another [{second}]; take chance, time and order from the loop only (a HashMap, a \
                 real thread or socket, and a static variable are the usual suspects)"
            ),
            ScheduleFailure::OtherHash { expected } => write!(
                f,
                "its hash was to be {expected:#018x}: the test, or what it tests, has changed \
                 since that hash was told, so this is not the run you look for"
            ),
        }
    }
}

impl std::error::Error for FailingSchedule {}
