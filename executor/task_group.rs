//! A task group: children that do not outlive the block that started them.
//!
//! ```text
//!            body ends well                       last child ends
//!   open ---------------------> closing ------------------------------> over
//!     |                            |                                     ^
//!     |  a child fails, the body   |  a child fails                      |
//!     +--fails, or cancel()--------+--> aborting: no new children, ------+
//!                                       everybody is asked to end
//! ```
//!
//! The first failure cancels the others *and the body*, and waits until each has really
//! ended. All errors are kept, in the order in which they happened, the body's own last:
//! asyncio's rules.
//!
//! # Invariants
//! - The group's future ends only when every child has ended and has been dropped.
//! - When the group's future is dropped, its children are dropped before that drop returns
//!   (one that is taking a step at that very moment: when the step ends; one that lies in a
//!   group in a group, more than sixty deep: before the outermost drop returns).
//! - A child that has ended leaves nothing behind but its error: a million short children
//!   need the room of those that live at one time.
//! - A child that was cancelled is not an error.
//!
//! Tutorial: chapter 12. Before this: `group_error.rs`. After this: `blocking.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::TaskError;
use crate::group_error::{ChildEnded, GroupCause, GroupError, GroupFailure};
use crate::promise::{PromiseFuture, promise};
use crate::task::{Task, TaskBuilder};
use crate::task_table::{Waiter, lost_panic};
use pin_project_lite::pin_project;
use roundelay_runtime::report_here;

/// Runs `body`, which may spawn children into the group that it is given, and ends when the
/// body and all children have ended.
///
/// # Errors
/// [`GroupError`], if the body or any child failed or panicked: with all errors.
///
/// *Cancel safety: loses data.* Dropping it drops the body, then the children.
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
    let group = TaskGroup { shared: Rc::new(Shared::new()) };
    let shared = Rc::clone(&group.shared);
    // Declared before the body, so dropped after it, on whatever way out.
    let _last_out = LastOut { shared: Rc::clone(&shared) };
    let body = std::pin::pin!(Some(body(group)));
    Whole { shared, body, result: None }.await
}

/// Spawns children into a group: what the body of [`task_group`] is given. Clones may be
/// handed to children, so that these spawn siblings.
pub struct TaskGroup<E> {
    shared: Rc<Shared<E>>,
}

struct Shared<E> {
    stage: Cell<Stage>,
    /// Children that have not left, by number.
    children: RefCell<BTreeMap<u64, Task<Result<(), E>>>>,
    next_number: Cell<u64>,
    /// How many have not left.
    live: Cell<usize>,
    /// The numbers of those who are leaving, in that order.
    left: RefCell<Vec<u64>>,
    failures: RefCell<Vec<GroupFailure<E>>>,
    /// The task that awaits the group.
    parent: RefCell<Option<Waiter>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The body has ended well; children may still be spawned by children.
    Closing,
    /// Everybody is asked to end; nobody new is let in.
    Aborting,
    Over,
}

impl<E: 'static> TaskGroup<E> {
    /// Starts a child. Its first step comes in the next turn.
    ///
    /// The handle gives the child's value; dropping it changes nothing. A group that is
    /// aborting or over takes nobody in: the future is dropped, and the handle gives
    /// [`ChildEnded`].
    ///
    /// # Panics
    /// If no event loop runs on this thread.
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
    #[track_caller]
    pub fn spawn_with<T, F>(&self, builder: TaskBuilder, future: F) -> Child<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        let (promise, value) = promise();
        if !self.is_open() {
            drop(future);
            return Child { value };
        }
        let number = self.shared.next_number.get();
        self.shared.next_number.set(number + 1);
        self.shared.live.set(self.shared.live.get() + 1);
        let leaving = Leaving { shared: Rc::clone(&self.shared), number };
        let task = builder.spawn(async move {
            let _leaving = leaving;
            let value = future.await?;
            // Refused if nobody wants the value: then it is dropped.
            let _ = promise.resolve(value);
            Ok(())
        });
        self.shared.children.borrow_mut().insert(number, task);
        Child { value }
    }

    /// Ends the group early: the body and all children are cancelled. That is no error: the
    /// group gives `Err` with no failures in it only if the body had not ended.
    pub fn cancel(&self) {
        if self.shared.stage.get() != Stage::Over {
            self.shared.stage.set(Stage::Aborting);
            self.shared.wake_parent();
        }
    }

    /// Whether children can be spawned.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.shared.stage.get(), Stage::Open | Stage::Closing)
    }

    /// How many children have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.live.get()
    }

    /// Whether every child has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup { shared: Rc::clone(&self.shared) }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup").field("stage", &self.shared.stage.get()).finish_non_exhaustive()
    }
}

impl<E> Shared<E> {
    fn new() -> Shared<E> {
        Shared {
            stage: Cell::new(Stage::Open),
            children: RefCell::default(),
            next_number: Cell::new(0),
            live: Cell::new(0),
            left: RefCell::default(),
            failures: RefCell::default(),
            parent: RefCell::default(),
        }
    }

    fn wake_parent(&self) {
        let parent = self.parent.take();
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl<E: 'static> Shared<E> {
    /// Lets go of the children that have left, and keeps their failures.
    fn collect_left(&self, cx: &Context<'_>) {
        for number in self.left.take() {
            let Some(child) = self.children.borrow_mut().remove(&number) else { continue };
            let (name, spawned_at) = (child.name(), child.spawned_at());
            let cause = match child.try_outcome() {
                Ok(Ok(Ok(()))) | Ok(Err(TaskError::Cancelled)) => continue,
                Ok(Ok(Err(error))) => GroupCause::Failed(error),
                Ok(Err(TaskError::Panicked(panic))) => GroupCause::Panicked(panic),
                // It said that it leaves, and the step in which it said so has not ended: its
                // end itself will be heard.
                Err(child) => {
                    child.wake_when_over(Waiter::of(cx));
                    self.children.borrow_mut().insert(number, child);
                    self.left.borrow_mut().push(number);
                    continue;
                }
            };
            self.failures.borrow_mut().push(GroupFailure { who: Some((name, spawned_at)), cause });
            self.stage.set(Stage::Aborting);
        }
    }

    fn cancel_children(&self) {
        // Cancelling only marks and queues: no user code runs while the list is borrowed.
        for child in self.children.borrow().values() {
            child.cancel();
        }
    }
}

/// Lives in a child's future and so notices its end, whatever the end is.
struct Leaving<E> {
    shared: Rc<Shared<E>>,
    number: u64,
}

impl<E> Drop for Leaving<E> {
    fn drop(&mut self) {
        self.shared.live.set(self.shared.live.get() - 1);
        self.shared.left.borrow_mut().push(self.number);
        self.shared.wake_parent();
    }
}

/// Drops the children if the group's future is dropped before its end.
struct LastOut<E> {
    shared: Rc<Shared<E>>,
}

impl<E> Drop for LastOut<E> {
    fn drop(&mut self) {
        self.shared.stage.set(Stage::Over);
        // A child's destructor may call anything: take, let go, drop.
        let children = self.shared.children.take();
        for child in children.values() {
            child.drop_now();
        }
        for failure in self.shared.failures.take() {
            if let (Some((name, at)), GroupCause::Panicked(panic)) = (failure.who, failure.cause) {
                let mut lost = lost_panic(format!("task {name}"), &panic);
                lost.origin = at;
                report_here(lost);
            }
        }
    }
}

pin_project! {
    /// The body and the children as one future.
    struct Whole<'a, B, R, E> {
        shared: Rc<Shared<E>>,
        body: Pin<&'a mut Option<B>>,
        result: Option<Result<R, E>>,
    }
}

impl<B, R, E> Future for Whole<'_, B, R, E>
where
    B: Future<Output = Result<R, E>>,
    E: 'static,
{
    type Output = Result<R, GroupError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let shared = &**this.shared;
        let me = Waiter::of(cx);
        let earlier = shared.parent.replace(Some(me));
        drop(earlier);
        shared.collect_left(cx);
        if shared.stage.get() == Stage::Aborting {
            // The body is cancelled after the children were asked, as in asyncio.
            shared.cancel_children();
            this.body.set(None);
        }
        if let Some(body) = this.body.as_mut().as_pin_mut()
            && let Poll::Ready(result) = body.poll(cx)
        {
            this.body.set(None);
            let aborts = result.is_err() || shared.stage.get() == Stage::Aborting;
            shared.stage.set(if aborts { Stage::Aborting } else { Stage::Closing });
            *this.result = Some(result);
            // A child may have left while the body took its step.
            shared.collect_left(cx);
            if shared.stage.get() == Stage::Aborting {
                shared.cancel_children();
            }
        }
        // The body may have called `cancel` in the step that it has just taken.
        if shared.stage.get() == Stage::Aborting && this.body.is_some() {
            shared.cancel_children();
            this.body.set(None);
        }
        if this.body.is_some() || !shared.children.borrow().is_empty() {
            return Poll::Pending;
        }
        shared.stage.set(Stage::Over);
        let mut failures = shared.failures.take();
        let result = this.result.take();
        match result {
            Some(Ok(value)) if failures.is_empty() => return Poll::Ready(Ok(value)),
            Some(Err(error)) => {
                failures.push(GroupFailure { who: None, cause: GroupCause::Failed(error) });
            }
            _ => {}
        }
        Poll::Ready(Err(GroupError { failures }))
    }
}

/// The future of a child's value.
///
/// Dropping it changes nothing for the child.
#[derive(Debug)]
pub struct Child<T> {
    value: PromiseFuture<T>,
}

impl<T> Child<T> {
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
