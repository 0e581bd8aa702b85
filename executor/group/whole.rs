//! A whole group: the body and its children as one future.
//!
//! ```text
//!   each step:  collect who has left --> somebody failed, or cancel()?
//!                                          no:  poll the body
//!                                          yes: ask the children to end; body dropped last
//!               nobody left? the value, or all failures
//! ```
//!
//! The first failure ends the others *and the body*, and the group waits until each has
//! really ended. asyncio's rules, and its order: the children in the order of spawning (there
//! it is the order of a set), then the body.
//!
//! # Invariants
//! - The group's future ends only when every child has ended and has been dropped.
//! - When the group's future is dropped, the body and then the children are dropped before
//!   that drop returns (one that is taking a step at that very moment: when the step ends; one
//!   that lies in a group in a group, more than sixty deep: before the outermost drop returns).
//! - All errors are kept, in the order in which they happened, the body's own last. A child
//!   that was cancelled is not an error. What nobody can take any more is reported.
//!
//! Tutorial: chapter 12. Before this: `handle.rs`. After this: `start.rs`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use roundelay_runtime::{Awaited, Event};

use crate::group::child::Child;
use crate::group::error::{GroupCause, GroupError, GroupFailure};
use crate::group::handle::{CancellableGroup, TaskGroup};
use crate::group::stage::{Happening, Stage};
use crate::group::state::Shared;
use crate::own_step::Wait;
use crate::task::TaskBuilder;
use crate::told::awaits;

/// Runs `body`, which may spawn children into the group that it is given, and ends when the
/// body and all children have ended.
///
/// # Errors
/// [`GroupError`], if the body or any child failed or panicked: with all errors.
///
/// *Cancel safety: loses data.* Dropping it drops the body, then the children, before the
/// drop returns. Errors that were collected by then are reported to the loop's failure policy.
///
/// ```
/// use roundelay_executor::{run, task_group};
///
/// let sum = run(task_group(async |group| {
///     let one = group.spawn(async { Ok::<_, String>(1) });
///     let two = group.spawn(async { Ok(2) });
///     Ok(one.await.unwrap() + two.await.unwrap())
/// }));
/// assert_eq!(sum.unwrap(), 3);
///
/// let failed = run(task_group(async |group| {
///     group.spawn(async { Err::<(), _>("no route") });
///     std::future::pending().await // cancelled by the failure
/// }));
/// let failed: Result<(), _> = failed;
/// assert_eq!(failed.unwrap_err().errors().count(), 1);
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "nursery")]
pub async fn task_group<R, E, B>(body: B) -> Result<R, GroupError<E>>
where
    E: 'static,
    B: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
{
    GroupBuilder::new().run(body).await
}

/// As [`task_group`], for a group that may end early: by
/// [`cancel`](CancellableGroup::cancel). Ending early is no error. `Ok(None)` then says that
/// the body had not ended and there is no value. (asyncio's `TaskGroup.cancel` leaves the
/// block in the same way, and a Python block has no value anyway.)
///
/// # Errors
/// [`GroupError`], if the body or any child failed or panicked, early end or not.
///
/// *Cancel safety: loses data,* as [`task_group`].
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{cancellable_group, run, sleep};
///
/// let outcome = run(cancellable_group(async |group| {
///     let stops = group.clone();
///     group.spawn(async move {
///         sleep(Duration::from_millis(1)).await;
///         stops.cancel();
///         Ok::<_, String>(())
///     });
///     sleep(Duration::from_secs(3600)).await;
///     Ok("an hour has passed")
/// }));
/// assert_eq!(outcome.unwrap(), None);
/// ```
pub async fn cancellable_group<R, E, B>(body: B) -> Result<Option<R>, GroupError<E>>
where
    E: 'static,
    B: AsyncFnOnce(CancellableGroup<E>) -> Result<R, E>,
{
    GroupBuilder::new().run_cancellable(body).await
}

/// Settings of a group that is about to run.
///
/// ```
/// use roundelay_executor::{GroupBuilder, run, yield_now};
///
/// run(GroupBuilder::new().limit(1).run(async |group| {
///     let (one, two) = (group.clone(), group.clone());
///     group.spawn(async move { yield_now().await; Ok::<_, String>(drop(one)) });
///     group.spawn(async move { Ok(drop(two)) }); // begins when the first has ended
///     Ok(())
/// })).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder runs nothing until `run` is called"]
pub struct GroupBuilder {
    limit: Option<usize>,
}

impl GroupBuilder {
    /// A group without a limit.
    pub fn new() -> GroupBuilder {
        GroupBuilder::default()
    }

    /// Lets at most so many children run at one time. Spawning still returns at once; a child
    /// that is too many waits for its turn, in the order of spawning, and can be cancelled
    /// while it waits. To wait before spawning, use [`TaskGroup::room`].
    ///
    /// A child that awaits its siblings keeps its own place meanwhile: with a limit of one
    /// that is a deadlock.
    ///
    /// # Panics
    /// If it is zero: no child would ever run.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use roundelay_executor::{GroupBuilder, run, yield_now};
    ///
    /// let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    /// run(GroupBuilder::new().limit(2).run(async |group| {
    ///     for _ in 0..9 {
    ///         let (running, most) = (running.clone(), most.clone());
    ///         group.spawn(async move {
    ///             running.set(running.get() + 1);
    ///             most.set(most.get().max(running.get()));
    ///             yield_now().await;
    ///             running.set(running.get() - 1);
    ///             Ok::<_, String>(())
    ///         });
    ///     }
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// assert_eq!(most.get(), 2);
    /// ```
    pub fn limit(mut self, children: usize) -> GroupBuilder {
        assert!(
            children > 0,
            "a group with a limit of zero never runs a child; allow at least one"
        );
        self.limit = Some(children);
        self
    }

    /// As [`task_group`].
    ///
    /// # Errors
    /// [`GroupError`], if the body or any child failed or panicked: with all errors.
    ///
    /// *Cancel safety: loses data,* as [`task_group`].
    pub async fn run<R, E, B>(self, body: B) -> Result<R, GroupError<E>>
    where
        E: 'static,
        B: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
    {
        let shared = Shared::new(self.limit);
        let group = TaskGroup { shared: Rc::clone(&shared) };
        let value = whole(shared, body(group)).await?;
        Ok(value.expect("nobody can cancel a group that is not a cancellable one"))
    }

    /// As [`cancellable_group`].
    ///
    /// # Errors
    /// [`GroupError`], if the body or any child failed or panicked: with all errors.
    ///
    /// *Cancel safety: loses data,* as [`task_group`].
    ///
    /// ```
    /// use roundelay_executor::{GroupBuilder, run};
    ///
    /// let outcome = run(GroupBuilder::new().limit(8).run_cancellable(async |group| {
    ///     group.spawn(std::future::pending::<Result<(), String>>());
    ///     group.cancel();
    ///     Ok("enough")
    /// }));
    /// assert_eq!(outcome.unwrap(), Some("enough"));
    /// ```
    pub async fn run_cancellable<R, E, B>(self, body: B) -> Result<Option<R>, GroupError<E>>
    where
        E: 'static,
        B: AsyncFnOnce(CancellableGroup<E>) -> Result<R, E>,
    {
        let shared = Shared::new(self.limit);
        let group = CancellableGroup::new(TaskGroup { shared: Rc::clone(&shared) });
        whole(shared, body(group)).await
    }
}

impl<E: 'static> TaskGroup<E> {
    /// Starts a child that is a group itself. If that fails, its error stays whole in this
    /// group's error, as [`GroupCause::Group`].
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn_group(TaskBuilder::new().name("inner"), async |inner| {
    ///         inner.spawn(async { Err::<(), _>("no route") });
    ///         Ok(())
    ///     });
    ///     Ok(())
    /// }));
    /// let failed = failed.unwrap_err();
    /// assert_eq!(failed.failures.len(), 1); // the inner group, as one
    /// assert_eq!(failed.errors().collect::<Vec<_>>(), [&"no route"]);
    /// ```
    #[track_caller]
    pub fn spawn_group<T, B>(&self, builder: TaskBuilder, body: B) -> Child<T>
    where
        T: 'static,
        B: AsyncFnOnce(TaskGroup<E>) -> Result<T, E> + 'static,
    {
        let future = async move { task_group(body).await.map_err(GroupCause::Group) };
        self.admit(builder, self.turn(), None, future)
    }
}

async fn whole<R, E, B>(shared: Rc<Shared<E>>, body: B) -> Result<Option<R>, GroupError<E>>
where
    E: 'static,
    B: Future<Output = Result<R, E>>,
{
    // Declared before the body, so dropped after it, on whatever way out.
    let last_out = LastOut { shared };
    last_out.shared.name.tell(|group| Event::GroupOpened { group });
    let body = pin!(Some(body));
    Whole { shared: &last_out.shared, body, result: None }.await
}

/// Sees to it that nobody is left behind, however the group's future ends.
struct LastOut<E: 'static> {
    shared: Rc<Shared<E>>,
}

impl<E: 'static> Drop for LastOut<E> {
    fn drop(&mut self) {
        self.shared.abandon();
        self.shared.name.tell(|group| Event::GroupClosed { group });
    }
}

pin_project! {
    struct Whole<'a, B, R, E> {
        shared: &'a Shared<E>,
        body: Pin<&'a mut Option<B>>,
        result: Option<Result<R, E>>,
    }
}

impl<B, R, E> Future for Whole<'_, B, R, E>
where
    B: Future<Output = Result<R, E>>,
    E: 'static,
{
    type Output = Result<Option<R>, GroupError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let shared = *this.shared;
        shared.begin_poll(cx);
        shared.collect_left(cx);
        if shared.stage() != Stage::Aborting
            && let Some(body) = this.body.as_mut().as_pin_mut()
            && let Poll::Ready(result) = body.poll(cx)
        {
            this.body.set(None);
            shared.happens(match result {
                Ok(_) => Happening::BodyEndedWell,
                Err(_) => Happening::SomebodyFailed,
            });
            *this.result = Some(result);
            // A child may have left while the body took its step.
            shared.collect_left(cx);
        }
        if shared.stage() == Stage::Aborting {
            shared.ask_children_to_end();
            // The body goes when the last child has gone, and takes no step until then.
            if shared.is_empty() {
                this.body.set(None);
            }
        }
        // Looked at through its pin. A body between two steps may hold a `&mut` to a variable of
        // its own, and that is void once somebody has a `&` to the whole body.
        let has_body = this.body.as_mut().as_pin_mut().is_some();
        if has_body || !shared.is_empty() {
            if !has_body {
                awaits(Wait::Group, || Awaited::Group(shared.name.get()));
            }
            return Poll::Pending;
        }
        let mut failures = shared.end();
        let value = match this.result.take() {
            Some(Ok(value)) => Some(value),
            Some(Err(error)) => {
                failures.push(GroupFailure { who: None, cause: GroupCause::Failed(error) });
                None
            }
            None => None,
        };
        match failures.is_empty() {
            true => Poll::Ready(Ok(value)),
            false => Poll::Ready(Err(GroupError { failures })),
        }
    }
}
