//! The two lines at a queue: who waits to put, and who waits to get.
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
//! # Invariants
//! - Putters and getters each have their turn in the order in which they came.
//! - `items + room promised to putters <= capacity`.
//! - `rights granted to getters <= items`; while a getter waits, the two are equal.
//! - A right or a place that is not used goes to the next in line: nothing is lost, nothing
//!   doubled.
//! - Nobody is told of the end while an item is left, not even one that is promised: whom it
//!   was promised to may be dropped.
//!
//! Tutorial: chapter 13. Before this: `queue_item.rs`. After this: `queue.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::SyncDeed;

use crate::sync::closed::{Closed, Finished, TryGetError, TryPutError};
use crate::sync::queue_item::Unfinished;
use crate::sync::queue_order::Items;
use crate::sync::wait_queue::{Left, Ticket, WaitQueue};
use crate::task_table::Waiter;

/// What all clones of a queue share.
pub(crate) struct Lines<T> {
    pub(crate) capacity: usize,
    items: Items<T>,
    getters: WaitQueue<Right>,
    putters: WaitQueue<Room>,
    closed: Cell<bool>,
    pub(crate) unfinished: Rc<Unfinished>,
}

/// The right to take one item, granted to a getter.
struct Right;

/// A free place that was promised to a putter.
struct Room;

impl<T> Lines<T> {
    pub(crate) fn new(capacity: usize, items: Items<T>) -> Lines<T> {
        let (getters, putters) = WaitQueue::pair("queue");
        Lines {
            capacity,
            items,
            getters,
            putters,
            closed: Cell::new(false),
            unfinished: Unfinished::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn has_room(&self) -> bool {
        // Nobody overtakes a putter that waits.
        self.has_free_place() && self.putters.len() == 0
    }

    fn has_free_place(&self) -> bool {
        self.items.len() + self.putters.granted() < self.capacity
    }

    pub(crate) fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        if self.is_closed() {
            return Err(TryPutError::Closed(item));
        }
        if !self.has_room() {
            return Err(TryPutError::Full(item));
        }
        self.add(item);
        Ok(())
    }

    pub(crate) fn try_get(&self) -> Result<T, TryGetError> {
        match self.take() {
            Some(item) => Ok(item),
            None if self.is_over() => Err(TryGetError::Finished),
            None => Err(TryGetError::Empty),
        }
    }

    /// Closed, and nothing is left.
    fn is_over(&self) -> bool {
        self.is_closed() && self.items.len() == 0
    }

    /// Lets nobody put any more. Putters get their items back; getters hear of the end if
    /// nothing is left, and else when the last item is taken.
    pub(crate) fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.putters.dismiss_all();
        if self.is_over() {
            self.getters.dismiss_all();
        }
    }

    /// Takes out everything, promised or not, and counts it as done. Only when closed: those to
    /// whom something was promised hear of the end instead.
    pub(crate) fn drain(&self) -> Vec<T> {
        debug_assert!(self.is_closed(), "getters that were promised an item would wait for ever");
        let items: Vec<T> = std::iter::from_fn(|| self.items.pop()).collect();
        self.getters.dismiss_all();
        // Fewer, if `task_done` was called for items that were never taken. Never refused.
        let drained = items.len().min(self.unfinished.count());
        let _ = self.unfinished.finish(drained);
        items
    }

    /// Puts an item in. There is room.
    fn add(&self, item: T) {
        // Comparing items may panic: then the place is still free, and the next may have it.
        let unused = PassOn { lines: self };
        self.items.push(item);
        std::mem::forget(unused);
        self.tell_level();
        self.unfinished.add();
        self.grant_right();
    }

    /// There is an item to which nobody has a right: the first getter gets it. Refused if
    /// nobody waits: then whoever asks first may have the item.
    fn grant_right(&self) {
        if self.items.len() > self.getters.granted() {
            let _ = self.getters.grant(Right);
        }
    }

    /// Takes an item, unless others have a right to all there are.
    fn take(&self) -> Option<T> {
        let spare = self.items.len() > self.getters.granted();
        spare.then(|| self.pop()).flatten()
    }

    fn pop(&self) -> Option<T> {
        let unused = PassOn { lines: self };
        let item = self.items.pop();
        std::mem::forget(unused);
        let item = item?;
        self.tell_level();
        self.promise_room();
        if self.is_over() {
            self.getters.dismiss_all();
        }
        Some(item)
    }

    /// A place has come free, or will not be used: the first putter may have it.
    fn promise_room(&self) {
        if self.has_free_place() {
            // Refused if nobody waits: then the place is simply free.
            let _ = self.putters.grant(Room);
        }
    }

    /// Tells how many items are inside.
    fn tell_level(&self) {
        self.getters.name.tell(|| SyncDeed::Level(self.items.len()));
    }

    /// Tells that somebody who stood in line has got what it came for.
    fn tell_served(&self, ticket: Option<Ticket>) {
        if ticket.is_some() {
            self.getters.name.tell(|| SyncDeed::Acquires { ticket, count: 1 });
        }
    }
}

/// Passes on what somebody had been granted and could not use because of a panic. Forgotten
/// once it was used.
struct PassOn<'a, T> {
    lines: &'a Lines<T>,
}

impl<T> Drop for PassOn<'_, T> {
    fn drop(&mut self) {
        self.lines.promise_room();
        self.lines.grant_right();
    }
}

/// The future of [`Queue::put`](crate::Queue::put).
#[must_use = "nothing is put before the future is awaited"]
pub struct Put<T> {
    lines: Rc<Lines<T>>,
    item: Option<T>,
    ticket: Option<Ticket>,
}

impl<T> Unpin for Put<T> {}

impl<T> Put<T> {
    pub(crate) fn new(lines: &Rc<Lines<T>>, item: T) -> Put<T> {
        Put { lines: Rc::clone(lines), item: Some(item), ticket: None }
    }

    fn take_item(&mut self) -> T {
        self.item.take().expect("a future that has put its item is polled again")
    }
}

impl<T> Future for Put<T> {
    type Output = Result<(), Closed<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = None;
        loop {
            let promised = self.ticket.and_then(|ticket| self.lines.putters.collect(ticket));
            if self.lines.is_closed() {
                self.ticket = None;
                return Poll::Ready(Err(Closed(self.take_item())));
            }
            if promised.is_some() || (self.ticket.is_none() && self.lines.has_room()) {
                let ticket = self.ticket.take();
                self.lines.tell_served(ticket);
                let item = self.take_item();
                self.lines.add(item);
                return Poll::Ready(Ok(()));
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    self.ticket = Some(self.lines.putters.join(self.ticket, me));
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Drop for Put<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Left::Granted(Room) = self.lines.putters.leave(ticket)
        {
            self.lines.promise_room();
        }
    }
}

impl<T> fmt::Debug for Put<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").finish_non_exhaustive()
    }
}

/// The future of [`Queue::get`](crate::Queue::get).
#[must_use = "nothing is taken before the future is awaited"]
pub struct Get<T> {
    pub(crate) lines: Rc<Lines<T>>,
    ticket: Option<Ticket>,
}

impl<T> Get<T> {
    pub(crate) fn new(lines: &Rc<Lines<T>>) -> Get<T> {
        Get { lines: Rc::clone(lines), ticket: None }
    }
}

impl<T> Future for Get<T> {
    type Output = Result<T, Finished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = None;
        loop {
            let granted = self.ticket.and_then(|ticket| self.lines.getters.collect(ticket));
            let item = match granted {
                Some(Right) => self.lines.pop(),
                None => self.lines.take(),
            };
            if let Some(item) = item {
                self.lines.tell_served(self.ticket);
                self.leave();
                return Poll::Ready(Ok(item));
            }
            if self.lines.is_over() {
                self.ticket = None;
                return Poll::Ready(Err(Finished));
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    self.ticket = Some(self.lines.getters.join(self.ticket, me));
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Get<T> {
    /// Leaves the line; a right that is not used goes to the next getter.
    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && let Left::Granted(Right) = self.lines.getters.leave(ticket)
        {
            self.lines.grant_right();
        }
    }
}

impl<T> Drop for Get<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Get<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}
