//! Exploring: one test under many legal schedules.
//!
//! Steps are taken in the order of the line, every time, and so a test sees one order of events
//! of the many that its program will meet in the world. Exploring shows it the others. All that
//! is free is drawn from one seed; a seed that makes the test fail makes it fail again.
//!
//! ```text
//!   seed 0: passes    seed 1: passes    ...    seed 17: fails -> again, with 17: the same events?
//!                                                  yes: the report, with seed and hash
//!                                                  no:  the test itself is not deterministic
//! ```
//!
//! # What is free
//! Each line is something that no page of this library promises.
//!
//! - In which order tasks take the steps that are ready in one turn, if different steps or
//!   callbacks have woken them: so the order among sleeps that end together, among tasks woken by
//!   different tasks, and between a step and the firing of a timer.
//! - How long a job of [`to_thread`](crate::to_thread()) takes: 0 to 10 ms of virtual time. It runs
//!   on the loop's own thread and may not call back: see [`TimedPool`](crate::TimedPool).
//! - Whatever is drawn from [`Random::new`](crate::Random::new): a [`SimNet`](super::SimNet)'s
//!   delays, short reads and short writes, the jitter of a retry.
//!
//! # What is kept
//! - Turns: whoever is ready when a turn begins to call takes one step in it, and what that wakes
//!   waits for the next turn.
//! - What one step or callback does reaches others in the order in which it did it. So all who
//!   wait for one [`Event`](crate::Event), barrier or token go on in the order of waiting, children
//!   of a group are asked to end in the order of spawning, and so on.
//! - First steps come in the order of spawning.
//! - Who [yields](crate::yield_now()) stands behind all that were ready before.
//! - Callbacks of `call_soon` run in their order and after all that was ready when they were
//!   scheduled; timers by deadline, then in the order of setting.
//! - All that primitives promise by themselves: a semaphore's line, a channel's order, the order of
//!   gather's results.
//!
//! # Invariants
//! - Every run has a loop of its own in virtual time; nothing of one run is seen in the next.
//! - No run is without end: it may take so many turns, and so may its cleanups; being stuck is an answer.
//!
//! Tutorial: chapter 19. Before this: `explorer.rs`. After this: `failing_schedule.rs`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_runtime::FailurePolicy;

use crate::random::with_seed;
use crate::run::Runner;
use crate::task_info::{TaskInfo, all_tasks};
use crate::testing::explorer::Explorer;
use crate::testing::failing_schedule::{FailingSchedule, ScheduleFailure};
use crate::testing::schedule::Schedule;
use crate::testing::test_run::seed_of_environment;

/// Runs `test` once for each seed, each time under another legal schedule; see the list of what
/// is free at [`Explore`].
///
/// With the environment variable `ROUNDELAY_SEED` only that seed is tried.
///
/// # Panics
/// At the first seed that fails (of a range, that is the smallest), with the seed, the hash of
/// its schedule, and who waited. A test fails if it panics, if a task panics and nobody takes it,
/// if nothing can ever happen any more, if it or its cleanups take more than 100,000 turns, and if
/// the failing seed, run again, gives other events.
///
/// ```
/// use roundelay_executor::{Semaphore, spawn, testing::explore, yield_now};
///
/// explore(0..50, async || {
///     let door = Semaphore::new(1);
///     let inner = door.clone();
///     let task = spawn(async move {
///         let _permit = inner.acquire().await;
///         yield_now().await;
///     });
///     drop(door.acquire().await);
///     task.await.unwrap();
///     assert_eq!(door.available_permits(), 1);
/// });
/// ```
#[track_caller]
pub fn explore(seeds: impl IntoIterator<Item = u64>, test: impl AsyncFn()) -> Explored {
    let outcome = match seed_of_environment() {
        Some(seed) => Explore::new().check([seed], test),
        None => Explore::new().check(seeds, test),
    };
    outcome.unwrap_or_else(|failing| panic!("{failing}"))
}

/// Runs `test` under the schedule of `seed`, which is to have this hash.
///
/// # Panics
/// As [`explore`]; and if the hash is another, with the place where two runs part, or with the
/// word that the test is not the one which had that hash.
///
/// ```
/// use roundelay_executor::{testing::{explore, replay}, yield_now};
///
/// let hash = explore([17], async || yield_now().await).hash();
/// replay(17, hash, async || yield_now().await);
/// ```
#[track_caller]
pub fn replay(seed: u64, hash: u64, test: impl AsyncFn()) {
    let schedule = Schedule::seeded(seed);
    if let Err(failing) = Explore::new().again(&schedule, hash, &test) {
        panic!("{failing}");
    }
}

/// How to explore: [`explore`] with other settings, and with an answer instead of a panic.
///
/// # What is free
/// What no page of this library promises: the order of steps that are ready in one turn and were
/// woken by different steps or callbacks (sleeps that end together, say), how long a job of
/// [`to_thread`](crate::to_thread()) takes (0 to 10 ms of virtual time), and whatever is drawn from
/// [`Random::new`](crate::Random::new).
///
/// All that is promised is kept: what is ready when a turn begins takes one step in it, first steps
/// come in the order of spawning, what one step does reaches others in the order in which it did
/// it, and locks, queues and channels keep their lines.
///
/// ```
/// use roundelay_executor::{spawn, testing::{Explore, Schedule}, yield_now};
///
/// let test = async || {
///     let task = spawn(yield_now());
///     task.await.unwrap();
/// };
/// let explore = Explore::new().most_turns(1000);
/// assert_eq!(explore.check(0..20, test).unwrap().schedules(), 20);
/// assert!(explore.once(&Schedule::choosing([1, 2, 3]), test).is_ok());
/// ```
#[doc(alias = "shuttle")]
#[doc(alias = "loom")]
#[derive(Clone, Debug)]
#[must_use = "it explores nothing until `check` or `once` is called"]
pub struct Explore {
    most_turns: u64,
    scripted_jobs: bool,
}

impl Explore {
    /// The usual settings: 100,000 turns for a run, and jobs in a script.
    #[expect(clippy::new_without_default, reason = "settings are named, not defaulted")]
    pub fn new() -> Explore {
        Explore { most_turns: 100_000, scripted_jobs: true }
    }

    /// How many turns a run, or what it leaves to be cleaned up, may take before it counts as endless.
    pub fn most_turns(mut self, turns: u64) -> Explore {
        self.most_turns = turns;
        self
    }

    /// Jobs of `to_thread` go to real threads, where they may call back into the loop. Then their
    /// ends are not the schedule's choice, and two runs with one seed may differ.
    ///
    /// ```
    /// use std::thread;
    /// use roundelay_executor::{testing::Explore, to_thread};
    ///
    /// let here = thread::current().id();
    /// let explored = Explore::new().real_jobs().check(0..3, async || {
    ///     let there = to_thread(|| thread::current().id()).await.unwrap();
    ///     assert_ne!(there, here); // a job in a script runs on the loop's own thread
    /// });
    /// assert_eq!(explored.unwrap().schedules(), 3);
    /// ```
    pub fn real_jobs(mut self) -> Explore {
        self.scripted_jobs = false;
        self
    }

    /// Runs `test` once for each seed.
    ///
    /// # Errors
    /// The first schedule that fails.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use roundelay_executor::{sleep, spawn, testing::Explore};
    ///
    /// let failing = Explore::new().check(0..100, async || {
    ///     let last = Rc::new(Cell::new(0));
    ///     for n in [1, 2] {
    ///         let last = last.clone();
    ///         spawn(async move { sleep(Duration::from_secs(1)).await; last.set(n) }).detach();
    ///     }
    ///     sleep(Duration::from_secs(2)).await;
    ///     assert_eq!(last.get(), 2); // of two sleeps that end together, nobody promised that
    /// });
    /// assert!(failing.unwrap_err().seed().is_some());
    /// ```
    pub fn check(
        &self,
        seeds: impl IntoIterator<Item = u64>,
        test: impl AsyncFn(),
    ) -> Result<Explored, FailingSchedule> {
        let mut explored = Explored::default();
        let mut hashes = HashSet::new();
        for seed in seeds {
            let hash = self.once(&Schedule::seeded(seed), &test).map_err(|mut failing| {
                failing.passed = explored.schedules;
                failing
            })?;
            hashes.insert(hash);
            explored.schedules += 1;
            explored.different = hashes.len();
            explored.hash = explored.hash.rotate_left(1) ^ hash;
        }
        Ok(explored)
    }

    /// Runs `test` under one schedule, and gives the schedule's hash.
    ///
    /// # Errors
    /// If it fails. Then it is run once more, to see whether it can be replayed.
    ///
    /// ```
    /// use roundelay_executor::{testing::{Explore, Schedule}, yield_now};
    ///
    /// let (explore, schedule) = (Explore::new(), Schedule::seeded(7));
    /// let hash = explore.once(&schedule, async || yield_now().await).unwrap();
    /// assert!(explore.again(&schedule, hash, async || yield_now().await).is_ok());
    /// ```
    pub fn once(&self, schedule: &Schedule, test: impl AsyncFn()) -> Result<u64, FailingSchedule> {
        let first = self.run(schedule, &test, false);
        let Some(failure) = first.failure else { return Ok(first.hash) };
        let failing = FailingSchedule {
            schedule: schedule.clone(),
            hash: first.hash,
            passed: 0,
            failure,
            waiting: first.waiting,
        };
        Err(match self.parting(schedule, first.hash, &test) {
            Some(parting) => FailingSchedule { failure: parting, ..failing },
            None => failing,
        })
    }

    /// As [`Explore::once`], for a schedule whose hash is known.
    ///
    /// # Errors
    /// If it fails, or has another hash.
    pub fn again(
        &self,
        schedule: &Schedule,
        hash: u64,
        test: impl AsyncFn(),
    ) -> Result<(), FailingSchedule> {
        let run = self.run(schedule, &test, false);
        let failure = if run.hash == hash {
            run.failure
        } else {
            let parting = self.parting(schedule, run.hash, &test);
            Some(parting.unwrap_or(ScheduleFailure::OtherHash { expected: hash }))
        };
        let Some(failure) = failure else { return Ok(()) };
        let (schedule, waiting) = (schedule.clone(), run.waiting);
        Err(FailingSchedule { schedule, hash: run.hash, passed: 0, failure, waiting })
    }

    /// Where runs of one schedule part, if they do.
    fn parting(
        &self,
        schedule: &Schedule,
        hash: u64,
        test: &impl AsyncFn(),
    ) -> Option<ScheduleFailure> {
        let one = self.run(schedule, test, true);
        if one.hash == hash {
            return None;
        }
        let other = self.run(schedule, test, true);
        let count =
            one.told.iter().zip(&other.told).take_while(|(one, other)| one == other).count();
        let line =
            |told: &[String]| told.get(count).map_or("the end", |line| line.trim()).to_owned();
        let (first, second) = (line(&one.told), line(&other.told));
        Some(ScheduleFailure::NotDeterministic { event: count, first, second })
    }

    fn run(&self, schedule: &Schedule, test: &impl AsyncFn(), tells: bool) -> Run {
        let explorer = Explorer::new(schedule, self.most_turns, tells);
        let mut builder = Runner::builder().virtual_clock().isolated().explored_by(&explorer);
        if self.scripted_jobs {
            builder = builder.scripted_jobs(explorer.job_plan());
        }
        let builder = builder.failure_policy(FailurePolicy::Stop);
        let runner = builder.build().unwrap_or_else(|error| panic!("explore: {error}"));
        let left = RefCell::default();
        with_seed(schedule.chance(), || {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                runner.run(Watched { future: Box::pin(test()), left: &left })
            }));
            let most = (explorer.turns() >= self.most_turns).then_some(self.most_turns);
            let failure = ScheduleFailure::of(outcome, most);
            let hash = explorer.hash();
            let told = explorer.take_told();
            explorer.run_is_over();
            drop(runner);
            let (unended, endless) =
                (explorer.take_unended(), ScheduleFailure::OutOfTurns(self.most_turns));
            let (failure, waiting) = match failure {
                None if !unended.is_empty() => (Some(endless), unended),
                failure => (failure, left.take()),
            };
            Run { hash, failure, waiting, told }
        })
    }
}

struct Run {
    hash: u64,
    failure: Option<ScheduleFailure>,
    waiting: Vec<TaskInfo>,
    told: Vec<String>,
}

/// The test's future, which notes who has not ended at the moment when it is dropped. (A little
/// later its own destructors will have dropped some of them.)
struct Watched<'a, F> {
    future: Pin<Box<F>>,
    left: &'a RefCell<Vec<TaskInfo>>,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<F> Drop for Watched<'_, F> {
    fn drop(&mut self) {
        self.left.replace(all_tasks());
    }
}

/// What an exploration has seen, all of which passed.
///
/// ```
/// use roundelay_executor::testing::explore;
///
/// let explored = explore(0..3, async || {});
/// assert!(explored.to_string().starts_with("3 schedules, 1 of them different, hash 0x"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    schedules: usize,
    different: usize,
    hash: u64,
}

impl Explored {
    /// How many runs there were.
    #[must_use]
    pub fn schedules(&self) -> usize {
        self.schedules
    }

    /// How many of them were different from all before. If it is 1, the test leaves nothing to
    /// choose.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{gather_all, sleep, testing::Explore};
    ///
    /// let nap = || sleep(Duration::from_secs(1));
    /// let two = Explore::new().check(0..20, async || drop(gather_all([nap(), nap()]).await));
    /// assert!(two.unwrap().different() > 1); // either may wake up first
    /// let one = Explore::new().check(0..20, nap);
    /// assert_eq!(one.unwrap().different(), 1);
    /// ```
    #[must_use]
    pub fn different(&self) -> usize {
        self.different
    }

    /// A hash over all events of all runs; for one run, that of its schedule.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explored { schedules, different, hash } = self;
        write!(f, "{schedules} schedules, {different} of them different, hash {hash:#018x}")
    }
}
