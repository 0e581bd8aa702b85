//! Items that are being worked on, and waiting until all work is done.
//!
//! Empty is not finished: the last item may have been taken and still be worked on. So a queue
//! counts: one more for each item that is put, one less for each that is *done*.
//!
//! ```text
//!   put --> [ in the queue ] --get_item--> [ being worked on ] --guard dropped--> done
//!           \________________________________________________/
//!                 unfinished: `join` waits until it is zero
//! ```
//!
//! asyncio leaves the counting to `task_done()`, which is forgotten on the way out of an error,
//! and then `join` hangs. A [`QueueItem`] counts down when it is dropped, on every way out.
//!
//! # Invariants
//! - The count is never below zero.
//! - Whoever waits when it reaches zero is released, whatever is put afterwards.
//!
//! Tutorial: chapter 13. Before this: `queue_order.rs`. After this: `queue_lines.rs`.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Ticket, WaitQueue};
use crate::task_table::Waiter;

/// An item that is being worked on. Dropping it says that the work is done, also when the task
/// that holds it fails or is cancelled.
///
/// ```
/// use roundelay_executor::{Queue, run, spawn};
///
/// run(async {
///     let queue = Queue::unbounded();
///     let worker = queue.clone();
///     spawn(async move {
///         while let Ok(item) = worker.get_item().await {
///             assert_eq!(*item, "work");
///         }
///     })
///     .detach();
///     queue.try_put("work").unwrap();
///     queue.join().await; // until the item was dropped, not only taken
///     assert_eq!(queue.unfinished(), 0);
/// });
/// ```
#[must_use = "dropping an item says that the work on it is done"]
pub struct QueueItem<T> {
    item: T,
    // Dropped after the item: whoever hears that all is done finds it gone.
    done: Done,
}

impl<T> QueueItem<T> {
    pub(crate) fn new(item: T, unfinished: &Rc<Unfinished>) -> QueueItem<T> {
        QueueItem { item, done: Done { unfinished: Rc::clone(unfinished) } }
    }

    /// Takes the item out. As far as the queue knows, the work on it is done.
    ///
    /// ```
    /// let queue = roundelay_executor::Queue::unbounded();
    /// queue.try_put("work").unwrap();
    /// let item = queue.try_get_item().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// assert_eq!(item.into_inner(), "work");
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        let QueueItem { item, done } = self;
        drop(done);
        item
    }
}

impl<T> Deref for QueueItem<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for QueueItem<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug> fmt::Debug for QueueItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueItem").field(&self.item).finish()
    }
}

/// Counts one item down when dropped.
struct Done {
    unfinished: Rc<Unfinished>,
}

impl Drop for Done {
    fn drop(&mut self) {
        // Refused only if `task_done` was called for this item as well: then it is counted.
        let _ = self.unfinished.finish(1);
    }
}

/// How many items were put and are not done.
pub(crate) struct Unfinished {
    count: Cell<usize>,
    /// How often the count has reached zero: tells a waiter that it did, even if it is above
    /// zero again.
    zeros: Cell<u64>,
    joiners: WaitQueue<Infallible>,
}

impl Unfinished {
    pub(crate) fn new() -> Rc<Unfinished> {
        let (count, zeros) = (Cell::new(0), Cell::new(0));
        Rc::new(Unfinished { count, zeros, joiners: WaitQueue::new("queue.join") })
    }

    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    pub(crate) fn add(&self) {
        self.count.set(self.count.get() + 1);
    }

    /// So many are done. The last one releases whoever waits.
    pub(crate) fn finish(&self, items: usize) -> Result<(), TaskDoneError> {
        let left = self.count.get().checked_sub(items).ok_or(TaskDoneError)?;
        self.count.set(left);
        if left == 0 && items > 0 {
            self.zeros.set(self.zeros.get() + 1);
            self.joiners.dismiss_all();
        }
        Ok(())
    }
}

/// The future of [`Queue::join`](crate::Queue::join).
#[must_use = "a future does nothing unless awaited"]
pub struct QueueJoin {
    unfinished: Rc<Unfinished>,
    /// The place in line, and how often the count had been zero then.
    place: Option<(Ticket, u64)>,
}

impl QueueJoin {
    pub(crate) fn new(unfinished: &Rc<Unfinished>) -> QueueJoin {
        QueueJoin { unfinished: Rc::clone(unfinished), place: None }
    }

    fn is_released(&self) -> bool {
        let was_zero = self.place.is_some_and(|(_, zeros)| zeros != self.unfinished.zeros.get());
        was_zero || self.unfinished.count() == 0
    }

    fn leave(&mut self) {
        if let Some((ticket, _)) = self.place.take() {
            self.unfinished.joiners.leave(ticket);
        }
    }
}

impl Future for QueueJoin {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_released() {
            // Cloning a foreign waker is foreign code: look once more after it.
            let me = Waiter::of(cx);
            if !self.is_released() {
                let ticket = self.place.map(|(ticket, _)| ticket);
                // The count is noted first: letting an earlier waker go is foreign code, too.
                let zeros = self.unfinished.zeros.get();
                self.place = Some((self.unfinished.joiners.join(ticket, me), zeros));
                return Poll::Pending;
            }
        }
        self.leave();
        Poll::Ready(())
    }
}

impl Drop for QueueJoin {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for QueueJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueJoin").field("unfinished", &self.unfinished.count()).finish()
    }
}

/// More items were said to be done than were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`task_done` was called more often than items were put; call it once for each item \
             taken with `get`, and never for one taken with `get_item`, which counts itself",
        )
    }
}

impl std::error::Error for TaskDoneError {}
