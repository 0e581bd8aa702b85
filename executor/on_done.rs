//! Hearing that a task has really ended.
//!
//! Awaiting is for tasks. A callback needs none: it is queued when the task ends. Both hear of
//! the end only when the task's future has been dropped, so whoever cancels can wait for that.
//!
//! # Invariants
//! - The callback is never called inside `on_done`, nor inside the task's last step: always
//!   from the ready queue, also if the task has ended long ago.
//!
//! Tutorial: chapters 4 and 6. Before this: `task.rs`. After this: `context_scope.rs`.

use std::fmt;
use std::rc::Rc;

use roundelay_runtime::{ContextValues, Key};

use crate::done_callbacks::TaskEnded;
use crate::error::TaskError;
use crate::task::Task;
use crate::task_table::Tasks;

impl<T> Task<T> {
    /// Calls `callback` when the task has ended and its future has been dropped.
    ///
    /// Callbacks are queued in the order in which they were registered, whoever awaits the
    /// handle among them, and are called in the next turn. If the task has ended already, the
    /// callback is queued at once. It sees the [context variables](crate::ContextVar) of this
    /// moment. A panic in it is reported to the loop's failure policy, and the next one is
    /// called all the same. If the loop is closed before its turn comes, it is dropped uncalled.
    ///
    /// The callback hears how the task ended, not with what: see [`TaskEnded`]. It stays when
    /// the handle is dropped.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn, yield_now};
    ///
    /// run(async {
    ///     let task = spawn(async {});
    ///     task.on_done(|ended| println!("{} has ended: {:?}", ended.name, ended.how));
    ///     task.await.unwrap();
    /// });
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done(&self, callback: impl FnOnce(TaskEnded) + 'static) -> OnDone {
        let mut values = ContextValues::current();
        let callback = Box::new(move |ended| values.run(|| callback(ended)));
        let number = self.tasks.add_done_callback(self.key, callback);
        OnDone { tasks: Rc::clone(&self.tasks), key: self.key, number }
    }
}

impl<T: 'static> Task<T> {
    /// Asks the task to end and waits until its future has really been dropped.
    ///
    /// # Errors
    /// [`TaskError::Cancelled`], as a rule. The task may have ended before it was asked: then
    /// this is its outcome, output or panic.
    ///
    /// *Cancel safety: safe.* The task stays cancelled; nobody waits for its end any more.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn};
    ///
    /// run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    /// });
    /// ```
    #[doc(alias = "abort_and_wait")]
    pub async fn cancel_and_wait(self) -> Result<T, TaskError> {
        self.cancel();
        self.await
    }
}

/// Takes back a callback that [`Task::on_done`] has registered. Dropping this changes nothing.
pub struct OnDone {
    tasks: Rc<Tasks>,
    key: Key,
    number: u64,
}

impl OnDone {
    /// Makes sure that the callback is not called, and drops it. `false` if the task has ended
    /// or if it was removed before.
    ///
    /// ```
    /// use roundelay_executor::{run, spawn};
    ///
    /// run(async {
    ///     let task = spawn(async {});
    ///     let registered = task.on_done(|_| panic!("not called"));
    ///     assert!(registered.remove());
    ///     assert!(!registered.remove());
    ///     task.await.unwrap();
    /// });
    /// ```
    #[doc(alias = "remove_done_callback")]
    pub fn remove(&self) -> bool {
        self.tasks.remove_done_callback(self.key, self.number)
    }
}

impl fmt::Debug for OnDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDone").field("task", &self.tasks.name(self.key)).finish()
    }
}
