//! A promise: a value that someone else will set.
//!
//! ```text
//!   promise.resolve(value) --> [ cell ] --> future gives Ok(value)
//!   drop(promise)          --> [ gone ] --> future gives Err(Abandoned)
//! ```
//!
//! asyncio calls it a `Future` and lets anybody set it, once. Here the half that sets it
//! is a value of its own that setting uses up, so setting twice does not compile; and when
//! it is dropped unset, the waiter is told instead of hanging.
//!
//! # Invariants
//! - Resolving returns at once; whoever waits takes its step in the next turn.
//! - A value that nobody can receive is handed back.
//!
//! Tutorial: chapter 4. Before this: `yield_now.rs`. After this: `shared.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Awaited, Event, observe_here};

use crate::task_table::Waiter;
use crate::told::{Number, awaits};

/// A pair: the promise to set, and the future that waits for it. Both stay on one thread.
///
/// ```
/// use roundelay_executor::{promise, run, spawn};
///
/// run(async {
///     let (promise, future) = promise();
///     spawn(async move { promise.resolve("done").unwrap() }).detach();
///     assert_eq!(future.await, Ok("done"));
/// });
/// ```
#[doc(alias = "create_future")]
#[doc(alias = "oneshot")]
pub fn promise<T>() -> (Promise<T>, PromiseFuture<T>) {
    let cell = Rc::new(RefCell::new(Cell::Open { waiter: None, number: Number::default() }));
    (Promise { cell: Rc::clone(&cell) }, PromiseFuture { cell })
}

enum Cell<T> {
    Open {
        waiter: Option<Waiter>,
        /// Given when an observer first hears that somebody waits.
        number: Number,
    },
    Resolved(T),
    /// The promise was dropped unset, or the value has been taken.
    Abandoned,
    /// The future was dropped: nobody will ever take a value.
    Unwanted,
}

/// The half that sets the value.
///
/// Dropping it unset gives the waiter [`Abandoned`].
#[must_use = "dropping a promise abandons whoever waits for it"]
pub struct Promise<T> {
    cell: Rc<RefCell<Cell<T>>>,
}

impl<T> Promise<T> {
    /// Sets the value. Whoever waits takes its next step in the next turn.
    ///
    /// # Errors
    /// The value, if nobody waits any more.
    ///
    /// ```
    /// let (promise, future) = roundelay_executor::promise();
    /// drop(future);
    /// assert_eq!(promise.resolve(7), Err(7));
    /// ```
    #[doc(alias = "set_result")]
    pub fn resolve(self, value: T) -> Result<(), T> {
        self.settle(Cell::Resolved(value)).map_err(|refused| match refused {
            Cell::Resolved(value) => value,
            _ => unreachable!("what was refused is what was offered"),
        })
    }

    /// Whether somebody can still take the value.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(*self.cell.borrow(), Cell::Open { .. })
    }

    fn settle(&self, with: Cell<T>) -> Result<(), Cell<T>> {
        let mut cell = self.cell.borrow_mut();
        let Cell::Open { waiter, number } = &mut *cell else { return Err(with) };
        let (waiter, number) = (waiter.take(), std::mem::take(number));
        let resolved = matches!(with, Cell::Resolved(_));
        *cell = with;
        // Let the borrow end, then wake: a waker may run code that comes back here.
        drop(cell);
        if number.is_given() {
            observe_here(|| Event::PromiseSettled { promise: number.get(), resolved });
        }
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        Ok(())
    }
}

impl<T, E> Promise<Result<T, E>> {
    /// Sets an error: `resolve(Err(error))`.
    ///
    /// # Errors
    /// The error, if nobody waits any more.
    ///
    /// ```
    /// use roundelay_executor::{promise, run};
    ///
    /// run(async {
    ///     let (promise, future) = promise::<Result<u8, String>>();
    ///     promise.fail("no route".to_owned()).unwrap();
    ///     assert_eq!(future.await.unwrap(), Err("no route".to_owned()));
    /// });
    /// ```
    #[doc(alias = "set_exception")]
    pub fn fail(self, error: E) -> Result<(), E> {
        self.resolve(Err(error)).map_err(|refused| match refused {
            Err(error) => error,
            Ok(_) => unreachable!("what was refused is what was offered"),
        })
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        // Refused if it was resolved, or if nobody waits: then there is nothing to say.
        let _ = self.settle(Cell::Abandoned);
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("awaited", &self.is_awaited()).finish()
    }
}

/// The half that waits: gives `Ok` with the value, or `Err(Abandoned)`.
///
/// *Cancel safety: safe* while the future itself is kept; a value that was set but not yet
/// taken is dropped with it.
#[must_use = "a future does nothing unless awaited"]
pub struct PromiseFuture<T> {
    cell: Rc<RefCell<Cell<T>>>,
}

impl<T> PromiseFuture<T> {
    /// Whether awaiting it would give an answer at once.
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(*self.cell.borrow(), Cell::Open { .. })
    }

    /// The answer, if there is one.
    pub(crate) fn take_answer(&self) -> Option<Result<T, Abandoned>> {
        if !self.is_settled() {
            return None;
        }
        Some(match self.cell.replace(Cell::Abandoned) {
            Cell::Resolved(value) => Ok(value),
            _ => Err(Abandoned),
        })
    }

    /// Tells an observer that the task that is being polled waits for this.
    #[inline]
    fn tell_awaited(&self) {
        awaits(|| match &*self.cell.borrow() {
            Cell::Open { number, .. } => Awaited::Promise(number.get()),
            _ => Awaited::NextTurn,
        });
    }

    /// Wakes `waiter` when there is an answer.
    pub(crate) fn wake_when_settled(&self, waiter: Waiter) {
        let mut waiter = Some(waiter);
        let earlier = match &mut *self.cell.borrow_mut() {
            Cell::Open { waiter: place, .. } => std::mem::replace(place, waiter.take()),
            _ => None,
        };
        // Dropping a waker may be foreign code: not while the cell is borrowed.
        drop((earlier, waiter));
    }
}

impl<T> Future for PromiseFuture<T> {
    type Output = Result<T, Abandoned>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(answer) = self.take_answer() {
            return Poll::Ready(answer);
        }
        // Cloning a waker may be foreign code, and even resolve this very promise.
        self.wake_when_settled(Waiter::of(cx));
        match self.take_answer() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.tell_awaited();
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        let unwanted = self.cell.replace(Cell::Unwanted);
        drop(unwanted);
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").field("settled", &self.is_settled()).finish()
    }
}

/// The promise was dropped before it was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the promise was dropped before it was resolved, so its value will never come; look \
             at whoever held it: it ended, failed or was cancelled",
        )
    }
}

impl std::error::Error for Abandoned {}
