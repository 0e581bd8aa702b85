//! The inside of a channel: what is on its way, and who waits at either end.
//!
//! ```text
//!   senders in line --Room--> [ values ] --wake--> the receiver
//! ```
//!
//! One receiver needs no line to wait in, only a place to leave its name. So a value that is
//! sent and received allocates nothing but, now and then, a larger buffer.
//!
//! # Invariants
//! - First in, first out; senders that wait have their turn in the order in which they came.
//! - `values + room promised to senders + free places == capacity`.
//! - While there is a free place nobody waits for one: room is promised to those in line first,
//!   and if it is not used it goes to the next.
//! - Wakers are woken and dropped while nothing is borrowed, and so are values.
//!
//! Tutorial: chapter 14. Before this: `../sync/queue.rs`. After this: `mpsc.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use roundelay_runtime::{Key, SyncDeed};

use crate::sync::wait_queue::WaitQueue;
use crate::task_table::{Tasks, Waiter};
use crate::waiter::OneWaiter;

/// What the two ends of a channel share.
pub(crate) struct Pipe<T> {
    pub(crate) capacity: usize,
    values: RefCell<VecDeque<T>>,
    /// Places that are neither taken nor promised.
    free: Cell<usize>,
    /// Whom to wake when there is something to hear.
    receiver: OneWaiter,
    /// Senders that wait for room.
    pub(crate) waiting: WaitQueue<Room>,
    senders: Cell<usize>,
    /// The receiver is gone, or wants no more.
    closed: Cell<bool>,
}

/// A free place that was promised to a sender.
pub(crate) struct Room;

impl<T> Pipe<T> {
    /// A pipe with one sender.
    pub(crate) fn new(capacity: usize) -> Pipe<T> {
        Pipe {
            capacity,
            values: RefCell::default(),
            free: Cell::new(capacity),
            receiver: OneWaiter::default(),
            waiting: WaitQueue::new("channel"),
            senders: Cell::new(1),
            closed: Cell::new(false),
        }
    }

    /// Takes a free place, if there is one: then a value may be pushed.
    pub(crate) fn take_place(&self) -> bool {
        let free = self.free.get();
        self.free.set(free.saturating_sub(1));
        free > 0
    }

    /// A place has come free, or will not be used: the first sender in line may have it.
    pub(crate) fn give_place_back(&self) {
        if self.waiting.grant(Room).is_err() {
            self.free.set(self.free.get() + 1);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.free.get() == 0
    }

    /// Puts a value in, at a place that was taken or promised.
    pub(crate) fn push(&self, value: T) {
        self.values.borrow_mut().push_back(value);
        self.tell_level();
        self.wake_receiver();
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let value = self.values.borrow_mut().pop_front()?;
        self.tell_level();
        self.give_place_back();
        Some(value)
    }

    pub(crate) fn take_all(&self) -> VecDeque<T> {
        self.values.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.borrow().len()
    }

    /// Notes whom to wake. Letting the earlier one go may be foreign code, which may send: the
    /// new one is noted by then.
    #[inline(always)]
    pub(crate) fn note_receiver(&self, task: (Rc<Tasks>, Key)) {
        self.receiver.note_task(task);
        self.waiting.tell_awaited();
    }

    /// The same for somebody who is no task of ours.
    pub(crate) fn note_stranger(&self, stranger: Waiter) {
        self.receiver.note(stranger);
        self.waiting.tell_awaited();
    }

    /// Takes the note away.
    pub(crate) fn take_receiver(&self) -> Option<Waiter> {
        self.receiver.take()
    }

    /// Tells how many values are inside.
    fn tell_level(&self) {
        self.waiting.name.tell(|| SyncDeed::Level(self.len()));
    }

    fn wake_receiver(&self) {
        self.receiver.wake();
    }

    pub(crate) fn senders(&self) -> usize {
        self.senders.get()
    }

    pub(crate) fn add_sender(&self) {
        self.senders.set(self.senders.get() + 1);
    }

    /// One less. When it was the last one, the receiver hears of it.
    pub(crate) fn remove_sender(&self) {
        self.senders.set(self.senders.get() - 1);
        if self.senders.get() == 0 {
            self.wake_receiver();
        }
    }

    /// Lets nothing more in. Senders that wait get their values back.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.waiting.dismiss_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// What is in is all there will be.
    pub(crate) fn gets_no_more(&self) -> bool {
        self.is_closed() || self.senders() == 0
    }

    /// Nothing is left, and nothing will come.
    pub(crate) fn is_over(&self) -> bool {
        self.gets_no_more() && self.len() == 0
    }
}
