//! Building a loop: which clock, who observes, what becomes of failures.
//!
//! Tutorial: chapters 8 and 19. Before this: `metrics.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::BitOr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::doors;
use crate::error::RunError;
use crate::event_loop::EventLoop;
use crate::failure::{Failure, FailurePolicy, contain, tell_stderr};
use crate::held_up::HeldUp;
use crate::inbox::Inbox;
use crate::interest::{Interest, Observer};
use crate::loop_ref::Core;
use crate::observer::Event;
use crate::observing::HOOKS;
use crate::reactor::Reactor;
use crate::readiness_script::ReadinessScript;
use crate::ready::ReadyQueue;
use crate::scheduler::Scheduler;
use crate::slow_watch::SlowWatch;
use crate::spans::Spans;
use crate::timers::Timers;
use crate::watchdog::{Bark, Watchdog};

impl EventLoop {
    /// A loop on the real clock that reports failures to standard error.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop.
    ///
    /// ```
    /// assert!(!roundelay_runtime::EventLoop::new()?.has_virtual_clock());
    /// # Ok::<(), roundelay_runtime::RunError>(())
    /// ```
    pub fn new() -> Result<EventLoop, RunError> {
        EventLoop::builder().build()
    }

    /// A loop with other settings.
    pub fn builder() -> EventLoopBuilder {
        EventLoopBuilder {
            virtual_clock: false,
            observers: Vec::new(),
            scheduler: None,
            script: None,
            isolated: false,
            policy: FailurePolicy::default(),
            debug: None,
            slow_limit: SLOW_LIMIT,
            watchdog: None,
        }
    }
}

/// Settings of a loop that is about to be built.
///
/// ```
/// use roundelay_runtime::{Event, EventLoop, Moment};
///
/// let event_loop = EventLoop::builder()
///     .virtual_clock()
///     .observer(|_now: Moment, event: &Event| println!("{event:?}"))
///     .build()?;
/// event_loop.call_soon(|| ())?;
/// event_loop.run_once()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder builds nothing until `build` is called"]
pub struct EventLoopBuilder {
    virtual_clock: bool,
    observers: Vec<Rc<dyn Observer>>,
    scheduler: Option<Rc<dyn Scheduler>>,
    script: Option<ReadinessScript>,
    isolated: bool,
    policy: FailurePolicy,
    /// `None`: as the environment says.
    debug: Option<bool>,
    slow_limit: Duration,
    watchdog: Option<(Duration, Bark)>,
}

impl EventLoopBuilder {
    /// Time that stands still while there is work, and jumps to the next deadline when
    /// nothing else can happen: no ready callback, nothing awaited from the operating
    /// system, no [`ClockHold`](crate::ClockHold).
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let inner = event_loop.loop_ref().clone();
    /// event_loop.call_later(Duration::from_secs(86_400), move || inner.stop())?;
    /// event_loop.run_forever()?; // a day, and at once
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn virtual_clock(mut self) -> Self {
        self.virtual_clock = true;
        self
    }

    /// Who is told of every [`Event`](crate::Event), or of those that it is
    /// [interested](crate::Interest) in. There may be several; they are told in the order in which
    /// they were given.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, Metrics};
    ///
    /// let metrics = Metrics::new();
    /// let event_loop = EventLoop::builder().observer(metrics.clone()).build()?;
    /// event_loop.call_soon(|| ())?;
    /// event_loop.run_once()?;
    /// assert_eq!(metrics.snapshot().callbacks, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Rc::new(observer));
        self
    }

    /// Who decides in which order a turn calls the steps that are ready; without one it is
    /// first in, first out. Callbacks of `call_soon` keep their place in any case.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, ReadyEntry, Scheduler};
    ///
    /// /// The last shall be first.
    /// struct Reversed;
    ///
    /// impl Scheduler for Reversed {
    ///     fn arrange(&self, segment: &mut [ReadyEntry]) {
    ///         segment.reverse();
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::builder().scheduler(Reversed).build()?;
    /// # drop(event_loop);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheduler(mut self, scheduler: impl Scheduler + 'static) -> Self {
        self.scheduler = Some(Rc::new(scheduler));
        self
    }

    /// Readiness comes from a script instead of the operating system. With the virtual clock as
    /// well, and [`isolated`](EventLoopBuilder::isolated), every run is like the last, event for
    /// event.
    ///
    /// When the script has run out and nothing else can happen, whoever still waits for a source
    /// waits in vain: that is a [`RunError::Deadlock`]. Who expects another thread to call the loop
    /// then holds the [clock](crate::LoopProxy::hold_clock).
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, ReadinessScript, RunError, Signal};
    ///
    /// let script = ReadinessScript::new(); // in which nothing ever becomes ready
    /// let event_loop = EventLoop::builder().scripted_selector(script).build()?;
    /// let _handler = event_loop.on_signal(Signal::CONTINUE, || ())?; // it waits for a pipe
    /// assert!(matches!(event_loop.run_forever(), Err(RunError::Deadlock(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scripted_selector(mut self, script: ReadinessScript) -> Self {
        self.script = Some(script);
        self
    }

    /// Promises that nothing outside will ever wake this loop: no other thread, and no signal.
    ///
    /// Then an idle loop without a timer is a [`RunError::Deadlock`] even if somebody keeps a
    /// door or a waker of it: what they could be used for will not happen. Whoever holds the
    /// [clock](crate::LoopProxy::hold_clock), and whoever waits for a real socket, is still
    /// waited for.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, RunError};
    ///
    /// let event_loop = EventLoop::builder().isolated().build()?;
    /// let _door = event_loop.proxy(); // it will not be used: that was promised
    /// assert!(matches!(event_loop.run_forever(), Err(RunError::Deadlock(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// Debug mode: warns of callbacks and steps that hold up the loop
    /// ([`FailureKind::TooSlow`](crate::FailureKind::TooSlow)), and of tasks that are left when a
    /// runner is closed ([`FailureKind::LeftBehind`](crate::FailureKind::LeftBehind)). The
    /// warnings go where failures go, but never stop a run.
    ///
    /// Without this call the environment decides: `ROUNDELAY_DEBUG=1` turns it on. When off, it
    /// costs nothing; when on, the clock is read several times for each callback.
    ///
    /// What else asyncio checks in debug mode is here checked by the compiler, always: a loop
    /// used on another thread is a type error, a future that is never awaited a warning.
    pub fn debug(mut self, on: bool) -> Self {
        self.debug = Some(on);
        self
    }

    /// How long a callback or a step may take before debug mode warns, and the calls between two
    /// looks outside before the loop counts itself as [held up](crate::LoopRef::held_up); 100 ms by
    /// default, as in asyncio. It is measured by the loop's clock: on the virtual clock no step
    /// takes time.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use roundelay_runtime::{EventLoop, FailureKind, FailurePolicy};
    ///
    /// let seen = Rc::new(Cell::new(None));
    /// let told = seen.clone();
    /// let policy = FailurePolicy::Handler(Rc::new(move |failure| told.set(Some(failure.kind))));
    /// let limit = Duration::from_micros(1);
    /// let builder = EventLoop::builder().debug(true).slow_limit(limit).failure_policy(policy);
    /// let event_loop = builder.build()?;
    /// event_loop.call_soon(|| std::thread::sleep(Duration::from_millis(1)))?;
    /// event_loop.run_once()?;
    /// assert_eq!(seen.get(), Some(FailureKind::TooSlow));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_limit(mut self, limit: Duration) -> Self {
        self.slow_limit = limit;
        self
    }

    /// Keeps a watchdog: a thread that says on standard error which task or callback blocks the
    /// loop, while it does, once it has done so for longer than `limit` (and no more than half as
    /// long again). In the world's time, also on the virtual clock.
    ///
    /// It costs what an observer costs, and a thread that wakes up four times in each `limit`.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let limit = std::time::Duration::from_secs(5);
    /// let event_loop = EventLoop::builder().watchdog(limit).build()?;
    /// assert!(event_loop.is_observed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn watchdog(self, limit: Duration) -> Self {
        self.watchdog_with(limit, |failure| tell_stderr(failure))
    }

    /// As [`watchdog`](EventLoopBuilder::watchdog), and tells this handler, **on the watchdog's
    /// own thread**: the loop's failure handler cannot be called, for the loop is blocked. It is
    /// the only foreign code on that thread; if it blocks, the watchdog sees nothing meanwhile. If
    /// it panics, standard error hears of that, and the watchdog goes on.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use roundelay_runtime::{EventLoop, Failure, FailurePolicy};
    ///
    /// let (tell, told) = mpsc::channel();
    /// let handler = move |warning: &Failure| drop(tell.send(warning.who.clone()));
    /// let builder = EventLoop::builder().watchdog_with(Duration::from_millis(1), handler);
    /// let event_loop = builder.failure_policy(FailurePolicy::Stop).build()?;
    /// // It blocks the loop until the watchdog has spoken: without one, for ever.
    /// event_loop.call_soon(move || assert_eq!(told.recv().unwrap(), "a callback"))?;
    /// event_loop.run_once()?; // if the assertion failed, so would this
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watchdog_with(
        mut self,
        limit: Duration,
        handler: impl Fn(&Failure) + Send + Sync + 'static,
    ) -> Self {
        self.watchdog = Some((limit, Arc::new(handler)));
        self
    }

    /// What to do with failures that nobody can take.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, FailurePolicy, RunError};
    ///
    /// let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build()?;
    /// event_loop.call_soon(|| panic!("no luck"))?;
    /// let Err(RunError::Failed(failure)) = event_loop.run_forever() else { unreachable!() };
    /// assert_eq!(failure.message, "no luck");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Builds the loop.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop, or no thread
    /// for its watchdog.
    ///
    /// # Panics
    /// If somebody is to be told of events in a program that was built with
    /// `--cfg roundelay_without_hooks`, as only the benchmarks are.
    pub fn build(self) -> Result<EventLoop, RunError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (reactor, bell) = Reactor::new(self.script.is_some())?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let debug = self.debug.unwrap_or_else(debug_in_environment);
        let mut observers = self.observers;
        if let Some((limit, bark)) = self.watchdog {
            observers.push(Rc::new(Watchdog::start(limit, bark)?));
        }
        if debug {
            observers.push(Rc::new(SlowWatch::new(self.slow_limit)));
        }
        assert!(
            HOOKS || observers.is_empty(),
            "this program was built with `--cfg roundelay_without_hooks`, so no observer, watchdog or \
             debug mode would ever be told anything: build it without that cfg, or ask for none of them",
        );
        let interests = observers.iter().map(|observer| observer.interest());
        let interest = interests.fold(Interest::NONE, Interest::bitor);
        let observer = together(observers);
        let is_told = interest.intersects(Interest::TURNS | Interest::QUEUE | Interest::CALLS);
        let is_attended = is_told || self.scheduler.is_some() || self.virtual_clock;
        let core = Core {
            interest,
            ready: RefCell::new(ReadyQueue::default()),
            timers: RefCell::new(Timers::new()),
            reactor: RefCell::new(reactor),
            clock: if self.virtual_clock { Clock::virtual_time() } else { Clock::real() },
            inbox: Arc::new(Inbox::new(id, bell)),
            target: RefCell::new(None),
            is_attended,
            is_plain: Cell::new(!is_attended),
            turns_follow: Cell::new(false),
            quiet_until: Cell::new(0),
            limits_at: Cell::new(0),
            limits_wait: Cell::new(!self.virtual_clock && !interest.includes(Interest::TIMERS)),
            observer,
            script: self.script.map(RefCell::new),
            scheduler: self.scheduler,
            isolated: self.isolated,
            policy: self.policy,
            debug,
            fatal: RefCell::new(None),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            closing: Cell::new(false),
            observing: Cell::new(false),
            told_at: Cell::new(Moment::START),
            call_ends_with: Cell::new(Interest::NONE),
            turn: Cell::new(0),
            spans: Spans::new(self.slow_limit),
            held_up: RefCell::new(HeldUp::with_limit(self.slow_limit)),
            things: Cell::new(0),
        };
        doors::list(&core.inbox);
        Ok(EventLoop::with_core(core))
    }
}

const SLOW_LIMIT: Duration = Duration::from_millis(100);

/// Whoever writes `off` does not want it on.
fn debug_in_environment() -> bool {
    let value = std::env::var_os("ROUNDELAY_DEBUG").unwrap_or_default();
    let value = value.to_string_lossy().to_lowercase();
    !["", "0", "off", "false", "no"].contains(&value.as_str())
}

/// Several observers as one.
fn together(mut observers: Vec<Rc<dyn Observer>>) -> Option<Rc<dyn Observer>> {
    if observers.len() > 1 {
        return Some(Rc::new(move |now: Moment, event: &Event| {
            for observer in observers.iter().filter(|one| one.interest().includes(event.kind())) {
                // One that panics keeps the news from nobody else.
                let _ = contain(|| observer.observe(now, event));
            }
        }));
    }
    observers.pop()
}

impl fmt::Debug for EventLoopBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoopBuilder")
            .field("virtual_clock", &self.virtual_clock)
            .field("observers", &self.observers.len())
            .field("scheduled", &self.scheduler.is_some())
            .field("scripted", &self.script.is_some())
            .field("isolated", &self.isolated)
            .field("debug", &self.debug)
            .field("policy", &self.policy)
            .finish()
    }
}
