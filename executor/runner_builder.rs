//! Building a runner: clock, readiness and jobs, real or scripted, and who is told.
//!
//! Three things come from outside: time, readiness, and the ends of jobs. Each has a seam:
//!
//! | seam | real, without a word | in a script |
//! |---|---|---|
//! | clock | the system's | [`RunnerBuilder::virtual_clock`] |
//! | selector | epoll or kqueue | [`RunnerBuilder::scripted_selector`] |
//! | jobs | threads | [`RunnerBuilder::scripted_jobs`] |
//!
//! With all three in a script, the same program gives the same events on every machine, every time.
//!
//! Tutorial: chapters 8 and 19. Before this: `dump_on.rs`. After this: `time/sleep.rs`.

use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::{
    EventLoop, EventLoopBuilder, Failure, FailurePolicy, Observer, OnDuty, ReadinessScript,
    RunError, Scheduler, Signal, Target,
};

use crate::blocking::BlockingPool;
use crate::inspection::server::Inspector;
use crate::run::{Runner, Watched};
use crate::task_table::Tasks;
use crate::testing::Schedule;
use crate::testing::explorer::Explorer;
use crate::timed_pool::{JobPlan, TimedPool};

impl Runner {
    /// A runner on the real clock.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop.
    pub fn new() -> Result<Runner, RunError> {
        Runner::builder().build()
    }

    /// A runner with other settings.
    pub fn builder() -> RunnerBuilder {
        RunnerBuilder {
            event_loop: EventLoop::builder(),
            patience: PATIENCE,
            threads: None,
            jobs: None,
            ctrl_c: false,
            dump_on: None,
            inspectable: false,
            is_virtual: false,
            has_schedule: false,
        }
    }
}

/// How long a closing runner waits for the jobs of its thread pool: asyncio's five minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Settings of a runner that is about to be built.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, sleep};
/// use roundelay_runtime::ReadinessScript;
///
/// let script = ReadinessScript::new(); // no socket is ever ready
/// let runner = Runner::builder().virtual_clock().scripted_selector(script).build()?;
/// let start = runner.loop_ref().time();
/// runner.run(async { sleep(Duration::from_secs(3600)).await })?;
/// assert_eq!(runner.loop_ref().time() - start, Duration::from_secs(3600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder builds nothing until `build` is called"]
pub struct RunnerBuilder {
    event_loop: EventLoopBuilder,
    patience: Duration,
    threads: Option<usize>,
    jobs: Option<TimedPool>,
    ctrl_c: bool,
    dump_on: Option<Signal>,
    inspectable: bool,
    is_virtual: bool,
    /// Somebody has decided about the order of ready steps.
    has_schedule: bool,
}

impl RunnerBuilder {
    /// Time that stands still while there is work, and jumps when there is none: see
    /// [`EventLoopBuilder::virtual_clock`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, sleep};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(sleep(Duration::from_secs(86_400)))?; // a day, and at once
    /// assert!(!Runner::new()?.loop_ref().has_virtual_clock());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn virtual_clock(mut self) -> Self {
        self.is_virtual = true;
        self.event_loop = self.event_loop.virtual_clock();
        self
    }

    /// Who is told of every event.
    ///
    /// ```
    /// use roundelay_executor::{Runner, spawn};
    /// use roundelay_runtime::Metrics;
    ///
    /// let metrics = Metrics::new();
    /// let runner = Runner::builder().observer(metrics.clone()).build()?;
    /// runner.run(async { spawn(async {}).await })?.unwrap();
    /// assert_eq!(metrics.snapshot().tasks_spawned, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.event_loop = self.event_loop.observer(observer);
        self
    }

    /// Who decides the order of ready steps where none is promised: see
    /// [`EventLoopBuilder::scheduler`].
    pub fn scheduler(mut self, scheduler: impl Scheduler + 'static) -> Self {
        self.has_schedule = true;
        self.event_loop = self.event_loop.scheduler(scheduler);
        self
    }

    /// Ready steps are taken in a legal order of this schedule's choice: see
    /// [`Explore`](crate::testing::Explore) for what is legal. For a test that builds a runner of
    /// its own.
    ///
    /// `ROUNDELAY_SCHEDULE=7` in the environment does the same, with seed 7, for every runner that
    /// has a virtual clock and no other schedule: so any program in virtual time can be run under
    /// another legal order, unchanged.
    ///
    /// ```
    /// use roundelay_executor::{Runner, testing::Schedule, yield_now};
    ///
    /// let schedule = Schedule::seeded(7);
    /// let runner = Runner::builder().virtual_clock().schedule(&schedule).build()?;
    /// runner.run(yield_now())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schedule(self, schedule: &Schedule) -> Self {
        self.explored_by(&Explorer::new(schedule, u64::MAX, false))
    }

    pub(crate) fn explored_by(mut self, explorer: &Explorer) -> Self {
        self.has_schedule = true;
        self.scheduler(explorer.clone()).observer(explorer.listener())
    }

    /// Readiness of sockets comes from a script: see [`EventLoopBuilder::scripted_selector`].
    pub fn scripted_selector(mut self, script: ReadinessScript) -> Self {
        self.event_loop = self.event_loop.scripted_selector(script);
        self
    }

    /// Jobs of [`to_thread`](crate::to_thread()) are not given to threads: each takes as long as
    /// `plan` says of its number, on the loop's clock. It runs on the loop's own thread, so what
    /// waits there for the loop is refused, and what a thread is refused may pass: [`TimedPool`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{JobPlan, Runner, to_thread};
    ///
    /// let plan = |job| JobPlan::takes(Duration::from_millis(30 * (job + 1)));
    /// let runner = Runner::builder().virtual_clock().scripted_jobs(plan).build()?;
    /// let start = runner.loop_ref().time();
    /// assert_eq!(runner.run(async { to_thread(|| 6 * 7).await })?.unwrap(), 42);
    /// assert_eq!(runner.loop_ref().time() - start, Duration::from_millis(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scripted_jobs(mut self, plan: impl FnMut(u64) -> JobPlan + 'static) -> Self {
        self.jobs = Some(TimedPool::new(plan));
        self
    }

    /// Promises that nothing outside will ever wake this loop: see
    /// [`EventLoopBuilder::isolated`].
    ///
    /// ```
    /// use roundelay_executor::Runner;
    /// use roundelay_runtime::RunError;
    ///
    /// let runner = Runner::builder().isolated().build()?;
    /// let stuck = runner.run(std::future::pending::<()>());
    /// assert!(matches!(stuck, Err(RunError::Deadlock(_)))); // and not for ever
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn isolated(mut self) -> Self {
        self.event_loop = self.event_loop.isolated();
        self
    }

    /// Debug mode: warns of steps that hold up the loop, and of tasks that are left when the
    /// runner is closed. See [`EventLoopBuilder::debug`]. `ROUNDELAY_DEBUG=1` in the environment
    /// turns it on as well.
    ///
    /// ```
    /// let strict = std::time::Duration::from_millis(20);
    /// let builder = roundelay_executor::Runner::builder().debug(true).slow_limit(strict);
    /// assert!(builder.build()?.loop_ref().is_debug());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn debug(mut self, on: bool) -> Self {
        self.event_loop = self.event_loop.debug(on);
        self
    }

    /// How long a step may take before debug mode warns; 100 ms by default.
    pub fn slow_limit(mut self, limit: Duration) -> Self {
        self.event_loop = self.event_loop.slow_limit(limit);
        self
    }

    /// A thread that says on standard error which task blocks the loop, while it does: see
    /// [`EventLoopBuilder::watchdog`].
    ///
    /// ```
    /// let limit = std::time::Duration::from_secs(1);
    /// let runner = roundelay_executor::Runner::builder().watchdog(limit).build()?;
    /// assert_eq!(runner.run(async { 7 })?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.event_loop = self.event_loop.watchdog(limit);
        self
    }

    /// The same with a handler, which is called on the watchdog's thread: see
    /// [`EventLoopBuilder::watchdog_with`].
    ///
    /// ```
    /// use std::{sync::mpsc::channel, time::Duration};
    /// use roundelay_executor::Runner;
    ///
    /// let (limit, (tell, told)) = (Duration::from_millis(1), channel());
    /// let bark = move |held_up: &roundelay_runtime::Failure| drop(tell.send(held_up.kind));
    /// let runner = Runner::builder().watchdog_with(limit, bark).build()?;
    /// let kind = runner.run(async move { told.recv() })??; // blocks, until it is told so
    /// assert_eq!(kind, roundelay_runtime::FailureKind::TooSlow);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watchdog_with(
        mut self,
        limit: Duration,
        handler: impl Fn(&Failure) + Send + Sync + 'static,
    ) -> Self {
        self.event_loop = self.event_loop.watchdog_with(limit, handler);
        self
    }

    /// While a run lasts, this signal writes a [dump](crate::dump()) to standard error, and the run
    /// goes on. (A signal may come at any time: so a virtual clock stands still where nothing is
    /// ready, and nothing is a deadlock.)
    ///
    /// ```
    /// use roundelay_executor::{Runner, Signal};
    ///
    /// let runner = Runner::builder().dump_on(Signal::USER_1).build()?;
    /// assert_eq!(runner.run(async { 7 })?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dump_on(mut self, signal: Signal) -> Self {
        self.dump_on = Some(signal);
        self
    }

    /// Lets this user look into the running program from outside, with `roundelay ps PID`,
    /// `roundelay pstree PID` or [`inspect_process`](crate::inspect_process): until the runner is
    /// closed there is a socket in a folder that nobody else can open
    /// (`$XDG_RUNTIME_DIR/roundelay`, or `roundelay-UID` in the folder for temporary files).
    ///
    /// It costs a thread that sleeps, and what an observer costs, so that the thread can say who
    /// blocks the loop.
    ///
    /// ```
    /// let runner = roundelay_executor::Runner::builder().inspectable().build()?;
    /// assert_eq!(runner.run(async { 7 })?, 7); // meanwhile: `roundelay ps PID`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "ps")]
    pub fn inspectable(mut self) -> Self {
        self.inspectable = true;
        self
    }

    /// What to do with failures that nobody can take.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_executor::{Runner, spawn, yield_now};
    /// use roundelay_runtime::FailurePolicy;
    ///
    /// let failures = Rc::new(Cell::new(0));
    /// let counted = failures.clone();
    /// let policy = FailurePolicy::Handler(Rc::new(move |_| counted.set(counted.get() + 1)));
    /// let runner = Runner::builder().failure_policy(policy).build()?;
    /// runner.run(async {
    ///     spawn(async { panic!("nobody awaits this") }).detach();
    ///     yield_now().await;
    /// })?;
    /// assert_eq!(failures.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.event_loop = self.event_loop.failure_policy(policy);
        self
    }

    /// Whether Ctrl-C cancels the main task of a run. As under `asyncio.run`, the first one
    /// cancels, and the run gives [`RunError::Interrupted`] when the task has unwound; its
    /// [cleanups](crate::with_cleanup()) end before the runner is closed. So it does if Ctrl-C comes
    /// in the task's very last step: then its value is dropped. The second ends the
    /// process at once with status 130, also when the loop is stuck. By default Ctrl-C ends the
    /// process, as in any program: no library changes that unasked. A `SIGINT` that the process was
    /// told to ignore stays ignored. (A virtual clock would stand still meanwhile: something
    /// outside may happen.)
    ///
    /// ```
    /// let runner = roundelay_executor::Runner::builder().ctrl_c(true).build()?;
    /// assert_eq!(runner.run(async { "done" })?, "done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ctrl_c(mut self, cancels: bool) -> Self {
        self.ctrl_c = cancels;
        self
    }

    /// How many threads [`to_thread`](crate::to_thread) may use at the most; by default four
    /// more than the machine has cores, and no more than 32, as in Python.
    ///
    /// ```
    /// use roundelay_executor::{Runner, to_thread};
    ///
    /// let runner = Runner::builder().threads(1).build()?;
    /// let id = || std::thread::current().id();
    /// let [one, other] = runner.run(async { [to_thread(id).await, to_thread(id).await] })?;
    /// assert_eq!(one?, other?); // there is only one thread
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How long closing waits for jobs that still run in threads; five minutes by default. A
    /// thread cannot be stopped: after that it is left behind, with a line on standard error.
    /// [`LoopThreadBuilder::patience`](crate::LoopThreadBuilder::patience) is the same and has an
    /// example.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Builds the runner.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop.
    ///
    /// # Panics
    /// If `ROUNDELAY_SCHEDULE` is set to what is no number.
    pub fn build(mut self) -> Result<Runner, RunError> {
        if self.is_virtual
            && !self.has_schedule
            && let Some(schedule) = Schedule::from_outside()
        {
            self = self.schedule(&schedule);
        }
        #[cfg(not(feature = "trace"))]
        crate::unrecorded::tell_if_a_trace_is_wanted();
        #[cfg(feature = "trace")]
        let trace = crate::trace::SavedAtEnd::wanted();
        #[cfg(feature = "trace")]
        if let Some(trace) = &trace {
            self.event_loop = self.event_loop.observer(trace.recorder());
        }
        let duty = self.inspectable.then(OnDuty::new);
        if let Some(duty) = &duty {
            self.event_loop = self.event_loop.observer(duty.observer());
        }
        let event_loop = self.event_loop.build()?;
        let blocking = BlockingPool::new(self.threads, self.jobs);
        let tasks = Rc::new(Tasks::new(event_loop.loop_ref().clone(), blocking));
        event_loop.set_target(Rc::clone(&tasks) as Rc<dyn Target>);
        let inspector = duty.map(|duty| Inspector::open(event_loop.proxy(), duty)).transpose()?;
        tasks.own_doors.set(usize::from(inspector.is_some()));
        let watched = Watched { ctrl_c: self.ctrl_c, dump_on: self.dump_on, inspector };
        let runner = Runner::with_parts(event_loop, tasks, self.patience, watched);
        #[cfg(feature = "trace")]
        let runner = runner.with_trace(trace);
        Ok(runner)
    }
}
