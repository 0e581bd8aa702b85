//! Broadcast: every receiver gets every value.
//!
//! ```text
//!   send --> [ 4  5  6  7 ]      at most `capacity` values are kept
//!              ^     ^   ^
//!              c     b   a       how far each receiver has come
//!   send, and 4 goes: c is told that it missed one, and goes on with 5
//! ```
//!
//! The sender never waits, so one slow receiver does not hold up the others. What it pays is
//! values: the oldest give way, and it hears how many it missed. A receiver hears what is sent
//! after it was made.
//!
//! # Invariants
//! - A receiver gets the values in order; what it does not get, it is told of by number.
//! - A value goes as soon as everybody it was meant for has had it, or is gone.
//! - Values are cloned and dropped while nothing is borrowed.
//!
//! Tutorial: chapter 14. Before this: `audience.rs`. After this: `watch.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::channel::audience::{Audience, Seat};
use crate::sync::closed::{Finished, NoReceivers};

/// A channel whose receivers each get every value. It keeps the last `capacity` values for
/// those who are slow. Both ends stay on one thread.
///
/// # Panics
/// If `capacity` is zero: nobody could ever hear anything.
///
/// ```
/// use roundelay_executor::{BroadcastError, broadcast, run};
///
/// run(async {
///     let (sender, mut quick) = broadcast(2);
///     let mut slow = sender.subscribe();
///     for n in 1..=3 {
///         sender.send(n).unwrap();
///         assert_eq!(quick.recv().await, Ok(n));
///     }
///     assert_eq!(slow.recv().await, Err(BroadcastError::Lagged(1)));
///     assert_eq!(slow.recv().await, Ok(2));
/// });
/// ```
#[must_use]
pub fn broadcast<T>(capacity: usize) -> (BroadcastSender<T>, BroadcastReceiver<T>) {
    assert!(capacity > 0, "a broadcast needs room for at least one value");
    let ring = RefCell::new(Ring { values: VecDeque::new(), first: 0 });
    let shared = Rc::new(Shared { capacity, ring, audience: Audience::new() });
    let receiver = BroadcastReceiver { shared: Rc::clone(&shared), next: 0, seat: None };
    (BroadcastSender { shared }, receiver)
}

struct Shared<T> {
    capacity: usize,
    ring: RefCell<Ring<T>>,
    audience: Audience,
}

/// The values that are kept, each with a number.
struct Ring<T> {
    values: VecDeque<Kept<T>>,
    /// The number of the value at the front.
    first: u64,
}

struct Kept<T> {
    value: Rc<T>,
    /// How many receivers have yet to get it.
    awaited_by: usize,
}

impl<T> Ring<T> {
    /// The number of the next value to be sent.
    fn end(&self) -> u64 {
        self.first + self.values.len() as u64
    }

    fn index(&self, number: u64) -> usize {
        // In range: there are never more than `capacity` values.
        number.saturating_sub(self.first) as usize
    }

    /// The value with number `next`, or how many were missed; counts `next` on.
    fn take(&mut self, next: &mut u64) -> Option<Result<Rc<T>, u64>> {
        if *next < self.first {
            let missed = self.first - *next;
            *next = self.first;
            return Some(Err(missed));
        }
        let index = self.index(*next);
        let kept = self.values.get_mut(index)?;
        *next += 1;
        kept.awaited_by -= 1;
        if kept.awaited_by > 0 {
            return Some(Ok(Rc::clone(&kept.value)));
        }
        // Whoever waits for an older value waits for this one, too: so there is no older one.
        self.first += 1;
        self.values.pop_front().map(|kept| Ok(kept.value))
    }

    /// A receiver that would get number `next` is gone. Gives the values that nobody else waits
    /// for, to be dropped when nothing is borrowed.
    fn release(&mut self, next: u64) -> Vec<Rc<T>> {
        let from = self.index(next);
        for kept in self.values.iter_mut().skip(from) {
            kept.awaited_by -= 1;
        }
        let mut released = Vec::new();
        while let Some(kept) = self.values.pop_front_if(|kept| kept.awaited_by == 0) {
            self.first += 1;
            released.push(kept.value);
        }
        released
    }
}

/// The end of a [`broadcast`] that sends. When the last clone is dropped, each receiver gets
/// what is left for it and then hears the end.
pub struct BroadcastSender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> BroadcastSender<T> {
    /// Sends `value` to every receiver there is, and says how many that is. Never waits: if the
    /// channel is full, the oldest value gives way.
    ///
    /// # Errors
    /// [`NoReceivers`] with the value.
    ///
    /// ```
    /// use roundelay_executor::{NoReceivers, broadcast};
    ///
    /// let (sender, first) = broadcast(4);
    /// let second = sender.subscribe();
    /// assert_eq!(sender.send("news"), Ok(2));
    /// drop((first, second));
    /// assert_eq!(sender.send("more"), Err(NoReceivers("more")));
    /// ```
    pub fn send(&self, value: T) -> Result<usize, NoReceivers<T>> {
        let receivers = self.receiver_count();
        if receivers == 0 {
            return Err(NoReceivers(value));
        }
        let kept = Kept { value: Rc::new(value), awaited_by: receivers };
        let mut ring = self.shared.ring.borrow_mut();
        let is_full = ring.values.len() == self.shared.capacity;
        let gives_way = is_full.then(|| ring.values.pop_front()).flatten();
        ring.first += u64::from(is_full);
        ring.values.push_back(kept);
        drop(ring);
        self.shared.audience.wake_all();
        drop(gives_way);
        Ok(receivers)
    }

    /// Makes a receiver, which gets what is sent from now on.
    ///
    /// ```
    /// let (sender, _first) = roundelay_executor::broadcast(4);
    /// sender.send("before").unwrap();
    /// let mut second = sender.subscribe();
    /// assert!(sender.receiver_count() == 2 && second.is_empty());
    /// sender.send("after").unwrap();
    /// assert_eq!(second.try_recv(), Ok(Some("after")));
    /// ```
    pub fn subscribe(&self) -> BroadcastReceiver<T> {
        self.shared.audience.add_receiver();
        let next = self.shared.ring.borrow().end();
        BroadcastReceiver { shared: Rc::clone(&self.shared), next, seat: None }
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.audience.receivers.get()
    }
}

impl<T> Clone for BroadcastSender<T> {
    fn clone(&self) -> Self {
        self.shared.audience.add_sender();
        BroadcastSender { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for BroadcastSender<T> {
    fn drop(&mut self) {
        self.shared.audience.remove_sender();
    }
}

impl<T> fmt::Debug for BroadcastSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastSender")
            .field("capacity", &self.shared.capacity)
            .field("receivers", &self.receiver_count())
            .finish()
    }
}

/// The end of a [`broadcast`] that receives, with [`BroadcastReceiver::recv`] or as a
/// [`Stream`](futures_core::Stream). A clone gets what this one would still have got.
pub struct BroadcastReceiver<T> {
    shared: Rc<Shared<T>>,
    /// The number of the value that it gets next.
    next: u64,
    seat: Seat,
}

impl<T> BroadcastReceiver<T> {
    /// How many values wait for this receiver; those that it has missed do not count.
    #[must_use]
    pub fn len(&self) -> usize {
        let ring = self.shared.ring.borrow();
        ring.values.len() - ring.index(self.next)
    }

    /// Whether no value waits for this receiver.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> BroadcastReceiver<T> {
    /// The next value for this receiver; waits while there is none. The last receiver to get a
    /// value gets the value itself, the others a clone.
    ///
    /// # Errors
    /// [`BroadcastError::Lagged`] if it was too slow and missed values: the next call goes on
    /// with the oldest that is left. [`BroadcastError::Finished`] at the end.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{BroadcastError, broadcast, run};
    ///
    /// run(async {
    ///     let (sender, mut receiver) = broadcast(1);
    ///     sender.send("gives way").unwrap();
    ///     sender.send("stays").unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.recv().await, Err(BroadcastError::Lagged(1)));
    ///     assert_eq!(receiver.recv().await, Ok("stays"));
    ///     assert_eq!(receiver.recv().await, Err(BroadcastError::Finished));
    /// });
    /// ```
    pub fn recv(&mut self) -> BroadcastReceiving<'_, T> {
        BroadcastReceiving { receiver: self }
    }

    /// The next value for this receiver; `Ok(None)` if there is none at present.
    ///
    /// # Errors
    /// As [`BroadcastReceiver::recv`].
    ///
    /// ```
    /// let (sender, mut receiver) = roundelay_executor::broadcast(4);
    /// assert_eq!(receiver.try_recv(), Ok(None));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// assert_eq!(receiver.try_recv(), Ok(Some(7)));
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<T>, BroadcastError> {
        let taken = self.shared.ring.borrow_mut().take(&mut self.next);
        match taken {
            Some(taken) => taken.map(Rc::unwrap_or_clone).map(Some).map_err(BroadcastError::Lagged),
            None if self.shared.audience.is_closed() => Err(BroadcastError::Finished),
            None => Ok(None),
        }
    }

    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<T, BroadcastError>> {
        let BroadcastReceiver { shared, next, seat } = self;
        let taken = shared.audience.poll(seat, cx, || {
            let taken = shared.ring.borrow_mut().take(next);
            let taken = taken.map(|taken| taken.map_err(BroadcastError::Lagged));
            taken.or_else(|| shared.audience.is_closed().then_some(Err(BroadcastError::Finished)))
        });
        // The clone is the user's code: nothing is borrowed here.
        taken.map_ok(Rc::unwrap_or_clone)
    }
}

impl<T: Clone> Stream for BroadcastReceiver<T> {
    /// Never [`BroadcastError::Finished`]: that is the stream's end.
    type Item = Result<T, BroadcastError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let received = self.poll_recv(cx);
        received.map(|received| Some(received).filter(|it| !is_finished(it)))
    }
}

fn is_finished<T>(received: &Result<T, BroadcastError>) -> bool {
    matches!(received, Err(BroadcastError::Finished))
}

impl<T> Clone for BroadcastReceiver<T> {
    fn clone(&self) -> Self {
        let mut ring = self.shared.ring.borrow_mut();
        let from = ring.index(self.next);
        for kept in ring.values.iter_mut().skip(from) {
            kept.awaited_by += 1;
        }
        self.shared.audience.add_receiver();
        BroadcastReceiver { shared: Rc::clone(&self.shared), next: self.next, seat: None }
    }
}

impl<T> Drop for BroadcastReceiver<T> {
    fn drop(&mut self) {
        self.shared.audience.remove_receiver();
        let released = self.shared.ring.borrow_mut().release(self.next);
        self.shared.audience.leave(&mut self.seat);
        drop(released);
    }
}

impl<T> fmt::Debug for BroadcastReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastReceiver").field("len", &self.len()).finish()
    }
}

/// The future of [`BroadcastReceiver::recv`].
#[must_use = "nothing is received before the future is awaited"]
pub struct BroadcastReceiving<'a, T> {
    receiver: &'a mut BroadcastReceiver<T>,
}

impl<T: Clone> Future for BroadcastReceiving<'_, T> {
    type Output = Result<T, BroadcastError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.receiver.poll_recv(cx)
    }
}

impl<T> Drop for BroadcastReceiving<'_, T> {
    fn drop(&mut self) {
        let BroadcastReceiver { shared, seat, .. } = &mut *self.receiver;
        shared.audience.leave(seat);
    }
}

impl<T> fmt::Debug for BroadcastReceiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastReceiving").finish_non_exhaustive()
    }
}

/// Why a receiver of a [`broadcast`] gives no value.
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastError {
    /// The receiver was too slow: so many values gave way before it came to them. It goes on
    /// with the oldest that is left.
    Lagged(u64),
    /// The last sender is gone, and the receiver has had everything.
    Finished,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BroadcastError::Lagged(missed) => write!(
                f,
                "this receiver was too slow and missed {missed} values; receive again to go on \
                 with the oldest that is left, or give the broadcast more capacity"
            ),
            BroadcastError::Finished => Finished.fmt(f),
        }
    }
}

impl std::error::Error for BroadcastError {}
