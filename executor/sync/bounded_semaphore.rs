//! A semaphore that can never hold more permits than it began with.
//!
//! Guards already make sure of that. This is for the permits that travel without one: taken
//! in one place, kept through [`Permit::forget`], and released by hand in another, perhaps
//! by somebody who never saw the guard. Released once too often, they would let too many in;
//! here that is an error.
//!
//! # Invariants
//! - `permits + forgotten = bound`, where a guard counts as a permit.
//!
//! Tutorial: chapter 13. Before this: `semaphore.rs`. After this: `rw_lock.rs`.

use std::fmt;

use crate::sync::semaphore::{Acquire, Permit, Semaphore};

/// A [`Semaphore`] whose permits can be released by hand, but never more of them than were
/// [forgotten](Permit::forget). For tasks of one thread; clones share the permits.
///
/// ```
/// use roundelay_executor::{BoundedSemaphore, OverReleased, run};
///
/// run(async {
///     let slots = BoundedSemaphore::new(1);
///     slots.acquire().await.forget(); // kept without a guard
///     assert!(slots.try_acquire().is_none());
///     assert_eq!(slots.release(), Ok(()));
///     assert_eq!(slots.release(), Err(OverReleased { bound: 1 }));
/// });
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore {
    inner: Semaphore,
    bound: usize,
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, and never more.
    ///
    /// # Panics
    /// If `permits` is zero: nobody could ever come in.
    #[must_use]
    #[track_caller]
    pub fn new(permits: usize) -> BoundedSemaphore {
        assert!(permits > 0, "a bounded semaphore needs at least one permit, and never gets more");
        BoundedSemaphore { inner: Semaphore::new(permits), bound: permits }
    }

    /// As [`Semaphore::acquire`].
    ///
    /// *Cancel safety: loses its place* in the line. A permit that it was just granted goes
    /// to the next in line.
    ///
    /// ```
    /// use roundelay_executor::{BoundedSemaphore, run};
    ///
    /// run(async {
    ///     let slots = BoundedSemaphore::new(2);
    ///     let permit = slots.acquire().await;
    ///     assert_eq!((slots.available_permits(), slots.bound()), (1, 2));
    ///     drop(permit);
    ///     assert_eq!(slots.available_permits(), 2);
    /// });
    /// ```
    pub fn acquire(&self) -> Acquire {
        self.inner.acquire()
    }

    /// As [`Semaphore::acquire_many`].
    ///
    /// *Cancel safety: loses its place* in the line. Permits that it was just granted go to
    /// the next in line.
    ///
    /// # Panics
    /// If `permits` is zero, or more than there can ever be: it would wait for ever.
    ///
    /// ```
    /// use futures_lite::future::poll_once;
    /// use roundelay_executor::{BoundedSemaphore, run};
    ///
    /// run(async {
    ///     let slots = BoundedSemaphore::new(3);
    ///     let two = slots.acquire_many(2).await;
    ///     assert!(slots.try_acquire_many(2).is_none()); // only one is left
    ///     let mut next = slots.acquire_many(2);
    ///     assert!(poll_once(&mut next).await.is_none());
    ///     assert_eq!(slots.waiting(), 1);
    ///     drop(two);
    ///     assert_eq!(next.await.count(), 2);
    /// });
    /// ```
    #[track_caller]
    pub fn acquire_many(&self, permits: usize) -> Acquire {
        self.check(permits);
        self.inner.acquire_many(permits)
    }

    /// As [`Semaphore::try_acquire`].
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        self.inner.try_acquire()
    }

    /// As [`Semaphore::try_acquire_many`].
    ///
    /// # Panics
    /// If `permits` is zero, or more than there can ever be.
    #[must_use]
    #[track_caller]
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit> {
        self.check(permits);
        self.inner.try_acquire_many(permits)
    }

    /// Gives a permit back that was taken and [forgotten](Permit::forget). The first in line
    /// gets it.
    ///
    /// # Errors
    /// [`OverReleased`] if there is none: all permits are here or in guards. Nothing changes
    /// then.
    ///
    /// ```
    /// use roundelay_executor::{BoundedSemaphore, OverReleased};
    ///
    /// let slots = BoundedSemaphore::new(1);
    /// let permit = slots.try_acquire().unwrap();
    /// assert_eq!(slots.release(), Err(OverReleased { bound: 1 })); // the guard will give it back
    /// permit.forget();
    /// assert_eq!(slots.release(), Ok(()));
    /// ```
    pub fn release(&self) -> Result<(), OverReleased> {
        if self.inner.total() == self.bound {
            return Err(OverReleased { bound: self.bound });
        }
        self.inner.add_permits(1);
        Ok(())
    }

    /// How many permits it began with.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// How many permits are free. One that was granted to a waiter is not.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// How many wait in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.waiting()
    }

    #[track_caller]
    fn check(&self, permits: usize) {
        let bound = self.bound;
        assert!(
            permits <= bound,
            "{permits} permits were asked of a semaphore that never has more than {bound}: that \
             would wait for ever; ask for less, or build it with more"
        );
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("bound", &self.bound)
            .field("available", &self.available_permits())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A permit was released that nobody had taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverReleased {
    /// How many permits the semaphore began with.
    pub bound: usize,
}

impl fmt::Display for OverReleased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a permit was released to a semaphore whose {} permits are all here or in guards; \
             release each forgotten permit once, and let guards release themselves",
            self.bound
        )
    }
}

impl std::error::Error for OverReleased {}
