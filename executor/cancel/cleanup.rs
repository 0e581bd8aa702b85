//! Cleanup that may await, and runs on every way out.
//!
//! A destructor cannot await, and after a cancel nothing of a future runs but destructors.
//! So the cleanup is a future of its own: awaited in place when all goes well, and handed to
//! the loop as a task when its owner is dropped, however far it has come by then.
//!
//! ```text
//!   with_cleanup(work, cleanup, limit):
//!      work ends ------------------------> cleanup, in place -------> work's output
//!      work is dropped, or panics -------> cleanup, as a task of the loop
//!      dropped in the middle of cleanup -> the rest of it, as a task of the loop
//! ```
//!
//! # Invariants
//! - Once the work was polled, the cleanup runs exactly once: to its end, or to its limit.
//! - A loop that closes cancels everybody else, and lets each cleanup go on until it has ended or
//!   reached its limit, and what it has spawned (or ordered from a thread of its own) as long as
//!   the cleanup itself.
//! - Nobody has the handle of such a task: it cannot be cancelled by accident.
//!
//! Tutorial: chapter 10. Before this: `move_on.rs`. After this: `stop.rs`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use roundelay_runtime::{ContextValues, Failure, FailureKind, contain};

use crate::current::expect_tasks;
use crate::task::start;
use crate::task_table::{Extras, Tasks};
use crate::time::timeout::timeout;

/// Awaits `work`, then `cleanup`, and gives the work's output. If it is dropped in between,
/// for example because its task is cancelled, the cleanup (or what is left of it) runs as a
/// task of the loop, in the turns after.
///
/// The cleanup has `limit` as time, counted as for a [`timeout`](crate::timeout()). If it takes
/// longer it is dropped, and that is reported to the loop's failure policy, as are its panic and a cleanup
/// that could not run because its loop is closed. A runner that closes waits for it up to
/// that limit.
///
/// If it is dropped before its first poll, nothing was begun and nothing is cleaned up.
///
/// *Cancel safety:* that of `work`; the cleanup is never lost.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{run, sleep, spawn, with_cleanup, yield_now};
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// run(async {
///     let goodbye = async move {
///         sleep(Duration::from_millis(1)).await; // a destructor could not do this
///         sender.send("goodbye").unwrap();
///     };
///     let work = std::future::pending::<()>();
///     let task = spawn(with_cleanup(work, goodbye, Duration::from_secs(5)));
///     yield_now().await;
///     task.cancel();
/// });
/// assert_eq!(receiver.recv(), Ok("goodbye"));
/// ```
#[doc(alias = "finally")]
#[track_caller]
pub fn with_cleanup<F, C>(
    work: F,
    cleanup: C,
    limit: Duration,
) -> impl Future<Output = F::Output> + use<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    let at = Location::caller();
    async move {
        // Declared first, so dropped last: the work is gone when the cleanup begins.
        let cleanup = Cleanup::new(expect_tasks("with_cleanup"), cleanup, limit, at);
        let output = work.await;
        cleanup.await;
        output
    }
}

/// Acquires a resource, lends it to `body`, and releases it on every way out: as
/// [`with_cleanup`] does, with `release(resource)` as the cleanup.
///
/// The resource is released exactly once if it was acquired, also when the body fails,
/// panics or is dropped, and by the time that happens the body's future is gone. It is
/// Python's `async with`.
///
/// # Errors
/// Those of `acquire`, after which nothing is released, and of `body`.
///
/// *Cancel safety:* that of `acquire` and of `body`; the release is never lost.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{run, with_resource};
///
/// let length = run(with_resource(
///     async { Ok::<_, String>(String::from("connection")) },
///     async |connection: &mut String| Ok(connection.len()),
///     |connection| async move { assert_eq!(connection, "connection") },
///     Duration::from_secs(1),
/// ));
/// assert_eq!(length, Ok(10));
/// ```
#[doc(alias = "async with")]
#[doc(alias = "bracket")]
#[track_caller]
pub fn with_resource<R, T, E, A, B, L, C>(
    acquire: A,
    body: B,
    release: L,
    limit: Duration,
) -> impl Future<Output = Result<T, E>> + use<R, T, E, A, B, L, C>
where
    R: 'static,
    A: Future<Output = Result<R, E>>,
    B: AsyncFnOnce(&mut R) -> Result<T, E>,
    L: FnOnce(R) -> C + 'static,
    C: Future<Output = ()> + 'static,
{
    let at = Location::caller();
    async move {
        let home = expect_tasks("with_resource");
        let mut lent = Lent { kept: Some((acquire.await?, release)), home, limit, at };
        let output = body(lent.resource()).await;
        if let Some(cleanup) = lent.give_back() {
            cleanup.await;
        }
        output
    }
}

/// A resource, and how to release it.
struct Lent<R, L, C>
where
    L: FnOnce(R) -> C,
    C: Future<Output = ()> + 'static,
{
    kept: Option<(R, L)>,
    home: Rc<Tasks>,
    limit: Duration,
    at: &'static Location<'static>,
}

impl<R, L, C> Lent<R, L, C>
where
    L: FnOnce(R) -> C,
    C: Future<Output = ()> + 'static,
{
    fn resource(&mut self) -> &mut R {
        let (resource, _) = self.kept.as_mut().expect("a resource stays until it is given back");
        resource
    }

    fn give_back(&mut self) -> Option<Cleanup> {
        let (resource, release) = self.kept.take()?;
        Some(Cleanup::new(Rc::clone(&self.home), release(resource), self.limit, self.at))
    }
}

impl<R, L, C> Drop for Lent<R, L, C>
where
    L: FnOnce(R) -> C,
    C: Future<Output = ()> + 'static,
{
    fn drop(&mut self) {
        // Dropped unpolled, a cleanup becomes a task. To make it is foreign code, and this may be
        // called while the body's panic unwinds.
        let (policy, at) = (self.home.loop_ref.clone(), self.at);
        if let Err(message) = contain(|| drop(self.give_back())) {
            policy.report(Failure::new(FailureKind::TaskPanicked, "a cleanup", message).origin(at));
        }
    }
}

/// A cleanup that nothing stops: what is left of it when it is dropped becomes a task.
struct Cleanup {
    /// `None` when it has ended, and while it is polled: one that panics has ended.
    rest: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// The loop on which it was begun: still the right one if it is dropped elsewhere.
    home: Rc<Tasks>,
    at: &'static Location<'static>,
}

impl Cleanup {
    fn new(
        home: Rc<Tasks>,
        cleanup: impl Future<Output = ()> + 'static,
        limit: Duration,
        at: &'static Location<'static>,
    ) -> Cleanup {
        let policy = home.loop_ref.clone();
        // Boxed, so that it can move into a task after it was polled here.
        let rest = Box::pin(async move {
            if timeout(limit, cleanup).await.is_err() {
                let late = format!("it had not ended after {limit:?} and was dropped");
                policy.report(lost(late, at));
            }
        });
        Cleanup { rest: Some(rest), home, at }
    }
}

impl Future for Cleanup {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut rest) = self.rest.take() else { return Poll::Ready(()) };
        let polled = rest.as_mut().poll(cx);
        if polled.is_pending() {
            self.rest = Some(rest);
        }
        polled
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let Some(rest) = self.rest.take() else { return };
        if self.home.closed.get() {
            let never = "it could not run: its event loop is closed".to_owned();
            self.home.loop_ref.report(lost(never, self.at));
            if let Err(message) = contain(|| drop(rest)) {
                let kind = FailureKind::DestructorPanicked;
                let failure = Failure::new(kind, "a cleanup", message);
                self.home.loop_ref.report(failure.origin(self.at));
            }
            return;
        }
        spawn_cleanup(&self.home, rest, self.at);
    }
}

fn lost(how: String, at: &'static Location<'static>) -> Failure {
    Failure::new(FailureKind::TaskFailed, "a cleanup", how).origin(at)
}

/// Spawns a cleanup: a task without a handle, which a closing loop waits for.
fn spawn_cleanup(
    tasks: &Rc<Tasks>,
    cleanup: impl Future<Output = ()> + 'static,
    at: &'static Location<'static>,
) {
    let (family, counted) = tasks.expect_cleanup();
    let future = async move {
        let _counted = counted;
        cleanup.await;
    };
    let extras = Extras::of_new(Some("cleanup".into()), ContextValues::current());
    let task = start(Rc::clone(tasks), future, at, extras, false);
    tasks.mark_cleanup(task.key, family);
    task.detach();
}
