//! A queue between tasks, with room for so many items.
//!
//! ```text
//!   many producers                       many consumers
//!      put  --+                        +-->  get
//!      put  --+--> [ items, in order ] +-->  get
//!      put  --+      at most so many   +-->  get
//! ```
//!
//! This is asyncio's family of queues in one type: in which order items come out is chosen when
//! the queue is made (`bounded`, `bounded_lifo`, `bounded_priority`); all else is the same.
//!
//! Closing replaces the sentinels that asyncio programs send: getters take what is left and
//! then hear that it is over; putters get their item back. Where one task receives, a
//! [`channel`](crate::channel()) does the same and closes by itself.
//!
//! # Invariants
//! - What is put comes out once, in the order of the queue's kind, or is handed back.
//! - While an item is left, nobody hears [`Finished`].
//!
//! Tutorial: chapter 13. Before this: `queue_lines.rs`. After this: `../channel/pipe.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::closed::{Finished, TryGetError, TryPutError};
use crate::sync::queue_item::{QueueItem, QueueJoin, TaskDoneError};
use crate::sync::queue_lines::{Get, Lines, Put};
use crate::sync::queue_order::Items;
use crate::told::made;

/// A queue for tasks of one thread; clones share it. (Across threads, the channels of the
/// crates async-channel and flume work here as they do everywhere.)
///
/// ```
/// use roundelay_executor::{Queue, run, spawn};
///
/// run(async {
///     let queue = Queue::bounded(2);
///     let sender = queue.clone();
///     let producer = spawn(async move {
///         for n in 0..5 {
///             sender.put(n).await.unwrap(); // waits while two are in the queue
///         }
///         sender.close();
///     });
///     let mut sum = 0;
///     while let Ok(n) = queue.get().await {
///         sum += n;
///     }
///     assert_eq!(sum, 10);
///     producer.await.unwrap();
/// });
/// ```
pub struct Queue<T> {
    lines: Rc<Lines<T>>,
}

/// Making one.
impl<T> Queue<T> {
    /// First in, first out, with room for `capacity` items: [`Queue::put`] waits while it is full.
    ///
    /// # Panics
    /// If `capacity` is zero: nobody could ever put anything in.
    #[must_use]
    pub fn bounded(capacity: usize) -> Queue<T> {
        Queue::new(capacity, Items::fifo())
    }

    /// First in, first out, without a limit. A producer that is faster than its consumers
    /// fills the memory; say so only where you know that it cannot be.
    #[must_use]
    pub fn unbounded() -> Queue<T> {
        Queue::bounded(usize::MAX)
    }

    /// Last in, first out, with room for `capacity` items.
    ///
    /// # Panics
    /// If `capacity` is zero.
    ///
    /// ```
    /// use roundelay_executor::Queue;
    ///
    /// for stack in [Queue::bounded_lifo(2), Queue::unbounded_lifo()] {
    ///     stack.try_put("below").unwrap();
    ///     stack.try_put("on top").unwrap();
    ///     assert_eq!((stack.len(), stack.is_full()), (2, stack.capacity().is_some()));
    ///     assert_eq!(stack.try_get(), Ok("on top"));
    /// }
    /// ```
    #[doc(alias = "LifoQueue")]
    #[must_use]
    pub fn bounded_lifo(capacity: usize) -> Queue<T> {
        Queue::new(capacity, Items::lifo())
    }

    /// Last in, first out, without a limit.
    #[doc(alias = "LifoQueue")]
    #[must_use]
    pub fn unbounded_lifo() -> Queue<T> {
        Queue::bounded_lifo(usize::MAX)
    }

    /// Smallest first, with room for `capacity` items. Equals come out in the order in which
    /// they were put in, so an item needs no number of its own. (Largest first:
    /// [`std::cmp::Reverse`].)
    ///
    /// `Ord` is called in `put` and `try_put` only, and must not put into or take from this
    /// queue: that panics. If it panics, the item goes down with it and the queue is as it was.
    ///
    /// # Panics
    /// If `capacity` is zero.
    ///
    /// ```
    /// use roundelay_executor::Queue;
    ///
    /// for queue in [Queue::bounded_priority(3), Queue::unbounded_priority()] {
    ///     for job in [(2, "sweep"), (1, "put out the fire"), (2, "dust")] {
    ///         queue.try_put(job).unwrap();
    ///     }
    ///     assert_eq!(queue.try_get(), Ok((1, "put out the fire")));
    /// }
    /// ```
    #[doc(alias = "PriorityQueue")]
    #[must_use]
    pub fn bounded_priority(capacity: usize) -> Queue<T>
    where
        T: Ord,
    {
        Queue::new(capacity, Items::priority())
    }

    /// Smallest first, without a limit.
    #[doc(alias = "PriorityQueue")]
    #[must_use]
    pub fn unbounded_priority() -> Queue<T>
    where
        T: Ord,
    {
        Queue::bounded_priority(usize::MAX)
    }

    fn new(capacity: usize, items: Items<T>) -> Queue<T> {
        assert!(
            capacity > 0,
            "a queue needs room for at least one item; without a limit it is `unbounded`"
        );
        Queue { lines: Rc::new(Lines::new(capacity, items)) }
    }
}

/// Putting in and getting out.
impl<T> Queue<T> {
    /// Puts `item` in; waits while the queue is full.
    ///
    /// # Errors
    /// [`Closed`](crate::Closed) with the item, if the queue was closed before there was room.
    ///
    /// *Cancel safety: loses data.* The item is dropped with the future. It is in the queue
    /// only if the future said so; a place that was promised to it goes to the next in line.
    /// Where the item must not be lost, keep the future and poll it again, or use
    /// [`Queue::try_put`].
    ///
    /// ```
    /// use roundelay_executor::{Queue, run};
    ///
    /// run(async {
    ///     let queue = Queue::bounded(1);
    ///     queue.put("first").await.unwrap();
    ///     queue.close();
    ///     assert_eq!(queue.put("second").await.unwrap_err().0, "second"); // it comes back
    /// });
    /// ```
    #[track_caller]
    pub fn put(&self, item: T) -> Put<T> {
        made("sync");
        Put::new(&self.lines, item)
    }

    /// Puts `item` in, if there is room and nobody waits for it.
    ///
    /// # Errors
    /// The item with the reason: the queue is full, or closed.
    #[doc(alias = "put_nowait")]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.lines.try_put(item)
    }

    /// Takes the item whose turn it is; waits while the queue is empty.
    ///
    /// # Errors
    /// [`Finished`] when the queue is closed and empty.
    ///
    /// *Cancel safety: loses its place* in the line, and never an item.
    ///
    /// ```
    /// use roundelay_executor::{Finished, Queue, run};
    ///
    /// run(async {
    ///     let queue = Queue::bounded(1);
    ///     queue.try_put("last").unwrap();
    ///     queue.close();
    ///     assert_eq!((queue.get().await, queue.is_empty()), (Ok("last"), true));
    ///     assert_eq!(queue.get().await, Err(Finished));
    /// });
    /// ```
    #[track_caller]
    pub fn get(&self) -> Get<T> {
        made("sync");
        Get::new(&self.lines)
    }

    /// Takes the item whose turn it is, if there is one that nobody waits for.
    ///
    /// # Errors
    /// Whether there is none at present, or none for ever.
    #[doc(alias = "get_nowait")]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.lines.try_get()
    }

    /// As [`Queue::get`], but the item says when it is done with: for [`Queue::join`].
    ///
    /// # Errors
    /// [`Finished`] when the queue is closed and empty.
    ///
    /// *Cancel safety: loses its place* in the line, and never an item.
    pub fn get_item(&self) -> GetItem<T> {
        GetItem { get: self.get() }
    }

    /// As [`Queue::try_get`], but the item says when it is done with.
    ///
    /// # Errors
    /// Whether there is none at present, or none for ever.
    pub fn try_get_item(&self) -> Result<QueueItem<T>, TryGetError> {
        self.try_get().map(|item| QueueItem::new(item, &self.lines.unfinished))
    }
}

/// Coming to an end.
impl<T> Queue<T> {
    /// Lets nobody put anything in any more. What is in can still be taken. Putters that
    /// wait get their items back; getters hear that it is over when the last item is taken,
    /// and at once if there is none.
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        self.lines.close();
    }

    /// As [`Queue::close`], and hands back what is left, in the order in which it would have
    /// come out. It counts as done: [`Queue::join`] waits only for what is being worked on.
    ///
    /// ```
    /// use roundelay_executor::{Finished, Queue, run};
    ///
    /// run(async {
    ///     let queue = Queue::unbounded();
    ///     queue.try_put("left over").unwrap();
    ///     assert_eq!((queue.close_now(), queue.is_closed()), (vec!["left over"], true));
    ///     assert_eq!(queue.get().await, Err(Finished));
    ///     queue.join().await;
    /// });
    /// ```
    #[doc(alias = "shutdown(immediate=True)")]
    pub fn close_now(&self) -> Vec<T> {
        self.close();
        self.lines.drain()
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lines.is_closed()
    }

    /// Waits until every item that was put is done: taken with [`Queue::get_item`] and dropped,
    /// or taken with [`Queue::get`] and said to be done with [`Queue::task_done`]. Returns at
    /// once if there is nothing to wait for.
    ///
    /// It does not return while items are left that nobody takes. Where consumers may fail, put
    /// them into a [`task_group`](crate::task_group()) and close the queue instead: then there
    /// is an end to wait for on every way out.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{Queue, run, spawn};
    ///
    /// run(async {
    ///     let queue = Queue::unbounded();
    ///     queue.try_put("work").unwrap();
    ///     let worker = queue.clone();
    ///     spawn(async move { drop(worker.get_item().await) }).detach();
    ///     queue.join().await; // until that was dropped
    ///     assert_eq!(queue.unfinished(), 0);
    /// });
    /// ```
    pub fn join(&self) -> QueueJoin {
        QueueJoin::new(&self.lines.unfinished)
    }

    /// Says that the work on an item taken with [`Queue::get`] is done. An item taken with
    /// [`Queue::get_item`] says so itself.
    ///
    /// # Errors
    /// [`TaskDoneError`], and nothing is changed, if there is no unfinished item.
    ///
    /// ```
    /// use roundelay_executor::{Queue, TaskDoneError};
    ///
    /// let queue = Queue::unbounded();
    /// ["work", "more"].map(|item| queue.try_put(item).unwrap());
    /// drop(queue.try_get_item()); // this one says so itself
    /// queue.try_get().unwrap();
    /// assert_eq!(queue.unfinished(), 1); // taken, but not done
    /// assert_eq!(queue.task_done(), Ok(()));
    /// assert_eq!(queue.task_done(), Err(TaskDoneError));
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.lines.unfinished.finish(1)
    }

    /// How many items were put and are not done.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.lines.unfinished.count()
    }
}

/// How it stands.
impl<T> Queue<T> {
    /// How many items are in it.
    #[doc(alias = "qsize")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room: [`put`](Queue::put) waits then, unless the queue is closed.
    #[doc(alias = "full")]
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.lines.has_room()
    }

    /// How many items it has room for; `None` without a limit.
    #[doc(alias = "maxsize")]
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        (self.lines.capacity != usize::MAX).then_some(self.lines.capacity)
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { lines: Rc::clone(&self.lines) }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The future of [`Queue::get_item`].
#[must_use = "nothing is taken before the future is awaited"]
pub struct GetItem<T> {
    get: Get<T>,
}

impl<T> Future for GetItem<T> {
    type Output = Result<QueueItem<T>, Finished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let got = Pin::new(&mut self.get).poll(cx);
        got.map_ok(|item| QueueItem::new(item, &self.get.lines.unfinished))
    }
}

impl<T> fmt::Debug for GetItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetItem").finish_non_exhaustive()
    }
}
