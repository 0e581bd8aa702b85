//! Running: from the first step of the main future to an empty loop.
//!
//! ```text
//!   run(main):  loop, turn after turn, until main has ended
//!               cancel every other task, and turn until each has unwound and the
//!               callbacks at their ends have been called
//!               turn until the cleanups that these have left have ended
//!               let the thread pool finish its jobs
//!               close the loop
//!               return what main returned
//! ```
//!
//! This is the order of `asyncio.run`. The main future is the one future that the loop does
//! not own: it is lent, so it may borrow from whoever calls `run`.
//!
//! # Invariants
//! - When `run` returns, no task of its loop exists, no thread of its pool runs, and the
//!   loop is closed.
//! - One loop per thread: `run` inside `run` is refused, and the refusal names both places.
//!
//! Tutorial: chapter 8. Before this: `interrupt.rs`. After this: `dump.rs`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use roundelay_runtime::{
    ContextValues, EventLoop, Failure, FailureKind, LoopRef, RunError, Signal, TaskEnd,
};

use crate::current;
use crate::dump::Dump;
use crate::dump_on::DumpOnSignal;
use crate::inspection::server::Inspector;
use crate::interrupt::Interrupt;
use crate::task_table::Tasks;

/// Runs `main` on a new event loop, and returns its output when everything is cleaned up.
///
/// When `main` has ended, all other tasks are cancelled and unwound, their
/// [cleanups](crate::with_cleanup()) end, the loop's thread pool finishes the jobs that it was
/// given, and the loop is closed. `main` may borrow.
///
/// A panic in `main` comes out of `run` after that.
///
/// # Panics
/// With the text of a [`RunError`]: if a loop already runs on this thread, if the system
/// has no descriptors left, if somebody stops the loop, or if nothing can ever happen any
/// more. [`Runner::run`] returns them instead.
///
/// ```
/// let mut greeting = String::from("hello");
/// roundelay_executor::run(async {
///     greeting.push_str(", world");
/// });
/// assert_eq!(greeting, "hello, world");
/// ```
#[doc(alias = "block_on")]
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    // Not `and_then`: inside a closure the caller's line would be lost.
    let outcome = match Runner::new() {
        Ok(runner) => runner.run(main),
        Err(error) => Err(error),
    };
    // The runner is closed by now.
    match outcome {
        Ok(output) => output,
        Err(error) => panic!("roundelay::run: {error}"),
    }
}

/// One loop for several runs.
///
/// Tasks stay alive between the runs, and are paused then: a loop turns only while it is
/// run. Dropping the runner, or [`Runner::close`], does the clean-up of [`run`].
///
/// All main futures of one runner share their [context variables](crate::ContextVar): the
/// first begins with a copy of those that were set when the runner was built, each later one
/// with what the one before has left. Nothing of that comes back to whoever runs it.
///
/// ```
/// use roundelay_executor::{Runner, spawn};
///
/// let runner = Runner::new()?;
/// let task = runner.run(async { spawn(async { 6 * 7 }) })?;
/// assert_eq!(runner.run(task)?.unwrap(), 42);
/// runner.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Runner {
    event_loop: EventLoop,
    tasks: Rc<Tasks>,
    patience: Duration,
    watched: Watched,
    /// The context variables of its main tasks, kept from run to run.
    values: Cell<ContextValues>,
    /// Dropped last: then everything has been told.
    #[cfg(feature = "trace")]
    pub(crate) _trace: Option<crate::trace::SavedAtEnd>,
}

/// What comes from outside of the program, and is looked out for.
pub(crate) struct Watched {
    /// Ctrl-C cancels the main task.
    pub(crate) ctrl_c: bool,
    /// This signal asks for a dump.
    pub(crate) dump_on: Option<Signal>,
    /// Others may ask for one. (Kept, and closed with the runner.)
    #[expect(dead_code, reason = "it works until it is dropped")]
    pub(crate) inspector: Option<Inspector>,
}

impl Runner {
    /// A runner around its parts: see `runner_builder.rs`.
    pub(crate) fn with_parts(
        event_loop: EventLoop,
        tasks: Rc<Tasks>,
        patience: Duration,
        watched: Watched,
    ) -> Runner {
        let values = Cell::new(ContextValues::current());
        Runner {
            event_loop,
            tasks,
            patience,
            watched,
            values,
            #[cfg(feature = "trace")]
            _trace: None,
        }
    }

    /// Keeps what writes the run's trace when everything else is gone.
    #[cfg(feature = "trace")]
    pub(crate) fn with_trace(mut self, trace: Option<crate::trace::SavedAtEnd>) -> Runner {
        self._trace = trace;
        self
    }

    /// Runs `main` to its end and returns its output. Other tasks stay.
    ///
    /// # Errors
    /// [`RunError`], for all the ways in which a run can end before its main future does.
    ///
    /// # Panics
    /// If `main` does, with the same payload.
    ///
    /// ```
    /// use roundelay_executor::Runner;
    /// use roundelay_runtime::RunError;
    ///
    /// let runner = Runner::new()?;
    /// assert_eq!(runner.run(async { 6 * 7 })?, 42);
    /// runner.loop_ref().stop();
    /// let stopped = runner.run(std::future::pending::<()>());
    /// assert!(matches!(stopped, Err(RunError::Stopped)));
    /// # Ok::<(), RunError>(())
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, RunError> {
        let at = Location::caller();
        if let Some(running) = roundelay_runtime::running_since() {
            return Err(RunError::Nested { outer: running, inner: at });
        }
        let _entered = current::enter(&self.tasks);
        let tasks = &self.tasks;
        let mut main = pin!(Some(main));
        let mut end = None;
        // The loop ends one turn after main has: in that turn asyncio calls the done
        // callbacks, and what was scheduled together with them still runs.
        let key = tasks.spawn_main(at, self.values.take());
        let (interrupt, refused) = match Interrupt::watch(self.watched.ctrl_c, tasks, key) {
            Ok(interrupt) => (interrupt, None),
            Err(error) => (None, Some(error)),
        };
        let (_dumps, refused) = match DumpOnSignal::watch(self.watched.dump_on, tasks) {
            Ok(dumps) => (dumps, refused),
            Err(error) => (None, Some(error)),
        };
        let mut step = || {
            if end.is_some() {
                return self.event_loop.stop();
            }
            let ended = if tasks.main_begins_step(key) {
                MainEnd::Cancelled
            } else {
                let future = main.as_mut().as_pin_mut();
                let future = future.expect("the main future stays until it has ended");
                match tasks.step_main(key, |cx| future.poll(cx)) {
                    Ok(Poll::Pending) => return,
                    Ok(Poll::Ready(_)) if tasks.is_cancel_requested(key) => MainEnd::Cancelled,
                    Ok(Poll::Ready(output)) => MainEnd::Finished(output),
                    Err(payload) => MainEnd::Panicked(payload),
                }
            };
            self.values.set(tasks.main_ends(key, ended.kind(), || main.set(None)));
            end = Some(ended);
            self.event_loop.call_main_soon();
        };
        // Not in a closure: the caller's line would be lost.
        let outcome = match refused {
            None => self.event_loop.run_with(&mut step),
            Some(error) => Err(error.into()),
        };
        let interrupted = interrupt.is_some_and(Interrupt::end);
        if end.is_none() {
            self.values.set(tasks.main_ends(key, TaskEnd::Cancelled, || main.set(None)));
        }
        if let Err(failed @ RunError::Failed(_)) = outcome {
            return Err(failed);
        }
        match (end, outcome) {
            (Some(MainEnd::Panicked(payload)), _) => resume_unwind(payload),
            (None, Err(error)) if !matches!(error, RunError::Stopped) => Err(error),
            // Whatever else has happened in its last turn: see `interrupt.rs`.
            _ if interrupted => Err(RunError::Interrupted),
            (Some(MainEnd::Finished(output)), _) => Ok(output),
            (Some(MainEnd::Cancelled), _) => Err(RunError::Cancelled),
            (None, _) => Err(RunError::Stopped),
        }
    }

    /// The loop, to schedule callbacks on between runs.
    ///
    /// ```
    /// let runner = roundelay_executor::Runner::new()?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// runner.loop_ref().call_soon(move || sender.send("called").unwrap());
    /// runner.run(roundelay_executor::yield_now())?;
    /// assert_eq!(receiver.try_recv(), Ok("called"));
    /// # Ok::<(), roundelay_runtime::RunError>(())
    /// ```
    #[must_use]
    pub fn loop_ref(&self) -> &LoopRef {
        self.event_loop.loop_ref()
    }

    /// A [dump](crate::dump()) of this runner's loop.
    ///
    /// ```
    /// use roundelay_executor::{Runner, TaskBuilder};
    ///
    /// let runner = Runner::new()?;
    /// runner.run(async {
    ///     TaskBuilder::new().name("waits").spawn(std::future::pending::<()>()).detach();
    /// })?;
    /// assert!(runner.dump().to_string().contains("waits"));
    /// # Ok::<(), roundelay_runtime::RunError>(())
    /// ```
    #[must_use]
    pub fn dump(&self) -> Dump {
        self.tasks.dump()
    }

    /// Cancels all tasks and unwinds them, lets their cleanups and the thread pool finish,
    /// closes the loop: the same as dropping the runner.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use roundelay_executor::{Runner, spawn};
    ///
    /// let runner = Runner::new()?;
    /// let held = Rc::new(Cell::new(0));
    /// let inside = held.clone();
    /// runner.run(async move {
    ///     spawn(async move {
    ///         inside.set(1);
    ///         std::future::pending::<()>().await
    ///     })
    ///     .detach();
    /// })?;
    /// runner.close();
    /// assert_eq!(Rc::strong_count(&held), 1); // the task has let go of it
    /// # Ok::<(), roundelay_runtime::RunError>(())
    /// ```
    pub fn close(self) {}

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Asks every task to end and turns the loop until all have. A task that is born of
    /// another's destructor is asked as well; a family that never dies out is cut off.
    ///
    /// Turns in which nobody was asked are not counted: then only cleanups are left with their
    /// families, and each ends within its limit. Cleanups that leave cleanups, and so on without
    /// end, are a family that never dies out, too.
    fn cancel_and_unwind(&self) {
        if self.tasks.live() == 0 {
            return;
        }
        let mut generations = 0;
        let mut deepest = self.tasks.deepest_family.get();
        while generations < GENERATIONS {
            // When nobody is left there is one more turn, for the callbacks that the last ends
            // have queued. (The empty one sees to it that this turn does not wait.)
            let last_turn = self.tasks.live() == 0;
            if last_turn {
                let _ = self.event_loop.call_soon(|| ());
            }
            let anybody_asked = self.tasks.cancel_all() > 0;
            let earlier = std::mem::replace(&mut deepest, self.tasks.deepest_family.get());
            generations += usize::from(anybody_asked || earlier < deepest);
            if self.event_loop.run_once().is_err() || (last_turn && self.tasks.live() == 0) {
                return;
            }
        }
    }

    /// Debug mode tells which tasks have not ended by themselves.
    fn warn_of_leftovers(&self) {
        if !self.event_loop.is_debug() {
            return;
        }
        for task in self.tasks.unfinished() {
            let who = format!("task {} ({})", task.id, task.name);
            let message = "it had not ended when its loop was closed, and is cancelled; await it, \
                           cancel it, or put it into a group";
            let warning = Failure::new(FailureKind::LeftBehind, who, message);
            self.event_loop.warn(warning.origin(task.spawned_at).age(task.age));
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _entered = current::enter(&self.tasks);
        self.event_loop.begin_closing();
        self.warn_of_leftovers();
        self.cancel_and_unwind();
        // A job in a thread may be waiting for an answer of this loop. It gets none any more, and
        // hears so, before the loop waits for the job.
        self.tasks.close();
        self.event_loop.close_door();
        self.tasks.blocking.close(self.patience);
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("loop", self.loop_ref())
            .field("tasks", &self.tasks.live())
            .finish_non_exhaustive()
    }
}

/// How many generations of tasks a closing runner unwinds one after the other.
const GENERATIONS: usize = 1000;

enum MainEnd<T> {
    Finished(T),
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

impl<T> MainEnd<T> {
    fn kind(&self) -> TaskEnd {
        match self {
            MainEnd::Finished(_) => TaskEnd::Finished,
            MainEnd::Cancelled => TaskEnd::Cancelled,
            MainEnd::Panicked(_) => TaskEnd::Panicked,
        }
    }
}
