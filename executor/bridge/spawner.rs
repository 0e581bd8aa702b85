//! Starting tasks from another thread.
//!
//! A future of this runtime never leaves its thread, and most are not `Send`. What travels is
//! the *closure that makes one*: it is carried to the loop, called there, and what it makes
//! stays there.
//!
//! ```text
//!   any thread                         the loop's thread
//!   spawn(move || async move { .. })
//!       closure --------- inbox -----> closure() --> future --> task
//!       RemoteTask <------ reply ----- messenger <-- outcome --'
//! ```
//!
//! The messenger is a small second task that awaits the first and carries its outcome back: so
//! a cancel, a panic and an output are told in the same way as to anybody else who awaits.
//!
//! # Invariants
//! - Orders of one thread are taken up in the order in which it gave them.
//! - An order that the loop never takes up is answered: [`RemoteError::LoopClosed`].
//!
//! Tutorial: chapter 18. Before this: `remote_task.rs`. After this: `loop_thread.rs`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use roundelay_runtime::{LoopClosed, LoopProxy, report_here};

use crate::bridge::remote_error::RemoteError;
use crate::bridge::remote_task::RemoteTask;
use crate::bridge::reply::{Answer, Outcome, Reply};
use crate::current::expect_tasks;
use crate::error::lost_panic;
use crate::family::Family;
use crate::host::Host;
use crate::run::Runner;
use crate::task::{Task, TaskBuilder};

/// The spawner of the loop that runs on this thread, to be given to other threads.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use roundelay_executor::{run, spawner};
///
/// let answer = run(async {
///     let home = spawner();
///     let thread = std::thread::spawn(move || home.spawn(|| async { 6 * 7 }));
///     thread.join().unwrap().await
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[track_caller]
#[must_use]
pub fn spawner() -> Spawner {
    Spawner::at_home(expect_tasks("spawner").loop_ref.proxy())
}

/// Starts tasks on a loop from any thread. Cheap to clone.
///
/// It does not keep the loop open, or a run from ending; but as long as one exists, an idle
/// loop sleeps instead of reporting a deadlock, as with a [`LoopProxy`].
///
/// ```
/// use roundelay_executor::{run, spawner};
///
/// run(async {
///     let home = spawner();
///     let thread = std::thread::spawn(move || {
///         // Both come to the loop in this order.
///         home.call_soon_threadsafe(|| println!("a callback")).unwrap();
///         home.spawn(|| async { "and a task" })
///     });
///     assert_eq!(thread.join().unwrap().await.unwrap(), "and a task");
/// });
/// ```
#[derive(Clone)]
pub struct Spawner {
    door: LoopProxy,
    home: ThreadId,
}

impl Runner {
    /// A spawner for this runner's loop, to be given to other threads. What they start while
    /// the loop is not run waits for the next run.
    ///
    /// ```
    /// use roundelay_executor::Runner;
    ///
    /// let runner = Runner::new()?;
    /// let home = runner.spawner();
    /// assert_eq!(home.proxy().id(), runner.loop_ref().id());
    /// let thread = std::thread::spawn(move || home.spawn(|| async { "from afar" }));
    /// assert_eq!(runner.run(thread.join().unwrap())??, "from afar");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        Spawner::at_home(self.loop_ref().proxy())
    }
}

impl Spawner {
    /// To be called on the loop's own thread.
    fn at_home(door: LoopProxy) -> Spawner {
        Spawner { door, home: thread::current().id() }
    }

    /// For a job that calls back.
    pub(crate) fn of_host(host: &Host) -> Spawner {
        Spawner { door: host.door.clone(), home: host.home }
    }

    /// Starts a task on the loop: `make` is called there and its future driven there, so the
    /// future need not be `Send`; what it gives must be.
    ///
    /// Returns at once. If the loop is closed, or is closed before it comes to it, `make` is
    /// dropped uncalled and the handle gives [`RemoteError::LoopClosed`]. A panic in `make` is
    /// the task's.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_executor::{LoopThread, yield_now};
    ///
    /// let background = LoopThread::start()?;
    /// let task = background.spawner().spawn(move || async move {
    ///     let counter = Rc::new(Cell::new(0)); // stays there, so `Rc` is welcome
    ///     yield_now().await;
    ///     counter.set(counter.get() + 1);
    ///     counter.get()
    /// });
    /// assert_eq!(task.wait()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "run_coroutine_threadsafe")]
    #[track_caller]
    pub fn spawn<F, M>(&self, make: M) -> RemoteTask<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.order(None, Location::caller(), make)
    }

    /// As [`Spawner::spawn`], with a name for reports and traces.
    ///
    /// ```
    /// use roundelay_executor::{LoopThread, current_task};
    ///
    /// let background = LoopThread::start()?;
    /// let name = || async { current_task().unwrap().name };
    /// assert_eq!(background.spawner().spawn_named("refresh", name).wait()?, "refresh");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_named<F, M>(&self, name: impl Into<String>, make: M) -> RemoteTask<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.order(Some(name.into()), Location::caller(), make)
    }

    fn order<F, M>(
        &self,
        name: Option<String>,
        at: &'static Location<'static>,
        make: M,
    ) -> RemoteTask<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let (reply, answer) = Reply::new();
        let family = Host::family_for(&self.door);
        let order = Order { make, answer, name: name.clone(), at, family };
        // Refused by a closed loop: then the order is dropped, and so answered.
        let _ = self.door.call_soon_threadsafe(move || order.take_up());
        RemoteTask::new(reply, self.door.clone(), self.home, name, at)
    }

    /// Calls `callback` on the loop's thread, soon; never waits. For whoever needs no answer.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped here.
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoopClosed> {
        self.door.call_soon_threadsafe(callback)
    }

    /// The loop's door itself.
    #[must_use]
    pub fn proxy(&self) -> &LoopProxy {
        &self.door
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("loop", &self.door.id()).finish()
    }
}

/// A task that is to be started. Dropped on its way it still answers: fields are dropped in
/// this order, so what the closure captured is gone by then.
struct Order<M, T> {
    make: M,
    answer: Answer<T>,
    name: Option<String>,
    at: &'static Location<'static>,
    /// A cleanup's job ordered it: then it is of that cleanup's family.
    family: Option<Arc<Family>>,
}

impl<M, F> Order<M, F::Output>
where
    M: FnOnce() -> F + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    /// On the loop's thread.
    fn take_up(mut self) {
        let family = self.family.take();
        match family {
            Some(_) => expect_tasks("an order").by_order_of(family, || self.carry_out()),
            None => self.carry_out(),
        }
    }

    fn carry_out(self) {
        let Order { make, answer, name, at, family: _ } = self;
        if answer.is_cancel_requested() {
            drop(make);
            drop(answer.settle(Err(RemoteError::Cancelled)));
            return;
        }
        let mut builder = TaskBuilder::new();
        if let Some(name) = &name {
            builder = builder.name(name.as_str());
        }
        let task = builder.spawn_from(at, async move { make().await });
        if !answer.has_started(task.key()) {
            task.cancel();
        }
        let builder = TaskBuilder::new().name(format!("messenger of {}", task.name()));
        let messenger = Messenger { task: Some(task), answer: Some(answer) };
        builder.spawn_from(at, messenger).detach();
    }
}

/// Awaits a task, and tells its outcome to the other thread.
struct Messenger<T: Send + 'static> {
    task: Option<Task<T>>,
    answer: Option<Answer<T>>,
}

impl<T: Send + 'static> Messenger<T> {
    fn tell(&mut self, who: &str, at: Option<&'static Location<'static>>, outcome: Outcome<T>) {
        let Some(answer) = self.answer.take() else { return };
        let Err(unwanted) = answer.settle(outcome) else { return };
        if let Err(RemoteError::Panicked(panic)) = &unwanted {
            let mut failure = lost_panic(format!("task {who}"), panic);
            failure.origin = at;
            report_here(failure);
        }
    }
}

impl<T: Send + 'static> Future for Messenger<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(task) = &mut self.task else { return Poll::Ready(()) };
        let Poll::Ready(outcome) = Pin::new(&mut *task).poll(cx) else { return Poll::Pending };
        let (name, at) = (task.name(), task.spawned_at());
        self.task = None;
        self.tell(&name, at, outcome.map_err(RemoteError::from));
        Poll::Ready(())
    }
}

impl<T: Send + 'static> Drop for Messenger<T> {
    /// A loop that is closed drops the task first and then its messenger.
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        let (name, at) = (task.name(), task.spawned_at());
        let outcome = match task.try_outcome() {
            Ok(outcome) => outcome.map_err(RemoteError::from),
            Err(task) => {
                task.cancel();
                Err(RemoteError::Cancelled)
            }
        };
        self.tell(&name, at, outcome);
    }
}
