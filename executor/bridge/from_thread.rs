//! From a job back into the loop that awaits it.
//!
//! ```text
//!   task:    to_thread(f).await ...................................... goes on
//!   thread:    f: .. from_thread(|| async { .. }) (waits) .. goes on ..  ^
//!   loop:                 +--> a task of its own --> answer --^
//! ```
//!
//! Inside a function in a thread, what must be awaited is handed to the loop, and the thread
//! waits for the answer. trio and anyio call it `from_thread.run`.
//!
//! # Invariants
//! - The call lives no longer than the one who awaits the job: when the host gives up, the
//!   call is cancelled, and later ones are refused. A function that uses `?` on them so ends
//!   soon after its host.
//!
//! Tutorial: chapter 18. Before this: `loop_thread.rs`. After this: `../random.rs`.

use std::fmt;
use std::future::Future;

use crate::bridge::remote_error::RemoteError;
use crate::bridge::spawner::Spawner;
use crate::host::Host;

/// Runs a future on the loop that awaits this job, and blocks this thread for its output.
///
/// For functions that run in [`to_thread`](crate::to_thread()) or
/// [`run_on`](crate::run_on()). `make` is called on the loop's thread, so its future need not
/// be `Send`. It is a task of its own, in which [`current_task`](crate::current_task()) is not
/// the host.
///
/// # Errors
/// [`FromThreadError`]: outside of such a job, when the host has given up, and for every way
/// in which the call itself can end without an output.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{from_thread, run, sleep, to_thread};
///
/// let total = run(to_thread(|| {
///     let half = 21; // blocking work ...
///     from_thread(move || async move {
///         sleep(Duration::from_millis(1)).await; // ... and waiting in between
///         half * 2
///     })
/// }));
/// assert_eq!(total.unwrap().unwrap(), 42);
/// ```
#[track_caller]
pub fn from_thread<F, M>(make: M) -> Result<F::Output, FromThreadError>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let host = Host::current().ok_or(FromThreadError::OutsideJob)?;
    if host.is_gone() {
        return Err(FromThreadError::HostGone);
    }
    let call = Spawner::of_host(&host).spawn(make);
    let cancel = call.canceller();
    if !host.begin_call(cancel) {
        call.cancel();
    }
    let outcome = call.wait();
    host.end_call();
    outcome.map_err(|error| match error {
        RemoteError::Cancelled | RemoteError::LoopClosed if host.is_gone() => {
            FromThreadError::HostGone
        }
        error => FromThreadError::Call(error),
    })
}

/// Whether this thread runs a job that nobody awaits any more: its task was cancelled, or its
/// time limit has passed. `false` outside of a job.
///
/// A thread cannot be stopped. A function with a long loop asks this now and then, and stops
/// by itself.
///
/// ```
/// use roundelay_executor::{is_host_gone, run, to_thread};
///
/// run(to_thread(|| {
///     for _portion in 0..10 {
///         if is_host_gone() {
///             return; // nobody wants the rest
///         }
///     }
/// }))
/// .unwrap();
/// ```
#[doc(alias = "check_cancelled")]
#[must_use]
pub fn is_host_gone() -> bool {
    Host::current().is_some_and(|host| host.is_gone())
}

/// Why [`from_thread`] has no output.
#[derive(Debug)]
#[non_exhaustive]
pub enum FromThreadError {
    /// This thread does not run a job that a loop awaits.
    OutsideJob,
    /// Nobody awaits this job any more.
    HostGone,
    /// The call itself ended without an output.
    Call(RemoteError),
}

impl fmt::Display for FromThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FromThreadError::OutsideJob => {
                "this thread runs no job that an event loop awaits, so there is no loop to call \
                 back into; use a Spawner, or call it inside `to_thread` or `run_on`"
            }
            FromThreadError::HostGone => {
                "nobody awaits this job any more: its task was cancelled, gave up, or was closed \
                 with its loop; end the function"
            }
            FromThreadError::Call(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for FromThreadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FromThreadError::Call(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
