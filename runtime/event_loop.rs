//! The event loop as a thing that one owns: run it, stop it, close it.
//!
//! ```text
//!   run_once      one turn
//!   run_forever   turns until `stop`
//!   run_until     turns until a question is answered with yes
//!   drop          closed: what is still scheduled is dropped uncalled
//! ```
//!
//! What a turn is stands in `turn.rs`; this file is about when there is another one.
//!
//! # Invariants
//! - `stop` ends the run after the turn in which it was called; what that turn scheduled
//!   stays for the next run.
//! - A running loop is borrowed, so it cannot be closed.
//! - After closing, nothing that was scheduled is ever called.
//!
//! Tutorial: chapter 8. Before this: `signal_handler.rs`. After this: `turn.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use crate::callback::Callback;
use crate::context::ContextValues;
use crate::doors;
use crate::error::RunError;
use crate::failure::{Failure, FailureKind, contain};
use crate::inbox::Message;
use crate::interest::Interest;
use crate::linger::Linger;
use crate::loop_ref::{Core, LoopRef};
use crate::observer::Event;
use crate::reactor::EventBuffer;
use crate::running;

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
    pub(crate) events: RefCell<EventBuffer>,
    /// Room for what a turn collects, kept from turn to turn.
    pub(crate) released: Cell<Vec<Callback>>,
    pub(crate) messages: Cell<Vec<Message>>,
    /// Somebody wants to know of each call: an observer, or `spans` after a slow span.
    pub(crate) watched: Cell<bool>,
    /// Whether it pays to stay awake for a moment before a sleep.
    pub(crate) linger: Linger,
}

impl EventLoop {
    /// A loop around its parts: see `builder.rs`.
    pub(crate) fn with_core(core: Core) -> EventLoop {
        EventLoop {
            watched: Cell::new(core.interest.includes(Interest::CALLS)),
            loop_ref: LoopRef { core: Rc::new(core) },
            events: RefCell::new(EventBuffer::new()),
            released: Cell::default(),
            messages: Cell::default(),
            linger: Linger::new(),
        }
    }

    /// One turn. If nothing is ready it waits, but it may come back with nothing called: a
    /// signal ends a wait, for example. To wait for something, use
    /// [`run_until`](EventLoop::run_until).
    ///
    /// # Errors
    /// [`RunError`]: a loop already runs on this thread, nothing can ever happen, a failure
    /// was met and the policy is to stop, or the system refused to report events.
    #[track_caller]
    pub fn run_once(&self) -> Result<(), RunError> {
        let _running = running::enter(&self.loop_ref, Location::caller())?;
        let mut begun = false;
        let outcome = self.turn_until(&mut || (), Some(&mut || mem::replace(&mut begun, true)));
        self.core.begin_limits();
        outcome
    }

    /// Turns until somebody calls [`stop`](LoopRef::stop).
    ///
    /// If `stop` was called before, there is exactly one turn, as in asyncio.
    ///
    /// # Errors
    /// [`RunError`]: a loop already runs on this thread, nothing can ever happen any more,
    /// or a failure was met and the policy is to stop.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let inner = event_loop.loop_ref().clone(); // for the callback
    /// event_loop.call_soon(move || inner.stop())?;
    /// event_loop.run_forever()?;
    /// event_loop.stop();
    /// event_loop.run_forever()?; // exactly one turn more
    /// assert_eq!(event_loop.turn(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), RunError> {
        match self.run_with(&mut || ()) {
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
        // The question is asked in the middle of a run, and in the name of whoever runs.
        let mut values = ContextValues::current();
        self.run_and_ask(&mut || (), Some(&mut || values.run(&mut done)))
    }

    /// Turns until somebody calls [`stop`](LoopRef::stop), with a callback that is lent and not
    /// given: `main` may borrow from whoever runs the loop. It is called once for each
    /// [`LoopRef::call_main_soon`]; calls for which the run is over too soon are cancelled.
    ///
    /// It must contain its own panics. [Context variables](crate::ContextVar) that it sets are gone
    /// when it returns.
    ///
    /// # Errors
    /// [`RunError::Stopped`]; and as [`EventLoop::run_forever`].
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, RunError};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let mut steps = Vec::new(); // on this stack, and `main` borrows it
    /// event_loop.call_main_soon();
    /// let outcome = event_loop.run_with(&mut || {
    ///     steps.push(event_loop.turn());
    ///     match steps.len() {
    ///         3 => event_loop.stop(),
    ///         _ => event_loop.call_main_soon(), // in the next turn
    ///     }
    /// });
    /// assert!(matches!(outcome, Err(RunError::Stopped)));
    /// assert_eq!(steps, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn run_with(&self, main: &mut dyn FnMut()) -> Result<(), RunError> {
        self.run_and_ask(main, None)
    }

    #[track_caller]
    fn run_and_ask(
        &self,
        main: &mut dyn FnMut(),
        done: Option<&mut dyn FnMut() -> bool>,
    ) -> Result<(), RunError> {
        let _running = running::enter(&self.loop_ref, Location::caller())?;
        self.observe(|| Event::RunBegins);
        let outcome = self.turn_until(main, done);
        // Time passes between two runs, too.
        self.core.begin_limits();
        // The main callback was lent for this run only.
        let cancelled = self.core.ready.borrow_mut().cancel_main();
        for place in cancelled {
            self.observe(|| Event::CallCancelled { place });
        }
        self.observe(|| Event::RunEnds);
        outcome
    }

    /// From now on a failure cannot stop anything, so it is told on standard error even if
    /// the policy is to stop; one that was to stop the next run is told now. For whoever winds a
    /// loop up before dropping it.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, FailurePolicy, RunError};
    ///
    /// let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build()?;
    /// event_loop.call_soon(|| panic!("a callback fails"))?;
    /// assert!(matches!(event_loop.run_once(), Err(RunError::Failed(_))));
    /// event_loop.begin_closing();
    /// event_loop.call_soon(|| panic!("a cleanup fails"))?;
    /// assert!(event_loop.run_once().is_ok()); // standard error was told
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_closing(&self) {
        self.core.closing.set(true);
        if let Err(RunError::Failed(kept)) = self.fatal_failure() {
            self.report(*kept);
        }
    }

    /// From now on nobody else can reach the loop: what other threads left is dropped, what
    /// they still send is refused. Whoever winds a loop up calls this before waiting for
    /// other threads, which may themselves be waiting for an answer of the loop.
    ///
    /// On its own thread the loop still schedules and runs.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use roundelay_runtime::{EventLoop, LoopClosed};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (proxy, (answer, answered)) = (event_loop.proxy(), mpsc::channel());
    /// proxy.call_soon_threadsafe(move || answer.send(42).unwrap())?;
    /// let asks = std::thread::spawn(move || answered.recv()); // it waits for the loop's answer
    /// event_loop.close_door();
    /// assert_eq!(proxy.call_soon_threadsafe(|| ()), Err(LoopClosed));
    /// assert!(asks.join().unwrap().is_err()); // it has heard that none will come
    /// assert!(event_loop.call_soon(|| ()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close_door(&self) {
        for message in self.core.inbox.close() {
            self.contain_drop(|| drop(message));
        }
    }

    fn turn_until(
        &self,
        main: &mut dyn FnMut(),
        done: Option<&mut dyn FnMut() -> bool>,
    ) -> Result<(), RunError> {
        self.begin_span();
        let outcome = self.turns(main, done);
        self.pause_span();
        outcome
    }

    fn turns(
        &self,
        main: &mut dyn FnMut(),
        mut done: Option<&mut dyn FnMut() -> bool>,
    ) -> Result<(), RunError> {
        let core = &self.core;
        core.turns_follow.set(done.is_none() && !core.stopping.get());
        core.quiet_until.set(0);
        let target = core.target.borrow().clone();
        let target = target.as_deref();
        let mut is_done = || done.as_mut().is_some_and(|done| done());
        while !is_done() {
            self.turn(target, main)?;
            // A failure that ends the run has asked for the end as well.
            if core.stopping.get() {
                self.fatal_failure()?;
                if core.stopping.take() && !is_done() {
                    return Err(RunError::Stopped);
                }
            }
        }
        Ok(())
    }

    /// The failure that ends the run, where the policy is to stop at the first.
    #[cold]
    fn fatal_failure(&self) -> Result<(), RunError> {
        let Some(failure) = self.core.fatal.borrow_mut().take() else { return Ok(()) };
        self.core.stopping.set(false);
        Err(RunError::Failed(Box::new(failure)))
    }

    /// The loop, as callbacks can hold it.
    #[must_use]
    pub fn loop_ref(&self) -> &LoopRef {
        &self.loop_ref
    }

    /// Closes the loop: the same as dropping it.
    ///
    /// Callbacks that were not called are dropped, in no particular order; a panic in a
    /// destructor is reported. A running loop cannot be closed: it is borrowed. Nor can a closed
    /// one be used:
    ///
    /// ```compile_fail,E0382
    /// # let event_loop = roundelay_runtime::EventLoop::new().unwrap();
    /// event_loop.close();
    /// event_loop.run_once();
    /// ```
    pub fn close(self) {}

    fn drop_everything(&self) {
        let core = &self.core;
        let mut leftovers: Vec<Callback> = core.timers.borrow_mut().take_all();
        let waiting = core.reactor.borrow_mut().take_all();
        leftovers.extend(waiting);
        let ready = mem::take(&mut *core.ready.borrow_mut());
        leftovers.extend(ready.into_closures().map(Callback::Once));
        for callback in leftovers {
            self.contain_drop(|| drop(callback));
        }
        let target = core.target.borrow_mut().take();
        self.contain_drop(|| drop(target));
    }

    /// Lets go of something that belongs to others.
    pub(crate) fn contain_drop(&self, let_go: impl FnOnce()) {
        if let Err(message) = contain(let_go) {
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
        self.begin_closing();
        self.core.closed.set(true);
        self.core.is_plain.set(false);
        self.core.limits_wait.set(false);
        doors::strike_out(self.id());
        self.close_door();
        self.drop_everything();
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventLoop").field(&self.loop_ref).finish()
    }
}
