//! A semaphore: at most so many at a time.
//!
//! ```text
//!   permits: 2     in line: [ d  c ]     inside: a b
//!   a leaves: its permit goes to c before anybody else can ask
//! ```
//!
//! A permit is a guard: it comes back when it is dropped, on every path out, so it cannot
//! be forgotten or given back twice. One guard may stand for many permits that were asked
//! for at once; such a request waits at the front of the line until there are enough, and
//! those behind it wait with it. Else small requests would keep a big one out for ever.
//!
//! Whatever lets in by number stands on this file: the bounded semaphore, the
//! read-write lock (a writer takes all permits), the capacity limiter.
//!
//! # Invariants
//! - `available + taken` is the number of permits, always (taken: held, or granted).
//! - First come, first served: while somebody waits, nobody overtakes.
//! - The first in line asks for more than there is, or there is no line.
//! - A permit that was granted to a waiter which is dropped goes to the next one.
//!
//! Tutorial: chapter 13. Before this: `condition.rs`. After this: `bounded_semaphore.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Key, SyncDeed};

use crate::sync::wait_queue::{Left, Place, WaitQueue};
use crate::told::made;

/// Lets at most so many in at a time. For tasks of one thread; clones share the permits.
///
/// Waiting futures and permits keep the semaphore alive. If every other handle and permit
/// is gone while somebody waits, nothing can come any more: when nothing else is left to
/// happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock) instead of hanging.
///
/// ```
/// use roundelay_executor::{Semaphore, run};
///
/// run(async {
///     let tables = Semaphore::new(2);
///     let (_mine, _yours) = (tables.acquire().await, tables.acquire().await);
///     assert!(tables.try_acquire().is_none());
///     drop(_mine);
///     assert!(tables.try_acquire().is_some());
/// });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    shared: Rc<Shared>,
}

struct Shared {
    total: Cell<usize>,
    /// Held or granted. More than `total` only after the total was lowered.
    taken: Cell<usize>,
    line: WaitQueue<Granted, usize>,
}

/// A waiter's permits are on their way to it; it knows how many it asked for.
struct Granted;

impl Semaphore {
    /// A semaphore with so many permits. Zero is allowed: [`Semaphore::add_permits`].
    #[must_use]
    pub fn new(permits: usize) -> Semaphore {
        Semaphore::of_kind("semaphore", permits)
    }

    /// Waits for a permit. With one to spare and nobody in line it does not wait at all.
    ///
    /// *Cancel safety: loses its place* in the line. A permit that it was just granted goes
    /// to the next in line.
    ///
    /// ```
    /// use roundelay_executor::{Semaphore, run};
    ///
    /// run(async {
    ///     let seats = Semaphore::new(1);
    ///     let permit = seats.acquire().await;
    ///     assert_eq!(seats.available_permits(), 0);
    ///     drop(permit); // the seat is free again
    ///     assert_eq!(seats.available_permits(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> Acquire {
        self.acquire_many(1)
    }

    /// Waits for so many permits, and takes them together: one guard for all. Until there
    /// are enough, those who come later wait behind it, however little they ask for.
    ///
    /// It may ask for more than there are, and then waits for [`Semaphore::add_permits`].
    ///
    /// *Cancel safety: loses its place* in the line. Permits that it was just granted go to
    /// the next in line.
    ///
    /// # Panics
    /// If `permits` is zero: a guard of nothing guards nothing.
    ///
    /// ```
    /// use roundelay_executor::{Semaphore, run};
    ///
    /// run(async {
    ///     let megabytes = Semaphore::new(100);
    ///     let mut large = megabytes.acquire_many(70).await;
    ///     assert!(megabytes.try_acquire_many(40).is_none());
    ///     drop(large.split(20));
    ///     assert_eq!((large.count(), megabytes.available_permits()), (50, 50));
    /// });
    /// ```
    #[track_caller]
    pub fn acquire_many(&self, permits: usize) -> Acquire {
        made("sync");
        assert!(permits > 0, "{NOTHING_ASKED}");
        Acquire { shared: Rc::clone(&self.shared), wanted: permits, place: Place::Outside }
    }

    /// A permit, if one is to be had without waiting.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        self.try_acquire_many(1)
    }

    /// So many permits, if they are to be had without waiting: enough are free, and nobody
    /// stands in line.
    ///
    /// # Panics
    /// If `permits` is zero.
    ///
    /// ```
    /// let seats = roundelay_executor::Semaphore::new(3);
    /// let pair = seats.try_acquire_many(2).unwrap();
    /// assert!(seats.try_acquire_many(2).is_none()); // only one is left
    /// drop(pair);
    /// assert!(seats.try_acquire_many(3).is_some());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit> {
        assert!(permits > 0, "{NOTHING_ASKED}");
        let Granted = self.shared.take(permits)?;
        self.shared.line.name.tell(|| SyncDeed::Acquires { ticket: None, count: permits });
        Some(Permit::of(&self.shared, permits))
    }

    /// Adds permits for good. Waiters get them first.
    ///
    /// # Panics
    /// If there would be more than `usize::MAX`. Nothing is added then.
    ///
    /// ```
    /// let gate = roundelay_executor::Semaphore::new(0); // closed
    /// assert!(gate.is_exhausted());
    /// gate.add_permits(2);
    /// assert_eq!(gate.available_permits(), 2);
    /// ```
    #[track_caller]
    pub fn add_permits(&self, permits: usize) {
        let more = self.shared.total.get().checked_add(permits);
        self.set_total(more.expect("a semaphore holds at most usize::MAX permits"));
    }

    /// How many permits are free. One that was granted to a waiter is not.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.shared.free()
    }

    /// How many wait in line.
    ///
    /// ```
    /// use futures_lite::future::poll_once;
    /// use roundelay_executor::{Semaphore, run};
    ///
    /// run(async {
    ///     let seats = Semaphore::new(1);
    ///     let _permit = seats.acquire().await;
    ///     let mut next = seats.acquire();
    ///     assert!(poll_once(&mut next).await.is_none());
    ///     assert_eq!(seats.waiting(), 1);
    ///     drop(next); // whoever gives up has left the line
    ///     assert_eq!(seats.waiting(), 0);
    /// });
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }

    /// Whether the next [`acquire`](Semaphore::acquire) would have to wait.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.available_permits() == 0 || self.waiting() > 0
    }

    /// A semaphore that is a part of something of this kind, and is known as that.
    pub(crate) fn of_kind(kind: &'static str, permits: usize) -> Semaphore {
        let (total, taken) = (Cell::new(permits), Cell::new(0));
        Semaphore { shared: Rc::new(Shared { total, taken, line: WaitQueue::of(kind, permits) }) }
    }

    /// How many permits there are, free or taken.
    pub(crate) fn total(&self) -> usize {
        self.shared.total.get()
    }

    /// How many are held, or granted.
    pub(crate) fn taken(&self) -> usize {
        self.shared.taken.get()
    }

    /// Changes how many permits there are. With fewer than are taken, nobody comes in until
    /// enough have come back.
    pub(crate) fn set_total(&self, permits: usize) {
        self.shared.total.set(permits);
        self.shared.line.set_total(permits);
        self.shared.serve();
    }
}

const NOTHING_ASKED: &str = "a semaphore was asked for no permits; ask for at least one";

impl Shared {
    fn free(&self) -> usize {
        self.total.get().saturating_sub(self.taken.get())
    }

    /// Takes permits for somebody who comes now. Whoever waits was there first.
    fn take(&self, wanted: usize) -> Option<Granted> {
        if self.line.len() > 0 || wanted > self.free() {
            return None;
        }
        self.taken.set(self.taken.get() + wanted);
        Some(Granted)
    }

    fn give_back(&self, permits: usize) {
        self.taken.set(self.taken.get() - permits);
        self.serve();
    }

    /// Grants to the first in line, and on, as long as what is free suffices.
    fn serve(&self) {
        while let Some(wanted) = self.line.first()
            && wanted <= self.free()
        {
            self.taken.set(self.taken.get() + wanted);
            // Not refused: there is a first in line. Waking it may run code that comes back
            // here, so everything is looked at anew.
            let _ = self.line.grant(Granted);
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available_permits())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire {
    shared: Rc<Shared>,
    wanted: usize,
    place: Place,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let Acquire { shared, wanted, place } = &mut *self;
        let got = place.poll(&shared.line, *wanted, cx, || shared.take(*wanted));
        got.map(|Granted| Permit::of(shared, *wanted))
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Place::InLine(_) = self.place else { return };
        match self.place.leave(&self.shared.line) {
            Left::Granted(Granted) => self.shared.give_back(self.wanted),
            // It may have stood in the way of others who ask for less.
            Left::Nothing => self.shared.serve(),
        }
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("permits", &self.wanted).finish_non_exhaustive()
    }
}

/// One permit or more of a [`Semaphore`]. Dropping it gives them back, to the first in line
/// if there is one.
///
/// ```
/// use roundelay_executor::{Semaphore, run};
///
/// run(async {
///     let doors = Semaphore::new(3);
///     let mut two = doors.acquire_many(2).await;
///     let one = two.split(1).unwrap();
///     drop(one);
///     assert_eq!((two.count(), doors.available_permits()), (1, 2));
/// });
/// ```
#[must_use = "dropping a permit gives it back"]
pub struct Permit {
    shared: Rc<Shared>,
    /// Zero once there is nothing to give back.
    count: usize,
    /// The task that took it.
    by: Option<Key>,
}

impl Permit {
    fn of(shared: &Rc<Shared>, count: usize) -> Permit {
        Permit { shared: Rc::clone(shared), count, by: shared.line.take(count) }
    }

    /// How many permits it stands for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes so many out of this guard into another one. `None` if at least one could not
    /// stay here, or if `permits` is zero.
    #[must_use = "dropping the other guard gives its permits back"]
    pub fn split(&mut self, permits: usize) -> Option<Permit> {
        let possible = 0 < permits && permits < self.count;
        possible.then(|| {
            self.count -= permits;
            self.shared.line.give_back(self.by, permits);
            let name = &self.shared.line.name;
            name.tell(|| SyncDeed::Acquires { ticket: None, count: permits });
            Permit::of(&self.shared, permits)
        })
    }

    /// Keeps the permits for ever: the semaphore has so many fewer.
    ///
    /// ```
    /// let tokens = roundelay_executor::Semaphore::new(2);
    /// tokens.try_acquire().unwrap().forget();
    /// assert_eq!(tokens.available_permits(), 1); // and it stays so
    /// ```
    pub fn forget(mut self) {
        let count = std::mem::take(&mut self.count);
        self.shared.line.name.tell(|| SyncDeed::Releases { count });
        self.shared.line.give_back(self.by, count);
        self.shared.total.set(self.shared.total.get() - count);
        self.shared.line.set_total(self.shared.total.get());
        self.shared.taken.set(self.shared.taken.get() - count);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.shared.line.name.tell(|| SyncDeed::Releases { count: self.count });
            self.shared.line.give_back(self.by, self.count);
            self.shared.give_back(self.count);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}
