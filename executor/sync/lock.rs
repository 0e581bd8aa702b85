//! A lock: one at a time, and the value goes from hand to hand.
//!
//! ```text
//!   free:     [ value ]   in line: -
//!   locked:   [       ]   a's guard: value   in line: c b
//!   a leaves: [       ]   granted to b: value   in line: c
//! ```
//!
//! The value does not stay in the lock while somebody holds it. It moves into the guard, and
//! from the guard to the next in line. So there is no flag that could say something else
//! than the truth, and nobody can overtake: between `a`'s release and `b`'s next step there
//! is nothing in the lock to be taken. No `unsafe` is needed either.
//!
//! # Invariants
//! - The value is in one place: in the lock, in a guard, or granted to a waiter.
//! - While it is in the lock, nobody stands in line.
//!
//! Tutorial: chapter 13. Before this: `notify.rs`. After this: `condition.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Key, SyncDeed};

use crate::sync::wait_queue::{Left, Place, WaitQueue};
use crate::told::made;

/// A value that one task at a time may use, also while it awaits. For tasks of one thread;
/// clones share it.
///
/// A task that does not await while it uses a value needs no lock: a `Cell` or `RefCell`
/// does, since no other task runs meanwhile.
///
/// The lock is fair: first come, first served, and nobody overtakes between a release and
/// the step of the one who waited. It is **not reentrant**: whoever holds it and asks again
/// waits for itself, for ever. Two tasks that take two locks in different orders do the same
/// to each other; let everybody take them in one order. If nothing else is left to happen,
/// the run then ends with [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock).
///
/// The guard is a value of its own, without a borrow: it may be kept, returned, or given to
/// another task or callback, and dropping it releases the lock, on every way out. A panic
/// while the lock is held releases it too; there is no poison, the value is as the panic
/// left it.
///
/// Five philosophers share five forks. Each takes the lower-numbered fork first, so there is
/// always one who can eat:
///
/// ```
/// use roundelay_executor::{Lock, gather_all, run, yield_now};
///
/// run(async {
///     let forks: Vec<Lock<u32>> = (0..5).map(|_| Lock::new(0)).collect();
///     let philosophers = (0..5).map(|seat| {
///         let (left, right) = (seat, (seat + 1) % 5);
///         let (first, second) = (forks[left.min(right)].clone(), forks[left.max(right)].clone());
///         async move {
///             for _ in 0..3 {
///                 let mut first = first.lock().await;
///                 yield_now().await; // long enough for a neighbour to take the other one
///                 let mut second = second.lock().await;
///                 (*first, *second) = (*first + 1, *second + 1);
///             }
///         }
///     });
///     gather_all(philosophers).await;
///     assert!(forks.iter().all(|fork| *fork.try_lock().unwrap() == 6));
/// });
/// ```
#[doc(alias = "Mutex")]
#[doc(alias = "asyncio.Lock")]
pub struct Lock<T> {
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    /// The value, while nobody has it. Boxed, so that it changes hands as a pointer.
    free: RefCell<Option<Box<T>>>,
    line: WaitQueue<Box<T>>,
}

impl<T> Lock<T> {
    /// A free lock around `value`.
    #[must_use]
    pub fn new(value: T) -> Lock<T> {
        let free = RefCell::new(Some(Box::new(value)));
        Lock { shared: Rc::new(Shared { free, line: WaitQueue::of("lock", 1) }) }
    }

    /// Waits until the value is free, and takes it. If it is free, it does not wait at all.
    ///
    /// *Cancel safety: loses its place* in the line. If the value had just been handed to
    /// it, the next in line gets it.
    ///
    /// ```
    /// use roundelay_executor::{Lock, run};
    ///
    /// run(async {
    ///     let total = Lock::new(1);
    ///     let mut guard = total.lock().await;
    ///     *guard += 1;
    ///     drop(guard); // the next in line has it now
    ///     assert_eq!(*total.lock().await, 2);
    /// });
    /// ```
    #[doc(alias = "acquire")]
    #[track_caller]
    pub fn lock(&self) -> AcquireLock<T> {
        made("sync");
        AcquireLock { shared: Rc::clone(&self.shared), place: Place::Outside }
    }

    /// The value, if it is free.
    ///
    /// ```
    /// let lock = roundelay_executor::Lock::new("mine");
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.is_locked() && lock.try_lock().is_none());
    /// drop(guard);
    /// assert!(!lock.is_locked());
    /// ```
    #[must_use]
    pub fn try_lock(&self) -> Option<LockGuard<T>> {
        let value = self.shared.take()?;
        self.shared.line.name.tell(|| SyncDeed::Acquires { ticket: None, count: 1 });
        Some(LockGuard::of(value, &self.shared))
    }

    /// Whether somebody holds the lock, or is about to: one whose turn has come and who has
    /// not taken a step since counts.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.shared.free.borrow().is_none()
    }

    /// How many wait in line.
    ///
    /// ```
    /// use roundelay_executor::{Lock, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let lock = Lock::new(());
    ///     let guard = lock.lock().await;
    ///     let next = spawn(lock.lock());
    ///     yield_now().await;
    ///     assert_eq!(lock.waiting(), 1);
    ///     drop(guard);
    ///     drop(next.await);
    /// });
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }

    /// The value, without locking: there is no other clone, no guard and no waiter. `None`
    /// if there is one.
    ///
    /// ```
    /// let mut lock = roundelay_executor::Lock::new(1);
    /// *lock.get_mut().unwrap() += 1;
    /// let clone = lock.clone();
    /// assert!(lock.get_mut().is_none());
    /// assert_eq!(*clone.try_lock().unwrap(), 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        Rc::get_mut(&mut self.shared)?.free.get_mut().as_deref_mut()
    }

    /// Unwraps the value.
    ///
    /// # Errors
    /// The lock itself, if there is another clone, a guard or a waiter.
    ///
    /// ```
    /// let lock = roundelay_executor::Lock::new(7);
    /// let guard = lock.try_lock();
    /// let lock = lock.into_inner().unwrap_err(); // still held
    /// drop(guard);
    /// assert_eq!(lock.into_inner().unwrap(), 7);
    /// ```
    pub fn into_inner(mut self) -> Result<T, Lock<T>> {
        let value = Rc::get_mut(&mut self.shared).and_then(|shared| shared.free.get_mut().take());
        value.map(|value| *value).ok_or(self)
    }

    pub(crate) fn is_of(&self, guard: &LockGuard<T>) -> bool {
        Rc::ptr_eq(&self.shared, &guard.shared)
    }
}

impl<T> Shared<T> {
    fn take(&self) -> Option<Box<T>> {
        self.free.borrow_mut().take()
    }

    /// Gives the value to the first in line, or leaves it in the lock.
    fn hand_over(&self, value: Box<T>) {
        if let Err(value) = self.line.grant(value) {
            *self.free.borrow_mut() = Some(value);
        }
    }
}

impl<T> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Lock { shared: Rc::clone(&self.shared) }
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("Lock");
        // The value's own code runs while it is printed: it is taken out for that long.
        match self.try_lock() {
            Some(value) => lock.field("value", &*value),
            None => lock.field("value", &format_args!("<locked>")),
        };
        lock.field("waiting", &self.waiting()).finish()
    }
}

/// The future of [`Lock::lock`].
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireLock<T> {
    shared: Rc<Shared<T>>,
    place: Place,
}

impl<T> Future for AcquireLock<T> {
    type Output = LockGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<T>> {
        let AcquireLock { shared, place } = &mut *self;
        let got = place.poll(&shared.line, (), cx, || shared.take());
        got.map(|value| LockGuard::of(value, shared))
    }
}

impl<T> Drop for AcquireLock<T> {
    fn drop(&mut self) {
        if let Left::Granted(value) = self.place.leave(&self.shared.line) {
            self.shared.hand_over(value);
        }
    }
}

impl<T> fmt::Debug for AcquireLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireLock").finish_non_exhaustive()
    }
}

/// The value of a [`Lock`], for as long as this is kept. Dropping it releases the lock, to
/// the first in line if there is one.
///
/// It keeps the lock alive, and need not be dropped where it was taken.
#[must_use = "dropping the guard releases the lock"]
pub struct LockGuard<T> {
    /// `None` only while it is being dropped.
    value: Option<Box<T>>,
    shared: Rc<Shared<T>>,
    /// The task that took it.
    by: Option<Key>,
}

impl<T> LockGuard<T> {
    fn of(value: Box<T>, shared: &Rc<Shared<T>>) -> LockGuard<T> {
        let by = shared.line.take(1);
        LockGuard { value: Some(value), shared: Rc::clone(shared), by }
    }
}

impl<T> Deref for LockGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_deref().expect("a guard has the value until it is dropped")
    }
}

impl<T> DerefMut for LockGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect("a guard has the value until it is dropped")
    }
}

impl<T> Drop for LockGuard<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.shared.line.name.tell(|| SyncDeed::Releases { count: 1 });
            self.shared.line.give_back(self.by, 1);
            self.shared.hand_over(value);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for LockGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
