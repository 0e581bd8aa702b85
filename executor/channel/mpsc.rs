//! A channel: many senders, one receiver.
//!
//! ```text
//!   Sender --+
//!   Sender --+--> [ values, at most so many ] --> Receiver
//!   Sender --+         |                              |
//!      last one gone: the end             gone: every send gives its value back
//! ```
//!
//! A queue that closes by itself. Nobody sends a sentinel and nobody can forget to: when the
//! senders have been dropped, on whatever way out, the receiver gets what is left and then hears
//! the end; when the receiver has been dropped, senders hear that nobody wants more. (Several
//! consumers share a [`Queue`](crate::Queue).)
//!
//! # Invariants
//! - A value leaves the channel only when it is handed to whoever receives.
//! - A value that nobody will receive is handed back, or dropped with the receiver.
//!
//! Tutorial: chapter 14. Before this: `pipe.rs`. After this: `audience.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;
use roundelay_runtime::SyncDeed;

use crate::channel::pipe::{Pipe, Room};
use crate::sync::closed::{Closed, Finished, TryGetError, TryPutError};
use crate::sync::wait_queue::{Left, Ticket};
use crate::task_table::Waiter;
use crate::told::made;

/// A channel with room for `capacity` values: [`Sender::send`] waits while it is full. Both
/// ends stay on one thread. (Across threads, the channels of the crates async-channel and flume
/// work here as they do everywhere.)
///
/// # Panics
/// If `capacity` is zero: nobody could ever send anything.
///
/// ```
/// use roundelay_executor::{channel, run, spawn};
///
/// run(async {
///     let (sender, mut receiver) = channel(2);
///     for n in [1, 2, 3] {
///         let sender = sender.clone();
///         spawn(async move { sender.send(n).await.unwrap() }).detach();
///     }
///     drop(sender); // the clones are dropped when they have sent
///     let mut sum = 0;
///     while let Ok(n) = receiver.recv().await {
///         sum += n;
///     }
///     assert_eq!(sum, 6);
/// });
/// ```
#[doc(alias = "mpsc")]
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "a channel needs room for at least one value; without a limit it is `unbounded_channel`"
    );
    let pipe = Rc::new(Pipe::new(capacity));
    (Sender { pipe: Rc::clone(&pipe) }, Receiver { pipe })
}

/// A channel without a limit: [`Sender::send`] never waits, and [`Sender::try_send`] fails only
/// when the receiver is gone. Senders that are faster than the receiver fill the memory.
///
/// ```
/// let (sender, mut receiver) = roundelay_executor::unbounded_channel();
/// (0..1000).for_each(|n| sender.try_send(n).unwrap());
/// assert_eq!((receiver.try_recv(), receiver.len()), (Ok(0), 999));
/// ```
#[doc(alias = "unbounded")]
#[must_use]
pub fn unbounded_channel<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX)
}

/// The end of a [`channel`] that sends. Clones send to the same receiver; when the last one is
/// dropped, the receiver gets what is left and then hears the end.
pub struct Sender<T> {
    pipe: Rc<Pipe<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`; waits while the channel is full.
    ///
    /// # Errors
    /// [`Closed`] with the value, if the receiver is gone or wants no more.
    ///
    /// *Cancel safety: loses data.* A value that was not sent yet is dropped with the future. It
    /// is in the channel only if the future said so; a place that was promised to it goes to the
    /// next in line. Where it must not be lost, [`Sending::into_value`] gives it back.
    #[track_caller]
    pub fn send(&self, value: T) -> Sending<'_, T> {
        made("sync");
        Sending { sender: self, value: Some(value), ticket: None }
    }

    /// Sends `value`, if there is room and nobody waits for it.
    ///
    /// # Errors
    /// The value with the reason: the channel is full, or the receiver is gone.
    ///
    /// ```
    /// use roundelay_executor::{TryPutError, channel};
    ///
    /// let (sender, receiver) = channel(1);
    /// assert_eq!(sender.try_send("a"), Ok(()));
    /// assert!(sender.is_full() && sender.capacity() == Some(1));
    /// assert_eq!(sender.try_send("b"), Err(TryPutError::Full("b")));
    /// drop(receiver);
    /// assert_eq!(sender.try_send("c"), Err(TryPutError::Closed("c")));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TryPutError<T>> {
        if self.is_closed() {
            return Err(TryPutError::Closed(value));
        }
        if !self.pipe.take_place() {
            return Err(TryPutError::Full(value));
        }
        self.pipe.push(value);
        Ok(())
    }

    /// Whether the receiver is gone or wants no more: whatever is sent comes back.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pipe.is_closed()
    }

    /// Whether there is no room: [`send`](Sender::send) waits then, unless nobody receives.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pipe.is_full()
    }

    /// How many values the channel has room for; `None` without a limit.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        (self.pipe.capacity != usize::MAX).then_some(self.pipe.capacity)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.pipe.add_sender();
        Sender { pipe: Rc::clone(&self.pipe) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.pipe.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The end of a [`channel`] that receives, with [`Receiver::recv`] or as a
/// [`Stream`](futures_core::Stream). Dropping it drops what is left in the channel, and whoever
/// sends gets the value back.
pub struct Receiver<T> {
    pipe: Rc<Pipe<T>>,
}

impl<T> Receiver<T> {
    /// Takes the oldest value; waits while there is none.
    ///
    /// # Errors
    /// [`Finished`] when nothing is left and the last sender is gone.
    ///
    /// *Cancel safety: safe.*
    #[track_caller]
    pub fn recv(&mut self) -> Receiving<'_, T> {
        made("sync");
        Receiving { receiver: self, waits: false }
    }

    /// Takes the oldest value, if there is one.
    ///
    /// # Errors
    /// Whether there is none at present, or none for ever.
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        match self.pipe.pop() {
            Some(value) => Ok(value),
            None if self.pipe.is_over() => Err(TryGetError::Finished),
            None => Err(TryGetError::Empty),
        }
    }

    /// Wants no more: from now on every send gives its value back, also those that wait. What
    /// is in the channel can still be received.
    ///
    /// ```
    /// use roundelay_executor::{TryGetError, channel};
    ///
    /// let (sender, mut receiver) = channel(1);
    /// sender.try_send("in time").unwrap();
    /// receiver.close();
    /// assert!(sender.is_closed() && !receiver.is_empty());
    /// assert_eq!(receiver.try_recv(), Ok("in time"));
    /// assert_eq!(receiver.try_recv(), Err(TryGetError::Finished));
    /// ```
    pub fn close(&mut self) {
        self.pipe.close();
    }

    /// How many values are in the channel.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pipe.len()
    }

    /// Whether there is nothing in the channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(received) = self.look() {
            return Poll::Ready(received);
        }
        match Waiter::task_that_polls(cx) {
            Some(task) => self.pipe.note_receiver(task),
            None => {
                let stranger = Waiter::of_stranger(cx);
                // Cloning a foreign waker is foreign code: look once more after it.
                if let Poll::Ready(received) = self.look() {
                    return Poll::Ready(received);
                }
                self.pipe.note_stranger(stranger);
            }
        }
        Poll::Pending
    }

    fn look(&mut self) -> Poll<Option<T>> {
        match self.pipe.pop() {
            Some(value) => Poll::Ready(Some(value)),
            None if self.pipe.is_over() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), self.pipe.gets_no_more().then(|| self.len()))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.pipe.close();
        // Both taken before either is dropped, with nothing borrowed: dropping is foreign code,
        // which may panic, and a value may hold a sender of this channel.
        let (left, waiter) = (self.pipe.take_all(), self.pipe.take_receiver());
        drop((waiter, left));
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("senders", &self.pipe.senders())
            .finish()
    }
}

/// The future of [`Sender::send`].
#[must_use = "nothing is sent before the future is awaited"]
pub struct Sending<'a, T> {
    sender: &'a Sender<T>,
    value: Option<T>,
    ticket: Option<Ticket>,
}

impl<T> Unpin for Sending<'_, T> {}

impl<T> Sending<'_, T> {
    /// Gives up, and gets the value back; `None` if the future has ended.
    ///
    /// ```
    /// let (sender, _receiver) = roundelay_executor::channel(1);
    /// sender.try_send("a").unwrap();
    /// assert_eq!(sender.send("b").into_value(), Some("b")); // it was not sent
    /// ```
    #[must_use]
    pub fn into_value(mut self) -> Option<T> {
        self.value.take()
    }

    fn take_value(&mut self) -> T {
        self.value.take().expect("a future that has sent its value is polled again")
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), Closed<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pipe = &self.sender.pipe;
        let mut me = None;
        loop {
            let promised = self.ticket.and_then(|ticket| pipe.waiting.collect(ticket));
            if pipe.is_closed() {
                self.ticket = None;
                return Poll::Ready(Err(Closed(self.take_value())));
            }
            if promised.is_some() || (self.ticket.is_none() && pipe.take_place()) {
                if let ticket @ Some(_) = self.ticket.take() {
                    let name = &self.sender.pipe.waiting.name;
                    name.tell(|| SyncDeed::Acquires { ticket, count: 1 });
                }
                let pipe = &self.sender.pipe;
                pipe.push(self.take_value());
                return Poll::Ready(Ok(()));
            }
            match me.take() {
                // Cloning a foreign waker is foreign code: look once more after it.
                None => me = Some(Waiter::of(cx)),
                Some(me) => {
                    self.ticket = Some(pipe.waiting.join(self.ticket, me));
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Left::Granted(Room) = self.sender.pipe.waiting.leave(ticket)
        {
            self.sender.pipe.give_place_back();
        }
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("sent", &self.value.is_none()).finish()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "nothing is received before the future is awaited"]
pub struct Receiving<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// The channel holds the name of whoever polled this.
    waits: bool,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Result<T, Finished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = self.receiver.poll_recv(cx);
        self.waits = received.is_pending();
        received.map(|value| value.ok_or(Finished))
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            drop(self.receiver.pipe.take_receiver());
        }
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").finish_non_exhaustive()
    }
}
