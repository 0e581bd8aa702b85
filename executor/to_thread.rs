//! Blocking work, away from the loop.
//!
//! ```text
//!   task:   to_thread(f).await ......................... goes on with f's value
//!                |                                          ^
//!   thread:      +--> f() runs, the loop turns meanwhile ---+ wakes the task
//! ```
//!
//! A thread cannot be stopped. So giving up on the await frees the *task*; the function, if
//! it has begun, runs to its end and its value is dropped.
//!
//! # Invariants
//! - A job that has not begun when its future is dropped never begins.
//! - While a job is awaited, a virtual clock does not jump over it.
//!
//! Tutorial: chapter 15. Before this: `blocking.rs`. After this: `net/readiness.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use roundelay_pools::{Job, JobError};
use roundelay_runtime::{ClockHold, ContextValues, Event, LoopProxy};

use crate::current::expect_tasks;

/// Calls `work` on a thread of the loop's pool, and gives what it returns.
///
/// It is handed to the pool at the first poll; up to that it can be moved about, and
/// nothing happens. It sees the task's [context variables](crate::ContextVar), and what it sets
/// stays with it. For several at once, spawn or [`gather_all`](crate::gather_all()) them.
///
/// # Errors
/// [`JobError`]: it panicked, or the pool is closed.
///
/// *Cancel safety: loses data.* A function that has not begun never will; one that runs
/// goes on to its end, and its value is dropped.
///
/// # Panics
/// When first polled where no event loop runs.
///
/// ```
/// roundelay_executor::run(async {
///     let answer = roundelay_executor::to_thread(|| 6 * 7).await;
///     assert_eq!(answer.unwrap(), 42);
/// });
/// ```
#[doc(alias = "spawn_blocking")]
#[doc(alias = "run_in_executor")]
pub fn to_thread<F, T>(work: F) -> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    ToThread { stage: Stage::New(work) }
}

/// The future of [`to_thread`].
#[must_use = "the work begins when the future is awaited"]
pub struct ToThread<F, T> {
    stage: Stage<F, T>,
}

enum Stage<F, T> {
    New(F),
    Awaited { job: Job<T>, number: u64, home: LoopProxy, ring: Arc<Ring> },
    Over,
}

impl<F, T> Unpin for ToThread<F, T> {}

/// Wakes whoever awaits the job, then lets the clock go: not when the result is taken, for
/// nobody may ever come for it, and not before the wake-up is on its way.
struct Ring {
    clock: Mutex<Option<ClockHold>>,
    waker: Mutex<Option<Waker>>,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
        let clock = lock(&self.clock).take();
        drop(clock);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F, T> Future for ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.stage, Stage::New(_)) {
            let Stage::New(work) = std::mem::replace(&mut self.stage, Stage::Over) else {
                unreachable!("just seen");
            };
            let tasks = expect_tasks("to_thread");
            let home = tasks.loop_ref.proxy();
            let mut values = ContextValues::current();
            let work = move || values.run(work);
            let (number, job) = match tasks.blocking.submit(work) {
                Ok(submitted) => submitted,
                Err(refusal) => return Poll::Ready(Err(JobError::Refused(refusal.to_string()))),
            };
            tasks.loop_ref.observe(|| Event::JobSubmitted { job: number });
            let ring = Arc::new(Ring {
                clock: Mutex::new(Some(home.hold_clock())),
                waker: Mutex::default(),
            });
            self.stage = Stage::Awaited { job, number, home, ring };
        }
        let Stage::Awaited { job, number, home, ring } = &mut self.stage else {
            panic!("a future that has given the job's result is polled again");
        };
        // Cloning and dropping a waker may be foreign code: not under the lock.
        let new = cx.waker().clone();
        let earlier = lock(&ring.waker).replace(new);
        drop(earlier);
        let waker = Waker::from(Arc::clone(ring));
        let Poll::Ready(outcome) = Pin::new(job).poll(&mut Context::from_waker(&waker)) else {
            return Poll::Pending;
        };
        if let Ok(home) = home.local() {
            home.observe(|| Event::JobEnded { job: *number });
        }
        self.stage = Stage::Over;
        Poll::Ready(outcome)
    }
}

impl<F, T> Drop for ToThread<F, T> {
    fn drop(&mut self) {
        if let Stage::Awaited { job, number, home, ring } = &self.stage {
            job.cancel();
            drop(lock(&ring.clock).take());
            if let Ok(home) = home.local() {
                home.observe(|| Event::JobAbandoned { job: *number });
            }
        }
    }
}

impl<F, T> fmt::Debug for ToThread<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::New(_) => "ToThread(new)",
            Stage::Awaited { .. } => "ToThread(awaited)",
            Stage::Over => "ToThread(over)",
        })
    }
}
