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
//!
//! # Who is not held up by a shield
//! Whoever drops directly: [`Task::cancel`](crate::Task::cancel), a `timeout`, a lost `race`,
//! a failing group, the end of the run. For work that must be done even then there is
//! [`with_cleanup`](crate::with_cleanup()).
//!
//! # Invariants
//! - A scope swallows only its own cancellation. When an outer one is cancelled the inner is
//!   dropped with everything else, and no code runs in between.
//! - What is cancelled stays cancelled.
//! - When `None` comes out, the future has been dropped.
//!
//! Tutorial: chapter 10. Before this: `region.rs`. After this: `shield.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::cancel::region::{Region, innermost};
use crate::current::current_tasks;
use crate::time::sleep::{Sleep, now, sleep_until};

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
    shared: Rc<Shared>,
}

struct Shared {
    region: Rc<Region>,
    deadline: Cell<Deadline>,
    stage: Cell<Stage>,
    caught: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No future was given to it yet.
    New,
    Running,
    /// Its future is gone.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
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

    /// A scope that is cancelled when so much time has passed since its future was first
    /// polled.
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

    /// A scope that is cancelled when the loop's clock shows `deadline`.
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

    /// Awaits `future` until the scope is cancelled. `None` if it had to be cut short.
    ///
    /// An explicit cancel wins over a result that is there in the same turn; a result wins
    /// over a deadline, as in [`timeout`](crate::timeout()). A future that ends in the very
    /// step in which it cancels its own scope has ended: `Some`. In a scope that is cancelled
    /// before the first poll it never begins.
    ///
    /// *Cancel safety:* that of `future`.
    ///
    /// # Panics
    /// If a future was given to this scope before: a scope guards one. When polled where no
    /// event loop runs, if it has a deadline.
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> Scoped<F> {
        assert!(
            self.shared.stage.replace(Stage::Running) == Stage::New,
            "a cancel scope guards one future, and this one was given one before; make a new \
             `CancelScope` for each"
        );
        Scoped { future: Some(future), scope: self.clone(), timer: None }
    }

    /// Cancels the scope: its future is dropped at its next suspension outside of a shield,
    /// or, if it waits, in the polling task's next step. `false` if that was asked before.
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

    /// Whether the scope was cancelled, or its deadline has passed.
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
    ///     scope.cancel(); // too late to cut anything short
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
    /// use roundelay_executor::{CancelScope, run, sleep};
    ///
    /// run(async {
    ///     let scope = CancelScope::after(Duration::from_millis(1));
    ///     let inner = scope.clone();
    ///     let outcome = scope.run(async move {
    ///         inner.set_deadline(None); // this will take longer, and may
    ///         sleep(Duration::from_millis(3)).await;
    ///     });
    ///     assert_eq!(outcome.await, Some(()));
    /// });
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
        if self.shared.stage.get() == Stage::Over {
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

pin_project! {
    /// The future of [`CancelScope::run`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct Scoped<F> {
        // Emptied when it has ended or was cut short.
        #[pin]
        future: Option<F>,
        scope: CancelScope,
        // The timer, and the deadline that it was set for.
        timer: Option<(Instant, Sleep)>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            // First of all: a shield in the future that is dropped now wakes nobody.
            // Through the projection, as below.
            this.project().scope.shared.end();
        }
    }
}

impl Shared {
    /// The future has ended, was cut short, or is being dropped: nobody is to be woken.
    fn end(&self) {
        self.stage.set(Stage::Over);
        self.region.forget_waiter();
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let shared = &this.scope.shared;
        let region = &shared.region;
        // Looked at through its pin: a `&` to the whole future would void a `&mut` that it holds
        // to a variable of its own.
        if this.future.as_mut().as_pin_mut().is_none() {
            // It was cut short on an outer scope's account, and waits for that to drop it.
            return if shared.caught.get() { Poll::Ready(None) } else { Poll::Pending };
        }
        region.set_outer(innermost());
        if !region.must_end() {
            region.note_waiter(cx);
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("the future stays until it has ended");
            let polled = region.poll_inside(|| future.poll(cx));
            if let Poll::Ready(output) = polled {
                this.future.set(None);
                *this.timer = None;
                shared.end();
                return Poll::Ready(Some(output));
            }
            if !region.is_cancelled() && is_due(shared, this.timer, cx) {
                region.cancel();
            }
        }
        // The waiter may have been used up in between: by a shield that ended, say. Noting it
        // may run foreign code, so it is noted before the last look.
        if !region.has_waiter() {
            region.note_waiter(cx);
        }
        if !region.must_end() {
            return Poll::Pending;
        }
        // Cancelled from further out as well, it leaves the rest to that scope.
        shared.caught.set(!region.is_cut_from_outside());
        shared.end();
        this.future.set(None);
        *this.timer = None;
        if shared.caught.get() {
            return Poll::Ready(None);
        }
        // Cancelled from further out: what is in here has no shield and is dropped, and no
        // code after it may run.
        Poll::Pending
    }
}

/// Whether the deadline has passed. Sets the timer anew if the deadline was moved.
fn is_due(shared: &Shared, timer: &mut Option<(Instant, Sleep)>, cx: &mut Context<'_>) -> bool {
    if let Deadline::Passed(limit) = shared.deadline.get() {
        // A limit that no clock can hold is none.
        let deadline = now().checked_add(limit);
        shared.deadline.set(deadline.map_or(Deadline::Never, Deadline::Reached));
    }
    let Deadline::Reached(deadline) = shared.deadline.get() else {
        *timer = None;
        return false;
    };
    if timer.as_ref().is_none_or(|(set_for, _)| *set_for != deadline) {
        *timer = Some((deadline, sleep_until(deadline)));
    }
    let sleep = timer.as_mut().map(|(_, sleep)| Pin::new(sleep).poll(cx));
    matches!(sleep, Some(Poll::Ready(())))
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("scope", &self.scope).finish_non_exhaustive()
    }
}
