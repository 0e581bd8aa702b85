//! A condition: waiting, with a lock let go, until what the lock guards may have changed.
//!
//! ```text
//!   wait(guard):  stand in the condition's line, let the lock go
//!                 ... somebody changes the value and notifies ...
//!                 stand in the lock's line, come back with the guard
//! ```
//!
//! # Invariants
//! - Between looking at the value and standing in line nobody runs: no change is missed.
//! - First to wait, first notified; and whoever is notified queues for the lock in its next
//!   step, in that order.
//! - A notification for one that its waiter cannot use, because it is dropped before it has
//!   the lock again, goes to the next waiter. (asyncio does so since 3.13; before, such a
//!   notification was lost.)
//!
//! Tutorial: chapter 13. Before this: `lock.rs`. After this: `semaphore.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::sync::lock::{AcquireLock, Lock, LockGuard};
use crate::sync::notify::Notice;
use crate::sync::wait_queue::{Left, Place, WaitQueue};
use crate::told::made;

/// Lets the holder of a [`Lock`] wait until another holder says that something changed.
/// Clones share the line; one lock may have several conditions.
///
/// Both sides show that they hold the lock: [`wait`](Condition::wait) takes the guard and
/// gives it back, the notifying verbs borrow it. That is asyncio's rule, checked by the
/// compiler.
///
/// A notification says "look", not "it is so": by the time the waiter has the lock again
/// somebody else may have been there. [`wait_for`](Condition::wait_for) looks, and goes on
/// waiting if need be.
///
/// Waiting futures keep condition and lock alive. If nobody is left to notify and nothing
/// else can happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock).
///
/// ```
/// use roundelay_executor::{Condition, Lock, run, spawn};
///
/// run(async {
///     let letters = Lock::new(Vec::new());
///     let arrived = Condition::new(&letters);
///     let (post, ring) = (letters.clone(), arrived.clone());
///     spawn(async move {
///         let mut letters = post.lock().await;
///         letters.push("hello");
///         ring.notify_one(&letters);
///     })
///     .detach();
///     let (letters, letter) = arrived.wait_for(letters.lock().await, |letters| letters.pop()).await;
///     assert_eq!((letters.len(), letter), (0, "hello"));
/// });
/// ```
#[doc(alias = "Condvar")]
pub struct Condition<T> {
    lock: Lock<T>,
    line: Rc<WaitQueue<Notice>>,
}

impl<T> Condition<T> {
    /// A condition of what `lock` guards.
    #[must_use]
    pub fn new(lock: &Lock<T>) -> Condition<T> {
        Condition { lock: lock.clone(), line: Rc::new(WaitQueue::new("condition")) }
    }

    /// Lets the lock go, waits for a notification, and takes the lock again.
    ///
    /// *Cancel safety: loses its place* in the line, and the lock: the guard is gone, and is
    /// not taken again first (asyncio does that, but whoever is dropped can wait for
    /// nothing). Before its first poll the future still holds the lock. A notification for
    /// one that it had just been given goes to the next.
    ///
    /// # Panics
    /// If the guard is of another lock.
    ///
    /// ```
    /// use roundelay_executor::{Condition, Lock, run, spawn};
    ///
    /// run(async {
    ///     let level = Lock::new(0);
    ///     let changed = Condition::new(&level);
    ///     let guard = level.lock().await;
    ///     let (raises, tells) = (level.clone(), changed.clone());
    ///     let task = spawn(async move {
    ///         let mut level = raises.lock().await; // not before `wait` has let it go
    ///         *level = 3;
    ///         tells.notify_one(&level);
    ///     });
    ///     let guard = changed.wait(guard).await;
    ///     assert_eq!(*guard, 3);
    ///     task.await.unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self, guard: LockGuard<T>) -> ConditionWait<T> {
        made("sync");
        self.check(&guard);
        ConditionWait { condition: self.clone(), stage: Stage::Holds(guard), place: Place::Outside }
    }

    /// Waits until `look` finds what it looks for, and gives that with the guard. It looks
    /// at once, and then after every notification, each time with the lock in hand.
    ///
    /// *Cancel safety: loses its place*, as [`wait`](Condition::wait).
    ///
    /// # Panics
    /// If the guard is of another lock, or if `look` panics; then the lock is released.
    ///
    /// ```
    /// use roundelay_executor::{Condition, Lock, run};
    ///
    /// run(async {
    ///     let orders = Lock::new(vec!["soup"]);
    ///     let arrived = Condition::new(&orders);
    ///     // There is one already, so this does not wait.
    ///     let (orders, order) = arrived.wait_for(orders.lock().await, Vec::pop).await;
    ///     assert_eq!((orders.len(), order), (0, "soup"));
    /// });
    /// ```
    pub async fn wait_for<R>(
        &self,
        guard: LockGuard<T>,
        mut look: impl FnMut(&mut T) -> Option<R>,
    ) -> (LockGuard<T>, R) {
        let mut guard = guard;
        loop {
            if let Some(found) = look(&mut guard) {
                return (guard, found);
            }
            guard = self.wait(guard).await;
        }
    }

    /// Notifies the first in line. It goes on when the guard has been dropped.
    ///
    /// # Panics
    /// If the guard is of another lock.
    #[track_caller]
    pub fn notify_one(&self, guard: &LockGuard<T>) {
        self.notify(guard, 1);
    }

    /// Notifies the first `count` in line. If fewer wait, the rest is not kept.
    ///
    /// # Panics
    /// If the guard is of another lock.
    ///
    /// ```
    /// use roundelay_executor::{Condition, Lock, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let lock = Lock::new(());
    ///     let seats = Condition::new(&lock);
    ///     for _ in 0..3 {
    ///         let (lock, seats) = (lock.clone(), seats.clone());
    ///         spawn(async move { drop(seats.wait(lock.lock().await).await) }).detach();
    ///     }
    ///     yield_now().await;
    ///     seats.notify(&lock.lock().await, 2); // two seats are free
    ///     assert_eq!(seats.waiting(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn notify(&self, guard: &LockGuard<T>, count: usize) {
        self.check(guard);
        self.tell(count, Notice::One);
    }

    /// Notifies all who wait at this moment. None of these notifications is passed on: each
    /// is for the one who got it.
    ///
    /// # Panics
    /// If the guard is of another lock.
    ///
    /// ```
    /// use roundelay_executor::{Condition, Lock, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let open = Lock::new(false);
    ///     let changed = Condition::new(&open);
    ///     let (door, waits) = (open.clone(), changed.clone());
    ///     let visitor = spawn(async move {
    ///         waits.wait_for(door.lock().await, |open| open.then_some(())).await;
    ///     });
    ///     yield_now().await;
    ///     let mut open = open.lock().await;
    ///     *open = true;
    ///     changed.notify_all(&open);
    ///     drop(open); // only now can the visitor look
    ///     visitor.await.unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn notify_all(&self, guard: &LockGuard<T>) {
        self.check(guard);
        self.tell(usize::MAX, Notice::All);
    }

    /// The lock whose value this is a condition of.
    #[must_use]
    pub fn lock(&self) -> &Lock<T> {
        &self.lock
    }

    /// How many wait for a notification.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    fn tell(&self, count: usize, notice: Notice) {
        for waiter in self.line.grant_first(count, |_| notice) {
            waiter.wake();
        }
    }

    #[track_caller]
    fn check(&self, guard: &LockGuard<T>) {
        assert!(
            self.lock.is_of(guard),
            "a condition was given the guard of another lock; take the guard from the lock that \
             the condition was made with"
        );
    }
}

impl<T> Clone for Condition<T> {
    fn clone(&self) -> Self {
        Condition { lock: self.lock.clone(), line: Rc::clone(&self.line) }
    }
}

impl<T> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("locked", &self.lock.is_locked())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// The future of [`Condition::wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct ConditionWait<T> {
    condition: Condition<T>,
    stage: Stage<T>,
    place: Place,
}

enum Stage<T> {
    /// It has not been polled, and still holds the lock.
    Holds(LockGuard<T>),
    /// It stands in the condition's line.
    Waits,
    /// It was notified, and queues for the lock.
    Queues(AcquireLock<T>, Notice),
    Over,
}

impl<T> Future for ConditionWait<T> {
    type Output = LockGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<T>> {
        let ConditionWait { condition, stage, place } = &mut *self;
        loop {
            match stage {
                Stage::Holds(_) => {
                    let waits = place.poll(&condition.line, (), cx, || None);
                    assert!(waits.is_pending(), "nobody is notified without standing in line");
                    // In line first, then the lock: letting it go may run others' code.
                    if let Stage::Holds(guard) = std::mem::replace(stage, Stage::Waits) {
                        drop(guard);
                    }
                    return Poll::Pending;
                }
                Stage::Waits => {
                    let notice = ready!(place.poll(&condition.line, (), cx, || None));
                    *stage = Stage::Queues(condition.lock.lock(), notice);
                }
                Stage::Queues(acquire, _) => {
                    let guard = ready!(Pin::new(acquire).poll(cx));
                    *stage = Stage::Over;
                    return Poll::Ready(guard);
                }
                Stage::Over => panic!(
                    "a wait that has given its guard back is polled again; call `wait` again"
                ),
            }
        }
    }
}

impl<T> Drop for ConditionWait<T> {
    fn drop(&mut self) {
        let notice = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Holds(_) | Stage::Over => return,
            Stage::Waits => match self.place.leave(&self.condition.line) {
                Left::Granted(notice) => notice,
                Left::Nothing => return,
            },
            // Leaving the lock's line comes first: the lock, if it was granted, goes on.
            Stage::Queues(_, notice) => notice,
        };
        if notice == Notice::One {
            self.condition.tell(1, Notice::One);
        }
    }
}

impl<T> fmt::Debug for ConditionWait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionWait").finish_non_exhaustive()
    }
}
