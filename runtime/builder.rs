//! Building a loop: which clock, who observes, what becomes of failures.
//!
//! Tutorial: chapters 8 and 19. Before this: `turn.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::error::RunError;
use crate::event_loop::EventLoop;
use crate::failure::FailurePolicy;
use crate::inbox::Inbox;
use crate::loop_ref::Core;
use crate::observer::Observer;
use crate::reactor::Reactor;
use crate::ready::ReadyQueue;
use crate::timers::Timers;

impl EventLoop {
    /// A loop on the real clock that reports failures to standard error.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop.
    pub fn new() -> Result<EventLoop, RunError> {
        EventLoop::builder().build()
    }

    /// A loop with other settings.
    pub fn builder() -> EventLoopBuilder {
        EventLoopBuilder { virtual_clock: false, observer: None, policy: FailurePolicy::default() }
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
    observer: Option<Rc<dyn Observer>>,
    policy: FailurePolicy,
}

impl EventLoopBuilder {
    /// Time that stands still while there is work, and jumps to the next deadline when
    /// nothing else can happen: no ready callback, nothing awaited from the operating
    /// system, no [`ClockHold`](crate::ClockHold).
    pub fn virtual_clock(mut self) -> Self {
        self.virtual_clock = true;
        self
    }

    /// Who is told of every [`Event`](crate::Event).
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Rc::new(observer));
        self
    }

    /// What to do with failures that nobody can take.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Builds the loop.
    ///
    /// # Errors
    /// What the operating system says when it has no descriptor left for the loop.
    pub fn build(self) -> Result<EventLoop, RunError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (reactor, bell) = Reactor::new()?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let core = Core {
            ready: RefCell::new(ReadyQueue::default()),
            timers: RefCell::new(Timers::new()),
            reactor: RefCell::new(reactor),
            clock: if self.virtual_clock { Clock::virtual_time() } else { Clock::real() },
            inbox: Arc::new(Inbox::new(id, bell)),
            target: RefCell::new(None),
            observer: self.observer,
            policy: self.policy,
            fatal: RefCell::new(None),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            closing: Cell::new(false),
            observing: Cell::new(false),
            turn: Cell::new(0),
        };
        Ok(EventLoop::with_core(core))
    }
}

impl fmt::Debug for EventLoopBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoopBuilder")
            .field("virtual_clock", &self.virtual_clock)
            .field("observed", &self.observer.is_some())
            .field("policy", &self.policy)
            .finish()
    }
}
