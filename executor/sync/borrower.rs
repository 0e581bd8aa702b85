//! Who borrows a token.
//!
//! A borrower is a task, or a name that somebody made up: a connection, a user, a job of a
//! thread. Two borrowers are the same if they are the same task, or clones of one that was
//! made; names are for people and need not differ.
//!
//! A borrower may leave its thread, though its limiter may not: it is in the errors that a task hands
//! on, and those may be asked to be `Send`.
//!
//! Tutorial: chapter 13. Before this: `rw_lock.rs`. After this: `capacity_limiter.rs`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::task_info::current_task;

/// Somebody who borrows a token of a [`CapacityLimiter`](crate::CapacityLimiter).
///
/// ```
/// use roundelay_executor::{BorrowError, Borrower, CapacityLimiter};
///
/// let limiter = CapacityLimiter::new(1);
/// let (anna, bert) = (Borrower::new("anna"), Borrower::new("bert"));
/// assert_eq!(anna.name(), "anna");
/// limiter.try_acquire_on_behalf_of(&anna).unwrap().keep();
/// assert_eq!(limiter.release_on_behalf_of(&bert), Err(BorrowError::HoldsNone(bert)));
/// assert_eq!(limiter.release_on_behalf_of(&anna), Ok(()));
/// ```
#[derive(Clone)]
pub struct Borrower {
    identity: Identity,
    name: Arc<str>,
}

/// What tells borrowers apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Identity {
    /// A task, by its number.
    Task(u64),
    /// One that was made, by its number.
    Made(u64),
}

impl Borrower {
    /// A new borrower, different from every other; its clones are the same borrower.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Borrower {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Borrower { identity: Identity::Made(number), name: name.into() }
    }

    /// The task that runs; `None` in a callback and outside a loop. Tasks are told apart by
    /// their numbers, so do not share a limiter between the tasks of two loops.
    ///
    /// ```
    /// use roundelay_executor::{Borrower, run};
    ///
    /// assert!(Borrower::current_task().is_none()); // no task runs here
    /// run(async {
    ///     assert!(Borrower::current_task().is_some());
    ///     assert_ne!(Borrower::current_task(), Some(Borrower::new("another")));
    /// });
    /// ```
    #[must_use]
    pub fn current_task() -> Option<Borrower> {
        let task = current_task()?;
        Some(Borrower { identity: Identity::Task(task.id), name: task.name.into() })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }
}

impl PartialEq for Borrower {
    fn eq(&self, other: &Borrower) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Borrower {}

impl fmt::Debug for Borrower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self.identity {
            Identity::Task(number) => format_args!("task {number}").to_string(),
            Identity::Made(number) => format_args!("borrower {number}").to_string(),
        };
        write!(f, "{number} ({})", self.name)
    }
}

/// Why a token could not be borrowed or given back. Names the borrower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BorrowError {
    /// It holds a token already.
    HoldsOne(Borrower),
    /// It waits for a token already.
    WaitsAlready(Borrower),
    /// It holds no token that could be given back.
    HoldsNone(Borrower),
    /// No token is free, or others wait for one.
    NoneFree(Borrower),
    /// No task runs that could be the borrower.
    NoTask,
}

impl fmt::Display for BorrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BorrowError::HoldsOne(who) => write!(
                f,
                "{who:?} holds a token of this limiter already; give it back first, or borrow \
                 on behalf of somebody else"
            ),
            BorrowError::WaitsAlready(who) => write!(
                f,
                "{who:?} waits for a token of this limiter already; one borrower has one at a \
                 time, so borrow on behalf of somebody else"
            ),
            BorrowError::HoldsNone(who) => write!(
                f,
                "{who:?} holds no token of this limiter, so none can be given back; name the \
                 borrower for whom it was acquired"
            ),
            BorrowError::NoneFree(who) => write!(
                f,
                "no token is free for {who:?}, or others wait for one; await `acquire`, or try \
                 again later"
            ),
            BorrowError::NoTask => f.write_str(
                "a token needs a borrower, and no task runs here; use `acquire_on_behalf_of`",
            ),
        }
    }
}

impl std::error::Error for BorrowError {}
