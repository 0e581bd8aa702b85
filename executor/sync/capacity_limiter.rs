//! A semaphore that knows who is inside.
//!
//! ```text
//!   tokens: 2     borrowers: { task 3: holds, task 7: holds, task 9: waits }
//! ```
//!
//! A semaphore cannot tell a task that took two permits by mistake from two tasks. Here each
//! token has a borrower: the task that asked, or whomever it asked for. Borrowing twice and
//! giving back what somebody else holds are errors, and one can ask who is in the way. The
//! design is trio's.
//!
//! # Invariants
//! - A borrower holds at most one token, or waits for one.
//! - A token is given back once: by its guard, or on behalf of its borrower, whichever comes
//!   first.
//!
//! Tutorial: chapter 13. Before this: `borrower.rs`. After this: `barrier.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::sync::borrower::{BorrowError, Borrower, Identity};
use crate::sync::semaphore::{Acquire, Permit, Semaphore};

/// Lends so many tokens, each to a known borrower. For tasks of one thread; clones share it.
///
/// Fair: first come, first served. How many tokens there are may be changed at any time.
///
/// Waiting futures and tokens keep the limiter alive. If no token can come back any more
/// and nothing else is left to happen, the run ends with
/// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock) instead of hanging.
///
/// ```
/// use roundelay_executor::{BorrowError, CapacityLimiter, run};
///
/// run(async {
///     let limiter = CapacityLimiter::new(2);
///     let token = limiter.acquire().await.unwrap();
///     // The same task once more: with a plain semaphore this might wait for ever.
///     assert!(matches!(limiter.acquire().await, Err(BorrowError::HoldsOne(_))));
///     assert_eq!(limiter.statistics().borrowers, [token.borrower().clone()]);
///     drop(token);
///     assert_eq!(limiter.available_tokens(), 2);
/// });
/// ```
#[derive(Clone)]
pub struct CapacityLimiter {
    shared: Rc<Shared>,
}

struct Shared {
    tokens: Semaphore,
    borrowers: RefCell<BTreeMap<Identity, Entry>>,
    /// How many loans there have been: tells a guard whether its loan is the present one.
    loans: Cell<u64>,
}

struct Entry {
    borrower: Borrower,
    /// `None` while it waits.
    loan: Option<(u64, Permit)>,
}

/// What a [`CapacityLimiter`] knows of itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStatistics {
    /// How many tokens there are.
    pub total: usize,
    /// How many are lent, or granted to somebody who has not taken a step since. More than
    /// `total` only after the total was lowered.
    pub borrowed: usize,
    /// How many wait for one.
    pub waiting: usize,
    /// Who holds one: tasks by number, then the others, oldest first.
    pub borrowers: Vec<Borrower>,
}

impl CapacityLimiter {
    /// A limiter with so many tokens. Zero is allowed: [`CapacityLimiter::set_total`].
    #[must_use]
    pub fn new(total: usize) -> CapacityLimiter {
        let (borrowers, loans) = (RefCell::default(), Cell::new(0));
        CapacityLimiter {
            shared: Rc::new(Shared { tokens: Semaphore::new(total), borrowers, loans }),
        }
    }

    /// Waits for a token for the task that awaits this. With one to spare and nobody in line
    /// it does not wait at all.
    ///
    /// # Errors
    /// [`BorrowError`] at once: the task holds a token or waits for one already; or it is no
    /// task that asks.
    ///
    /// *Cancel safety: loses its place* in the line. A token that it was just granted goes
    /// to the next in line.
    pub fn acquire(&self) -> AcquireToken {
        self.ask(None)
    }

    /// Waits for a token for `borrower`.
    ///
    /// # Errors
    /// [`BorrowError`] at once, if the borrower holds a token or waits for one already.
    ///
    /// *Cancel safety: loses its place* in the line, as [`CapacityLimiter::acquire`].
    ///
    /// ```
    /// use roundelay_executor::{Borrower, CapacityLimiter, run};
    ///
    /// run(async {
    ///     let limiter = CapacityLimiter::new(1);
    ///     let anna = Borrower::new("anna");
    ///     let token = limiter.acquire_on_behalf_of(&anna).await.unwrap();
    ///     assert_eq!(token.borrower().name(), "anna");
    /// });
    /// ```
    pub fn acquire_on_behalf_of(&self, borrower: &Borrower) -> AcquireToken {
        self.ask(Some(borrower.clone()))
    }

    fn ask(&self, borrower: Option<Borrower>) -> AcquireToken {
        let (acquire, shared) = (self.shared.tokens.acquire(), Rc::clone(&self.shared));
        AcquireToken { acquire, registered: Registered { borrower, shared, waits: false } }
    }

    /// A token for the task that runs, if one is to be had without waiting.
    ///
    /// # Errors
    /// [`BorrowError`]: none is free, or the task holds one or waits for one already, or no
    /// task runs.
    ///
    /// ```
    /// use roundelay_executor::{BorrowError, Borrower, CapacityLimiter, run};
    ///
    /// let limiter = CapacityLimiter::new(1);
    /// assert!(matches!(limiter.try_acquire(), Err(BorrowError::NoTask)));
    /// run(async {
    ///     let token = limiter.try_acquire().unwrap();
    ///     assert_eq!(token.borrower(), &Borrower::current_task().unwrap());
    /// });
    /// ```
    pub fn try_acquire(&self) -> Result<LimiterToken, BorrowError> {
        let borrower = Borrower::current_task().ok_or(BorrowError::NoTask)?;
        self.try_acquire_on_behalf_of(&borrower)
    }

    /// A token for `borrower`, if one is to be had without waiting.
    ///
    /// # Errors
    /// [`BorrowError`]: none is free, or the borrower holds one or waits for one already.
    pub fn try_acquire_on_behalf_of(
        &self,
        borrower: &Borrower,
    ) -> Result<LimiterToken, BorrowError> {
        self.shared.check_new(borrower)?;
        let permit = self.shared.tokens.try_acquire();
        let permit = permit.ok_or_else(|| BorrowError::NoneFree(borrower.clone()))?;
        Ok(Shared::lend(&self.shared, borrower.clone(), permit))
    }

    /// Takes the token back that `borrower` holds; its guard, if there still is one, has
    /// nothing more to do. The first in line gets it.
    ///
    /// # Errors
    /// [`BorrowError::HoldsNone`].
    pub fn release_on_behalf_of(&self, borrower: &Borrower) -> Result<(), BorrowError> {
        let loan = self.shared.loan_of(borrower.identity(), |_| true);
        // Given back while nothing is borrowed: it wakes the next in line.
        loan.map(drop).ok_or_else(|| BorrowError::HoldsNone(borrower.clone()))
    }

    /// Changes how many tokens there are. With more, waiters come in at once; with fewer
    /// than are lent, nobody comes in until enough have come back.
    ///
    /// ```
    /// use roundelay_executor::{Borrower, CapacityLimiter};
    ///
    /// let limiter = CapacityLimiter::new(2);
    /// let token = limiter.try_acquire_on_behalf_of(&Borrower::new("anna")).unwrap();
    /// limiter.set_total(1); // she may keep hers; nobody else comes in
    /// assert_eq!(limiter.total_tokens(), 1);
    /// assert!(limiter.try_acquire_on_behalf_of(&Borrower::new("bert")).is_err());
    /// drop(token);
    /// assert_eq!(limiter.available_tokens(), 1);
    /// ```
    pub fn set_total(&self, total: usize) {
        self.shared.tokens.set_total(total);
    }

    /// How many tokens there are.
    #[must_use]
    pub fn total_tokens(&self) -> usize {
        self.shared.tokens.total()
    }

    /// How many tokens are free. One that was granted to a waiter is not.
    #[must_use]
    pub fn available_tokens(&self) -> usize {
        self.shared.tokens.available_permits()
    }

    /// Everything at one glance, and who holds what.
    ///
    /// ```
    /// use roundelay_executor::{Borrower, CapacityLimiter};
    ///
    /// let limiter = CapacityLimiter::new(3);
    /// let anna = Borrower::new("anna");
    /// let _token = limiter.try_acquire_on_behalf_of(&anna).unwrap();
    /// let now = limiter.statistics();
    /// assert_eq!((now.total, now.borrowed, now.waiting), (3, 1, 0));
    /// assert_eq!(now.borrowers, [anna]);
    /// ```
    #[must_use]
    pub fn statistics(&self) -> LimiterStatistics {
        let borrowers = self.shared.borrowers.borrow();
        let holders = borrowers.values().filter(|entry| entry.loan.is_some());
        LimiterStatistics {
            total: self.shared.tokens.total(),
            borrowed: self.shared.tokens.taken(),
            waiting: self.shared.tokens.waiting(),
            borrowers: holders.map(|entry| entry.borrower.clone()).collect(),
        }
    }
}

impl Shared {
    fn check_new(&self, borrower: &Borrower) -> Result<(), BorrowError> {
        match self.borrowers.borrow().get(&borrower.identity()) {
            None => Ok(()),
            Some(Entry { loan: None, .. }) => Err(BorrowError::WaitsAlready(borrower.clone())),
            Some(_) => Err(BorrowError::HoldsOne(borrower.clone())),
        }
    }

    fn lend(shared: &Rc<Shared>, borrower: Borrower, permit: Permit) -> LimiterToken {
        let loan = shared.loans.get();
        shared.loans.set(loan + 1);
        let entry = Entry { borrower: borrower.clone(), loan: Some((loan, permit)) };
        shared.borrowers.borrow_mut().insert(borrower.identity(), entry);
        LimiterToken { borrower, loan, shared: Rc::clone(shared) }
    }

    /// Ends a borrower's loan, if it has one and it is the right one.
    fn loan_of(&self, who: Identity, right: impl Fn(u64) -> bool) -> Option<Permit> {
        let mut borrowers = self.borrowers.borrow_mut();
        let (loan, _) = borrowers.get(&who)?.loan.as_ref()?;
        if !right(*loan) {
            return None;
        }
        Some(borrowers.remove(&who)?.loan?.1)
    }
}

impl fmt::Debug for CapacityLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LimiterStatistics { total, borrowed, waiting, borrowers } = self.statistics();
        f.debug_struct("CapacityLimiter")
            .field("total", &total)
            .field("borrowed", &borrowed)
            .field("waiting", &waiting)
            .field("borrowers", &borrowers)
            .finish()
    }
}

/// The future of [`CapacityLimiter::acquire`] and its like.
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireToken {
    // Dropped from the top: the place in line first, then the note that somebody waits.
    acquire: Acquire,
    registered: Registered,
}

/// The note that a borrower waits, taken away when it is dropped.
struct Registered {
    /// `None` until the task that asks is known.
    borrower: Option<Borrower>,
    shared: Rc<Shared>,
    waits: bool,
}

impl Registered {
    /// Notes that the borrower waits; refused if it is noted already.
    fn enter(&mut self) -> Result<(), BorrowError> {
        if self.waits {
            return Ok(());
        }
        if self.borrower.is_none() {
            self.borrower = Borrower::current_task();
        }
        let borrower = self.borrower.as_ref().ok_or(BorrowError::NoTask)?;
        self.shared.check_new(borrower)?;
        let entry = Entry { borrower: borrower.clone(), loan: None };
        self.shared.borrowers.borrow_mut().insert(borrower.identity(), entry);
        self.waits = true;
        Ok(())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(borrower) = self.borrower.take().filter(|_| self.waits) {
            let entry = self.shared.borrowers.borrow_mut().remove(&borrower.identity());
            drop(entry);
        }
    }
}

impl Future for AcquireToken {
    type Output = Result<LimiterToken, BorrowError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let AcquireToken { acquire, registered } = &mut *self;
        if let Err(refused) = registered.enter() {
            return Poll::Ready(Err(refused));
        }
        let permit = ready!(Pin::new(acquire).poll(cx));
        registered.waits = false;
        let borrower = registered.borrower.take().expect("whoever waits for a token is known");
        Poll::Ready(Ok(Shared::lend(&registered.shared, borrower, permit)))
    }
}

impl fmt::Debug for AcquireToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let borrower = &self.registered.borrower;
        f.debug_struct("AcquireToken").field("borrower", borrower).finish_non_exhaustive()
    }
}

/// A token of a [`CapacityLimiter`]. Dropping it gives the token back, to the first in line
/// if there is one.
#[must_use = "dropping a token gives it back"]
pub struct LimiterToken {
    borrower: Borrower,
    loan: u64,
    shared: Rc<Shared>,
}

impl LimiterToken {
    /// Who holds it.
    #[must_use]
    pub fn borrower(&self) -> &Borrower {
        &self.borrower
    }

    /// Leaves the token with its borrower, until somebody calls
    /// [`CapacityLimiter::release_on_behalf_of`].
    ///
    /// ```
    /// use roundelay_executor::{Borrower, CapacityLimiter};
    ///
    /// let (limiter, anna) = (CapacityLimiter::new(1), Borrower::new("anna"));
    /// limiter.try_acquire_on_behalf_of(&anna).unwrap().keep();
    /// assert_eq!(limiter.available_tokens(), 0); // the guard is gone, and she still has it
    /// assert_eq!(limiter.release_on_behalf_of(&anna), Ok(()));
    /// assert_eq!(limiter.available_tokens(), 1);
    /// ```
    pub fn keep(mut self) {
        self.loan = KEPT;
    }
}

/// The number of no loan.
const KEPT: u64 = u64::MAX;

impl Drop for LimiterToken {
    fn drop(&mut self) {
        let permit = self.shared.loan_of(self.borrower.identity(), |loan| loan == self.loan);
        drop(permit);
    }
}

impl fmt::Debug for LimiterToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let borrower = &self.borrower;
        f.debug_struct("LimiterToken").field("borrower", borrower).finish_non_exhaustive()
    }
}
