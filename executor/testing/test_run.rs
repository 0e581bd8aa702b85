//! One test: a loop in virtual time, a seed, and a look at what is left behind.
//!
//! ```text
//!   seed --> loop in virtual time --> the test's future --> tasks, timers left? the test fails
//!                                                      \-> a failure that nobody takes: it fails
//! ```
//!
//! The attribute `#[test]` of this crate stands for a `TestRun` with the settings that it is
//! given.
//!
//! # Invariants
//! - A test that passes leaves no task running, no timer set and no failure that nobody took, unless
//!   it says that it may.
//! - The test's own failure comes first: what it left behind is not looked at then.
//!
//! Tutorial: chapter 19. Before this: `../fs.rs`. After this: `cancel_at_every_await.rs`.

use std::fmt::Write;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use roundelay_runtime::{FailurePolicy, tell_stderr};

use crate::random::with_seed;
use crate::run::Runner;
use crate::task_table::Tasks;

/// Runs the body of a test. With the usual settings: virtual clock, the seed of the
/// environment variable `ROUNDELAY_SEED` or else 0, and nothing may be left: no task running, no
/// timer set, no failure that nobody takes (a panic of a detached task or of a callback).
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{sleep, testing::TestRun};
///
/// TestRun::new().run(async |_seed| sleep(Duration::from_secs(3600)).await);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a test run does nothing until `run` is called"]
pub struct TestRun {
    virtual_clock: bool,
    leftovers_allowed: bool,
    seed: u64,
    threads: Option<usize>,
}

impl TestRun {
    /// The usual settings.
    #[expect(clippy::new_without_default, reason = "it reads the environment")]
    pub fn new() -> TestRun {
        let seed = seed_of_environment().unwrap_or(0);
        TestRun { virtual_clock: true, leftovers_allowed: false, seed, threads: None }
    }

    /// Whether time is virtual. It is by default.
    ///
    /// ```
    /// use roundelay_executor::testing::TestRun;
    /// use roundelay_runtime::current_loop;
    ///
    /// let is_virtual = async |_seed| current_loop().unwrap().has_virtual_clock();
    /// assert!(TestRun::new().run(is_virtual));
    /// assert!(!TestRun::new().virtual_clock(false).run(is_virtual));
    /// ```
    pub fn virtual_clock(mut self, is_virtual: bool) -> TestRun {
        self.virtual_clock = is_virtual;
        self
    }

    /// Whether tasks and timers may be left at the end, and failures be no more than reported. By
    /// default they may not.
    ///
    /// ```
    /// use roundelay_executor::{spawn, testing::TestRun};
    ///
    /// TestRun::new().leftovers(true).run(async |_seed| {
    ///     spawn(std::future::pending::<()>()).detach(); // without the word, that would be a failure
    /// });
    /// ```
    pub fn leftovers(mut self, allowed: bool) -> TestRun {
        self.leftovers_allowed = allowed;
        self
    }

    /// What everything random comes from: see [`with_seed`](crate::with_seed()).
    ///
    /// ```
    /// use roundelay_executor::{Random, testing::TestRun};
    ///
    /// let draw = || TestRun::new().seed(7).run(async |_seed| Random::new().next_u64());
    /// assert_eq!(draw(), draw());
    /// ```
    pub fn seed(mut self, seed: u64) -> TestRun {
        self.seed = seed;
        self
    }

    /// As [`RunnerBuilder::threads`](crate::RunnerBuilder::threads).
    ///
    /// ```
    /// use roundelay_executor::{testing::TestRun, to_thread};
    ///
    /// TestRun::new().threads(1).run(async |_seed| {
    ///     let id = || std::thread::current().id();
    ///     assert_eq!(to_thread(id).await.unwrap(), to_thread(id).await.unwrap());
    /// });
    /// ```
    pub fn threads(mut self, threads: usize) -> TestRun {
        self.threads = Some(threads);
        self
    }

    /// Runs `body`, which is given the seed, and returns what it returns.
    ///
    /// # Panics
    /// If `body` does (the seed is told on standard error then), if it leaves tasks running or
    /// timers set, if something fails and nobody takes that, and if the loop cannot run it to its
    /// end: for example because nothing can ever happen any more. Tasks that were asked to end do
    /// not count as left running.
    ///
    /// ```
    /// use std::panic::catch_unwind;
    /// use roundelay_executor::{spawn, testing::TestRun};
    ///
    /// let forgetful = async |_seed| spawn(std::future::pending::<()>()).detach();
    /// assert!(catch_unwind(|| TestRun::new().run(forgetful)).is_err()); // it leaves a task running
    /// ```
    #[track_caller]
    pub fn run<T>(self, body: impl AsyncFnOnce(u64) -> T) -> T {
        let seed = self.seed;
        let test = AssertUnwindSafe(|| with_seed(seed, || self.run_seeded(body(seed))));
        catch_unwind(test).unwrap_or_else(|payload| {
            tell_stderr(format_args!("the test failed with seed {seed}; ROUNDELAY_SEED sets it"));
            resume_unwind(payload)
        })
    }

    fn run_seeded<F: Future>(&self, body: F) -> F::Output {
        let mut builder = Runner::builder();
        if self.virtual_clock {
            builder = builder.virtual_clock();
        }
        if let Some(threads) = self.threads {
            builder = builder.threads(threads);
        }
        if !self.leftovers_allowed {
            builder = builder.failure_policy(FailurePolicy::Stop);
        }
        let runner = builder.build().unwrap_or_else(|error| panic!("the test's loop: {error}"));
        let output = runner.run(body).unwrap_or_else(|error| panic!("the test's loop: {error}"));
        let left = left_running(runner.tasks());
        assert!(
            self.leftovers_allowed || left.is_empty(),
            "the test leaves tasks running: await or cancel them, or allow it with \
             `leftovers = true`{left}"
        );
        // Tasks that were asked to end may have some.
        let timers = if runner.tasks().live() == 0 { runner.loop_ref().timers_len() } else { 0 };
        assert!(
            self.leftovers_allowed || timers == 0,
            "the test leaves {timers} timer(s) set: cancel them, or allow it with `leftovers = true`"
        );
        output
    }
}

/// What `ROUNDELAY_SEED` says.
pub(crate) fn seed_of_environment() -> Option<u64> {
    let seed = std::env::var("ROUNDELAY_SEED").ok()?;
    let number = seed.parse().unwrap_or_else(|_| {
        panic!("ROUNDELAY_SEED must be a number from 0 to 2^64 - 1, not {seed:?}")
    });
    Some(number)
}

/// A line for each task that has not ended and was not asked to, oldest first.
fn left_running(tasks: &Tasks) -> String {
    let mut left: Vec<_> = {
        let slots = tasks.slots.borrow();
        let live = slots.iter().map(|(_, slot)| slot);
        let live = live.filter(|slot| !slot.stage.has_ended() && !slot.cancel_requested);
        live.map(|slot| (slot.id, slot.who(), slot.spawned_at)).collect()
    };
    left.sort_unstable_by_key(|&(id, ..)| id);
    left.iter().fold(String::new(), |mut lines, (_, who, at)| {
        let _ = write!(lines, "\n  {who}, spawned at {at}");
        lines
    })
}
