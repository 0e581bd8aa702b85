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

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use roundelay_runtime::{Awaited, Event};

use crate::own_step::Wait;
use crate::task_table::Waiter;
use crate::told::{Number, awaits};
use crate::waiter::OneWaiter;

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
    // `Rc::default` fills the allocation in its place. With `Rc::new` the meeting is first made on
    // the stack, in pieces, and copied in larger ones, for which the processor has to wait.
    let meeting = Rc::<ManuallyDrop<Meeting<T>>>::default();
    (Promise { meeting: Rc::clone(&meeting) }, PromiseFuture { meeting })
}

/// Where the two halves meet. Each part lies in a cell of its own and is taken out of it before
/// anything is done with it, so nothing is ever borrowed. (One enum in a `RefCell` was shorter,
/// and moved the value about three times more.)
///
/// The half that goes last leaves nothing in here, so the [`ManuallyDrop`] around it spares asking.
struct Meeting<T> {
    state: Cell<State>,
    value: Cell<Option<T>>,
    waiter: OneWaiter,
    /// Given when an observer first hears that somebody waits.
    number: Number,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody waits yet.
    Open,
    /// Its waiter is there.
    Awaited,
    /// The value is there.
    Resolved,
    /// The promise was dropped unset, or the value has been taken.
    Abandoned,
    /// The future was dropped: nobody will ever take a value.
    Unwanted,
}

impl<T> Default for Meeting<T> {
    #[inline]
    fn default() -> Meeting<T> {
        Meeting {
            state: Cell::new(State::Open),
            value: Cell::new(None),
            waiter: OneWaiter::default(),
            number: Number::default(),
        }
    }
}

impl<T> Meeting<T> {
    fn is_open(&self) -> bool {
        matches!(self.state.get(), State::Open | State::Awaited)
    }

    fn settle(&self, state: State) {
        let awaited = self.state.replace(state) == State::Awaited;
        if self.number.is_given() {
            self.tell_settled(state);
        }
        if awaited {
            self.waiter.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_settled(&self, state: State) {
        let resolved = state == State::Resolved;
        self.number.tell(|promise| Event::PromiseSettled { promise, resolved });
    }

    /// Drops what lies here for or from a future that nobody polls any more.
    #[cold]
    #[inline(never)]
    fn forget(&self, state: State) {
        match state {
            State::Awaited => drop(self.waiter.take()),
            _ => drop(self.value.take()),
        }
    }
}

/// The half that sets the value.
///
/// Dropping it unset gives the waiter [`Abandoned`].
///
/// ```
/// use roundelay_executor::{promise, run, spawn};
///
/// run(async {
///     let (promise, future) = promise::<u32>();
///     let waiting = spawn(future);
///     drop(promise); // and the one who waits is told
///     assert!(waiting.await.unwrap().is_err());
/// });
/// ```
#[must_use = "dropping a promise abandons whoever waits for it"]
pub struct Promise<T> {
    meeting: Rc<ManuallyDrop<Meeting<T>>>,
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
        if !self.meeting.is_open() {
            return Err(value);
        }
        let earlier = self.meeting.value.replace(Some(value));
        // An open promise has no value, so there is nothing to drop, nor to ask whether there is.
        mem::forget(earlier);
        self.meeting.settle(State::Resolved);
        Ok(())
    }

    /// Whether somebody can still take the value.
    ///
    /// ```
    /// let (promise, future) = roundelay_executor::promise::<u8>();
    /// assert!(promise.is_awaited());
    /// drop(future);
    /// assert!(!promise.is_awaited()); // no need to compute it any more
    /// ```
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.meeting.is_open()
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
        // If it was resolved, or if nobody waits, there is nothing to say.
        if self.meeting.is_open() {
            self.meeting.settle(State::Abandoned);
        }
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
///
/// ```
/// use roundelay_executor::{promise, run};
///
/// run(async {
///     let (promise, future) = promise();
///     drop(future); // nobody waits any more: the value comes back
///     assert_eq!(promise.resolve("a letter"), Err("a letter"));
/// });
/// ```
#[must_use = "a future does nothing unless awaited"]
pub struct PromiseFuture<T> {
    meeting: Rc<ManuallyDrop<Meeting<T>>>,
}

impl<T> PromiseFuture<T> {
    /// Whether awaiting it would give an answer at once.
    ///
    /// ```
    /// let (promise, future) = roundelay_executor::promise();
    /// assert!(!future.is_settled());
    /// promise.resolve(7).unwrap();
    /// assert!(future.is_settled());
    /// ```
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.meeting.is_open()
    }

    /// The answer, if there is one.
    pub(crate) fn take_answer(&self) -> Option<Result<T, Abandoned>> {
        match self.meeting.state.get() {
            State::Open | State::Awaited => None,
            State::Resolved => {
                self.meeting.state.set(State::Abandoned);
                self.meeting.value.take().map(Ok)
            }
            State::Abandoned | State::Unwanted => Some(Err(Abandoned)),
        }
    }

    /// Tells an observer that the task that is being polled waits for this.
    #[inline]
    fn tell_awaited(&self) {
        awaits(Wait::Promise, move || Awaited::Promise(self.number()));
    }

    /// How observers know it.
    pub(crate) fn number(&self) -> u64 {
        self.meeting.number.get()
    }

    /// Wakes `waiter` when there is an answer.
    #[cold]
    pub(crate) fn wake_when_settled(&self, waiter: Waiter) {
        if !self.meeting.is_open() {
            return drop(waiter);
        }
        self.meeting.state.set(State::Awaited);
        self.meeting.waiter.note(waiter);
    }

    /// Polled again while it waits, or with a waker that is nobody's of ours; or its promise is gone.
    /// Out of line, so that the usual way need not save registers for it.
    #[inline(never)]
    fn poll_otherwise(&self, cx: &Context<'_>) -> Poll<Result<T, Abandoned>> {
        if let Some(answer) = self.take_answer() {
            return Poll::Ready(answer);
        }
        self.wake_when_settled(Waiter::of(cx));
        // Cloning a waker may be foreign code, and has resolved this very promise.
        if let Some(answer) = self.take_answer() {
            return Poll::Ready(answer);
        }
        self.tell_awaited();
        Poll::Pending
    }
}

impl<T> Future for PromiseFuture<T> {
    type Output = Result<T, Abandoned>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let meeting = &*self.meeting;
        match meeting.state.get() {
            State::Open => {
                if let Some(task) = Waiter::task_that_polls(cx) {
                    meeting.state.set(State::Awaited);
                    meeting.waiter.note_first(task);
                    self.tell_awaited();
                    return Poll::Pending;
                }
            }
            State::Resolved => {
                if let Some(value) = meeting.value.take() {
                    meeting.state.set(State::Abandoned);
                    return Poll::Ready(Ok(value));
                }
            }
            State::Awaited | State::Abandoned | State::Unwanted => {}
        }
        self.poll_otherwise(cx)
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        // Taken before it is dropped: dropping is foreign code, and may panic.
        let state = self.meeting.state.replace(State::Unwanted);
        if matches!(state, State::Awaited | State::Resolved) {
            self.meeting.forget(state);
        }
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
