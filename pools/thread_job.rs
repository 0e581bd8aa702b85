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
//! - A job runs where the queue says, with one exception: a worker of the same pool that blocks
//!   until the job is done runs it itself, if nobody has begun. Otherwise a pool whose threads
//!   all wait for queued jobs would wait for ever. (One that blocks until *any* of several is done:
//!   if nobody has begun any of them, see `bell.rs`.)
//! - Whatever the user's code does in here (a panic in the call, or in the destructor of a
//!   result that nobody wants), the worker that runs it lives on.
//!
//! Tutorial: the chapter on thread pools. Before this: `out_of_turn.rs`. After this: `roll.rs`.

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ending::employer;
use crate::error::JobError;
use crate::job::Shared;
use crate::out_of_turn::apart;
use crate::panics::{contain, contain_quietly};
use crate::slot::{Answer, Callback, Slot};

pub(crate) struct ThreadJob<F, T> {
    work: Mutex<Option<F>>,
    slot: Slot<T>,
    submitted_at: &'static Location<'static>,
    /// The pool's number: whose workers may run it while they wait.
    pool: u64,
}

/// What a worker thread can do with a job.
pub(crate) trait Runnable: Send + Sync {
    /// The worker takes the job. `None`: it has been cancelled.
    fn start(&self) -> Option<&'static Location<'static>>;

    /// Runs a started job and stores its outcome; `free` as in [`Slot::complete`].
    fn run(self: Arc<Self>, free: &dyn Fn()) -> Ran;

    /// Ends a job that will not be run; `gone` as in [`Slot::complete_unrun`]. Gives it back if
    /// it has ended already, or somebody else has it and ends it.
    fn fail(self: Arc<Self>, error: JobError, gone: &dyn Fn()) -> Result<(), Arc<dyn Runnable>>;

    /// Somebody is just cancelling it: it has not ended before what it captured is gone.
    fn is_withdrawn(&self) -> bool;

    /// See [`Slot::when_gone`].
    fn when_gone(&self, gone: Callback) -> Option<Callback>;
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
    pub(crate) fn new(
        work: F,
        submitted_at: &'static Location<'static>,
        pool: u64,
    ) -> Arc<ThreadJob<F, T>> {
        Arc::new(ThreadJob { work: Mutex::new(Some(work)), slot: Slot::new(), submitted_at, pool })
    }

    fn take_work(&self) -> F {
        self.work.lock().take().expect("a started job still has its closure")
    }
}

thread_local! {
    static RAN_WHILE_WAITING: Cell<u64> = const { Cell::new(0) };
}

/// How many jobs this thread ran while it waited for them, since it was last asked.
pub(crate) fn take_ran_while_waiting() -> u64 {
    RAN_WHILE_WAITING.with(Cell::take)
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
        let outcome = contain(self.take_work()); // when this returns, the captures are gone, too

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

    fn fail(self: Arc<Self>, error: JobError, gone: &dyn Fn()) -> Result<(), Arc<dyn Runnable>> {
        if !self.slot.start() {
            return Err(self);
        }
        self.drop_work();
        self.slot.complete_unrun(error, gone);
        contain_quietly(move || drop(self));
        Ok(())
    }

    fn is_withdrawn(&self) -> bool {
        self.slot.is_withdrawn()
    }

    fn when_gone(&self, gone: Callback) -> Option<Callback> {
        self.slot.when_gone(gone)
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

    fn is_own_job(&self) -> bool {
        employer() == self.pool
    }

    fn run_here(self: Arc<Self>) -> bool {
        let mine = self.is_own_job() && self.slot.start();
        if mine {
            apart(|| {
                let outcome = contain(self.take_work());
                RAN_WHILE_WAITING.with(|count| count.set(count.get() + 1));
                // This thread is not free: it goes on with the job that has waited for this one.
                // The empty place in the queue is found by another, or by this one later.
                self.slot.complete(outcome.map(Answer::Here).map_err(JobError::Panicked), || ());
            });
        }
        mine
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }
}
