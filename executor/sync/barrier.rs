//! A barrier: nobody goes on before all have arrived.
//!
//! ```text
//!   parties: 3     in line: [ b  a ]      c arrives: c goes on at once, then a, then b
//!                  in line: [ f  e  d ]   once a and b have left: f, then d, then e
//! ```
//!
//! One group passes at a time. Whoever comes while some of the last group have been let go
//! and have not taken their step stands in line for the next group, as in asyncio.
//!
//! # Invariants
//! - A group is the first so many in line; a number in it is a place in that line, so in
//!   each group each number is there once.
//! - A group passes whole or not at all. A waiter that is dropped before that just leaves;
//!   one that is dropped after it has passed.
//!
//! Tutorial: chapter 13. Before this: `capacity_limiter.rs`. After this: `once_cell.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Left, Place, WaitQueue};
use crate::told::made;

/// Lets tasks of one thread go on in groups of so many; clones share it.
///
/// The group after one that was let go passes only when all of that have taken their step:
/// a future that is kept and not polled any more holds up those behind it.
///
/// Waiting futures keep the barrier alive. If the missing ones never come and nothing else
/// is left to happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock); for an end before that
/// there is [`abort`](Barrier::abort).
///
/// ```
/// use roundelay_executor::{Barrier, gather_all, run};
///
/// let order = run(async {
///     let barrier = Barrier::new(3);
///     let order = std::cell::RefCell::new(Vec::new());
///     let order = std::rc::Rc::new(order);
///     gather_all(["a", "b", "c"].map(|name| {
///         let (barrier, order) = (barrier.clone(), order.clone());
///         async move {
///             let number = barrier.wait().await.unwrap();
///             order.borrow_mut().push((name, number));
///         }
///     }))
///     .await;
///     order.take()
/// });
/// assert_eq!(order, [("c", 2), ("a", 0), ("b", 1)]);
/// ```
#[derive(Clone)]
pub struct Barrier {
    shared: Rc<Shared>,
}

struct Shared {
    parties: usize,
    broken: Cell<bool>,
    line: WaitQueue<Result<usize, BrokenBarrier>>,
}

impl Barrier {
    /// A barrier for groups of so many.
    ///
    /// # Panics
    /// If `parties` is zero: a group needs somebody to complete it.
    #[must_use]
    #[track_caller]
    pub fn new(parties: usize) -> Barrier {
        assert!(parties > 0, "a barrier needs at least one party");
        let (broken, line) = (Cell::new(false), WaitQueue::new("barrier"));
        Barrier { shared: Rc::new(Shared { parties, broken, line }) }
    }

    /// Waits until the group is complete, and gives the number of this one in it, from 0.
    /// The one who completes the group has the last number and does not wait at all; the
    /// others take their steps after it, in the order of their numbers.
    ///
    /// # Errors
    /// [`BrokenBarrier`] if the barrier was aborted, or was reset while this one waited.
    ///
    /// *Cancel safety: loses its place.* One that is dropped before the group is complete
    /// just leaves; the barrier is not broken, and one more must come.
    ///
    /// ```
    /// use roundelay_executor::{Barrier, gather_all, run};
    ///
    /// run(async {
    ///     let start = Barrier::new(2);
    ///     let numbers = gather_all([start.wait(), start.wait()]).await;
    ///     let numbers: Vec<_> = numbers.into_iter().map(|number| number.unwrap().unwrap()).collect();
    ///     assert_eq!(numbers, [0, 1]);
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> BarrierWait {
        made("sync");
        BarrierWait { shared: Rc::clone(&self.shared), place: Place::Outside }
    }

    /// Breaks the barrier: all who wait get an error, and so does everybody who comes until
    /// [`reset`](Barrier::reset). Who was let go before is not called back.
    ///
    /// ```
    /// use roundelay_executor::{Barrier, BrokenBarrier, run};
    ///
    /// run(async {
    ///     let barrier = Barrier::new(2);
    ///     barrier.abort();
    ///     assert_eq!(barrier.wait().await, Err(BrokenBarrier)); // it does not wait for a second one
    /// });
    /// ```
    pub fn abort(&self) {
        self.shared.broken.set(true);
        self.shared.send_away();
    }

    /// Makes the barrier as new: all who wait get an error, and who comes from now on begins
    /// a new group. A broken barrier can be used again.
    ///
    /// ```
    /// let barrier = roundelay_executor::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// ```
    pub fn reset(&self) {
        self.shared.broken.set(false);
        self.shared.send_away();
    }

    /// Whether it is broken.
    #[doc(alias = "broken")]
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.get()
    }

    /// How many make a group.
    ///
    /// ```
    /// use roundelay_executor::{Barrier, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let barrier = Barrier::new(3);
    ///     spawn(barrier.wait()).detach();
    ///     yield_now().await;
    ///     assert_eq!(barrier.parties() - barrier.waiting(), 2); // so many are missing
    /// });
    /// ```
    #[must_use]
    pub fn parties(&self) -> usize {
        self.shared.parties
    }

    /// How many wait.
    #[doc(alias = "n_waiting")]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.len()
    }
}

impl Shared {
    /// Somebody comes: goes on at once if it completes a group.
    fn arrive(&self) -> Option<Result<usize, BrokenBarrier>> {
        if self.broken.get() {
            return Some(Err(BrokenBarrier));
        }
        let last = self.parties - 1;
        let completes = !self.is_passing() && self.line.len() == last;
        completes.then(|| {
            for waiter in self.line.grant_first(last, Ok) {
                waiter.wake();
            }
            Ok(last)
        })
    }

    /// Somebody who was let go has left. After the last one the next group may pass.
    fn has_left(&self) {
        if self.is_passing() || self.line.len() < self.parties {
            return;
        }
        let mut group = self.line.grant_first(self.parties, Ok);
        // The one who completed it goes first here too.
        group.rotate_right(1);
        for waiter in group {
            waiter.wake();
        }
    }

    /// Whether somebody was let go and has not taken its step.
    fn is_passing(&self) -> bool {
        self.line.granted() > 0
    }

    fn send_away(&self) {
        for waiter in self.line.grant_first(usize::MAX, |_| Err(BrokenBarrier)) {
            waiter.wake();
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("broken", &self.is_broken())
            .finish()
    }
}

/// The future of [`Barrier::wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct BarrierWait {
    shared: Rc<Shared>,
    place: Place,
}

impl Future for BarrierWait {
    type Output = Result<usize, BrokenBarrier>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let BarrierWait { shared, place } = &mut *self;
        let outcome = place.poll(&shared.line, (), cx, || shared.arrive());
        if outcome.is_ready() {
            shared.has_left();
        }
        outcome
    }
}

impl Drop for BarrierWait {
    fn drop(&mut self) {
        if let Left::Granted(_) = self.place.leave(&self.shared.line) {
            self.shared.has_left();
        }
    }
}

impl fmt::Debug for BarrierWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWait").finish_non_exhaustive()
    }
}

/// The barrier was aborted or reset before the group was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the barrier was aborted or reset before all had arrived; `reset` makes it usable \
             again, and everybody has to come anew",
        )
    }
}

impl std::error::Error for BrokenBarrier {}
