//! A semaphore: at most so many at a time.
//!
//! ```text
//!   permits: 2     in line: [ d  c ]     inside: a b
//!   a leaves: its permit goes to c before anybody else can ask
//! ```
//!
//! A permit is a guard: it comes back when it is dropped, on every path out, so it cannot
//! be forgotten or given back twice.
//!
//! # Invariants
//! - `available + held + granted` is the number of permits, always.
//! - First come, first served: while somebody waits, nobody overtakes.
//! - A permit that was granted to a waiter which is dropped goes to the next one.
//!
//! Tutorial: chapter 13. Before this: `wait_queue.rs`. After this: `closed.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Left, Ticket, WaitQueue};
use crate::task_table::Waiter;

/// Lets at most so many in at a time. For tasks of one thread; clones share the permits.
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
    available: Cell<usize>,
    waiting: WaitQueue<Granted>,
}

/// One permit on its way to a waiter.
struct Granted;

impl Semaphore {
    /// A semaphore with so many permits. Zero is allowed: [`Semaphore::add_permits`].
    #[must_use]
    pub fn new(permits: usize) -> Semaphore {
        let waiting = WaitQueue::new();
        Semaphore { shared: Rc::new(Shared { available: Cell::new(permits), waiting }) }
    }

    /// Waits for a permit. With one to spare and nobody in line it does not wait at all.
    ///
    /// *Cancel safety: loses its place* in the line. A permit that it was just granted goes
    /// to the next in line.
    pub fn acquire(&self) -> Acquire {
        Acquire { shared: Rc::clone(&self.shared), stage: Stage::New }
    }

    /// A permit, if one is to be had without waiting.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        self.shared.take().then(|| Permit::of(&self.shared))
    }

    /// Adds permits for good. Waiters get them first.
    ///
    /// # Panics
    /// If there would be more than `usize::MAX`.
    pub fn add_permits(&self, permits: usize) {
        let mut rest = permits;
        while rest > 0 && self.shared.waiting.grant(Granted).is_ok() {
            rest -= 1;
        }
        self.shared.keep(rest);
    }

    /// How many permits are free. One that was granted to a waiter is not.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.shared.available.get()
    }

    /// How many wait in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting.len()
    }

    /// Whether the next [`acquire`](Semaphore::acquire) would have to wait.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.available_permits() == 0
    }
}

impl Shared {
    /// A free permit implies an empty line: `give_back` offers it to the line first.
    fn take(&self) -> bool {
        let available = self.available.get();
        if available > 0 {
            self.available.set(available - 1);
        }
        available > 0
    }

    fn give_back(&self) {
        if self.waiting.grant(Granted).is_err() {
            self.keep(1);
        }
    }

    fn keep(&self, permits: usize) {
        let more = self.available.get().checked_add(permits);
        self.available.set(more.expect("a semaphore holds at most usize::MAX permits"));
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

/// The future of [`Semaphore::acquire`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire {
    shared: Rc<Shared>,
    stage: Stage,
}

enum Stage {
    New,
    InLine(Ticket),
    Over,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let granted = match self.stage {
            Stage::New => self.shared.take(),
            Stage::InLine(ticket) => self.shared.waiting.collect(ticket).is_some(),
            Stage::Over => panic!("a future that has given its permit is polled again"),
        };
        if !granted {
            let me = Waiter::of(cx);
            // Cloning a foreign waker is foreign code: it may just have given a permit back.
            match self.stage {
                Stage::New if self.shared.take() => {}
                Stage::InLine(ticket) if self.shared.waiting.collect(ticket).is_some() => {}
                Stage::InLine(ticket) => {
                    self.shared.waiting.join(Some(ticket), me);
                    return Poll::Pending;
                }
                _ => {
                    self.stage = Stage::InLine(self.shared.waiting.join(None, me));
                    return Poll::Pending;
                }
            }
        }
        self.stage = Stage::Over;
        Poll::Ready(Permit::of(&self.shared))
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Stage::InLine(ticket) = self.stage
            && let Left::Granted(Granted) = self.shared.waiting.leave(ticket)
        {
            self.shared.give_back();
        }
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}

/// A permit of a [`Semaphore`]. Dropping it gives it back, to the first in line if there is
/// one.
#[must_use = "dropping a permit gives it back"]
pub struct Permit {
    /// Where to give it back; `None` once it is to be kept for ever.
    shared: Option<Rc<Shared>>,
}

impl Permit {
    fn of(shared: &Rc<Shared>) -> Permit {
        Permit { shared: Some(Rc::clone(shared)) }
    }

    /// Keeps the permit for ever: the semaphore has one less.
    pub fn forget(mut self) {
        self.shared = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.give_back();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
