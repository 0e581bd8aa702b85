//! Cancel tokens: a wish to stop that is passed down, and looked at.
//!
//! ```text
//!   token.cancel() ---> is_cancelled(): true, for this token and all its children, for ever
//!                  ---> whoever awaits cancelled() goes on
//! ```
//!
//! A token stops nothing by itself. It is for code that wants to end in good order: finish
//! the request, write the last line, then go. Code that does not look at it is not stopped;
//! [`stop_gracefully`](crate::stop_gracefully()) loses patience at some point.
//!
//! # Invariants
//! - A token that is cancelled stays so, and so do its children. A child that is cancelled
//!   does nothing to its parent.
//! - Level-triggered: whoever asks late hears the same answer.
//! - Whoever waits is woken in the order in which they began to wait, over the whole tree.
//!
//! Tutorial: chapter 10. Before this: `token_tree.rs`. After this: `region.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::token_tree::Tree;

/// A wish to stop, shared by clones, handed down to children, from any thread.
///
/// Clones are the same token. A token may be sent to and cancelled on any thread, also from
/// a thread that handles signals (not inside a signal handler itself: it takes a lock).
/// Dropping a token cancels nothing; see [`CancelToken::drop_guard`].
///
/// An idle loop in which somebody waits for a token sleeps: it cannot know that no other
/// thread will cancel it.
///
/// After tokio-util's `CancellationToken`; asyncio has none.
///
/// ```
/// use roundelay_executor::{CancelToken, run, spawn};
///
/// run(async {
///     let server = CancelToken::new();
///     let connection = server.child();
///     let task = spawn(async move {
///         connection.cancelled().await;
///         "said goodbye"
///     });
///     server.cancel();
///     assert_eq!(task.await.unwrap(), "said goodbye");
/// });
/// ```
#[doc(alias = "CancellationToken")]
pub struct CancelToken {
    tree: Arc<Tree>,
    node: usize,
}

impl CancelToken {
    /// A token that nobody has cancelled, with a tree of its own.
    #[must_use]
    pub fn new() -> CancelToken {
        let tree = Arc::new(Tree::default());
        let node = tree.plant();
        CancelToken { tree, node }
    }

    /// Cancels this token and all its children, at whatever depth. `false` if it was
    /// cancelled before.
    ///
    /// When it returns all of them are cancelled, and whoever waits has been woken; tasks go
    /// on in the next turn.
    ///
    /// ```
    /// let token = roundelay_executor::CancelToken::new();
    /// let child = token.child();
    /// assert!(token.cancel());
    /// assert!(child.is_cancelled());
    /// assert!(!token.cancel()); // it was before
    /// ```
    pub fn cancel(&self) -> bool {
        self.tree.cancel(self.node)
    }

    /// A token that is cancelled with this one, and can be cancelled without it. The child of
    /// a cancelled token is cancelled.
    ///
    /// It costs memory only while it is held; it holds none of its parents.
    ///
    /// ```
    /// let server = roundelay_executor::CancelToken::new();
    /// let (one, other) = (server.child(), server.child());
    /// one.cancel(); // this connection, and nothing else
    /// assert!(!other.is_cancelled() && !server.is_cancelled());
    /// ```
    #[doc(alias = "child_token")]
    #[must_use]
    pub fn child(&self) -> CancelToken {
        CancelToken { node: self.tree.grow(self.node), tree: Arc::clone(&self.tree) }
    }

    /// Whether this token was cancelled, by itself or with a parent.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.tree.is_cancelled(self.node)
    }

    /// For loops that compute: `token.check()?` now and then.
    ///
    /// # Errors
    /// [`Cancelled`], once the token is.
    ///
    /// ```
    /// use roundelay_executor::{CancelToken, Cancelled};
    ///
    /// fn count(token: &CancelToken) -> Result<(), Cancelled> {
    ///     for n in 0.. {
    ///         token.check()?;
    ///         if n == 3 {
    ///             token.cancel();
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// assert_eq!(count(&CancelToken::new()), Err(Cancelled));
    /// ```
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Waits until the token is cancelled; at once if it is.
    ///
    /// The place among those who wait counts from the first poll.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{CancelToken, run};
    ///
    /// run(async {
    ///     let token = CancelToken::new();
    ///     let from_elsewhere = token.clone();
    ///     std::thread::spawn(move || from_elsewhere.cancel());
    ///     token.cancelled().await;
    ///     assert!(token.is_cancelled());
    /// });
    /// ```
    pub fn cancelled(&self) -> UntilCancelled {
        UntilCancelled { token: self.clone(), ticket: None }
    }

    /// Awaits `future` until the token is cancelled. `None` if it was: then the future has
    /// been dropped.
    ///
    /// The token is looked at first. A cancelled one wins over a result that is there, as
    /// cancelling a task does; a future that is not yet begun is then never polled.
    ///
    /// *Cancel safety:* that of `future`.
    ///
    /// ```
    /// use roundelay_executor::{CancelToken, run};
    ///
    /// run(async {
    ///     let token = CancelToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
    ///     token.cancel();
    ///     assert_eq!(token.run_until_cancelled(async { 7 }).await, None);
    /// });
    /// ```
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<F> {
        RunUntilCancelled { future: Some(future), cancelled: self.cancelled() }
    }

    /// Cancels the token when the guard is dropped, on every way out.
    ///
    /// ```
    /// let token = roundelay_executor::CancelToken::new();
    /// {
    ///     let _guard = token.drop_guard();
    ///     assert!(!token.is_cancelled());
    /// }
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(&self) -> CancelOnDrop {
        CancelOnDrop { token: Some(self.clone()) }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        CancelToken::new()
    }
}

impl Clone for CancelToken {
    fn clone(&self) -> Self {
        self.tree.hold(self.node);
        CancelToken { tree: Arc::clone(&self.tree), node: self.node }
    }
}

impl Drop for CancelToken {
    fn drop(&mut self) {
        self.tree.release(self.node);
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish()
    }
}

/// A token was cancelled: what [`CancelToken::check`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the work was asked to stop through its cancel token; hand this error to the caller, \
             who asked for it",
        )
    }
}

impl std::error::Error for Cancelled {}

/// The future of [`CancelToken::cancelled`].
#[must_use = "a future does nothing unless awaited"]
pub struct UntilCancelled {
    token: CancelToken,
    ticket: Option<u64>,
}

impl Future for UntilCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (tree, node) = (&this.token.tree, this.token.node);
        if tree.is_cancelled(node) {
            return Poll::Ready(());
        }
        if this.ticket.is_some_and(|ticket| tree.is_noted(node, ticket, cx.waker())) {
            return Poll::Pending;
        }
        // What comes back is a waker to be dropped, outside of the tree's lock.
        match tree.wait(node, &mut this.ticket, cx.waker().clone()) {
            Ok(_replaced) => Poll::Pending,
            Err(_unused) => Poll::Ready(()),
        }
    }
}

impl Drop for UntilCancelled {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            drop(self.token.tree.leave(self.token.node, ticket));
        }
    }
}

impl fmt::Debug for UntilCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilCancelled").field("token", &self.token).finish()
    }
}

pin_project! {
    /// The future of [`CancelToken::run_until_cancelled`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct RunUntilCancelled<F> {
        // Emptied when the token has been cancelled.
        #[pin]
        future: Option<F>,
        cancelled: UntilCancelled,
    }
}

impl<F: Future> Future for RunUntilCancelled<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if !this.cancelled.token.is_cancelled()
            && let Poll::Ready(output) = future.poll(cx)
        {
            return Poll::Ready(Some(output));
        }
        // The future may just have cancelled the token itself: then it ends at this await.
        if Pin::new(this.cancelled).poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.future.set(None);
        Poll::Ready(None)
    }
}

/// Cancels its token when it is dropped: see [`CancelToken::drop_guard`].
///
/// ```
/// use roundelay_executor::CancelToken;
///
/// let token = CancelToken::new();
/// drop(token.drop_guard());
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard cancels its token"]
pub struct CancelOnDrop {
    token: Option<CancelToken>,
}

impl CancelOnDrop {
    /// Takes the guard away from its token, which is then not cancelled.
    ///
    /// ```
    /// let token = roundelay_executor::CancelToken::new();
    /// let guard = token.drop_guard();
    /// guard.disarm(); // all went well
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancelToken {
        self.token.take().expect("a guard has its token until it is disarmed or dropped")
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
