//! The line in which waiters stand.
//!
//! Semaphores and queues hand something over: a permit, an item. Whoever waits stands in
//! line; the one at the front is *granted* the thing itself, not a hint that there may be
//! one, so nobody can overtake between the grant and the waiter's next step.
//!
//! ```text
//!   leave line when dropped            collect when polled
//!        ^                                  ^
//!   [ c  b  a ] --grant(thing)--> { a: thing }
//!                                           v
//!                              dropped: the thing comes back, for the next in line
//! ```
//!
//! # Invariants
//! - First come, first granted.
//! - A thing that was granted is collected or handed back, never lost.
//! - A waiter that leaves leaves nothing behind: a million cancelled waits use no memory.
//! - Wakers are cloned, woken and dropped while nothing is borrowed.
//!
//! Tutorial: chapter 13. Before this: `../shared.rs`. After this: `semaphore.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::task_table::Waiter;

/// Those who wait for a `T`, first come first.
pub(crate) struct WaitQueue<T> {
    line: RefCell<BTreeMap<u64, Waiter>>,
    granted: RefCell<BTreeMap<u64, T>>,
    next_ticket: Cell<u64>,
}

/// A place in the line.
pub(crate) type Ticket = u64;

/// What a waiter that gives up leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left<T> {
    /// It still stood in line, or had collected already.
    Nothing,
    /// It had been granted this: somebody else must get it.
    Granted(T),
}

impl<T> WaitQueue<T> {
    pub(crate) fn new() -> WaitQueue<T> {
        WaitQueue {
            line: RefCell::default(),
            granted: RefCell::default(),
            next_ticket: Cell::new(0),
        }
    }

    /// Joins the line at the back; with an earlier ticket, keeps that place and notes who
    /// polls now.
    ///
    /// Making the waiter may run foreign code (cloning a waker), which may grant things: so
    /// it is made first, and whoever joins has looked once more since.
    pub(crate) fn join(&self, ticket: Option<Ticket>, waiter: Waiter) -> Ticket {
        let ticket = ticket.unwrap_or_else(|| {
            let ticket = self.next_ticket.get();
            self.next_ticket.set(ticket + 1);
            ticket
        });
        let earlier = self.line.borrow_mut().insert(ticket, waiter);
        drop(earlier);
        ticket
    }

    /// Grants `thing` to the first in line and wakes it.
    ///
    /// # Errors
    /// The thing, if nobody waits.
    pub(crate) fn grant(&self, thing: T) -> Result<(), T> {
        let first = self.line.borrow_mut().pop_first();
        let Some((ticket, waiter)) = first else { return Err(thing) };
        self.granted.borrow_mut().insert(ticket, thing);
        waiter.wake();
        Ok(())
    }

    /// What was granted to this ticket, once.
    pub(crate) fn collect(&self, ticket: Ticket) -> Option<T> {
        self.granted.borrow_mut().remove(&ticket)
    }

    /// Leaves the line for good.
    pub(crate) fn leave(&self, ticket: Ticket) -> Left<T> {
        let waiter = self.line.borrow_mut().remove(&ticket);
        drop(waiter);
        match self.collect(ticket) {
            Some(thing) => Left::Granted(thing),
            None => Left::Nothing,
        }
    }

    /// Wakes everybody in line, in order, and sends them away without a grant.
    pub(crate) fn dismiss_all(&self) {
        let line = self.line.take();
        for (_, waiter) in line {
            waiter.wake();
        }
    }

    /// How many stand in line.
    pub(crate) fn len(&self) -> usize {
        self.line.borrow().len()
    }

    /// How many things were granted and are not collected yet.
    pub(crate) fn granted(&self) -> usize {
        self.granted.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn nobody() -> Waiter {
        Waiter::Other(Waker::noop().clone())
    }

    #[test]
    fn grants_go_to_the_first_in_line_and_come_back_when_it_leaves() {
        let queue = WaitQueue::new();
        let (first, second) = (queue.join(None, nobody()), queue.join(None, nobody()));
        assert_eq!((queue.grant('a'), queue.len()), (Ok(()), 1));
        assert_eq!(queue.collect(second), None);
        assert_eq!(queue.leave(first), Left::Granted('a'));
        assert_eq!(queue.leave(second), Left::Nothing);
        assert_eq!(queue.grant('b'), Err('b'));
    }

    #[test]
    fn joining_again_keeps_the_place() {
        let queue = WaitQueue::new();
        let first = queue.join(None, nobody());
        queue.join(None, nobody());
        assert_eq!(queue.join(Some(first), nobody()), first);
        assert_eq!(queue.len(), 2);
        queue.grant(()).unwrap();
        assert_eq!(queue.collect(first), Some(()));
    }

    #[test]
    fn waiters_that_leave_leave_nothing_behind() {
        let queue = WaitQueue::<()>::new();
        for _ in 0..1000 {
            let ticket = queue.join(None, nobody());
            queue.leave(ticket);
        }
        assert_eq!((queue.len(), queue.granted()), (0, 0));
    }
}
