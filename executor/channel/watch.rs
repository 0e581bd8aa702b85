//! Watch: one value, of which only the latest counts.
//!
//! ```text
//!   send(a)  send(b)  send(c)
//!      a        b        c      <-- what whoever looks now sees
//!                        ^ a receiver that saw a hears "changed" once, and sees c
//! ```
//!
//! For settings, for states, for "shall we stop?": who comes late wants to know how things
//! stand, not how they came about.
//!
//! A look gives an `Rc` of the value and not a borrow. It can be kept across an `.await` and
//! held while the next value is sent; nobody is locked out by somebody who looks.
//!
//! # Invariants
//! - Versions count up; a receiver that has not seen the latest one does not wait.
//! - The last value outlives its senders: it can be seen before the end is heard.
//! - User code (dropping a value, changing one) runs while nothing is borrowed.
//!
//! Tutorial: chapter 14. Before this: `broadcast.rs`. After this:
//! `../combinators/peek.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::channel::audience::{Audience, Seat};
use crate::sync::closed::{Finished, NoReceivers};

/// A value to be watched, beginning with `initial`. The first receiver counts as having seen
/// that. Both ends stay on one thread.
///
/// ```
/// use roundelay_executor::{run, spawn, watch};
///
/// run(async {
///     let (sender, mut receiver) = watch("starting");
///     spawn(async move {
///         sender.send("ready").unwrap();
///         sender.send("busy").unwrap();
///     })
///     .detach();
///     receiver.changed().await.unwrap();
///     assert_eq!(*receiver.latest(), "busy"); // "ready" was never seen by anybody
///     assert!(receiver.changed().await.is_err()); // the sender is gone
/// });
/// ```
#[must_use]
pub fn watch<T>(initial: T) -> (WatchSender<T>, WatchReceiver<T>) {
    let shared = Rc::new(Shared {
        latest: RefCell::new(Rc::new(initial)),
        version: Cell::new(0),
        audience: Audience::new(),
    });
    let receiver = WatchReceiver { shared: Rc::clone(&shared), seen: 0, seat: None };
    (WatchSender { shared }, receiver)
}

struct Shared<T> {
    latest: RefCell<Rc<T>>,
    version: Cell<u64>,
    audience: Audience,
}

impl<T> Shared<T> {
    fn latest(&self) -> Rc<T> {
        Rc::clone(&self.latest.borrow())
    }

    /// Gives back the value before.
    fn replace(&self, value: Rc<T>) -> Rc<T> {
        let before = self.latest.replace(value);
        self.version.set(self.version.get() + 1);
        self.audience.wake_all();
        before
    }
}

/// The end of a [`watch`] that sets the value. Clones set the same one; when the last is
/// dropped, receivers that have seen the latest value hear the end.
pub struct WatchSender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> WatchSender<T> {
    /// Sets the value and tells all receivers.
    ///
    /// # Errors
    /// [`NoReceivers`] with the value, which is then not set. To set it all the same:
    /// [`WatchSender::send_replace`].
    ///
    /// ```
    /// use roundelay_executor::{NoReceivers, watch};
    ///
    /// let (sender, receiver) = watch(1);
    /// assert_eq!(sender.send(2), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(3), Err(NoReceivers(3)));
    /// assert_eq!(*sender.latest(), 2); // the 3 was not set
    /// ```
    pub fn send(&self, value: T) -> Result<(), NoReceivers<T>> {
        if self.receiver_count() == 0 {
            return Err(NoReceivers(value));
        }
        drop(self.shared.replace(Rc::new(value)));
        Ok(())
    }

    /// Sets the value whether anybody listens or not, and gives the value before.
    ///
    /// ```
    /// let (sender, _) = roundelay_executor::watch("before");
    /// assert_eq!(*sender.send_replace("after"), "before");
    /// assert_eq!(*sender.latest(), "after");
    /// ```
    pub fn send_replace(&self, value: T) -> Rc<T> {
        self.shared.replace(Rc::new(value))
    }

    /// Lets `change` work on a copy of the value. If it says `true`, the copy becomes the value
    /// and receivers are told; if not, or if it panics, all is as before. Returns what `change`
    /// said.
    ///
    /// Until it returns, everybody sees the value before. What it sends itself, meanwhile, is
    /// overwritten.
    ///
    /// ```
    /// let (sender, receiver) = roundelay_executor::watch(1);
    /// let grow = |n: &mut i32| {
    ///     *n += 1;
    ///     *n % 2 == 0
    /// };
    /// assert!(sender.send_if_modified(grow) && !sender.send_if_modified(grow));
    /// assert_eq!(*receiver.latest(), 2);
    /// ```
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool
    where
        T: Clone,
    {
        let mut copy = T::clone(&self.latest());
        let changed = change(&mut copy);
        if changed {
            drop(self.shared.replace(Rc::new(copy)));
        }
        changed
    }

    /// The value as it stands.
    ///
    /// ```
    /// let (sender, _receiver) = roundelay_executor::watch("initial");
    /// assert_eq!(*sender.latest(), "initial");
    /// ```
    #[doc(alias = "borrow")]
    #[must_use]
    pub fn latest(&self) -> Rc<T> {
        self.shared.latest()
    }

    /// Makes a receiver, which counts as having seen the value as it stands.
    ///
    /// ```
    /// let (sender, _first) = roundelay_executor::watch("as it stands");
    /// let second = sender.subscribe();
    /// assert!(!second.has_changed());
    /// assert_eq!((*second.latest(), sender.receiver_count()), ("as it stands", 2));
    /// ```
    pub fn subscribe(&self) -> WatchReceiver<T> {
        self.shared.audience.add_receiver();
        let seen = self.shared.version.get();
        WatchReceiver { shared: Rc::clone(&self.shared), seen, seat: None }
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.audience.receivers.get()
    }
}

impl<T> Clone for WatchSender<T> {
    fn clone(&self) -> Self {
        self.shared.audience.add_sender();
        WatchSender { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for WatchSender<T> {
    fn drop(&mut self) {
        self.shared.audience.remove_sender();
    }
}

impl<T> fmt::Debug for WatchSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSender").field("receivers", &self.receiver_count()).finish()
    }
}

/// The end of a [`watch`] that looks. As a [`Stream`](futures_core::Stream) it gives the value
/// whenever it has changed. A clone has seen what this one has seen.
pub struct WatchReceiver<T> {
    shared: Rc<Shared<T>>,
    /// The version that it has seen.
    seen: u64,
    seat: Seat,
}

impl<T> WatchReceiver<T> {
    /// Waits until there is a value that this receiver has not seen, and counts it as seen. It
    /// does not wait if there is one already.
    ///
    /// # Errors
    /// [`Finished`] when the last sender is gone and the latest value was seen.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{Finished, run, watch};
    ///
    /// run(async {
    ///     let (sender, mut receiver) = watch(1);
    ///     sender.send(2).unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.changed().await, Ok(())); // there is a last value to see
    ///     assert_eq!(receiver.changed().await, Err(Finished));
    /// });
    /// ```
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { receiver: self }
    }

    /// Whether there is a value that this receiver has not seen.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.seen != self.shared.version.get()
    }

    /// The value as it stands. It does not count as seen: [`changed`](WatchReceiver::changed)
    /// will still tell of it.
    #[doc(alias = "borrow")]
    #[must_use]
    pub fn latest(&self) -> Rc<T> {
        self.shared.latest()
    }

    /// The value as it stands, which counts as seen.
    ///
    /// ```
    /// let (sender, mut receiver) = roundelay_executor::watch(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.latest(), 2);
    /// assert!(receiver.has_changed()); // looking is not seeing
    /// assert_eq!(*receiver.see(), 2);
    /// assert!(!receiver.has_changed());
    /// ```
    #[doc(alias = "borrow_and_update")]
    pub fn see(&mut self) -> Rc<T> {
        self.seen = self.shared.version.get();
        self.latest()
    }

    /// Waits until the value is one that `is_right` accepts; looks at the value as it stands
    /// first. All values that it looks at count as seen.
    ///
    /// # Errors
    /// [`Finished`] when the last sender is gone and its last value was not accepted.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{run, spawn, watch};
    ///
    /// run(async {
    ///     let (sender, mut receiver) = watch(0);
    ///     spawn(async move { drop(sender.send_replace(7)) }).detach();
    ///     assert_eq!(*receiver.wait_for(|n| *n > 5).await.unwrap(), 7);
    /// });
    /// ```
    pub async fn wait_for(
        &mut self,
        mut is_right: impl FnMut(&T) -> bool,
    ) -> Result<Rc<T>, Finished> {
        loop {
            let value = self.see();
            if is_right(&value) {
                return Ok(value);
            }
            self.changed().await?;
        }
    }

    fn poll_changed(&mut self, cx: &Context<'_>) -> Poll<Result<(), Finished>> {
        let WatchReceiver { shared, seen, seat } = self;
        shared.audience.poll(seat, cx, || {
            let version = shared.version.get();
            if *seen != version {
                *seen = version;
                return Some(Ok(()));
            }
            shared.audience.is_closed().then_some(Err(Finished))
        })
    }
}

impl<T> Stream for WatchReceiver<T> {
    type Item = Rc<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Rc<T>>> {
        let changed = self.poll_changed(cx);
        changed.map(|changed| changed.is_ok().then(|| self.latest()))
    }
}

impl<T> Clone for WatchReceiver<T> {
    fn clone(&self) -> Self {
        self.shared.audience.add_receiver();
        WatchReceiver { shared: Rc::clone(&self.shared), seen: self.seen, seat: None }
    }
}

impl<T> Drop for WatchReceiver<T> {
    fn drop(&mut self) {
        self.shared.audience.remove_receiver();
        self.shared.audience.leave(&mut self.seat);
    }
}

impl<T> fmt::Debug for WatchReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchReceiver").field("changed", &self.has_changed()).finish()
    }
}

/// The future of [`WatchReceiver::changed`].
#[must_use = "a future does nothing unless awaited"]
pub struct Changed<'a, T> {
    receiver: &'a mut WatchReceiver<T>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), Finished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.receiver.poll_changed(cx)
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        let WatchReceiver { shared, seat, .. } = &mut *self.receiver;
        shared.audience.leave(seat);
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}
