//! A thread's job: the closure, and the slot for what it returns, in one allocation.
//!
//! The handle sees it as "something with a slot of `T`", the queue as "something to run".
//! Neither knows the closure's type, and there is still only one `Arc` for each job.
//!
//! ```text
//!    Job<T> -- Arc<dyn Shared<T>> --\
//!                                    ThreadJob { work: F, slot: Slot<T> }
//!    queue  -- Arc<dyn Runnable> ---/
//! ```
//!
//! # Invariants
//! - The closure leaves `work` once: to be called, or to be dropped by a cancel.
//! - Whatever the user's code does in here (a panic in the call, or in the destructor of a
//!   result that nobody wants), the worker that runs it lives on.
//!
//! Tutorial: the chapter on thread pools. Before this: `headcount.rs`. After this: `crew.rs`.

use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::JobError;
use crate::job::Shared;
use crate::panics::{contain, contain_quietly};
use crate::slot::{Answer, Slot};

pub(crate) struct ThreadJob<F, T> {
    work: Mutex<Option<F>>,
    slot: Slot<T>,
    submitted_at: &'static Location<'static>,
}

/// What a worker thread can do with a job.
pub(crate) trait Runnable: Send + Sync {
    /// The worker takes the job. `None`: it has been cancelled.
    fn start(&self) -> Option<&'static Location<'static>>;

    /// Runs a started job and stores its outcome; `free` as in [`Slot::complete`].
    fn run(self: Arc<Self>, free: &dyn Fn()) -> Ran;

    /// Ends a job that will not be run.
    fn fail(self: Arc<Self>, error: JobError);
}

/// Whether anybody could still take the result of a job that ran.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    Awaited,
    Abandoned,
}

impl<F, T> ThreadJob<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    pub(crate) fn new(work: F, submitted_at: &'static Location<'static>) -> Arc<ThreadJob<F, T>> {
        Arc::new(ThreadJob { work: Mutex::new(Some(work)), slot: Slot::new(), submitted_at })
    }
}

impl<F, T> Runnable for ThreadJob<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn start(&self) -> Option<&'static Location<'static>> {
        self.slot.start().then_some(self.submitted_at)
    }

    fn run(self: Arc<Self>, free: &dyn Fn()) -> Ran {
        let work = self.work.lock().take().expect("a started job still has its closure");
        let outcome = contain(work); // when this returns, the captures are gone, too

        // Nobody else holds the job: no handle, no callback. Then there is nobody to tell, and
        // the result is dropped before the worker counts as free.
        let ran = if Arc::strong_count(&self) == 1 {
            contain_quietly(move || drop(outcome));
            free();
            Ran::Abandoned
        } else {
            self.slot.complete(outcome.map(Answer::Here).map_err(JobError::Panicked), free);
            Ran::Awaited
        };
        // The handle may have been dropped meanwhile; then the result's destructor runs here.
        contain_quietly(move || drop(self));
        ran
    }

    fn fail(self: Arc<Self>, error: JobError) {
        if self.slot.start() {
            self.drop_work();
            self.slot.complete(Err(error), || ());
        }
        contain_quietly(move || drop(self));
    }
}

impl<F, T> Shared<T> for ThreadJob<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn slot(&self) -> &Slot<T> {
        &self.slot
    }

    fn drop_work(&self) {
        // Take, let the lock go, then run the captures' destructors.
        let work = self.work.lock().take();
        contain_quietly(move || drop(work));
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }
}
