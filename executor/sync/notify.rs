//! A knock on the door: the smallest way to tell a task to look again.
//!
//! ```text
//!   notify_one   somebody waits: the first in line goes on
//!                nobody waits:   one permit is kept, for the next who comes
//!   notify_all   all who wait go on, in order; nothing is kept
//! ```
//!
//! The building block for everything that this crate does not have: change some state of
//! your own, then notify; wait, then look at the state.
//!
//! # Invariants
//! - A kept permit implies an empty line. There is never more than one.
//! - A notification meant for one is used by one: a waiter that is dropped with it in hand
//!   passes it on, or puts it back.
//!
//! Tutorial: chapter 13. Before this: `event.rs`. After this: `lock.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Left, Place, WaitQueue};
use crate::told::made;

/// Tells one task or all of them to go on, without a value. For one thread; clones share it.
///
/// The rules are those of tokio's `Notify`, with the order of waiters exact: first come,
/// first notified.
///
/// Waiting futures keep it alive. If every other handle is gone, nobody can notify any
/// more: when nothing else is left to happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock) instead of hanging.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use roundelay_executor::{Notify, run, spawn};
///
/// run(async {
///     let (level, changed) = (Rc::new(Cell::new(0)), Notify::new());
///     let (sees, waits) = (level.clone(), changed.clone());
///     let alarm = spawn(async move {
///         while sees.get() < 3 {
///             waits.notified().await;
///         }
///     });
///     for n in 1..=3 {
///         level.set(n);
///         changed.notify_one(); // kept if the alarm is not waiting yet
///     }
///     alarm.await.unwrap();
/// });
/// ```
#[derive(Clone)]
pub struct Notify {
    shared: Rc<Shared>,
}

struct Shared {
    permit: Cell<bool>,
    /// How often all were notified: tells a future that was made before and polled after.
    rounds: Cell<u64>,
    line: WaitQueue<Notice>,
}

/// What a waiter is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// One waiter is enough: if not you, then the next.
    One,
    /// Everybody who was there was told.
    All,
}

impl Notify {
    /// Nobody waits, and no permit is kept.
    #[must_use]
    pub fn new() -> Notify {
        let (permit, rounds) = (Cell::new(false), Cell::new(0));
        Notify { shared: Rc::new(Shared { permit, rounds, line: WaitQueue::new("notify") }) }
    }

    /// Waits for a notification; with a permit kept from earlier it does not wait at all.
    ///
    /// The future takes its place in line at its first poll. But a
    /// [`notify_all`](Notify::notify_all) between this call and that poll counts too, as in
    /// tokio: make the future, look at your state, then await, and nothing slips through.
    ///
    /// *Cancel safety: loses its place* in the line. A notification for one that it had just
    /// been given goes to the next in line, or is kept.
    ///
    /// ```
    /// use roundelay_executor::{Notify, run};
    ///
    /// run(async {
    ///     let changed = Notify::new();
    ///     let next = changed.notified(); // from here on nothing slips through
    ///     changed.notify_all();
    ///     next.await;
    /// });
    /// ```
    #[track_caller]
    pub fn notified(&self) -> Notified {
        made("sync");
        let shared = Rc::clone(&self.shared);
        Notified { made_in: shared.rounds.get(), shared, place: Place::Outside }
    }

    /// Lets the first in line go on. If nobody waits, the next who comes need not wait;
    /// but however often this is called, only one permit is kept.
    ///
    /// ```
    /// use roundelay_executor::{Notify, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let changed = Notify::new();
    ///     changed.notify_one();
    ///     changed.notify_one(); // one permit is kept, not two
    ///     changed.notified().await;
    ///     let second = spawn(changed.notified());
    ///     yield_now().await;
    ///     assert!(!second.is_finished());
    /// });
    /// ```
    pub fn notify_one(&self) {
        self.shared.notify_one();
    }

    /// Lets all go on who wait at this moment, in order. No permit is kept.
    ///
    /// ```
    /// use roundelay_executor::{Notify, gather_all, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let changed = Notify::new();
    ///     let waiters = [spawn(changed.notified()), spawn(changed.notified())];
    ///     yield_now().await;
    ///     assert_eq!(changed.waiting(), 2);
    ///     changed.notify_all();
    ///     gather_all(waiters).await;
    /// });
    /// ```
    #[doc(alias = "notify_waiters")]
    pub fn notify_all(&self) {
        self.shared.rounds.set(self.shared.rounds.get().wrapping_add(1));
        for waiter in self.shared.line.grant_first(usize::MAX, |_| Notice::All) {
            waiter.wake();
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }
}

impl Shared {
    fn notify_one(&self) {
        if self.line.grant(Notice::One).is_err() {
            self.permit.set(true);
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify")
            .field("permit", &self.shared.permit.get())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// The future of [`Notify::notified`].
#[must_use = "a future does nothing unless awaited"]
pub struct Notified {
    shared: Rc<Shared>,
    made_in: u64,
    place: Place,
}

impl Future for Notified {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Notified { shared, made_in, place } = &mut *self;
        let at_once = || match shared.rounds.get() == *made_in {
            true => shared.permit.take().then_some(Notice::One),
            false => Some(Notice::All),
        };
        place.poll(&shared.line, (), cx, at_once).map(|_| ())
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        if let Left::Granted(Notice::One) = self.place.leave(&self.shared.line) {
            self.shared.notify_one();
        }
    }
}

impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").finish_non_exhaustive()
    }
}
