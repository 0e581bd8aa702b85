//! Cancel scopes: a piece of code that can be cut short while its surroundings go on.
//!
//! ```text
//!   scope.run(future):   polled ... polled ... cancel() or deadline --> future dropped, None
//!                                                  |
//!                        a shield runs in it ------+--> polled on until the shield has ended
//! ```
//!
//! trio's idea, in a language where cancelling is dropping. A scope that is cancelled drops
//! its future at the first suspension, and that is all there is to "level-triggered": code
//! that is gone cannot go on to a second await. What is left of trio's rules is who may be
//! dropped when, and the answer is: whatever has no shield running in it.
//!
//! # What lies in a scope
//! - Whatever its future awaits: other scopes, `gather`s, groups.
//! - The children of a group that is awaited in it, since the group drops them when it is
//!   dropped. A child that has no shield of its own ends at its own next suspension even if
//!   another child's shield keeps the scope waiting.
//! - Not: tasks that it merely spawns.
//! - What is only borrowed (`scope.run(&mut group)`), until the scope is gone. Then it goes on
//!   where it stood, and lies in whatever scope it is polled in next. From the cancel up to there
//!   its parts wait; only where a shield keeps the scope waiting, children and inner scopes end.
//!
//! # Who is not held up by a shield
//! Whoever drops directly: [`Task::cancel`](crate::Task::cancel), a `timeout`, a lost `race`,
//! a failing group, the end of the run. For work that must be done even then there is
//! [`with_cleanup`](crate::with_cleanup()).
//!
//! # Invariants
//! - A scope swallows only its own cancellation. When an outer one is cancelled the inner is
//!   dropped with everything else, and no code runs in between. (One that was only borrowed goes
//!   on; or says `None` itself, if it had to end while a shield kept the outer one waiting.)
//! - What is cancelled stays cancelled.
//! - A scope that is over cuts nobody.
//! - When `None` comes out, the future has been dropped.
//!
//! Tutorial: chapter 10. Before this: `around.rs`. After this: `scoped.rs`.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::Instant;

use crate::cancel::region::Region;
use crate::current::current_tasks;

/// Cuts one future short: by [`cancel`](CancelScope::cancel), or at a deadline that can be
/// moved. Clones are the same scope.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{CancelScope, run, sleep};
///
/// run(async {
///     let scope = CancelScope::new();
///     let inner = scope.clone();
///     let outcome = scope.run(async move {
///         inner.cancel();
///         sleep(Duration::from_secs(3600)).await; // the first suspension: it ends here
///     });
///     assert_eq!(outcome.await, None);
///     assert!(scope.cancelled_caught());
/// });
/// ```
#[derive(Clone)]
pub struct CancelScope {
    pub(crate) shared: Rc<Shared>,
}

/// What a scope's handles and its future share.
pub(crate) struct Shared {
    pub(crate) region: Rc<Region>,
    pub(crate) deadline: Cell<Deadline>,
    pub(crate) stage: Cell<Stage>,
    pub(crate) caught: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No future was given to it yet.
    New,
    Running,
    /// Its future was dropped on account of a scope further out, whose affair the rest is.
    GaveWay,
    /// Its future is gone.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Never,
    /// So long after the first poll.
    Passed(Duration),
    Reached(Instant),
}

impl CancelScope {
    /// A scope without a deadline.
    #[must_use]
    pub fn new() -> CancelScope {
        CancelScope::with(Deadline::Never)
    }

    /// A scope that is cancelled when so much time has passed since the first poll of its future
    /// began.
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use roundelay_executor::{CancelScope, Runner};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// let scope = CancelScope::after(Duration::from_secs(5));
    /// assert_eq!(runner.run(scope.run(pending::<()>()))?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn after(limit: Duration) -> CancelScope {
        CancelScope::with(Deadline::Passed(limit))
    }

    /// A scope that is cancelled when the loop's clock shows `deadline`. If it does already, the
    /// future is polled once: what is ready gives its result, what is not has been given up in the
    /// next turn.
    ///
    /// ```
    /// use roundelay_executor::{CancelScope, now, run};
    ///
    /// run(async {
    ///     let scope = CancelScope::at(now()); // that is over already
    ///     assert_eq!(scope.run(std::future::pending::<()>()).await, None);
    /// });
    /// ```
    #[must_use]
    pub fn at(deadline: Instant) -> CancelScope {
        CancelScope::with(Deadline::Reached(deadline))
    }

    fn with(deadline: Deadline) -> CancelScope {
        let shared = Shared {
            region: Region::scope(),
            deadline: Cell::new(deadline),
            stage: Cell::new(Stage::New),
            caught: Cell::new(false),
        };
        CancelScope { shared: Rc::new(shared) }
    }

    /// Cancels the scope: its future is dropped at its next suspension outside of a shield,
    /// or, if it waits, in the polling task's next step. `false` if that was asked before, and if
    /// the scope is over: then nobody is cut.
    ///
    /// ```
    /// use roundelay_executor::{CancelScope, run};
    ///
    /// run(async {
    ///     let scope = CancelScope::new();
    ///     assert!(scope.cancel());
    ///     assert!(!scope.cancel()); // it was asked before
    ///     assert_eq!(scope.run(async { "never begun" }).await, None);
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.shared.region.cancel()
    }

    /// Whether the scope was cancelled, be it too late, or its deadline passed before its end.
    #[must_use]
    pub fn cancel_called(&self) -> bool {
        self.shared.region.is_cancelled() || self.is_late()
    }

    /// Whether the scope's future was really cut short. `false` while it still runs, and if
    /// it ended before the cancel reached it.
    ///
    /// ```
    /// use roundelay_executor::{CancelScope, run};
    ///
    /// run(async {
    ///     let scope = CancelScope::new();
    ///     assert_eq!(scope.run(async { 7 }).await, Some(7));
    ///     assert!(!scope.cancel()); // too late to cut anything short
    ///     assert!(scope.cancel_called() && !scope.cancelled_caught());
    /// });
    /// ```
    #[must_use]
    pub fn cancelled_caught(&self) -> bool {
        self.shared.caught.get()
    }

    /// When the scope will be cancelled by itself. `None` if never, and as long as a deadline
    /// that counts from the first poll has not begun to count.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{CancelScope, now, run};
    ///
    /// run(async {
    ///     let moment = now() + Duration::from_secs(5);
    ///     assert_eq!(CancelScope::at(moment).deadline(), Some(moment));
    ///     assert_eq!(CancelScope::after(Duration::from_secs(5)).deadline(), None); // it has not begun
    /// });
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.shared.deadline.get() {
            Deadline::Reached(deadline) => Some(deadline),
            Deadline::Never | Deadline::Passed(_) => None,
        }
    }

    /// Moves the deadline, or takes it away. From inside of the scope or from elsewhere. A
    /// scope that is cancelled stays so.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{CancelScope, Runner, sleep};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let scope = CancelScope::after(Duration::from_millis(1));
    ///     let inner = scope.clone();
    ///     let outcome = scope.run(async move {
    ///         inner.set_deadline(None); // this will take longer, and may
    ///         sleep(Duration::from_millis(3)).await;
    ///     });
    ///     assert_eq!(outcome.await, Some(()));
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "reschedule")]
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        // What has passed by now has passed: it is not taken back.
        if self.is_late() {
            self.shared.region.cancel();
        }
        self.shared.deadline.set(deadline.map_or(Deadline::Never, Deadline::Reached));
        // Whoever polls sets the timer anew.
        self.shared.region.wake();
    }

    fn is_late(&self) -> bool {
        if matches!(self.shared.stage.get(), Stage::GaveWay | Stage::Over) {
            return false;
        }
        let Some(deadline) = self.deadline() else { return false };
        current_tasks().is_some_and(|tasks| tasks.loop_ref.time() >= deadline)
    }
}

impl Default for CancelScope {
    fn default() -> Self {
        CancelScope::new()
    }
}

impl fmt::Debug for CancelScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelScope")
            .field("cancelled", &self.shared.region.is_cancelled())
            .field("caught", &self.cancelled_caught())
            .field("deadline", &self.shared.deadline.get())
            .finish()
    }
}
