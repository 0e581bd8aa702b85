//! An event: tasks wait until something has happened.
//!
//! ```text
//!   wait wait wait        set           wait        clear       wait
//!   [ a    b    c ] --> a, b, c go on   goes on               [ d ]
//! ```
//!
//! The flag says whether a late comer has to wait. Whether somebody who waits may go on is
//! noted apart from it, in the line: a `clear` right after the `set` takes nothing back.
//!
//! # Invariants
//! - Whoever waits when the event is set goes on, in the order of waiting, whatever happens
//!   to the flag before its next step.
//! - While the event is set, nobody stands in line.
//!
//! Tutorial: chapter 13. Before this: `wait_queue.rs`. After this: `notify.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Place, WaitQueue};
use crate::told::made;

/// A flag that tasks of one thread can wait for; clones share it.
///
/// This is asyncio's `Event`, with its two rules: [`set`](Event::set) lets everybody go on
/// who waits at that moment, even if [`clear`](Event::clear) follows at once; and waiting
/// for an event that is set does not give way to other tasks.
///
/// Waiting futures keep the event alive. If every other handle is gone, nobody can set it
/// any more: when nothing else is left to happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock) instead of hanging.
///
/// ```
/// use roundelay_executor::{Event, run, spawn, yield_now};
///
/// run(async {
///     let ready = Event::new();
///     let waits = ready.clone();
///     let task = spawn(async move { waits.wait().await });
///     yield_now().await;
///     ready.set();
///     ready.clear();
///     task.await.unwrap(); // it was there when the event was set
///     assert!(!ready.is_set());
/// });
/// ```
#[derive(Clone)]
pub struct Event {
    shared: Rc<Shared>,
}

struct Shared {
    set: Cell<bool>,
    line: WaitQueue<Happened>,
}

/// What a waiter hears.
struct Happened;

impl Event {
    /// An event that has not happened.
    #[must_use]
    pub fn new() -> Event {
        Event { shared: Rc::new(Shared { set: Cell::new(false), line: WaitQueue::new("event") }) }
    }

    /// Waits until the event is set. If it is, it does not wait at all.
    ///
    /// *Cancel safety: safe.* It loses its place in the line, which decides no more than who
    /// goes on first.
    ///
    /// ```
    /// use roundelay_executor::{Event, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let started = Event::new();
    ///     let waits = started.clone();
    ///     let task = spawn(async move { waits.wait().await });
    ///     yield_now().await;
    ///     assert!(!task.is_finished() && started.waiting() == 1);
    ///     started.set();
    ///     task.await.unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> EventWait {
        made("sync");
        EventWait { shared: Rc::clone(&self.shared), place: Place::Outside }
    }

    /// Sets the event. All who wait take their next step in the order of waiting, in the
    /// next turn.
    ///
    /// ```
    /// use roundelay_executor::{Event, run};
    ///
    /// run(async {
    ///     let started = Event::new();
    ///     started.set();
    ///     started.wait().await; // it is set, and stays so
    ///     assert!(started.is_set());
    /// });
    /// ```
    pub fn set(&self) {
        self.shared.set.set(true);
        for waiter in self.shared.line.grant_first(usize::MAX, |_| Happened) {
            waiter.wake();
        }
    }

    /// Takes the flag back: who comes from now on waits for the next [`Event::set`].
    ///
    /// ```
    /// let pressed = roundelay_executor::Event::new();
    /// pressed.set();
    /// pressed.clear();
    /// assert!(!pressed.is_set());
    /// ```
    pub fn clear(&self) {
        self.shared.set.set(false);
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.shared.set.get()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.is_set())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// The future of [`Event::wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct EventWait {
    shared: Rc<Shared>,
    place: Place,
}

impl Future for EventWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let EventWait { shared, place } = &mut *self;
        place.poll(&shared.line, (), cx, || shared.set.get().then_some(Happened)).map(|Happened| ())
    }
}

impl Drop for EventWait {
    fn drop(&mut self) {
        // What it heard concerns nobody else.
        let _ = self.place.leave(&self.shared.line);
    }
}

impl fmt::Debug for EventWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWait").finish_non_exhaustive()
    }
}
