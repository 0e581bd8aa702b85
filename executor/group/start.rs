//! Starting a service, and waiting until it is ready.
//!
//! ```text
//!   group.start(async |ready| { ..prepare..; ready.announce(value); ..serve.. })
//!          |                          |                |
//!          |   fails here: start gives the error       |   fails here: the group fails
//!          +-------------------------------------------+--> start gives `value`
//! ```
//!
//! A server that listens, a worker that has connected: only when it says so may the others
//! go on. Up to that moment the child's failure belongs to whoever starts it; after it, to
//! the group. trio's `nursery.start`.
//!
//! # Invariants
//! - Each failure goes to one of the two, never to both.
//! - A start that is given up before the child was ready cancels the child.
//!
//! Tutorial: chapter 12. Before this: `whole.rs`. After this: `results.rs`.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::TaskPanic;
use crate::group::child::Child;
use crate::group::error::GroupCause;
use crate::group::handle::TaskGroup;
use crate::group::state::Starter;
use crate::promise::{Promise, PromiseFuture, promise};
use crate::task::TaskBuilder;

impl<E: 'static> TaskGroup<E> {
    /// Starts a child and waits until it announces that it is ready; gives what it announces.
    /// Then the child goes on like any other.
    ///
    /// # Errors
    /// [`StartError`], if the child ends in any way before it is ready. The group does not
    /// fail by that.
    ///
    /// *Cancel safety: loses data.* Dropping it before its end cancels the child.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{StartError, cancellable_group, run, yield_now};
    ///
    /// run(cancellable_group(async |group| {
    ///     let port = group.start(async |ready| {
    ///         yield_now().await; // bind a socket, say
    ///         ready.announce(8080);
    ///         std::future::pending::<Result<(), String>>().await
    ///     });
    ///     assert_eq!(port.await.unwrap(), 8080);
    ///
    ///     let never = group.start::<u16, (), _>(async |_ready| Err("in use".to_owned()));
    ///     assert!(matches!(never.await, Err(StartError::Failed(error)) if error == "in use"));
    ///     group.cancel();
    ///     Ok(())
    /// })).unwrap();
    /// ```
    #[doc(alias = "nursery.start")]
    #[track_caller]
    pub fn start<V, T, B>(&self, body: B) -> Start<V, E>
    where
        V: 'static,
        T: 'static,
        B: AsyncFnOnce(Ready<V, E>) -> Result<T, E> + 'static,
    {
        self.start_with(TaskBuilder::new(), body)
    }

    /// As [`TaskGroup::start`], with a name.
    ///
    /// # Errors
    /// [`StartError`], if the child ends in any way before it is ready.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, current_task, run, task_group};
    ///
    /// run(task_group(async |group| {
    ///     let name = group.start_with(TaskBuilder::new().name("server"), async |ready| {
    ///         ready.announce(current_task().unwrap().name);
    ///         Ok::<_, String>(())
    ///     });
    ///     assert_eq!(name.await.unwrap(), "server");
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// ```
    #[track_caller]
    pub fn start_with<V, T, B>(&self, builder: TaskBuilder, body: B) -> Start<V, E>
    where
        V: 'static,
        T: 'static,
        B: AsyncFnOnce(Ready<V, E>) -> Result<T, E> + 'static,
    {
        let (promise, news) = promise();
        let handshake = Rc::new(Handshake { promise: RefCell::new(Some(promise)) });
        let ready = Ready { handshake: Rc::clone(&handshake) };
        let future = async move { body(ready).await.map(drop).map_err(GroupCause::Failed) };
        let child = self.admit(builder, self.turn(), Some(handshake), future);
        Start { news, child }
    }
}

/// What the child and whoever starts it share: the promise, until one of them has used it.
struct Handshake<V, E> {
    promise: RefCell<Option<News<V, E>>>,
}

type News<V, E> = Promise<Result<V, StartError<E>>>;

impl<V, E> Starter<E> for Handshake<V, E> {
    fn child_ended(&self, failure: Option<GroupCause<E>>) -> Option<GroupCause<E>> {
        let Some(promise) = self.promise.take() else { return failure };
        let news = match failure {
            None => StartError::NotReady,
            Some(GroupCause::Failed(error)) => StartError::Failed(error),
            Some(GroupCause::Panicked(panic)) => StartError::Panicked(panic),
            Some(group) => return Some(group),
        };
        // Refused if nobody waits any more: then the group must hear of it.
        match promise.resolve(Err(news)) {
            Err(Err(StartError::Failed(error))) => Some(GroupCause::Failed(error)),
            Err(Err(StartError::Panicked(panic))) => Some(GroupCause::Panicked(panic)),
            _ => None,
        }
    }

    fn child_cancelled(&self) {
        // Whoever waits hears that there will be nothing.
        let promise = self.promise.take();
        drop(promise);
    }
}

/// With this a child announces that it is ready.
///
/// Dropping it unused announces nothing: whoever waits hears of the child's end.
#[must_use = "a child that never announces that it is ready keeps its starter waiting"]
pub struct Ready<V, E> {
    handshake: Rc<Handshake<V, E>>,
}

impl<V, E> Ready<V, E> {
    /// Says that the child is ready. Whoever started it goes on in the next turn, with
    /// `value`, which is dropped if nobody waits any more.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// run(task_group(async |group| {
    ///     let port = group.start(async |ready| {
    ///         ready.announce(8080);
    ///         Ok::<_, String>(()) // and the child goes on from there
    ///     });
    ///     assert_eq!(port.await.unwrap(), 8080);
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// ```
    #[doc(alias = "started")]
    pub fn announce(self, value: V) {
        let promise = self.handshake.promise.take();
        if let Some(promise) = promise {
            drop(promise.resolve(Ok(value)));
        }
    }
}

impl<V, E> fmt::Debug for Ready<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// The future of [`TaskGroup::start`].
#[must_use = "dropping it cancels the child that is being started"]
pub struct Start<V, E> {
    news: PromiseFuture<Result<V, StartError<E>>>,
    child: Child<()>,
}

impl<V, E> Future for Start<V, E> {
    type Output = Result<V, StartError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.news).poll(cx).map(|news| news.unwrap_or(Err(StartError::Cancelled)))
    }
}

impl<V, E> Drop for Start<V, E> {
    fn drop(&mut self) {
        if !self.news.is_settled() {
            self.child.cancel();
        }
    }
}

impl<V, E> fmt::Debug for Start<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("settled", &self.news.is_settled()).finish_non_exhaustive()
    }
}

/// Why a child was never ready.
#[derive(Debug)]
pub enum StartError<E> {
    /// It failed before.
    Failed(E),
    /// It panicked before.
    Panicked(TaskPanic),
    /// It ended well, but did not announce anything.
    NotReady,
    /// It was cancelled before, or its group did not let it in.
    Cancelled,
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the child of a task group ended before it was ready: ")?;
        match self {
            StartError::Failed(error) => write!(f, "{error}"),
            StartError::Panicked(panic) => write!(f, "it panicked: {}", panic.message()),
            StartError::NotReady => f.write_str(
                "it returned without calling `Ready::announce`, which must come before its return",
            ),
            StartError::Cancelled => f.write_str("it was cancelled, or its group is ending"),
        }
    }
}

impl<E: Error + 'static> Error for StartError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::Failed(error) => Some(error),
            _ => None,
        }
    }
}
