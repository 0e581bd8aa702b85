//! The event loop: one thread, many waits.
//!
//! ```text
//!        +--> 1. how long may we sleep?     ready: not at all; else until the next deadline
//!        |    2. wait for events            readiness becomes callbacks
//!        |    3. collect the inbox          what other threads left
//!        |    4. collect due timers         by deadline, then by order of setting
//!        +--- 5. run what is ready          everything scheduled meanwhile waits
//! ```
//!
//! One pass is a *turn*. [`EventLoop::run_once`] is that list, and the rest of this file is
//! about when to do it again.
//!
//! # Invariants
//! - Callbacks are called in one place: `call` below. Everything else only queues.
//! - A turn runs what is ready when step 5 begins. Two callbacks that schedule each other
//!   for ever still let timers and sockets in between.
//! - In one turn callbacks run in this order: what was ready already, then readiness, then
//!   the inbox, then due timers.
//! - While there is work the operating system is asked at least once in every
//!   `CALLBACKS_BETWEEN_LOOKS` callbacks (or once a turn, if a turn is longer). A system
//!   call costs as much as dozens of callbacks, and the order among callbacks never depends
//!   on it.
//! - A panic in a callback ends that callback and nothing else.
//!
//! Tutorial: chapters 1, 2 and 8. Before this: every other file of this folder.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::callback::{Callback, Target};
use crate::clock::Clock;
use crate::error::RunError;
use crate::failure::{Failure, FailureKind, FailurePolicy, contain};
use crate::inbox::{Inbox, Message};
use crate::loop_ref::{Core, LoopRef, work};
use crate::observer::{Event, Observer};
use crate::reactor::{EventBuffer, Reactor};
use crate::ready::{Entry, ReadyQueue};
use crate::running;
use crate::timers::Timers;

/// How many callbacks may run before the operating system is asked again, while there is
/// always something ready.
const CALLBACKS_BETWEEN_LOOKS: usize = 128;

/// An event loop, and the one who owns it.
///
/// Everything that can be asked of a loop is a method of [`LoopRef`], and an `EventLoop`
/// is one, too. Dropping it closes the loop: what is still scheduled is dropped uncalled.
///
/// ```
/// use roundelay_runtime::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// event_loop.call_soon(|| println!("my turn"))?;
/// event_loop.run_once()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventLoop {
    loop_ref: LoopRef,
    events: RefCell<EventBuffer>,
    /// Room for what a turn collects, kept from turn to turn.
    released: Cell<Vec<Callback>>,
    messages: Cell<Vec<Message>>,
    /// Callbacks run since the operating system was asked last.
    since_look: Cell<usize>,
}

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

    /// One turn. Waits for something to happen, if nothing is ready.
    ///
    /// # Errors
    /// [`RunError`]: a loop already runs on this thread, or nothing can ever happen.
    #[track_caller]
    pub fn run_once(&self) -> Result<(), RunError> {
        let _running = running::enter(&self.loop_ref, Location::caller())?;
        self.turn(&mut || ())?;
        self.fatal_failure()
    }

    /// Turns until somebody calls [`stop`](LoopRef::stop).
    ///
    /// If `stop` was called before, there is exactly one turn, as in asyncio.
    ///
    /// # Errors
    /// [`RunError`]: a loop already runs on this thread, nothing can ever happen any more,
    /// or a failure was met and the policy is to stop.
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), RunError> {
        match self.run_with(&mut || (), &mut || false) {
            Err(RunError::Stopped) => Ok(()),
            outcome => outcome,
        }
    }

    /// Turns until `done` says yes. It is asked before each turn.
    ///
    /// # Errors
    /// As [`EventLoop::run_forever`]; and [`RunError::Stopped`] if `stop` came first.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let rung = Rc::new(Cell::new(false));
    /// let ring = rung.clone();
    /// event_loop.call_later(std::time::Duration::from_millis(1), move || ring.set(true))?;
    /// event_loop.run_until(|| rung.get())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn run_until(&self, mut done: impl FnMut() -> bool) -> Result<(), RunError> {
        self.run_with(&mut || (), &mut done)
    }

    /// Turns until `done` says yes, with a callback that is lent and not given: `main` may
    /// borrow from whoever runs the loop. It is called once each time its turn comes after
    /// [`LoopRef::call_main_soon`].
    ///
    /// # Errors
    /// As [`EventLoop::run_until`].
    #[track_caller]
    pub fn run_with(
        &self,
        main: &mut dyn FnMut(),
        done: &mut dyn FnMut() -> bool,
    ) -> Result<(), RunError> {
        let _running = running::enter(&self.loop_ref, Location::caller())?;
        self.observe(|| Event::RunBegins);
        let outcome = self.turn_until(main, done);
        self.observe(|| Event::RunEnds);
        outcome
    }

    fn turn_until(
        &self,
        main: &mut dyn FnMut(),
        done: &mut dyn FnMut() -> bool,
    ) -> Result<(), RunError> {
        let core = &self.core;
        while !done() {
            self.turn(main)?;
            self.fatal_failure()?;
            if core.stopping.take() && !done() {
                return Err(RunError::Stopped);
            }
        }
        Ok(())
    }

    /// The failure that ends the run, where the policy is to stop at the first.
    fn fatal_failure(&self) -> Result<(), RunError> {
        let Some(failure) = self.core.fatal.borrow_mut().take() else { return Ok(()) };
        self.core.stopping.set(false);
        Err(RunError::Failed(Box::new(failure)))
    }

    /// The list at the head of this file.
    fn turn(&self, main: &mut dyn FnMut()) -> Result<(), RunError> {
        self.begin_turn();
        let sleep = self.time_until_next_work();
        self.wait_for_events(sleep)?;
        self.collect_inbox();
        self.collect_due_timers();
        self.run_ready_callbacks(main);
        Ok(())
    }

    fn begin_turn(&self) {
        let core = &self.core;
        core.turn.set(core.turn.get() + 1);
        let turn = core.turn.get();
        self.observe(|| Event::TurnBegins { turn, ready: core.ready.borrow().len() });
    }

    /// Step 1.
    fn time_until_next_work(&self) -> Sleep {
        let core = &self.core;
        if core.stopping.get() || !core.ready.borrow().is_empty() {
            return Sleep::NotAtAll;
        }
        let next = core.timers.borrow().next_deadline();
        match next {
            None => Sleep::WithoutEnd,
            Some(deadline) if deadline <= core.clock.latest() => Sleep::NotAtAll,
            Some(deadline) => match deadline.since(core.clock.now()) {
                Duration::ZERO => Sleep::NotAtAll,
                remaining => Sleep::AtMost(remaining),
            },
        }
    }

    /// Step 2.
    fn wait_for_events(&self, sleep: Sleep) -> Result<(), RunError> {
        let core = &self.core;
        if sleep == Sleep::NotAtAll {
            if self.since_look.get() < CALLBACKS_BETWEEN_LOOKS && !core.clock.is_virtual() {
                return Ok(());
            }
            core.clock.now();
            return self.poll(Some(Duration::ZERO));
        }
        if !core.inbox.fall_asleep() {
            return self.poll(Some(Duration::ZERO));
        }
        let outcome = self.sleep(sleep);
        core.inbox.wake_up();
        outcome
    }

    /// Nothing is ready and the inbox is empty: sleep, jump, or say that it is for ever.
    fn sleep(&self, sleep: Sleep) -> Result<(), RunError> {
        let core = &self.core;
        let awaits_system = core.reactor.borrow().waiting_callbacks() > 0;
        let only_time_can_help = !awaits_system && !core.inbox.is_clock_held();
        match sleep {
            Sleep::WithoutEnd if only_time_can_help && self.nobody_has_a_door() => {
                Err(RunError::Deadlock)
            }
            Sleep::AtMost(remaining) if core.clock.is_virtual() => {
                if !only_time_can_help {
                    return self.poll(None);
                }
                let from = core.clock.now();
                let to = from.after(remaining);
                core.clock.jump_to(to);
                self.observe(|| Event::ClockJumps { from, to });
                Ok(())
            }
            Sleep::AtMost(remaining) => self.poll(Some(remaining)),
            Sleep::WithoutEnd | Sleep::NotAtAll => self.poll(None),
        }
    }

    /// Whether all references to the inbox are the loop's own and its target's: then no
    /// thread, no waker and no socket can ever leave a message.
    fn nobody_has_a_door(&self) -> bool {
        let target = self.core.target.borrow().clone();
        let own = 1 + target.map_or(0, |target| target.own_doors());
        Arc::strong_count(&self.core.inbox) == own
    }

    /// Asks the operating system. What was waited for becomes ready callbacks.
    fn poll(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.since_look.set(0);
        self.observe(|| Event::WaitBegins { at_most: timeout });
        let mut released = self.released.take();
        let mut news = Vec::new();
        let observed = self.is_observed();
        let outcome = self.core.reactor.borrow_mut().poll(
            &mut self.events.borrow_mut(),
            timeout,
            &mut released,
            |source| {
                if observed {
                    news.push(source);
                }
            },
        );
        for &crate::reactor::News { source, readable, writable } in &news {
            self.observe(|| Event::SourceReady { source, readable, writable });
        }
        for callback in released.drain(..) {
            self.push(Entry::Call(callback));
        }
        self.released.set(released);
        let events = outcome?;
        self.observe(|| Event::WaitEnds { events });
        Ok(())
    }

    /// Step 3.
    fn collect_inbox(&self) {
        if !self.core.inbox.has_messages() {
            return;
        }
        let mut messages = self.messages.take();
        self.core.inbox.collect(&mut messages);
        self.observe(|| Event::InboxCollected { messages: messages.len() });
        for message in messages.drain(..) {
            match message {
                Message::Call(callback) => drop(self.push_callback(Callback::Once(callback))),
                Message::Notify(key) => drop(self.push(Entry::Call(Callback::Notify(key)))),
                Message::CancelTimer(timer) => drop(self.cancel_timer(timer)),
                Message::CancelWait(wait) => {
                    let callback = self.core.reactor.borrow_mut().cancel_wait(wait);
                    drop(callback);
                }
                Message::Forget(source) => self.forget_source(source),
                Message::ClockFree => {}
                Message::Stop => self.stop(),
            }
        }
        self.messages.set(messages);
    }

    /// Step 4.
    ///
    /// While there is work the clock is not read for this: the last reading will do, and
    /// whoever sets a timer reads the clock. So a deadline that has passed when it is set
    /// is due in the very next turn, and any other is noticed at the next look outside.
    fn collect_due_timers(&self) {
        let core = &self.core;
        if core.timers.borrow().len() == 0 {
            return;
        }
        let now = if self.since_look.get() == 0 { core.clock.now() } else { core.clock.latest() };
        loop {
            // Pop, let the borrow end, then tell: an observer may set another timer.
            let due = core.timers.borrow_mut().pop_due(now);
            let Some(timer) = due else { break };
            self.observe(|| Event::TimerDue { timer: timer.number() });
            self.push(Entry::Timer(timer));
        }
    }

    /// Step 5.
    fn run_ready_callbacks(&self, main: &mut dyn FnMut()) {
        let core = &self.core;
        let turn = core.ready.borrow().len();
        self.since_look.set(self.since_look.get().saturating_add(turn));
        let target = core.target.borrow().clone();
        for _ in 0..turn {
            let next = core.ready.borrow_mut().pop();
            let Some((place, entry)) = next else { break };
            if !self.is_observed() {
                self.call(entry, target.as_deref(), main);
                continue;
            }
            let what = work(&entry);
            self.observe(|| Event::CallBegins { place, what });
            let panicked = !self.call(entry, target.as_deref(), main);
            self.observe(|| Event::CallEnds { place, panicked });
        }
    }

    /// The one place where callbacks are called. `false` if it panicked.
    fn call(&self, entry: Entry, target: Option<&dyn Target>, main: &mut dyn FnMut()) -> bool {
        let callback = match entry {
            Entry::Timer(timer) => self.core.timers.borrow_mut().take_due(timer),
            Entry::Call(callback) => Some(callback),
            Entry::Cancelled => None,
            Entry::Run(key) => {
                if let Some(target) = target {
                    target.run(key);
                }
                None
            }
            Entry::Main => {
                main();
                None
            }
        };
        match callback {
            None => true,
            Some(Callback::Notify(key)) => {
                if let Some(target) = target {
                    target.notify(key);
                }
                true
            }
            Some(Callback::Once(callback)) => match contain(callback) {
                Ok(()) => true,
                Err(message) => {
                    let kind = FailureKind::CallbackPanicked;
                    self.report(Failure::new(kind, "a callback", message));
                    false
                }
            },
        }
    }

    /// The loop, as callbacks can hold it.
    #[must_use]
    pub fn loop_ref(&self) -> &LoopRef {
        &self.loop_ref
    }

    /// Closes the loop: the same as dropping it.
    ///
    /// Callbacks that were not called are dropped, in no particular order; a panic in a
    /// destructor is reported. A running loop cannot be closed: it is borrowed.
    pub fn close(self) {}

    fn drop_everything(&self) {
        let core = &self.core;
        let mut leftovers: Vec<Callback> = core.timers.borrow_mut().take_all();
        let waiting = core.reactor.borrow_mut().take_all();
        leftovers.extend(waiting);
        let ready = mem::take(&mut *core.ready.borrow_mut());
        leftovers.extend(ready.into_callbacks());
        for callback in leftovers {
            self.drop_contained(callback);
        }
        let target = core.target.borrow_mut().take();
        self.drop_contained(target);
    }

    fn drop_contained<T>(&self, value: T) {
        if let Err(message) = contain(|| drop(value)) {
            let kind = FailureKind::DestructorPanicked;
            self.report(Failure::new(kind, "a callback that was never called", message));
        }
    }
}

impl Deref for EventLoop {
    type Target = LoopRef;

    fn deref(&self) -> &LoopRef {
        &self.loop_ref
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        let _closing = running::enter_to_close(&self.loop_ref);
        self.core.closed.set(true);
        for message in self.core.inbox.close() {
            self.drop_contained(message);
        }
        self.drop_everything();
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventLoop").field(&self.loop_ref).finish()
    }
}

/// How long the loop may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    NotAtAll,
    AtMost(Duration),
    WithoutEnd,
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

    /// Who is told of every [`Event`].
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
            timers: RefCell::new(Timers::default()),
            reactor: RefCell::new(reactor),
            clock: if self.virtual_clock { Clock::virtual_time() } else { Clock::real() },
            inbox: Arc::new(Inbox::new(id, bell)),
            target: RefCell::new(None),
            observer: self.observer,
            policy: self.policy,
            fatal: RefCell::new(None),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            turn: Cell::new(0),
        };
        Ok(EventLoop {
            loop_ref: LoopRef { core: Rc::new(core) },
            events: RefCell::new(EventBuffer::new()),
            released: Cell::default(),
            messages: Cell::default(),
            since_look: Cell::new(0),
        })
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
