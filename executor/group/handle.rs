//! The handle of a group: what its body is given, to spawn children with.
//!
//! # Invariants
//! - Spawning never waits and never polls, also in a group that has a limit: there the child
//!   is a task at once, and waits for its turn inside. First come, first in.
//! - A handle that is kept after the group's end holds nothing alive.
//!
//! Tutorial: chapter 12. Before this: `child.rs`. After this: `whole.rs`.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::rc::Rc;

use roundelay_runtime::Event;

use crate::group::child::{Child, Turn, child};
use crate::group::error::GroupCause;
use crate::group::state::{Entry, Shared, Starter};
use crate::promise::promise;
use crate::sync::semaphore::Permit;
use crate::task::TaskBuilder;

/// Spawns children into a group: what the body of [`task_group`](crate::task_group()) is
/// given. Clones may be handed to children, so that these spawn siblings.
///
/// ```
/// use roundelay_executor::{TaskGroup, run, task_group};
///
/// /// Every call is a child that spawns children of the same group.
/// fn count_down(group: &TaskGroup<String>, from: u32) {
///     let siblings = group.clone();
///     group.spawn(async move {
///         if from > 0 {
///             count_down(&siblings, from - 1);
///         }
///         Ok(())
///     });
/// }
///
/// run(task_group(async |group| {
///     count_down(&group, 3);
///     Ok(())
/// })).unwrap(); // all four have ended
/// ```
pub struct TaskGroup<E> {
    pub(crate) shared: Rc<Shared<E>>,
}

impl<E: 'static> TaskGroup<E> {
    /// Starts a child. Its first step comes in the next turn, or, in a group that has a
    /// limit, when there is room.
    ///
    /// The handle gives the child's value; dropping it changes nothing. A group that is
    /// aborting or over takes nobody in: the future is dropped, and the handle gives
    /// [`ChildEnded`](crate::ChildEnded).
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// let product = run(task_group(async |group| {
    ///     let six = group.spawn(async { Ok::<_, String>(6) });
    ///     let seven = group.spawn(async { Ok(7) });
    ///     Ok(six.await.unwrap() * seven.await.unwrap())
    /// }));
    /// assert_eq!(product.unwrap(), 42);
    /// ```
    #[doc(alias = "create_task")]
    #[doc(alias = "start_soon")]
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Child<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        self.spawn_with(TaskBuilder::new(), future)
    }

    /// As [`TaskGroup::spawn`], with a name.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, run, task_group};
    ///
    /// let failed = run(task_group(async |group| {
    ///     group.spawn_with(TaskBuilder::new().name("fetch"), async { Err::<(), _>("no route") });
    ///     Ok(())
    /// }));
    /// assert!(failed.unwrap_err().to_string().contains("fetch")); // the name tells who
    /// ```
    #[track_caller]
    pub fn spawn_with<T, F>(&self, builder: TaskBuilder, future: F) -> Child<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        let future = async move { future.await.map_err(GroupCause::Failed) };
        self.admit(builder, self.turn(), None, future)
    }

    /// Waits until the group has room for one more child, and keeps that place: for a body
    /// that would otherwise spawn faster than children end. First come, first in. A group
    /// without a limit always has room.
    ///
    /// *Cancel safety: loses its place* among those who wait.
    ///
    /// ```
    /// use roundelay_executor::{GroupBuilder, run, yield_now};
    ///
    /// run(GroupBuilder::new().limit(2).run(async |group| {
    ///     for _ in 0..1000 {
    ///         let room = group.room().await;
    ///         room.spawn(async { yield_now().await; Ok::<_, String>(()) });
    ///         assert!(group.len() <= 3); // two that run, and one that is just leaving
    ///     }
    ///     Ok(())
    /// })).unwrap();
    /// ```
    pub async fn room(&self) -> Room<E> {
        let group = self.clone();
        match &self.shared.limit {
            Some(limit) => Room { group, permit: Some(limit.acquire().await) },
            None => Room { group, permit: None },
        }
    }

    /// Whether children can be spawned.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// let group = run(task_group(async |group| Ok::<_, String>(group))).unwrap();
    /// assert!(!group.is_open() && group.is_empty()); // it is over: nobody is let in
    /// ```
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.stage().admits()
    }

    /// How many children have not ended, those that wait for room included.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// run(task_group(async |group| {
    ///     let child = group.spawn(async { Ok::<_, String>(7) });
    ///     assert_eq!(group.len(), 1);
    ///     child.await.unwrap();
    ///     assert!(group.is_empty());
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.live()
    }

    /// Whether every child has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn turn(&self) -> Turn {
        let limit = self.shared.limit.as_ref();
        limit.map_or(Turn::Free, |limit| Turn::Waits(limit.acquire()))
    }

    /// The one way into a group.
    #[track_caller]
    pub(crate) fn admit<T, F>(
        &self,
        builder: TaskBuilder,
        turn: Turn,
        starter: Option<Rc<dyn Starter<E>>>,
        future: F,
    ) -> Child<T>
    where
        T: 'static,
        F: Future<Output = Result<T, GroupCause<E>>> + 'static,
    {
        if !self.is_open() {
            drop(future);
            return Child::refused();
        }
        let (promise, value) = promise();
        let leaving = self.shared.expect_child();
        let number = leaving.number;
        let region = self.shared.child_region();
        let task = builder.spawn(child(leaving, turn, region, promise, future));
        self.shared.name.tell(|group| Event::GroupJoined { group, task: task.id() });
        let child = Child::new(value, task.address());
        self.shared.admit(number, Entry { task, starter });
        child
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup { shared: Rc::clone(&self.shared) }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("stage", &self.shared.stage())
            .field("children", &self.shared.live())
            .finish_non_exhaustive()
    }
}

/// A group that may end early: what the body of
/// [`cancellable_group`](crate::cancellable_group()) is given. It is a [`TaskGroup`], and can
/// also be cancelled.
///
/// Only this form can be, because only its outcome has a place for "there is no value".
///
/// ```
/// use roundelay_executor::{cancellable_group, run};
///
/// let ended = run(cancellable_group(async |group| {
///     group.spawn(std::future::pending::<Result<(), String>>());
///     group.cancel();
///     Ok("enough")
/// }));
/// assert_eq!(ended.unwrap(), Some("enough"));
/// ```
pub struct CancellableGroup<E> {
    group: TaskGroup<E>,
}

impl<E> CancellableGroup<E> {
    pub(crate) fn new(group: TaskGroup<E>) -> CancellableGroup<E> {
        CancellableGroup { group }
    }

    /// Ends the group early: every child is asked to end, in the order of spawning, and when
    /// the last has left the body is dropped, if it has not ended by then. From the body, it
    /// takes effect at its next suspension.
    ///
    /// That is no error. Errors that happen all the same are.
    ///
    /// ```
    /// use roundelay_executor::{cancellable_group, run};
    ///
    /// let outcome = run(cancellable_group(async |group| {
    ///     group.spawn(std::future::pending::<Result<(), String>>());
    ///     group.cancel();
    ///     std::future::pending::<()>().await; // here the body ends, too
    ///     Ok("never")
    /// }));
    /// assert_eq!(outcome.unwrap(), None);
    /// ```
    pub fn cancel(&self) {
        self.group.shared.cancel();
    }
}

impl<E> Deref for CancellableGroup<E> {
    type Target = TaskGroup<E>;

    fn deref(&self) -> &TaskGroup<E> {
        &self.group
    }
}

impl<E> Clone for CancellableGroup<E> {
    fn clone(&self) -> Self {
        CancellableGroup { group: self.group.clone() }
    }
}

impl<E> fmt::Debug for CancellableGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}

/// A place for one child in a group: see [`TaskGroup::room`]. Dropping it gives it to the
/// next.
pub struct Room<E> {
    group: TaskGroup<E>,
    permit: Option<Permit>,
}

impl<E: 'static> Room<E> {
    /// As [`TaskGroup::spawn`], but without waiting for a turn.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    #[track_caller]
    pub fn spawn<T, F>(self, future: F) -> Child<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        let turn = self.permit.map_or(Turn::Free, Turn::Has);
        let future = async move { future.await.map_err(GroupCause::Failed) };
        self.group.admit(TaskBuilder::new(), turn, None, future)
    }
}

impl<E> fmt::Debug for Room<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("group", &self.group).finish_non_exhaustive()
    }
}
