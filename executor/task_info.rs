//! Which tasks there are.
//!
//! The table knows all its tasks, so one can always ask who is running, and who has not
//! ended yet.
//!
//! Tutorial: chapter 6. Before this: `current.rs`. After this: `task.rs`.

use std::panic::Location;
use std::time::Duration;

use roundelay_runtime::Key;

use crate::current::current_tasks;
use crate::own_step;
use crate::stage::Stage;
use crate::task_table::{Slot, Tasks};

/// What is known of a task that has not ended.
///
/// A report of one moment: it does not change when the task goes on.
///
/// ```
/// use roundelay_executor::{TaskBuilder, all_tasks, run};
///
/// run(async {
///     TaskBuilder::new().name("gardener").spawn(std::future::pending::<()>()).detach();
///     let names: Vec<_> = all_tasks().into_iter().map(|task| task.name).collect();
///     assert!(names.contains(&"gardener".to_owned()));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number: unique on its loop, never used again.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The line that spawned it; for the main task, the line that called `run`.
    pub spawned_at: &'static Location<'static>,
    /// How long it had lived, on the loop's clock.
    pub age: Duration,
    /// What it was doing.
    pub state: TaskState,
    loop_id: u64,
    key: Key,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It stands in the ready queue, and takes its next step in this turn or the next.
    Scheduled,
    /// It waits to be woken.
    Waiting,
    /// It takes a step: it is the current task, or the current one's first step was taken
    /// inside its own ([`TaskBuilder::eager`](crate::TaskBuilder::eager)).
    Running,
}

impl TaskInfo {
    /// As [`Task::cancel`](crate::Task::cancel). `false` if the task has ended, or if its loop
    /// does not run on this thread.
    ///
    /// ```
    /// use roundelay_executor::{current_task, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let task = spawn(async {
    ///         current_task().unwrap().cancel();
    ///         yield_now().await;
    ///         unreachable!("this await is the last thing it does");
    ///     });
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        let home = current_tasks().filter(|tasks| tasks.loop_ref.id() == self.loop_id);
        home.is_some_and(|tasks| tasks.cancel(self.key))
    }
}

/// The task whose step this is; `None` in a callback and outside a loop.
///
/// ```
/// let name = roundelay_executor::run(async { roundelay_executor::current_task().unwrap().name });
/// assert_eq!(name, "main");
/// ```
#[must_use]
pub fn current_task() -> Option<TaskInfo> {
    let tasks = current_tasks()?;
    let key = own_step::task()?;
    tasks.with(key, |slot| tasks.info(slot, key))
}

/// All tasks of this thread's loop that have not ended, the oldest first. Empty outside a
/// loop.
///
/// ```
/// use roundelay_executor::{TaskBuilder, all_tasks, run, sleep};
///
/// run(async {
///     let _nap = TaskBuilder::new().name("nap").spawn(sleep(std::time::Duration::MAX));
///     let names: Vec<_> = all_tasks().into_iter().map(|task| task.name).collect();
///     assert_eq!(names, ["main", "nap"]);
/// });
/// ```
#[must_use]
pub fn all_tasks() -> Vec<TaskInfo> {
    current_tasks().map_or_else(Vec::new, |tasks| tasks.unfinished())
}

impl Tasks {
    /// All that have not ended, the oldest first.
    pub(crate) fn unfinished(&self) -> Vec<TaskInfo> {
        let mut found: Vec<TaskInfo> = {
            let slots = self.slots.borrow();
            let live = slots.iter().filter(|(_, slot)| !slot.stage.has_ended());
            live.map(|(key, slot)| self.info(slot, key)).collect()
        };
        found.sort_unstable_by_key(|task| task.id);
        found
    }

    fn info(&self, slot: &Slot, key: Key) -> TaskInfo {
        let state = match slot.stage {
            Stage::Out => TaskState::Running,
            Stage::Main if self.main_is_out.get() => TaskState::Running,
            _ if slot.scheduled => TaskState::Scheduled,
            _ => TaskState::Waiting,
        };
        TaskInfo {
            id: slot.id,
            name: slot.display_name(),
            spawned_at: slot.spawned_at,
            age: self.loop_ref.latest().since(slot.born),
            state,
            loop_id: self.loop_ref.id(),
            key,
        }
    }
}
