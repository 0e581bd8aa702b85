//! A lock for many readers or one writer.
//!
//! ```text
//!   permits: as many as there are numbers
//!   a reader takes one, a writer takes all
//!
//!   inside: r r      in line: [ r  W ]      the reader waits behind the writer
//! ```
//!
//! The semaphore does the work. That a big request holds up the small ones behind it is
//! exactly what a read-write lock needs: readers who keep coming cannot starve a writer.
//!
//! # Invariants
//! - The value is shared (`Rc`) with readers, or moved to the one writer. No borrow is ever
//!   held across an await, and no `unsafe` is needed.
//! - A guard lets go of the value before it gives its permits back.
//!
//! Tutorial: chapter 13. Before this: `bounded_semaphore.rs`. After this: `borrower.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::sync::semaphore::{Acquire, Permit, Semaphore};

/// A value that many tasks may read at once, or one may change, also while they await. For
/// tasks of one thread; clones share it.
///
/// Fair: first come, first served. A writer that waits stops the readers that come after it.
/// So a task that holds a read guard and asks for another one may wait for a writer that
/// waits for the task: **not reentrant**, in either way. If nothing else is left to happen,
/// the run then ends with [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock).
///
/// Guards are values without a borrow, as those of [`Lock`](crate::Lock); a panic with a
/// guard in hand releases it, and there is no poison.
///
/// ```
/// use roundelay_executor::{RwLock, run};
///
/// run(async {
///     let settings = RwLock::new(vec!["a"]);
///     let (one, other) = (settings.read().await, settings.read().await);
///     assert_eq!(one.len() + other.len(), 2);
///     assert!(settings.try_write().is_none());
///     drop((one, other));
///     settings.write().await.push("b");
///     assert_eq!(*settings.read().await, ["a", "b"]);
/// });
/// ```
pub struct RwLock<T> {
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    /// `None` while a writer has it.
    value: RefCell<Option<Rc<T>>>,
    permits: Semaphore,
}

/// What a writer takes: all the permits there are.
const ALL: usize = usize::MAX;

impl<T> RwLock<T> {
    /// A free lock around `value`.
    #[must_use]
    pub fn new(value: T) -> RwLock<T> {
        let value = RefCell::new(Some(Rc::new(value)));
        RwLock { shared: Rc::new(Shared { value, permits: Semaphore::of_kind("rwlock", ALL) }) }
    }

    /// Waits until the value may be read: until no writer has it or was there before.
    ///
    /// *Cancel safety: loses its place* in the line; nobody who stood behind it is held up
    /// by that.
    ///
    /// ```
    /// use roundelay_executor::{RwLock, run};
    ///
    /// run(async {
    ///     let table = RwLock::new("menu");
    ///     let (one, other) = (table.read().await, table.read().await); // both at once
    ///     assert_eq!((*one, *other), ("menu", "menu"));
    /// });
    /// ```
    #[track_caller]
    pub fn read(&self) -> AcquireRead<T> {
        AcquireRead { acquire: self.shared.permits.acquire(), shared: Rc::clone(&self.shared) }
    }

    /// Waits until nobody else has the value, and takes it.
    ///
    /// *Cancel safety: loses its place* in the line; readers who stood behind it go on.
    ///
    /// ```
    /// use roundelay_executor::{RwLock, run};
    ///
    /// run(async {
    ///     let count = RwLock::new(1);
    ///     *count.write().await += 1;
    ///     assert_eq!(*count.read().await, 2);
    /// });
    /// ```
    #[track_caller]
    pub fn write(&self) -> AcquireWrite<T> {
        let acquire = self.shared.permits.acquire_many(ALL);
        AcquireWrite { acquire, shared: Rc::clone(&self.shared) }
    }

    /// The value to read, if no writer has it or waits for it.
    ///
    /// ```
    /// let lock = roundelay_executor::RwLock::new(7);
    /// let writer = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_none());
    /// drop(writer);
    /// assert_eq!(*lock.try_read().unwrap(), 7);
    /// ```
    #[must_use]
    pub fn try_read(&self) -> Option<ReadGuard<T>> {
        self.shared.permits.try_acquire().map(|permit| ReadGuard::of(&self.shared, permit))
    }

    /// The value to change, if nobody has it.
    ///
    /// ```
    /// let lock = roundelay_executor::RwLock::new(7);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_write().is_none()); // one reader is enough
    /// drop(reader);
    /// *lock.try_write().unwrap() = 8;
    /// ```
    #[must_use]
    pub fn try_write(&self) -> Option<WriteGuard<T>> {
        self.shared.permits.try_acquire_many(ALL).map(|permit| WriteGuard::of(&self.shared, permit))
    }

    /// Whether anybody has the value, to read or to change, or is about to.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.shared.permits.taken() > 0
    }

    /// How many wait in line, readers and writers.
    ///
    /// ```
    /// use futures_lite::future::poll_once;
    /// use roundelay_executor::{RwLock, run};
    ///
    /// run(async {
    ///     let lock = RwLock::new(7);
    ///     let reader = lock.read().await;
    ///     let mut writer = lock.write();
    ///     assert!(poll_once(&mut writer).await.is_none());
    ///     assert_eq!((lock.is_locked(), lock.waiting()), (true, 1));
    ///     drop((reader, writer));
    ///     assert_eq!((lock.is_locked(), lock.waiting()), (false, 0));
    /// });
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.permits.waiting()
    }

    /// The value, without locking: there is no other clone, no guard and no waiter. `None`
    /// if there is one.
    ///
    /// ```
    /// let mut lock = roundelay_executor::RwLock::new(1);
    /// *lock.get_mut().unwrap() += 1;
    /// assert_eq!(lock.into_inner().unwrap(), 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        Rc::get_mut(Rc::get_mut(&mut self.shared)?.value.get_mut().as_mut()?)
    }

    /// Unwraps the value.
    ///
    /// # Errors
    /// The lock itself, if there is another clone, a guard or a waiter.
    pub fn into_inner(mut self) -> Result<T, RwLock<T>> {
        if self.get_mut().is_none() {
            return Err(self);
        }
        let value = self.shared.value.take().and_then(Rc::into_inner);
        value.ok_or(self)
    }
}

impl<T> Clone for RwLock<T> {
    fn clone(&self) -> Self {
        RwLock { shared: Rc::clone(&self.shared) }
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        match self.try_read() {
            Some(value) => lock.field("value", &*value),
            None => lock.field("value", &format_args!("<locked>")),
        };
        lock.field("waiting", &self.waiting()).finish()
    }
}

/// The future of [`RwLock::read`].
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireRead<T> {
    acquire: Acquire,
    shared: Rc<Shared<T>>,
}

impl<T> Future for AcquireRead<T> {
    type Output = ReadGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadGuard<T>> {
        let permit = ready!(Pin::new(&mut self.acquire).poll(cx));
        Poll::Ready(ReadGuard::of(&self.shared, permit))
    }
}

/// The future of [`RwLock::write`].
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireWrite<T> {
    acquire: Acquire,
    shared: Rc<Shared<T>>,
}

impl<T> Future for AcquireWrite<T> {
    type Output = WriteGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WriteGuard<T>> {
        let permit = ready!(Pin::new(&mut self.acquire).poll(cx));
        Poll::Ready(WriteGuard::of(&self.shared, permit))
    }
}

impl<T> fmt::Debug for AcquireRead<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireRead").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for AcquireWrite<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireWrite").finish_non_exhaustive()
    }
}

/// The value of a [`RwLock`], to read. Dropping it releases its share of the lock.
#[must_use = "dropping the guard releases the lock"]
pub struct ReadGuard<T> {
    // Fields are dropped from the top: the value is let go before the permit is back.
    value: Rc<T>,
    _permit: Permit,
}

impl<T> ReadGuard<T> {
    fn of(shared: &Shared<T>, permit: Permit) -> ReadGuard<T> {
        let value = shared.value.borrow().clone();
        let value = value.expect("while a reader has a permit, no writer has the value");
        ReadGuard { value, _permit: permit }
    }
}

impl<T> Deref for ReadGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The value of a [`RwLock`], to change. Dropping it releases the lock.
#[must_use = "dropping the guard releases the lock"]
pub struct WriteGuard<T> {
    /// `None` only while it is being dropped.
    value: Option<Rc<T>>,
    shared: Rc<Shared<T>>,
    permit: Option<Permit>,
}

impl<T> WriteGuard<T> {
    fn of(shared: &Rc<Shared<T>>, permit: Permit) -> WriteGuard<T> {
        let value = shared.value.take();
        WriteGuard { value, shared: Rc::clone(shared), permit: Some(permit) }
    }

    /// Goes on reading, without letting another writer in between. Readers at the front of
    /// the line come in too.
    ///
    /// ```
    /// use roundelay_executor::{RwLock, run};
    ///
    /// run(async {
    ///     let lock = RwLock::new(0);
    ///     let mut writer = lock.write().await;
    ///     *writer = 7;
    ///     let reader = writer.downgrade();
    ///     assert_eq!((*reader, *lock.read().await), (7, 7)); // others read along
    /// });
    /// ```
    #[must_use = "dropping the guard releases the lock"]
    pub fn downgrade(mut self) -> ReadGuard<T> {
        let mut permit = self.permit.take().expect("a guard has its permits");
        self.put_back();
        let rest = permit.split(ALL - 1);
        let guard = ReadGuard::of(&self.shared, permit);
        drop(rest);
        guard
    }

    fn put_back(&mut self) {
        let value = self.value.take();
        debug_assert!(self.shared.value.borrow().is_none(), "a writer has the only copy");
        *self.shared.value.borrow_mut() = value;
    }
}

impl<T> Deref for WriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_deref().expect("a guard has the value until it is dropped")
    }
}

impl<T> DerefMut for WriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().expect("a guard has the value until it is dropped");
        Rc::get_mut(value).expect("a writer is alone with the value")
    }
}

impl<T> Drop for WriteGuard<T> {
    fn drop(&mut self) {
        if self.permit.is_some() {
            self.put_back();
            self.permit = None;
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
