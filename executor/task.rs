//! Tasks: futures that the executor owns and drives.
//!
//! [`spawn`] hands a future to the executor and returns at once; its first step comes in
//! the next turn. The [`Task`] handle is a future of its own: await it for the outcome, use
//! it to cancel, or drop it and let the task go its way.
//!
//! ```text
//!   spawn(future) --> Task handle        await: the outcome
//!        |               |               cancel: ask it to end
//!        v               |               drop: detach
//!   [the loop owns the task] <-- key --+
//! ```
//!
//! # Invariants
//! - Spawning never polls, unless the task is declared [eager](TaskBuilder::eager).
//! - The handle is a key. It keeps the task's slot, never its future.
//!
//! Tutorial: chapter 6. Before this: `task_info.rs`. After this: `on_done.rs`.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Awaited, ContextValues, Failure, FailureKind, Key};

use crate::body::TaskBody;
use crate::current::{expect_tasks, is_current};
use crate::error::{TaskError, lost_panic};
use crate::own_step::{self, Wait};
use crate::task_table::{Extras, Tasks, Waiter};
use crate::told::awaits_numbered;

/// Starts a task: `future` is driven by the loop from its next turn on.
///
/// Returns at once; tasks take their first steps in the order in which they were spawned.
/// The future need not be `Send`: it never leaves the thread. The task has
/// [context variables](crate::ContextVar) of its own: a copy of those that are set now.
///
/// (A future that is neither spawned nor awaited does nothing. The compiler warns of that:
/// `unused_must_use`.)
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// let seven = roundelay_executor::run(async {
///     let task = roundelay_executor::spawn(async { 7 });
///     task.await.unwrap()
/// });
/// assert_eq!(seven, 7);
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "spawn_local")]
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (at, values) = (Location::caller(), ContextValues::current());
    start(expect_tasks("spawn"), future, at, Extras::of_new(None, values), false)
}

/// Starts a task on a certain loop.
#[inline]
pub(crate) fn start<F>(
    tasks: Rc<Tasks>,
    future: F,
    at: &'static Location<'static>,
    extras: Option<Box<Extras>>,
    eager: bool,
) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let key = tasks.spawn(Box::pin(TaskBody::new(future)), at, extras, eager);
    Task { tasks, key, output: PhantomData }
}

/// Settings of a task that is about to be spawned.
///
/// ```
/// use roundelay_executor::{TaskBuilder, run};
///
/// run(async {
///     let task = TaskBuilder::new().name("fetch").spawn(async {});
///     assert_eq!(task.name(), "fetch");
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder spawns nothing until `spawn` is called"]
pub struct TaskBuilder {
    name: Option<Rc<str>>,
    eager: bool,
    values: Option<ContextValues>,
}

impl TaskBuilder {
    /// A task without a name of its own: it is called `Task-N`.
    pub fn new() -> TaskBuilder {
        TaskBuilder::default()
    }

    /// How reports and traces call the task. Names need not be unique.
    pub fn name(mut self, name: impl Into<Rc<str>>) -> TaskBuilder {
        self.name = Some(name.into());
        self
    }

    /// The first step is taken inside `spawn`, up to the first await that really waits. A task
    /// that never waits is finished when `spawn` returns.
    ///
    /// That saves a turn where the answer is often there already, in a cache for example. The
    /// price: `spawn` runs the new task's code, so hold no `RefCell`'s borrow across it. A panic
    /// or a cancel in that first step is the new task's, not the spawner's.
    ///
    /// Eager tasks that spawn eager tasks lie one above the other on the stack. From the 64th on
    /// the first step waits for the next turn instead.
    ///
    /// ```
    /// use roundelay_executor::{TaskBuilder, run};
    ///
    /// run(async {
    ///     let task = TaskBuilder::new().eager().spawn(async { "from the cache" });
    ///     assert!(task.is_finished());
    ///     assert_eq!(task.await.unwrap(), "from the cache");
    /// });
    /// ```
    #[doc(alias = "eager_start")]
    #[doc(alias = "eager_task_factory")]
    pub fn eager(mut self) -> TaskBuilder {
        self.eager = true;
        self
    }

    /// The task's [context variables](crate::ContextVar), in the place of a copy of the present
    /// ones.
    ///
    /// ```
    /// use roundelay_executor::{ContextValues, ContextVar, TaskBuilder, run};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// run(async {
    ///     USER.set("ada");
    ///     let nobody = TaskBuilder::new().context(ContextValues::default());
    ///     assert_eq!(nobody.spawn(async { USER.get() }).await.unwrap(), None);
    /// });
    /// ```
    pub fn context(mut self, values: ContextValues) -> TaskBuilder {
        self.values = Some(values);
        self
    }

    /// As [`spawn`].
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_from(Location::caller(), future)
    }

    /// As [`TaskBuilder::spawn`], for a line that asked for the task earlier.
    #[track_caller]
    pub(crate) fn spawn_from<F>(self, at: &'static Location<'static>, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let values = self.values.unwrap_or_else(ContextValues::current);
        start(expect_tasks("spawn"), future, at, Extras::of_new(self.name, values), self.eager)
    }
}

/// A handle to a task.
///
/// As a future it gives `Ok` with the task's output, or a [`TaskError`]. By then the task's
/// future has been dropped.
///
/// A task gives its outcome once: polling the handle again after that panics.
///
/// Dropping the handle *detaches*: the task goes on, and if it panics nobody can be told,
/// so the panic is reported to the loop's failure policy at once.
///
/// *Cancel safety: safe.* Dropping a future that awaits `&mut task` loses nothing; dropping
/// one that owns the handle detaches the task. (In asyncio cancelling the awaiter cancels
/// the awaited task. Use a [`TaskGroup`](crate::TaskGroup) for that.)
#[must_use = "dropping the handle detaches the task; call `detach` to say that it is meant"]
pub struct Task<T> {
    pub(crate) tasks: Rc<Tasks>,
    pub(crate) key: Key,
    output: PhantomData<fn() -> T>,
}

impl<T> Task<T> {
    /// Asks the task to end: its future is dropped in its own next step, innermost value
    /// first. `false` if the task has ended already.
    ///
    /// Awaiting the handle gives [`TaskError::Cancelled`] once the future has really been
    /// dropped. A task that is cancelled before its first step never runs at all. A task
    /// that is cancelled and finishes in the same step is cancelled: its output is dropped.
    ///
    /// A task may cancel itself, through a handle that somebody has put where it can see it or
    /// with [`current_task`](crate::current_task): it goes on to its next await that waits, and
    /// no further.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn};
    ///
    /// run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     assert!(task.cancel());
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.tasks.cancel(self.key)
    }

    /// Whether the task has ended and its future has been dropped.
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.tasks.has_ended(self.key)
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.tasks.name(self.key).unwrap_or_default()
    }

    /// The task's number: unique on its loop, never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.tasks.id(self.key).unwrap_or_default()
    }

    /// The line that spawned the task. `None` only for a task that came too late: its loop was
    /// closed.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn};
    ///
    /// run(async {
    ///     let (task, line) = (spawn(async {}), line!());
    ///     assert_eq!(task.spawned_at().unwrap().line(), line);
    ///     assert_ne!(spawn(async {}).id(), task.id()); // each has its own number
    /// });
    /// ```
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.tasks.spawned_at(self.key)
    }

    /// Lets the task go its way. The same as dropping the handle, but says so.
    ///
    /// ```
    /// roundelay_executor::run(async {
    ///     let (promise, value) = roundelay_executor::promise();
    ///     roundelay_executor::spawn(async { promise.resolve("sent") }).detach();
    ///     assert_eq!(value.await, Ok("sent"));
    /// });
    /// ```
    pub fn detach(self) {}

    /// How many tasks of its loop have ended since it did.
    pub(crate) fn ended_since(&self) -> u32 {
        self.tasks.ended_since(self.key)
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Gives it a step although nothing happened that it waits for.
    pub(crate) fn wake(&self) {
        self.tasks.wake(self.key);
    }

    /// Wakes `waiter` when the task has ended; with `None`, nobody.
    pub(crate) fn wake_when_over(&self, waiter: impl Into<Option<Waiter>>) {
        self.tasks.replace_joiner(self.key, waiter.into());
    }

    pub(crate) fn drop_now(&self) {
        self.tasks.drop_now(self.key);
    }

    /// Where the task lives, for whoever may cancel it without having its handle.
    pub(crate) fn address(&self) -> (Rc<Tasks>, Key) {
        (Rc::clone(&self.tasks), self.key)
    }
}

impl<T: 'static> Task<T> {
    /// The outcome, if the task has ended.
    ///
    /// # Errors
    /// The handle itself, while the task still runs.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn, yield_now};
    ///
    /// run(async {
    ///     let task = spawn(async { 7 });
    ///     let task = task.try_outcome().unwrap_err();
    ///     yield_now().await;
    ///     assert_eq!(task.try_outcome().unwrap().unwrap(), 7);
    /// });
    /// ```
    #[doc(alias = "result")]
    pub fn try_outcome(self) -> Result<Result<T, TaskError>, Task<T>> {
        self.tasks.take_outcome(self.key).ok_or(self)
    }
}

impl<T: 'static, E: fmt::Display + 'static> Task<Result<T, E>> {
    /// Lets the task go its way, and if it ends with an error reports that to the loop's
    /// failure policy. (A plain drop cannot: it does not know that the output is a `Result`.)
    ///
    /// ```
    /// use roundelay_executor::{run, spawn};
    ///
    /// run(async {
    ///     spawn(async { std::fs::read("/no/such/file") }).report_errors();
    /// });
    /// ```
    #[track_caller]
    pub fn report_errors(self) {
        let origin = self.spawned_at();
        let who = self.tasks.who(self.key);
        let home = self.tasks.loop_ref.clone();
        spawn(async move {
            let mut failure = match self.await {
                Ok(Ok(_)) | Err(TaskError::Cancelled) => return,
                Ok(Err(error)) => Failure::new(FailureKind::TaskFailed, who, error.to_string()),
                Err(TaskError::Panicked(panic)) => lost_panic(who, &panic),
            };
            failure.origin = origin;
            home.report(failure);
        })
        .detach();
    }
}

impl<T: 'static> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut noted = false;
        let outcome = self.tasks.take_outcome_or(self.key, |slot| {
            let joiner = Waiter::task_among(&self.tasks, cx);
            noted = joiner.is_some_and(|joiner| slot.note_joiner(joiner));
        });
        match outcome {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                let mut wait = Wait::Task(self.key);
                match noted {
                    true => own_step::count_wake(1),
                    false => {
                        self.wake_when_over(Waiter::of(cx));
                        // A key means nothing in another loop's table.
                        if !is_current(&self.tasks) {
                            wait = Wait::Unknown;
                        }
                    }
                }
                awaits_numbered(wait, move || Awaited::Task(self.id()));
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.tasks.detach(self.key);
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
