//! A scope's future: polled, cut short, or given way to a scope further out.
//!
//! ```text
//!   each step:  something was cancelled, and no shield runs in here?
//!                 no:   poll the future, then look again
//!                 yes:  only this scope          future dropped, None
//!                       one further out, too:    wait for what that one decides;
//!                         it waits for a shield  future dropped, and the rest is its affair
//! ```
//!
//! # Invariants
//! - What is dropped with the scope wakes nobody; what it had only borrowed is woken when the
//!   future is gone.
//! - Whoever polls a scope that gave way, and is not in the one that it gave way to, hears `None`.
//!
//! Tutorial: chapter 10. Before this: `scope.rs`. After this: `shield.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::cancel::around::{Around, HasLeft};
use crate::cancel::region::innermost;
use crate::cancel::scope::{CancelScope, Deadline, Shared, Stage};
use crate::own_step;
use crate::time::sleep::{Sleep, now, sleep_until};

impl CancelScope {
    /// Awaits `future` until the scope is cancelled. `None` if it had to be cut short.
    ///
    /// An explicit cancel wins over a result that is there in the same turn; a result wins
    /// over a deadline, as in [`timeout`](crate::timeout()). A future that ends in the very
    /// step in which it cancels its own scope has ended: `Some`. In a scope that is cancelled
    /// before the first poll it never begins.
    ///
    /// To stop the waiting and not the work, give it a borrowed future: it goes on untouched when
    /// it is polled again.
    ///
    /// *Cancel safety:* that of `future`.
    ///
    /// # Panics
    /// If a future was given to this scope before: a scope guards one. When polled where no
    /// event loop runs, if it has a deadline. When polled again after `Some`.
    ///
    /// ```
    /// use roundelay_executor::{CancelScope, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let mut work = Box::pin(async {
    ///         yield_now().await;
    ///         "done"
    ///     });
    ///     let scope = CancelScope::new();
    ///     let asks = scope.clone();
    ///     spawn(async move { asks.cancel() }).detach();
    ///     assert_eq!(scope.run(&mut work).await, None); // cut short
    ///     assert_eq!(CancelScope::new().run(work).await, Some("done")); // untouched
    /// });
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> Scoped<F> {
        assert!(
            self.shared.stage.replace(Stage::Running) == Stage::New,
            "a cancel scope guards one future, and this one was given one before; make a new \
             `CancelScope` for each"
        );
        Scoped { future: Some(future), scope: self.clone(), timer: None }
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
            let mut this = this.project();
            let _left = this.scope.shared.end();
            this.future.set(None);
        }
    }
}

impl Shared {
    /// The future has ended, was cut short, or is being dropped: nobody is to be woken. What it
    /// had only borrowed is, when the future is gone.
    fn end(&self) -> HasLeft<'_> {
        self.stage.set(Stage::Over);
        self.region.leave()
    }

    /// A limit counts from the beginning of the first poll, which may take long. So the clock is
    /// read before it, also for a future that turns out to be ready.
    fn begin_limit(&self) {
        if let Deadline::Passed(limit) = self.deadline.get() {
            // A limit that no clock can hold is none.
            let deadline = now().checked_add(limit);
            self.deadline.set(deadline.map_or(Deadline::Never, Deadline::Reached));
        }
    }

    /// The future is gone. Where a scope is not around any more that this one had given way to,
    /// it answers for itself.
    fn poll_without_future(&self) -> Poll<()> {
        if self.stage.get() == Stage::GaveWay {
            if !matches!(self.region.around(), Around::Calm) {
                return Poll::Pending;
            }
            self.stage.set(Stage::Over);
            self.caught.set(true);
        }
        assert!(self.caught.get(), "a cancel scope whose future has ended is polled again");
        Poll::Ready(())
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let shared = &this.scope.shared;
        let region = &shared.region;
        region.set_outer(innermost());
        // Looked at through its pin: a `&` to the whole future would void a `&mut` that it holds
        // to a variable of its own.
        if this.future.as_mut().as_pin_mut().is_none() {
            return shared.poll_without_future().map(|()| None);
        }
        if !region.must_stop() {
            shared.begin_limit();
            region.note_waiter(cx);
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("the future stays until it has ended");
            let polled = region.poll_inside(|| future.poll(cx));
            if let Poll::Ready(output) = polled {
                let _left = shared.end();
                this.future.set(None);
                *this.timer = None;
                return Poll::Ready(Some(output));
            }
            if !region.is_cancelled() && is_due(shared, this.timer, cx) {
                region.cancel();
                if this.timer.is_none() {
                    // It had passed before. The cancel has woken us: others have their turn first.
                    return Poll::Pending;
                }
            }
        }
        // The waiter may have been used up in between: by a shield that ended, say. Noting it
        // may run foreign code, so it is noted before the last look.
        if !region.has_waiter() {
            region.note_waiter(cx);
        }
        if !region.must_stop() {
            region.stays();
            return Poll::Pending;
        }
        // Cancelled from further out as well, it leaves the rest to that scope.
        let gives_way = match region.around() {
            Around::Calm => false,
            Around::Cut => true,
            // That scope drops it in a moment, or has only borrowed it.
            Around::Undecided(scope) => {
                region.wait_for(&scope);
                return Poll::Pending;
            }
        };
        let _left = shared.end();
        this.future.set(None);
        *this.timer = None;
        if gives_way {
            // What was in here has no shield and is gone, and no code after it may run.
            shared.stage.set(Stage::GaveWay);
            return Poll::Pending;
        }
        shared.caught.set(true);
        Poll::Ready(None)
    }
}

/// Whether the deadline has passed. Sets the timer anew if the deadline was moved; none if it has
/// passed already: until that timer were due, the future could go on.
fn is_due(shared: &Shared, timer: &mut Option<(Instant, Sleep)>, cx: &mut Context<'_>) -> bool {
    let Deadline::Reached(deadline) = shared.deadline.get() else {
        *timer = None;
        return false;
    };
    if timer.as_ref().is_none_or(|(set_for, _)| *set_for != deadline) {
        let sleep = sleep_until(deadline);
        let has_passed = sleep.is_over_before_it_begins();
        *timer = Some((deadline, sleep)).filter(|_| !has_passed);
        if has_passed {
            // What only gave way was not told yet what there is: it has its poll in the next turn.
            return !own_step::gave_way();
        }
    }
    let sleep = timer.as_mut().map(|(_, sleep)| Pin::new(sleep).poll(cx));
    matches!(sleep, Some(Poll::Ready(())))
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("scope", &self.scope).finish_non_exhaustive()
    }
}
