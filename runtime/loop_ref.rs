//! A loop, as its own thread sees it: its parts, and what you can ask of them.
//!
//! [`LoopRef`] is what asyncio programs call `loop`: what time is it, stop, set this timer.
//! It only ever *queues*. The turn that takes things out of the queues and calls them is in
//! `turn.rs`.
//!
//! ```text
//!   LoopRef --+
//!   LoopRef --+--> Core: ready queue, timers, reactor, clock, inbox
//!   LoopRef --+          one thread, each in a cell of its own
//! ```
//!
//! # Invariants
//! - Nothing here calls user code, except destructors, the observer and the failure handler, and
//!   none of them while one of the loop's cells is borrowed: take, let the borrow end, then drop.
//! - After the loop is closed every method that schedules a callback of yours answers
//!   [`LoopClosed`](crate::LoopClosed); `run_soon` and `call_main_soon` forget.
//!
//! Tutorial: chapters 2 and 3. Before this: `doors.rs`. After this: `observing.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::callback::{Callback, Key, Target};
use crate::clock::{Clock, Instant, Moment};
use crate::failure::{Failure, FailurePolicy, report};
use crate::held_up::HeldUp;
use crate::inbox::Inbox;
use crate::interest::{Interest, Observer};
use crate::observer::Event;
use crate::reactor::Reactor;
use crate::readiness_script::ReadinessScript;
use crate::ready::{Entry, ReadyQueue};
use crate::scheduler::Scheduler;
use crate::spans::Spans;
use crate::timers::Timers;

/// Everything that one loop consists of. One thread; each part in a cell of its own.
pub(crate) struct Core {
    pub(crate) ready: RefCell<ReadyQueue>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) reactor: RefCell<Reactor>,
    pub(crate) clock: Clock,
    /// What other threads may see of the loop.
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) target: RefCell<Option<Rc<dyn Target>>>,
    pub(crate) observer: Option<Rc<dyn Observer>>,
    /// The events that the observer is told of.
    pub(crate) interest: Interest,
    /// What says in the system's place which source is ready.
    pub(crate) script: Option<RefCell<ReadinessScript>>,
    /// Somebody is told of its turns or calls, arranges what is ready, or moves its clock by hand.
    pub(crate) is_attended: bool,
    /// Who decides the order where none is promised; `None` is first in, first out.
    pub(crate) scheduler: Option<Rc<dyn Scheduler>>,
    /// Nothing outside will ever wake this loop: its builder has said so.
    pub(crate) isolated: bool,
    pub(crate) policy: FailurePolicy,
    pub(crate) debug: bool,
    /// The failure that stops the run, when the policy says so.
    pub(crate) fatal: RefCell<Option<Failure>>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    /// Neither closed nor attended, and no call is being measured: asked at each push.
    pub(crate) is_plain: Cell<bool>,
    /// After this turn there is another, and nobody wants to be asked in between.
    pub(crate) turns_follow: Cell<bool>,
    /// A turn that begins at an earlier place has nothing to do but what is ready, if no other
    /// thread has left a message and its number is smaller than the next one: see `short_turn.rs`.
    pub(crate) quiet_until: Cell<u64>,
    /// In this turn time limits that have not begun want the clock to be read.
    pub(crate) limits_at: Cell<u64>,
    /// They may wait for that: the clock is real, nobody observes timers, and the loop is open.
    pub(crate) limits_wait: Cell<bool>,
    /// The last run is over: from now on a failure cannot stop anything, only be told.
    pub(crate) closing: Cell<bool>,
    /// The observer is being told of an event.
    pub(crate) observing: Cell<bool>,
    /// When the last event happened that it was told of.
    pub(crate) told_at: Cell<Moment>,
    /// Which event the end of the call that is running follows at once, if any.
    pub(crate) call_ends_with: Cell<Interest>,
    pub(crate) turn: Cell<u64>,
    pub(crate) spans: Spans,
    /// How often the loop was held up: see `span_watch.rs`.
    pub(crate) held_up: RefCell<HeldUp>,
    /// How many things were given a number: see [`LoopRef::count_thing`].
    pub(crate) things: Cell<u64>,
}

impl Core {
    /// When the script, if there is one, has news next.
    pub(crate) fn next_scripted(&self) -> Option<Moment> {
        self.script.as_ref()?.borrow().next()
    }

    /// Reads the clock, and the time limits that waited for that begin.
    #[inline]
    pub(crate) fn read_clock(&self) -> Moment {
        let now = self.clock.now();
        // A timer may be due now.
        self.quiet_until.set(0);
        if self.timers.borrow().has_limits() {
            self.timers.borrow_mut().begin_limits(now);
        }
        now
    }

    /// How many ready entries were taken up since the loop last looked outside.
    pub(crate) fn since_look(&self) -> u64 {
        self.ready.borrow().turn_end() - self.spans.looked_at.get()
    }

    /// Reads the clock if there are limits that wait for that.
    #[inline]
    pub(crate) fn begin_limits(&self) {
        if self.timers.borrow().has_limits() {
            self.read_clock();
        }
    }
}

/// An event loop, on its own thread.
///
/// Cheap to clone. It cannot leave the thread; [`LoopProxy`](crate::LoopProxy) can. It does
/// not keep the loop open: the loop closes when its [`EventLoop`](crate::EventLoop) is
/// dropped, and then every method that schedules returns [`LoopClosed`](crate::LoopClosed).
///
/// ```
/// use roundelay_runtime::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let inner = event_loop.loop_ref().clone();
/// assert_eq!((inner.id(), inner.turn()), (event_loop.id(), 0)); // the same loop, and fresh
/// event_loop.call_soon(move || inner.stop())?;
/// event_loop.run_forever()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Another thread cannot be given one:
///
/// ```compile_fail,E0277
/// # let event_loop = roundelay_runtime::EventLoop::new().unwrap();
/// let inner = event_loop.loop_ref().clone();
/// std::thread::spawn(move || inner.call_soon(|| ()));
/// ```
#[derive(Clone)]
pub struct LoopRef {
    pub(crate) core: Rc<Core>,
}

impl LoopRef {
    /// The time on the loop's clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// assert!(event_loop.has_virtual_clock());
    /// let start = event_loop.time();
    /// event_loop.block_for(Duration::from_secs(3)); // moves the virtual clock
    /// assert_eq!(event_loop.time() - start, Duration::from_secs(3));
    /// let (time, now) = (event_loop.time(), event_loop.now()); // two ways to count
    /// assert_eq!((event_loop.moment(time), event_loop.instant(now)), (event_loop.latest(), time));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn time(&self) -> Instant {
        self.core.clock.instant(self.now())
    }

    /// Whether the loop's clock is [virtual](crate::EventLoopBuilder::virtual_clock).
    #[must_use]
    pub fn has_virtual_clock(&self) -> bool {
        self.core.clock.is_virtual()
    }

    /// Whether a [script](crate::EventLoopBuilder::scripted_selector) says which sources are ready.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, ReadinessScript};
    ///
    /// let builder = EventLoop::builder().scripted_selector(ReadinessScript::new()).debug(true);
    /// let event_loop = builder.build()?;
    /// assert!(event_loop.has_scripted_selector() && event_loop.is_debug());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_scripted_selector(&self) -> bool {
        self.core.script.is_some()
    }

    /// The time on the loop's clock, as the loop itself counts it.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.core.read_clock()
    }

    /// The last moment that anybody read from the clock: a little old, and free.
    #[must_use]
    #[inline]
    pub fn latest(&self) -> Moment {
        self.core.clock.latest()
    }

    /// `instant` as the loop itself counts. Reads the clock, so that a timer set for an
    /// instant that has passed is due in the next turn.
    #[must_use]
    pub fn moment(&self, instant: Instant) -> Moment {
        self.core.read_clock();
        self.core.clock.moment(instant)
    }

    /// `moment` as everybody else counts. One that no `Instant` can hold becomes one that it can.
    #[must_use]
    pub fn instant(&self, moment: Moment) -> Instant {
        self.core.clock.instant(moment)
    }

    /// Blocks the loop's thread for `duration`, as a call would that knows nothing of the loop: on
    /// the real clock the thread sleeps, the virtual clock is moved.
    pub fn block_for(&self, duration: Duration) {
        let clock = &self.core.clock;
        if !clock.is_virtual() {
            return std::thread::sleep(duration);
        }
        let from = self.now();
        let to = from.after(duration);
        clock.jump_to(to);
        self.observe(|| Event::ClockJumps { from, to });
    }

    /// Ends the run after the turn that is running, or after the next one if none is.
    ///
    /// What that turn scheduled stays queued for the next run.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let inner = event_loop.loop_ref().clone();
    /// event_loop.call_soon(move || {
    ///     inner.stop();
    ///     inner.call_soon(|| println!("in the next run")).unwrap();
    /// })?;
    /// event_loop.run_forever()?;
    /// assert_eq!(event_loop.ready_len(), 1); // it stays queued
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        self.core.stopping.set(true);
        self.core.turns_follow.set(false);
        self.core.quiet_until.set(0);
    }

    /// The loop's number: unique in this process, never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.core.inbox.id
    }

    /// How many turns the loop has begun.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.core.turn.get()
    }

    /// How many entries are ready at this moment. The one that is being called does not count.
    #[must_use]
    pub fn ready_len(&self) -> usize {
        self.core.ready.borrow().len()
    }

    /// Whether the loop has been closed.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, LoopClosed};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let inner = event_loop.loop_ref().clone();
    /// drop(event_loop); // that closes it
    /// assert!(inner.is_closed());
    /// assert_eq!(inner.call_soon(|| ()).unwrap_err(), LoopClosed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.core.closed.get()
    }

    /// Reports a failure that nobody can take, as the loop's failure policy says.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use roundelay_runtime::{EventLoop, Failure, FailureKind, FailurePolicy};
    ///
    /// let log = Rc::new(RefCell::new(Vec::new()));
    /// let told = log.clone();
    /// let policy = FailurePolicy::Handler(Rc::new(move |news| told.borrow_mut().push(news.kind)));
    /// let event_loop = EventLoop::builder().failure_policy(policy).build()?;
    /// event_loop.report(Failure::new(FailureKind::TaskFailed, "fetch", "no route"));
    /// event_loop.warn(Failure::new(FailureKind::TooSlow, "save", "it took 5 s"));
    /// assert_eq!(*log.borrow(), [FailureKind::TaskFailed, FailureKind::TooSlow]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(&self, failure: Failure) {
        match &self.core.policy {
            FailurePolicy::Report => report(None, &failure),
            FailurePolicy::Handler(handler) => report(Some(&**handler), &failure),
            FailurePolicy::Stop if self.core.closing.get() => report(None, &failure),
            FailurePolicy::Stop => {
                self.stop();
                let mut fatal = self.core.fatal.borrow_mut();
                if fatal.is_none() {
                    *fatal = Some(failure);
                } else {
                    drop(fatal);
                    report(None, &failure);
                }
            }
        }
    }
}

/// Debug mode.
impl LoopRef {
    /// Whether the loop was built in [debug mode](crate::EventLoopBuilder::debug).
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.core.debug
    }

    /// Warns: as [`LoopRef::report`], but a policy to stop does not stop for a warning.
    pub fn warn(&self, warning: Failure) {
        match &self.core.policy {
            FailurePolicy::Handler(handler) => report(Some(&**handler), &warning),
            FailurePolicy::Report | FailurePolicy::Stop => report(None, &warning),
        }
    }
}

/// For those who build on the loop: the executor's table of tasks. (Its timers: `loop_timers.rs`.)
impl LoopRef {
    /// Names the one target whose keys this loop's callbacks may carry. Replaces an earlier, but
    /// not for the run that is under way.
    pub fn set_target(&self, target: Rc<dyn Target>) {
        let earlier = self.core.target.borrow_mut().replace(target);
        drop(earlier);
    }

    /// Puts `key` at the back of the ready queue: the target's `run` is called in the next
    /// turn. A closed loop forgets it.
    #[inline]
    pub fn run_soon(&self, key: Key) {
        self.push(Entry::Run(key));
    }

    /// Puts the main callback at the back of the ready queue: see
    /// [`EventLoop::run_with`](crate::EventLoop::run_with). In any other run nothing is called.
    #[inline]
    pub fn call_main_soon(&self) {
        self.push(Entry::Main);
    }

    /// The one way into the ready queue. A closed loop drops what comes.
    #[inline]
    pub(crate) fn push(&self, entry: Entry) -> Option<u64> {
        if self.core.is_plain.get() {
            return Some(self.core.ready.borrow_mut().push(entry));
        }
        (!self.is_closed()).then(|| self.push_and_tell(entry))
    }

    /// The same for a callback, which is dropped if the loop is closed.
    pub(crate) fn push_callback(&self, callback: Callback) -> Option<u64> {
        if self.is_closed() {
            return None;
        }
        let place = self.core.ready.borrow_mut().push_callback(callback);
        if self.is_interesting(Interest::QUEUE) {
            self.tell_pushed(place);
        }
        Some(place)
    }
}

impl fmt::Debug for LoopRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopRef")
            .field("id", &self.id())
            .field("turn", &self.turn())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
