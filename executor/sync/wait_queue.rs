//! The line in which waiters stand.
//!
//! Locks, semaphores and queues hand something over: a value, a permit, an item. Whoever
//! waits stands in line; the one at the front is *granted* the thing itself, not a hint that
//! there may be one, so nobody can overtake between the grant and the waiter's next step.
//!
//! ```text
//!   leave line when dropped            collect when polled
//!        ^                                  ^
//!   [ c  b  a ] --grant(thing)--> { a: thing }
//!                                           v
//!                              dropped: the thing comes back, for the next in line
//! ```
//!
//! A future that waits is a [`Place`]: outside, in line, or over. What it does when polled is
//! the same for every primitive and stands here once, in [`Place::poll`].
//!
//! # Invariants
//! - First come, first granted.
//! - A thing that was granted is collected or handed back, never lost.
//! - A waiter that leaves leaves nothing behind: a million cancelled waits use no memory.
//! - Wakers are cloned, woken and dropped while nothing is borrowed, and if one of them
//!   panics, that is reported and stops nobody else's work.
//!
//! Tutorial: chapter 13. Before this: `desk.rs`. After this: `event.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Failure, FailureKind, Key, SyncDeed, contain, report_here};

pub(crate) use crate::sync::desk::Ticket;
use crate::sync::desk::{Count, Desk, Standing};
use crate::task_table::Waiter;
use crate::told::SyncName;

/// Those who wait for a `T`, first come first. Each may have said what it asks for.
pub(crate) struct WaitQueue<T, Asked: Count = ()> {
    desk: Rc<Desk<Asked>>,
    granted: RefCell<BTreeMap<Ticket, T>>,
    next_ticket: Cell<Ticket>,
    /// How observers know what the line stands at.
    pub(crate) name: SyncName,
}

/// What a waiter that gives up leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left<T> {
    /// It still stood in line, or had collected already.
    Nothing,
    /// It had been granted this: somebody else must get it.
    Granted(T),
}

impl<T> WaitQueue<T> {
    /// Joins the line at the back; with an earlier ticket, keeps that place and notes who
    /// polls now.
    ///
    /// Making the waiter may run foreign code (cloning a waker), which may grant things: so
    /// it is made first, and whoever joins has looked once more since.
    pub(crate) fn join(&self, ticket: Option<Ticket>, waiter: Waiter) -> Ticket {
        self.join_asking(ticket, (), waiter)
    }
}

impl<T, Asked: Count> WaitQueue<T, Asked> {
    /// A line at something of this kind.
    pub(crate) fn new(kind: &'static str) -> WaitQueue<T, Asked> {
        WaitQueue::named(SyncName::new(kind), 0, None)
    }

    /// A line at something of which there is so much, and which comes back.
    pub(crate) fn of(kind: &'static str, total: usize) -> WaitQueue<T, Asked> {
        WaitQueue::named(SyncName::new(kind), 0, Some(total))
    }

    /// Two lines at one thing.
    pub(crate) fn pair<U>(kind: &'static str) -> (WaitQueue<T, Asked>, WaitQueue<U, Asked>) {
        let (one, two) = SyncName::pair(kind);
        // Observers tell places in the two lines apart by their numbers.
        (WaitQueue::named(one, 0, None), WaitQueue::named(two, Ticket::MAX / 2, None))
    }

    fn named(name: SyncName, first: Ticket, total: Option<usize>) -> WaitQueue<T, Asked> {
        let (desk, granted) = (Desk::new(name.kind(), total), RefCell::default());
        WaitQueue { desk, granted, next_ticket: Cell::new(first), name }
    }

    /// The task whose step it is takes so much. Says who that was, for the guard to remember.
    pub(crate) fn take(&self, count: usize) -> Option<Key> {
        self.desk.take(count)
    }

    /// What `task` took comes back.
    pub(crate) fn give_back(&self, task: Option<Key>, count: usize) {
        self.desk.give_back(task, count);
    }

    pub(crate) fn set_total(&self, total: usize) {
        self.desk.set_total(total);
    }

    /// As [`WaitQueue::join`], and says what it asks for.
    pub(crate) fn join_asking(
        &self,
        ticket: Option<Ticket>,
        asked: Asked,
        waiter: Waiter,
    ) -> Ticket {
        let is_new = ticket.is_none();
        let ticket = ticket.unwrap_or_else(|| {
            let ticket = self.next_ticket.get();
            self.next_ticket.set(ticket + 1);
            ticket
        });
        let earlier = self.desk.line.borrow_mut().insert(ticket, Standing { asked, waiter });
        let_go(earlier);
        if is_new {
            self.name.tell(|| SyncDeed::Waits { ticket });
        }
        self.tell_awaited();
        ticket
    }

    /// The task that is being polled waits here, in line or beside it.
    pub(crate) fn tell_awaited(&self) {
        self.name.tell_awaited(self.desk.awaited());
    }

    /// Grants `thing` to the first in line and wakes it.
    ///
    /// # Errors
    /// The thing, if nobody waits.
    pub(crate) fn grant(&self, thing: T) -> Result<(), T> {
        let first = self.desk.line.borrow_mut().pop_first();
        let Some((ticket, standing)) = first else { return Err(thing) };
        self.desk.hand(ticket, &standing);
        self.granted.borrow_mut().insert(ticket, thing);
        standing.waiter.wake();
        Ok(())
    }

    /// Grants something to each of the first `count` in line, and only then lets the caller
    /// wake them: whoever comes while they are being woken is not among them.
    ///
    /// `thing` is told how many stood before the waiter.
    #[must_use = "those who were granted something must be woken"]
    pub(crate) fn grant_first(&self, count: usize, thing: impl Fn(usize) -> T) -> Vec<Waiter> {
        let (mut line, mut granted) = (self.desk.line.borrow_mut(), self.granted.borrow_mut());
        let mut waiters = Vec::with_capacity(count.min(line.len()));
        while waiters.len() < count
            && let Some((ticket, standing)) = line.pop_first()
        {
            self.desk.hand(ticket, &standing);
            granted.insert(ticket, thing(waiters.len()));
            waiters.push(standing.waiter);
        }
        waiters
    }

    /// What was granted to this ticket, once.
    pub(crate) fn collect(&self, ticket: Ticket) -> Option<T> {
        let thing = self.granted.borrow_mut().remove(&ticket);
        if thing.is_some() {
            self.desk.collected(ticket);
        }
        thing
    }

    /// Leaves the line for good.
    pub(crate) fn leave(&self, ticket: Ticket) -> Left<T> {
        let standing = self.desk.line.borrow_mut().remove(&ticket);
        let granted = self.collect(ticket);
        if standing.is_some() || granted.is_some() {
            self.name.tell(|| SyncDeed::Leaves { ticket });
        }
        let_go(standing);
        granted.map_or(Left::Nothing, Left::Granted)
    }

    /// Wakes everybody in line, in order, and sends them away without a grant.
    pub(crate) fn dismiss_all(&self) {
        let line = self.desk.line.take();
        for (ticket, standing) in line {
            self.name.tell(|| SyncDeed::Leaves { ticket });
            standing.waiter.wake();
        }
    }

    /// How many stand in line.
    pub(crate) fn len(&self) -> usize {
        self.desk.line.borrow().len()
    }

    /// How many things were granted and are not collected yet.
    pub(crate) fn granted(&self) -> usize {
        self.granted.borrow().len()
    }
}

impl<T, Asked: Count> WaitQueue<T, Asked> {
    /// What the first in line asks for.
    pub(crate) fn first(&self) -> Option<Asked> {
        self.desk.line.borrow().first_key_value().map(|(_, standing)| standing.asked)
    }
}

/// Drops a waiter: a foreign waker's destructor is foreign code too.
fn let_go<Asked>(standing: Option<Standing<Asked>>) {
    let Some(Standing { waiter, .. }) = standing else { return };
    if let Err(message) = contain(|| drop(waiter)) {
        let kind = FailureKind::DestructorPanicked;
        report_here(Failure::new(kind, "a foreign waker", message));
    }
}

/// Where somebody who may have to wait stands.
pub(crate) enum Place {
    /// It has not had to wait yet.
    Outside,
    InLine(Ticket),
    /// It has got what it came for.
    Over,
}

impl Place {
    /// One poll: takes what was granted; or, coming from outside, what `at_once` gives
    /// without waiting; or else stands in line.
    ///
    /// # Panics
    /// If it has got its thing already.
    pub(crate) fn poll<T, Asked: Count>(
        &mut self,
        queue: &WaitQueue<T, Asked>,
        asked: Asked,
        cx: &Context<'_>,
        at_once: impl Fn() -> Option<T>,
    ) -> Poll<T> {
        let mut me = None;
        loop {
            let got = match self {
                Place::Outside => at_once(),
                Place::InLine(ticket) => queue.collect(*ticket),
                Place::Over => panic!(
                    "a future that has given its answer is polled again; await it once, and \
                     make a new one to wait again"
                ),
            };
            if let Some(thing) = got {
                queue
                    .name
                    .tell(|| SyncDeed::Acquires { ticket: self.ticket(), count: asked.count() });
                *self = Place::Over;
                return Poll::Ready(thing);
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    *self = Place::InLine(queue.join_asking(self.ticket(), asked, me));
                    return Poll::Pending;
                }
            }
        }
    }

    fn ticket(&self) -> Option<Ticket> {
        match self {
            Place::InLine(ticket) => Some(*ticket),
            Place::Outside | Place::Over => None,
        }
    }

    /// Gives up. A thing that was granted and not collected must go to somebody else.
    pub(crate) fn leave<T, Asked: Count>(&mut self, queue: &WaitQueue<T, Asked>) -> Left<T> {
        match std::mem::replace(self, Place::Over) {
            Place::InLine(ticket) => queue.leave(ticket),
            Place::Outside | Place::Over => Left::Nothing,
        }
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
        let queue = WaitQueue::new("line");
        let (first, second) = (queue.join(None, nobody()), queue.join(None, nobody()));
        assert_eq!((queue.grant('a'), queue.len()), (Ok(()), 1));
        assert_eq!(queue.collect(second), None);
        assert_eq!(queue.leave(first), Left::Granted('a'));
        assert_eq!(queue.leave(second), Left::Nothing);
        assert_eq!(queue.grant('b'), Err('b'));
    }

    #[test]
    fn joining_again_keeps_the_place() {
        let queue = WaitQueue::new("line");
        let first = queue.join(None, nobody());
        queue.join(None, nobody());
        assert_eq!(queue.join(Some(first), nobody()), first);
        assert_eq!(queue.len(), 2);
        queue.grant(()).unwrap();
        assert_eq!(queue.collect(first), Some(()));
    }

    #[test]
    fn several_grants_at_once_go_to_those_who_stood_in_line_and_tell_each_its_number() {
        let queue = WaitQueue::new("line");
        let tickets = [(); 3].map(|()| queue.join(None, nobody()));
        assert_eq!(queue.grant_first(2, |place| place).len(), 2);
        assert_eq!(tickets.map(|ticket| queue.collect(ticket)), [Some(0), Some(1), None]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn waiters_that_leave_leave_nothing_behind() {
        let queue = WaitQueue::<()>::new("line");
        for _ in 0..if cfg!(miri) { 30 } else { 1000 } {
            let ticket = queue.join(None, nobody());
            queue.leave(ticket);
        }
        assert_eq!((queue.len(), queue.granted()), (0, 0));
    }
}
