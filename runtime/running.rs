//! Which loop runs on this thread.
//!
//! One note per thread. It lets `spawn` and `sleep` find their loop without being handed
//! it, lets a waker see whether it is at home, and refuses a second loop inside the first:
//! the inner one would stop the outer one's dance without its dancers knowing why.
//!
//! The note is read at every wake from outside our own futures. One that has a destructor is first
//! asked whether the thread has run it; this one has none: [`Entered`] clears it, as it has written
//! it.
//!
//! # Invariants
//! - At most one loop runs on a thread. Inside of its calls another one may be closed; then the note is
//!   of that one, and the running one lies behind it.
//! - The note is there exactly while the loop runs or is being closed.
//! - While a loop runs, its thread has no context variables of its own: each callback and each
//!   task brings its own, and those of whoever runs the loop come back with the end of the run.
//!
//! Tutorial: chapter 8. Before this: `schedule.rs`. After this: `proxy.rs`.

use std::cell::{Cell, RefCell};
use std::iter;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;

use crate::callback::Target;
use crate::context::{ContextValues, take_leftovers};
use crate::error::{RunError, WrongLoop};
use crate::failure::{Failure, FailureKind, contain, tell_stderr};
use crate::interest::Interest;
use crate::loop_ref::LoopRef;
use crate::observer::Event;
use crate::observing::HOOKS;

thread_local! {
    static RUNNING: RefCell<Note> = const { RefCell::new(None) };
    /// The events that somebody wants to hear of in the loops that are here. Apart from the note,
    /// so that asking costs next to nothing.
    static INTEREST: Cell<Interest> = const { Cell::new(Interest::NONE) };
}

/// Whoever takes it for good drops it.
type Note = Option<ManuallyDrop<Running>>;

struct Running {
    loop_ref: LoopRef,
    since: &'static Location<'static>,
    /// The loop in whose call this one is being closed.
    outer: Option<Box<Running>>,
}

impl Running {
    /// The events that somebody wants to hear of here: in this loop or in one around it.
    fn interest(&self) -> Interest {
        let outer = self.outer.as_ref().map_or(Interest::NONE, |outer| outer.interest());
        self.loop_ref.core.interest | outer
    }
}

/// The loop that runs on this thread, if one does.
///
/// asyncio calls it `get_running_loop`.
///
/// ```
/// use roundelay_runtime::{EventLoop, FailurePolicy, current_loop};
///
/// assert!(current_loop().is_none());
/// let event_loop = EventLoop::builder().failure_policy(FailurePolicy::Stop).build()?;
/// event_loop.call_soon(|| assert!(current_loop().is_some()))?;
/// event_loop.run_once()?; // if the assertion failed, so would this
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "get_running_loop")]
#[must_use]
pub fn current_loop() -> Option<LoopRef> {
    RUNNING.with_borrow(|running| Some(running.as_ref()?.loop_ref.clone()))
}

/// The loop that runs on this thread, and if it is being closed inside a call of another one, that
/// one behind it, and so on: the innermost first.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use roundelay_runtime::{EventLoop, loops_here};
///
/// struct Asks(Rc<RefCell<Vec<u64>>>);
///
/// impl Drop for Asks {
///     fn drop(&mut self) {
///         self.0.borrow_mut().extend(loops_here().iter().map(|home| home.id()));
///     }
/// }
///
/// let (outer, inner) = (EventLoop::new()?, EventLoop::new()?);
/// let (both, seen) = ([inner.id(), outer.id()], Rc::new(RefCell::new(Vec::new())));
/// let asks = Asks(seen.clone());
/// inner.call_soon(move || drop(asks))?;
/// outer.call_soon(move || drop(inner))?; // and with it what it has not called yet
/// outer.run_once()?;
/// assert_eq!(*seen.borrow(), both);
/// assert!(loops_here().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn loops_here() -> Vec<LoopRef> {
    RUNNING.with_borrow(|running| {
        let innermost = running.as_deref();
        let all = iter::successors(innermost, |running| running.outer.as_deref());
        all.map(|running| running.loop_ref.clone()).collect()
    })
}

/// The loop with this number, if it is the one that runs on this thread.
#[inline]
pub(crate) fn home(id: u64) -> Option<LoopRef> {
    with_home(id, LoopRef::clone)
}

/// The same, for whoever must say what is wrong.
#[inline]
pub(crate) fn here(id: u64) -> Result<LoopRef, WrongLoop> {
    let used_on = || current_loop().map(|current| current.id());
    home(id).ok_or_else(|| WrongLoop { made_on: id, used_on: used_on() })
}

/// The target of the loop with this number; `None` if the loop does not run on this thread,
/// `Some(None)` if it has no target.
#[inline]
pub(crate) fn target_at_home(id: u64) -> Option<Option<Rc<dyn Target>>> {
    with_home(id, |home| home.core.target.borrow().clone())
}

/// `look` must not call user code: the note is borrowed.
#[inline]
fn with_home<R>(id: u64, look: impl FnOnce(&LoopRef) -> R) -> Option<R> {
    RUNNING.with_borrow(|running| {
        let home = &running.as_ref()?.loop_ref;
        (home.id() == id).then(|| look(home))
    })
}

/// Where the loop that runs on this thread was started.
///
/// ```
/// use roundelay_runtime::{EventLoop, running_since};
///
/// assert!(running_since().is_none());
/// let event_loop = EventLoop::new()?;
/// event_loop.call_soon(|| println!("started at {}", running_since().unwrap()))?;
/// event_loop.run_once()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn running_since() -> Option<&'static Location<'static>> {
    RUNNING.with_borrow(|running| Some(running.as_ref()?.since))
}

/// Reports a failure that nobody can take: as the policy of the loop that runs here says, or
/// on standard error if none runs.
///
/// ```
/// use roundelay_runtime::{Failure, FailureKind, report_here};
///
/// report_here(Failure::new(FailureKind::CallbackPanicked, "a waker", "no"));
/// ```
pub fn report_here(failure: Failure) {
    match current_loop() {
        Some(home) => home.report(failure),
        None => tell_stderr(failure),
    }
}

/// Tells the observer of the loop that runs on this thread, if there is one. For whoever has
/// no reference to the loop at hand.
///
/// Nothing of the caller's may be borrowed.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use roundelay_runtime::{Event, EventLoop, Moment, observe_here};
///
/// let heard = Rc::new(RefCell::new(Vec::new()));
/// let log = heard.clone();
/// let observer = move |_: Moment, event: &Event| log.borrow_mut().push(event.clone());
/// let event_loop = EventLoop::builder().observer(observer).build()?;
/// let opened = Event::GroupOpened { group: 1 };
/// let opens = opened.clone();
/// event_loop.call_soon(move || observe_here(|| opens))?;
/// event_loop.run_once()?;
/// assert!(heard.borrow().contains(&opened));
/// observe_here(|| unreachable!("no loop runs here"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn observe_here(event: impl FnOnce() -> Event) {
    if is_observed_here() {
        tell_here(event);
    }
}

/// The same for an event of this kind. If nobody wants to hear of those, the event is not even
/// made; so to make it may not have a part in numbering things: see [`LoopRef::count_thing`].
///
/// ```
/// use roundelay_runtime::{Awaited, Event, Interest, observe_here_of};
///
/// observe_here_of(Interest::WAITS, || Event::Awaits(Awaited::NextTurn));
/// ```
#[inline]
pub fn observe_here_of(kind: Interest, event: impl FnOnce() -> Event) {
    if is_interesting_here(kind) {
        tell_here(event);
    }
}

/// Whether somebody observes the loop that runs on this thread, or one around it, who wants to hear
/// of events of this kind.
///
/// For whoever has much to put together for an event: [`observe_here_of`] asks by itself.
///
/// ```
/// use roundelay_runtime::{Interest, is_interesting_here};
///
/// assert!(!is_interesting_here(Interest::WAITS)); // no loop runs here
/// ```
#[inline]
#[must_use]
pub fn is_interesting_here(kind: Interest) -> bool {
    HOOKS && INTEREST.get().includes(kind)
}

/// Whether somebody observes the loop that runs on this thread, or one around it.
///
/// ```
/// use roundelay_runtime::is_observed_here;
///
/// assert!(!is_observed_here()); // no loop runs here
/// ```
#[inline]
#[must_use]
pub fn is_observed_here() -> bool {
    HOOKS && INTEREST.get() != Interest::NONE
}

/// Out of line, so that the places that could tell stay small.
#[cold]
#[inline(never)]
fn tell_here(event: impl FnOnce() -> Event) {
    if let Some(home) = current_loop() {
        home.observe(event);
    }
}

/// Whether the loop with this number runs on this thread.
pub(crate) fn is_current(id: u64) -> bool {
    with_home(id, |_| ()).is_some()
}

/// Notes that `loop_ref` runs here, until the guard is dropped.
pub(crate) fn enter(
    loop_ref: &LoopRef,
    since: &'static Location<'static>,
) -> Result<Entered, RunError> {
    if let Some(outer) = running_since() {
        return Err(RunError::Nested { outer, inner: since });
    }
    begin(loop_ref, since);
    Ok(Entered { outside: Some(take_leftovers()) })
}

/// Notes `loop_ref` for as long as it is being closed, even inside another loop: what is
/// dropped then belongs to the one that closes.
pub(crate) fn enter_to_close(loop_ref: &LoopRef) -> Entered {
    begin(loop_ref, Location::caller());
    Entered { outside: None }
}

fn begin(loop_ref: &LoopRef, since: &'static Location<'static>) {
    let loop_ref = loop_ref.clone();
    RUNNING.with_borrow_mut(|note| {
        let outer = note.take().map(|outer| Box::new(ManuallyDrop::into_inner(outer)));
        let running = note.insert(ManuallyDrop::new(Running { loop_ref, since, outer }));
        INTEREST.set(running.interest());
    });
}

/// The note is of the loop around this one again, if there is one.
fn end() -> Option<Running> {
    RUNNING.with_borrow_mut(|note| {
        let mut ended = ManuallyDrop::into_inner(note.take()?);
        *note = ended.outer.take().map(|outer| ManuallyDrop::new(*outer));
        INTEREST.set(note.as_ref().map_or(Interest::NONE, |running| running.interest()));
        Some(ended)
    })
}

/// Takes the note away when dropped.
pub(crate) struct Entered {
    /// The context variables of whoever runs the loop, kept until the run is over.
    outside: Option<ContextValues>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let ended = end();
        if let Some(mut values) = self.outside.take() {
            values.swap();
            // What is left is the run's: an observer or a failure handler may have set it.
            if let Err(message) = contain(|| drop(values)) {
                let kind = FailureKind::DestructorPanicked;
                let failure = Failure::new(kind, "a context variable's value", message);
                match &ended {
                    Some(running) => running.loop_ref.report(failure),
                    None => tell_stderr(failure),
                }
            }
        }
        // The reference may be the last one, and then drops the loop's parts: not inside
        // the borrow.
        drop(ended);
    }
}
