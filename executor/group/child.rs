//! One child of a group: the future that its task runs, and the handle to its value.
//!
//! ```text
//!   task:    wait for room (if there is a limit) --> the child's future --> leave
//!                                                          |
//!   handle:                              value  <----------+     dropping it changes nothing
//! ```
//!
//! # Invariants
//! - The value goes to the handle or nowhere: a group keeps no results.
//! - A child whose group lies in a cancelled scope takes no step after its next suspension outside
//!   of its own shields: it is dropped with the group, or ends by itself where a shield keeps the
//!   scope waiting. If the scope had only borrowed the group, the child goes on after it.
//!
//! Tutorial: chapter 12. Before this: `state.rs`. After this: `handle.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use roundelay_runtime::Key;

use crate::cancel::around::Around;
use crate::cancel::region::Region;
use crate::group::error::{ChildEnded, GroupCause};
use crate::group::state::{ChildEnd, Leaving};
use crate::promise::{Promise, PromiseFuture, promise};
use crate::sync::semaphore::{Acquire, Permit};
use crate::task_table::Tasks;

/// How a child comes to run.
pub(crate) enum Turn {
    /// At once.
    Free,
    /// When the group has room for it.
    Waits(Acquire),
    /// Its place was kept for it.
    Has(Permit),
}

/// What a child's task runs.
pub(crate) async fn child<T, E, F>(
    leaving: Leaving<E>,
    turn: Turn,
    region: Option<Rc<Region>>,
    promise: Promise<T>,
    future: F,
) -> ChildEnd<E>
where
    F: Future<Output = Result<T, GroupCause<E>>>,
{
    // In this order, so that a child gives up its room before it says that it leaves.
    let _leaving = leaving;
    let _room = match turn {
        Turn::Free => None,
        Turn::Waits(room) => Some(room.await),
        Turn::Has(room) => Some(room),
    };
    match (InScope { region, future: Some(future) }).await {
        None => ChildEnd::Cut,
        Some(Err(cause)) => ChildEnd::Failed(cause),
        Some(Ok(value)) => {
            // Refused if nobody wants the value: then it is dropped.
            let _ = promise.resolve(value);
            ChildEnd::Done
        }
    }
}

pin_project! {
    /// A child's future inside of the scope that its group lies in. `None` if that scope was
    /// cancelled.
    struct InScope<F> {
        region: Option<Rc<Region>>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InScope<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(region) = this.project().region {
                drop(region.leave());
            }
        }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(region) = this.region else { return future.poll(cx).map(Some) };
        if !region.must_stop()
            && let Poll::Ready(output) = region.poll_inside(|| future.poll(cx))
        {
            return Poll::Ready(Some(output));
        }
        // Noted before the last look: a shield that ends wakes whoever is noted.
        region.note_waiter(cx);
        if !region.must_stop() {
            return Poll::Pending;
        }
        if let Around::Undecided(scope) = region.around() {
            region.wait_for(&scope);
            return Poll::Pending;
        }
        region.forget_waiter();
        this.future.set(None);
        Poll::Ready(None)
    }
}

/// The future of a child's value.
///
/// Dropping it changes nothing for the child.
pub struct Child<T> {
    value: PromiseFuture<T>,
    /// `None` if the group did not let the child in.
    address: Option<(Rc<Tasks>, Key)>,
}

impl<T> Child<T> {
    pub(crate) fn refused() -> Child<T> {
        let (promise, value) = promise();
        drop(promise);
        Child { value, address: None }
    }

    pub(crate) fn new(value: PromiseFuture<T>, address: (Rc<Tasks>, Key)) -> Child<T> {
        Child { value, address: Some(address) }
    }

    /// Asks this child alone to end. That is no failure: its siblings go on. `false` if it
    /// has ended already.
    ///
    /// ```
    /// use roundelay_executor::{ChildEnded, run, task_group};
    ///
    /// run(task_group(async |group| {
    ///     let child = group.spawn(std::future::pending::<Result<(), String>>());
    ///     assert!(child.cancel());
    ///     assert!(!child.is_finished()); // it was asked, and has not answered yet
    ///     assert_eq!(child.await, Err(ChildEnded));
    ///     Ok(()) // the group has not failed by that
    /// }))
    /// .unwrap();
    /// ```
    pub fn cancel(&self) -> bool {
        self.address.as_ref().is_some_and(|(tasks, key)| tasks.cancel(*key))
    }

    /// Whether the child has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.value.is_settled()
    }
}

impl<T> Future for Child<T> {
    type Output = Result<T, ChildEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.value).poll(cx).map_err(|_| ChildEnded)
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
