//! A queue between tasks, with room for so many items.
//!
//! ```text
//!   put waits while it is full          get waits while it is empty
//!        [ putters ] --> [ items ] --> [ getters ]
//! ```
//!
//! A getter that waits is granted the *right* to one item, so nobody can take it away
//! before the getter's next step. (asyncio wakes the getter and lets others overtake it;
//! here the line is kept.) Room that comes free is promised to the first putter in the same
//! way. Items never leave the queue for a waiter that might yet be dropped, and so they
//! never come back out of order.
//!
//! Closing replaces the sentinels that asyncio programs send: getters take what is left and
//! then hear that it is over; putters get their item back.
//!
//! # Invariants
//! - First in, first out; putters and getters each in the order in which they came.
//! - `items + room promised to putters <= capacity`.
//! - `rights granted to getters <= items`; while a getter waits, the two are equal.
//! - A right or a place that is not used goes to the next in line: nothing is lost, nothing
//!   doubled.
//!
//! Tutorial: chapter 13. Before this: `once_cell.rs`. After this:
//! `../combinators/gather.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Left, Ticket, WaitQueue};
use crate::task_table::Waiter;

/// A first-in-first-out queue for tasks of one thread; clones share it.
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
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    capacity: usize,
    items: RefCell<VecDeque<T>>,
    getters: WaitQueue<Right>,
    putters: WaitQueue<Room>,
    closed: Cell<bool>,
}

/// The right to take one item, granted to a getter.
struct Right;

/// A free place that was promised to a putter.
struct Room;

impl<T> Queue<T> {
    /// A queue with room for `capacity` items: [`Queue::put`] waits while it is full.
    ///
    /// # Panics
    /// If `capacity` is zero: nobody could ever put anything in.
    #[must_use]
    pub fn bounded(capacity: usize) -> Queue<T> {
        assert!(capacity > 0, "a queue needs room for at least one item");
        Queue {
            shared: Rc::new(Shared {
                capacity,
                items: RefCell::default(),
                getters: WaitQueue::new(),
                putters: WaitQueue::new(),
                closed: Cell::new(false),
            }),
        }
    }

    /// A queue without a limit. A producer that is faster than its consumers fills the
    /// memory; say so only where you know that it cannot be.
    #[must_use]
    pub fn unbounded() -> Queue<T> {
        Queue::bounded(usize::MAX)
    }

    /// Puts `item` at the back; waits while the queue is full.
    ///
    /// # Errors
    /// [`Closed`] with the item, if the queue was closed before there was room.
    ///
    /// *Cancel safety: loses its place* in the line, and the item, which is dropped with
    /// the future. It is in the queue only if the future said so.
    pub fn put(&self, item: T) -> Put<T> {
        Put { shared: Rc::clone(&self.shared), item: Some(item), ticket: None }
    }

    /// Puts `item` at the back, if there is room.
    ///
    /// # Errors
    /// The item with the reason: the queue is full, or closed.
    #[doc(alias = "put_nowait")]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        if self.is_closed() {
            return Err(TryPutError::Closed(item));
        }
        if !self.shared.has_room() {
            return Err(TryPutError::Full(item));
        }
        self.shared.add(item);
        Ok(())
    }

    /// Takes the item at the front; waits while the queue is empty.
    ///
    /// # Errors
    /// [`Finished`] when the queue is closed and empty.
    ///
    /// *Cancel safety: loses its place* in the line, and never an item.
    pub fn get(&self) -> Get<T> {
        Get { shared: Rc::clone(&self.shared), ticket: None }
    }

    /// Takes the item at the front, if there is one.
    #[doc(alias = "get_nowait")]
    #[must_use]
    pub fn try_get(&self) -> Option<T> {
        self.shared.take()
    }

    /// Lets nobody put anything in any more. What is in can still be taken. Putters that
    /// wait get their items back; getters that wait hear that it is over.
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        if self.shared.closed.replace(true) {
            return;
        }
        self.shared.putters.dismiss_all();
        self.shared.getters.dismiss_all();
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.get()
    }

    /// How many items are in it.
    #[doc(alias = "qsize")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.items.borrow().len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether [`put`](Queue::put) would have to wait.
    #[doc(alias = "full")]
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.shared.has_room()
    }
}

impl<T> Shared<T> {
    fn has_room(&self) -> bool {
        let taken = self.items.borrow().len() + self.putters.granted();
        // Nobody overtakes a putter that waits.
        taken < self.capacity && self.putters.len() == 0
    }

    fn add(&self, item: T) {
        self.items.borrow_mut().push_back(item);
        self.grant_right();
    }

    /// There is an item to which nobody has a right: the first getter gets it. Refused if
    /// nobody waits: then whoever asks first may have the item.
    fn grant_right(&self) {
        let _ = self.getters.grant(Right);
    }

    /// Takes the first item, unless others have a right to all there are.
    fn take(&self) -> Option<T> {
        let spare = self.items.borrow().len() > self.getters.granted();
        spare.then(|| self.pop()).flatten()
    }

    fn pop(&self) -> Option<T> {
        let item = self.items.borrow_mut().pop_front()?;
        self.promise_room();
        Some(item)
    }

    /// A place has come free, or will not be used: the first putter may have it.
    fn promise_room(&self) {
        let taken = self.items.borrow().len() + self.putters.granted();
        if taken < self.capacity {
            // Refused if nobody waits: then the place is simply free.
            let _ = self.putters.grant(Room);
        }
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { shared: Rc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.shared.capacity)
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The future of [`Queue::put`].
#[must_use = "nothing is put before the future is awaited"]
pub struct Put<T> {
    shared: Rc<Shared<T>>,
    item: Option<T>,
    ticket: Option<Ticket>,
}

impl<T> Unpin for Put<T> {}

impl<T> Future for Put<T> {
    type Output = Result<(), Closed<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = None;
        loop {
            let promised = self.ticket.and_then(|ticket| self.shared.putters.collect(ticket));
            if self.shared.closed.get() {
                self.ticket = None;
                return Poll::Ready(Err(Closed(self.take_item())));
            }
            if promised.is_some() || (self.ticket.is_none() && self.shared.has_room()) {
                self.ticket = None;
                let item = self.take_item();
                self.shared.add(item);
                return Poll::Ready(Ok(()));
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    self.ticket = Some(self.shared.putters.join(self.ticket, me));
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Put<T> {
    fn take_item(&mut self) -> T {
        self.item.take().expect("a future that has put its item is polled again")
    }
}

impl<T> Drop for Put<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Left::Granted(Room) = self.shared.putters.leave(ticket)
        {
            self.shared.promise_room();
        }
    }
}

/// The future of [`Queue::get`].
#[must_use = "nothing is taken before the future is awaited"]
pub struct Get<T> {
    shared: Rc<Shared<T>>,
    ticket: Option<Ticket>,
}

impl<T> Future for Get<T> {
    type Output = Result<T, Finished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = None;
        loop {
            let granted = self.ticket.and_then(|ticket| self.shared.getters.collect(ticket));
            let item = match granted {
                Some(Right) => self.shared.pop(),
                None => self.shared.take(),
            };
            if let Some(item) = item {
                self.ticket = None;
                return Poll::Ready(Ok(item));
            }
            if self.shared.closed.get() {
                self.ticket = None;
                return Poll::Ready(Err(Finished));
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    self.ticket = Some(self.shared.getters.join(self.ticket, me));
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Drop for Get<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Left::Granted(Right) = self.shared.getters.leave(ticket)
        {
            self.shared.grant_right();
        }
    }
}

impl<T> fmt::Debug for Put<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Get<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}

/// The queue is closed. Holds the item that was not put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<T>(pub T);

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed, so the item was not put; the error holds it")
    }
}

impl<T: fmt::Debug> std::error::Error for Closed<T> {}

/// The queue is closed and everything in it has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished;

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed and empty; there is nothing more to take")
    }
}

impl std::error::Error for Finished {}

/// Why an item could not be put without waiting. Holds the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// There is no room, or others wait for it.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "the queue is full; await `put`, or try again later",
            TryPutError::Closed(_) => "the queue is closed, so the item was not put",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for TryPutError<T> {}
