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
//! - `values + room promised to senders <= capacity`.
//! - Room that was promised and is not used goes to the next in line.
//! - Wakers are woken and dropped while nothing is borrowed, and so are values.
//!
//! Tutorial: chapter 14. Before this: `../sync/queue.rs`. After this: `mpsc.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::sync::wait_queue::WaitQueue;
use crate::task_table::Waiter;

/// What the two ends of a channel share.
pub(crate) struct Pipe<T> {
    pub(crate) capacity: usize,
    values: RefCell<VecDeque<T>>,
    /// Whom to wake when there is something to hear.
    receiver: Cell<Option<Waiter>>,
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
            receiver: Cell::new(None),
            waiting: WaitQueue::new(),
            senders: Cell::new(1),
            closed: Cell::new(false),
        }
    }

    /// Puts a value in. There is room.
    pub(crate) fn push(&self, value: T) {
        self.values.borrow_mut().push_back(value);
        self.wake_receiver();
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let value = self.values.borrow_mut().pop_front()?;
        self.promise_room();
        Some(value)
    }

    pub(crate) fn take_all(&self) -> VecDeque<T> {
        self.values.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.borrow().len()
    }

    pub(crate) fn has_room(&self) -> bool {
        // Nobody overtakes a sender that waits.
        self.has_free_place() && self.waiting.len() == 0
    }

    fn has_free_place(&self) -> bool {
        self.len() + self.waiting.granted() < self.capacity
    }

    /// A place has come free, or will not be used: the first sender in line may have it.
    pub(crate) fn promise_room(&self) {
        if self.waiting.len() > 0 && self.has_free_place() {
            // Never refused: somebody is in line.
            let _ = self.waiting.grant(Room);
        }
    }

    /// Notes whom to wake. Letting the earlier one go may be foreign code, which may send: the
    /// new one is noted by then.
    pub(crate) fn note_receiver(&self, receiver: Waiter) {
        let earlier = self.receiver.replace(Some(receiver));
        drop(earlier);
    }

    pub(crate) fn forget_receiver(&self) {
        drop(self.receiver.take());
    }

    fn wake_receiver(&self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
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
