//! A deadline that can be moved.
//!
//! ```text
//!   Deadline --guards--> future             both hold the same moment:
//!        \                  |               whoever has a clone may move it,
//!         +--- a clone -----+               also the guarded future itself
//! ```
//!
//! A connection that is dropped after a minute of silence moves its deadline with every byte.
//! A guard that finds, when its timer fires, that the deadline has been moved away sets
//! another timer: moving it later costs a store, however often it is done. Moving it nearer
//! wakes the guards, so that they set a nearer timer.
//!
//! # Invariants
//! - A guarded future that is ready wins over a deadline that has passed; but if that had
//!   passed before the first poll, or is moved into the past, there is one poll only.
//! - When `Elapsed` comes out, the guarded future is gone, and the deadline has expired.
//! - Of nested guards, exactly the one whose deadline passed says so.
//! - Guards are woken while nothing is borrowed.
//!
//! Tutorial: chapter 11. Before this: `timeout_join.rs`. After this: `interval.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::error::Elapsed;
use crate::own_step;
use crate::task_table::Waiter;
use crate::time::sleep::{Sleep, now, sleep_until};

/// A moment by which something must be done, and which can be moved meanwhile.
///
/// Clones are the same deadline. It may guard several futures, one after the other or at the
/// same time. For a limit that stays, [`timeout`](crate::timeout()) is simpler.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Deadline, run, sleep};
///
/// run(async {
///     let deadline = Deadline::after(Duration::from_millis(20));
///     let inside = deadline.clone();
///     let done = deadline.guard(async move {
///         for _ in 0..5 {
///             sleep(Duration::from_millis(5)).await;
///             inside.reschedule_after(Duration::from_millis(20)); // still alive
///         }
///     });
///     assert!(done.await.is_ok() && !deadline.expired());
/// });
/// ```
#[doc(alias = "Timeout")]
#[doc(alias = "timeout_at")]
#[derive(Clone)]
pub struct Deadline {
    shared: Rc<Shared>,
}

struct Shared {
    /// `None`: never.
    when: Cell<Option<Instant>>,
    expired: Cell<bool>,
    /// The guards that wait, by number: to be woken when the deadline comes nearer.
    guards: RefCell<BTreeMap<u64, Waiter>>,
    next_guard: Cell<u64>,
}

impl Deadline {
    /// A deadline that is `limit` from now. A limit that no clock can hold is never.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use roundelay_executor::{Deadline, run};
    ///
    /// run(async {
    ///     let deadline = Deadline::after(Duration::from_millis(1));
    ///     assert!(deadline.guard(pending::<()>()).await.is_err());
    ///     assert!(deadline.expired());
    /// });
    /// ```
    #[track_caller]
    #[must_use]
    pub fn after(limit: Duration) -> Deadline {
        Deadline::at(now().checked_add(limit))
    }

    /// A deadline at a moment of the loop's clock; `None` is never.
    ///
    /// ```
    /// use roundelay_executor::{Deadline, now, run};
    ///
    /// run(async {
    ///     let moment = now();
    ///     assert_eq!(Deadline::at(moment).when(), Some(moment));
    ///     assert_eq!(Deadline::at(None).when(), None); // never
    /// });
    /// ```
    #[must_use]
    pub fn at(when: impl Into<Option<Instant>>) -> Deadline {
        let shared = Shared {
            when: Cell::new(when.into()),
            expired: Cell::new(false),
            guards: RefCell::default(),
            next_guard: Cell::new(0),
        };
        Deadline { shared: Rc::new(shared) }
    }

    /// Awaits `future`, but not longer than until the deadline, wherever that is by then.
    ///
    /// If the deadline has passed before the first poll, the future is polled once: what is
    /// ready gives its result.
    ///
    /// # Errors
    /// [`Elapsed`]; the future has been dropped then.
    ///
    /// *Cancel safety:* that of `future`.
    ///
    /// ```
    /// use roundelay_executor::{Deadline, now, run};
    ///
    /// run(async {
    ///     let over = Deadline::at(now());
    ///     assert_eq!(over.guard(async { "was ready" }).await, Ok("was ready"));
    ///     assert!(over.guard(std::future::pending::<()>()).await.is_err());
    /// });
    /// ```
    pub fn guard<F: Future>(&self, future: F) -> Guarded<F> {
        let number = self.shared.next_guard.get();
        self.shared.next_guard.set(number + 1);
        let place = Place { deadline: self.clone(), number };
        Guarded { future: Some(future), place, timer: None, is_spent: false }
    }

    /// When it is; `None` if never.
    #[must_use]
    pub fn when(&self) -> Option<Instant> {
        self.shared.when.get()
    }

    /// Moves it, nearer or farther; `None` is never. If that has passed already, what it guards is
    /// polled once more at most. A deadline that had expired is fresh again, for what it guards next.
    ///
    /// ```
    /// use std::future::pending;
    /// use roundelay_executor::{Deadline, now, run, spawn};
    ///
    /// run(async {
    ///     let deadline = Deadline::at(None);
    ///     let guarded = spawn(deadline.guard(pending::<()>()));
    ///     deadline.reschedule(now());
    ///     assert!(guarded.await.unwrap().is_err());
    ///     assert!(deadline.expired());
    /// });
    /// ```
    pub fn reschedule(&self, when: impl Into<Option<Instant>>) {
        let when = when.into();
        let earlier = self.shared.when.replace(when);
        self.shared.expired.set(false);
        let is_nearer = match (when, earlier) {
            (Some(when), Some(earlier)) => when < earlier,
            (when, None) => when.is_some(),
            (None, _) => false,
        };
        if is_nearer {
            // Take, let the borrow end, then wake.
            let guards = self.shared.guards.take();
            for guard in guards.into_values() {
                guard.wake();
            }
        }
    }

    /// Moves it to `limit` from now.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Deadline, Runner, now, sleep};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let deadline = Deadline::after(Duration::from_secs(1));
    ///     deadline.reschedule_after(Duration::from_secs(60));
    ///     assert!(deadline.guard(sleep(Duration::from_secs(30))).await.is_ok());
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reschedule_after(&self, limit: Duration) {
        self.reschedule(now().checked_add(limit));
    }

    /// Whether a future that it guarded was given up, since it was last moved.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.shared.expired.get()
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("when", &self.when())
            .field("expired", &self.expired())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Deadline::guard`].
    #[derive(Debug)]
    #[must_use = "a guard that is not awaited guards nothing"]
    pub struct Guarded<F> {
        // Emptied when the deadline has passed.
        #[pin]
        future: Option<F>,
        place: Place,
        // Set for this moment, which was the deadline then.
        timer: Option<(Instant, Sleep)>,
        // The deadline had passed before a timer was set for it, and the future was polled since.
        is_spent: bool,
    }
}

/// A guard's place among those that its deadline wakes.
#[derive(Debug)]
struct Place {
    deadline: Deadline,
    number: u64,
}

impl Place {
    fn leave(&self) {
        let waiter = self.deadline.shared.guards.borrow_mut().remove(&self.number);
        drop(waiter);
    }

    fn enter(&self, waiter: Waiter) {
        let earlier = self.deadline.shared.guards.borrow_mut().insert(self.number, waiter);
        drop(earlier);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Elapsed { limit: None }));
        };
        if !*this.is_spent {
            // The future may move the deadline while it is polled: that needs no wake-up.
            this.place.leave();
            if let Poll::Ready(output) = future.poll(cx) {
                return Poll::Ready(Ok(output));
            }
            // First in line, then the look at the deadline: making the waiter may run foreign
            // code, which may move it.
            this.place.enter(Waiter::of(cx));
            let deadline = &this.place.deadline;
            // No timer for what has passed: until that were due, the future could go on.
            let is_new = |when| this.timer.as_ref().is_none_or(|(set_for, _)| *set_for != when);
            let is_late = || deadline.when().is_some_and(|when| is_new(when) && when <= now());
            // What only gave way was not told yet what there is: it has its poll in the next turn.
            if !own_step::gave_way() && is_late() {
                (*this.is_spent, *this.timer) = (true, None);
                Waiter::wake_poller(cx);
                return Poll::Pending;
            }
            if poll_deadline(deadline, this.timer, cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.place.leave();
        this.place.deadline.shared.expired.set(true);
        this.future.set(None);
        Poll::Ready(Err(Elapsed { limit: None }))
    }
}

/// Whether the deadline has passed; if not, there is a timer for where it is now.
fn poll_deadline(
    deadline: &Deadline,
    timer: &mut Option<(Instant, Sleep)>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let Some(when) = deadline.when() else {
            *timer = None;
            return Poll::Pending;
        };
        match timer {
            // A timer for an earlier moment may fire: then we look again.
            Some((set_for, sleep)) if *set_for <= when => {
                let is_over = Pin::new(sleep).poll(cx).is_ready();
                match is_over && *set_for < when {
                    true => *timer = None,
                    false => return if is_over { Poll::Ready(()) } else { Poll::Pending },
                }
            }
            _ => *timer = Some((when, sleep_until(when))),
        }
    }
}
