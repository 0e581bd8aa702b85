//! An order of events, written down.
//!
//! Some bugs need one exact order of steps in several tasks. A sequencer makes it happen: each
//! place in the tasks has a number, and number three waits until two has passed.
//!
//! ```text
//!   task a:  turn(0) ............ turn(2) ....
//!   task b:  ........... turn(1) .......... turn(3)
//! ```
//!
//! trio's testing module has one; so is this.
//!
//! # Invariants
//! - A turn is given once, after all turns with lower numbers have ended.
//! - If a turn is given up, nobody waits for it for ever: all that have not come are refused.
//!
//! Tutorial: chapter 19. Before this: `cancel_at_every_await.rs`. After this: `wait_all_tasks_blocked.rs`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::task_table::Waiter;

/// Makes steps of several tasks happen in the order of their numbers. Clones share the order.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use roundelay_executor::{run, spawn, testing::Sequencer};
///
/// let log = Rc::new(RefCell::new(Vec::new()));
/// run(async {
///     let order = Sequencer::new();
///     let (theirs, their_log) = (order.clone(), log.clone());
///     let other = spawn(async move {
///         let _turn = theirs.turn(1).await.unwrap();
///         their_log.borrow_mut().push("one");
///     });
///     for (number, name) in [(0, "zero"), (2, "two")] {
///         let _turn = order.turn(number).await.unwrap();
///         log.borrow_mut().push(name);
///     }
///     other.await.unwrap();
/// });
/// assert_eq!(*log.borrow(), ["zero", "one", "two"]);
/// ```
#[derive(Clone, Default)]
pub struct Sequencer {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whose turn it is, or is next.
    next: Cell<usize>,
    /// Turns that somebody has asked for, waits for, or has had.
    asked: RefCell<BTreeSet<usize>>,
    waiting: RefCell<BTreeMap<usize, Waiter>>,
    /// The turn that was given up.
    broken: Cell<Option<usize>>,
}

impl Sequencer {
    /// A new order, which begins with turn 0.
    #[must_use]
    pub fn new() -> Sequencer {
        Sequencer::default()
    }

    /// Waits until all turns before `number` have ended. This one ends when the guard is
    /// dropped.
    ///
    /// # Errors
    /// [`SequencerBroken`], if a turn was given up before it came.
    ///
    /// *Cancel safety: loses its place*: from then on every turn is refused that has not come.
    ///
    /// # Panics
    /// If this turn has been asked for before: every number is for one place.
    ///
    /// ```
    /// use roundelay_executor::{run, testing::Sequencer};
    ///
    /// run(async {
    ///     let order = Sequencer::new();
    ///     let later = order.turn(1);
    ///     drop(order.turn(0).await.unwrap());
    ///     assert!(later.await.is_ok());
    /// });
    /// ```
    pub async fn turn(&self, number: usize) -> Result<Turn, SequencerBroken> {
        let shared = &self.shared;
        let is_new = shared.asked.borrow_mut().insert(number);
        assert!(is_new, "turn {number} of a Sequencer is asked for twice; give each place its own");
        // From now on whoever gives up breaks the order.
        let mut turn = Turn { shared: Rc::clone(shared), number, has_come: false };
        let came = poll_fn(|cx| {
            if let Some(given_up) = shared.broken.get() {
                return Poll::Ready(Err(SequencerBroken { given_up }));
            }
            if shared.next.get() == number {
                return Poll::Ready(Ok(()));
            }
            let earlier = shared.waiting.borrow_mut().insert(number, Waiter::of(cx));
            drop(earlier);
            Poll::Pending
        });
        came.await?;
        turn.has_come = true;
        Ok(turn)
    }
}

impl Shared {
    fn end(&self, number: usize) {
        self.next.set(number + 1);
        let next = self.waiting.borrow_mut().remove(&(number + 1));
        if let Some(next) = next {
            next.wake();
        }
    }

    fn break_at(&self, number: usize) {
        if self.broken.get().is_none() {
            self.broken.set(Some(number));
        }
        let waiting = self.waiting.take();
        for waiter in waiting.into_values() {
            waiter.wake();
        }
    }
}

impl fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer")
            .field("next", &self.shared.next.get())
            .field("broken", &self.shared.broken.get())
            .finish_non_exhaustive()
    }
}

/// A turn that has come. Dropping it lets the next one come.
#[must_use = "dropping a turn ends it"]
pub struct Turn {
    shared: Rc<Shared>,
    number: usize,
    has_come: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self.has_come {
            true => self.shared.end(self.number),
            false => self.shared.break_at(self.number),
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("number", &self.number).finish()
    }
}

/// A turn was given up before it came, so this one will not come either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencerBroken {
    given_up: usize,
}

impl SequencerBroken {
    /// The turn that was given up; of several, the first that was.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, testing::Sequencer, timeout};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let order = Sequencer::new();
    ///     let one = timeout(Duration::from_secs(1), order.turn(1)).await;
    ///     assert!(one.is_err()); // nobody has taken turn 0
    ///     assert_eq!(order.turn(2).await.unwrap_err().given_up(), 1);
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn given_up(&self) -> usize {
        self.given_up
    }
}

impl fmt::Display for SequencerBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "turn {} of this sequencer was given up before it came, so the order is broken and no \
             turn comes any more; look at the task that was to take it",
            self.given_up
        )
    }
}

impl std::error::Error for SequencerBroken {}
