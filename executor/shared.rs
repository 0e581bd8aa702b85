//! One outcome for several.
//!
//! A promise and a task give their outcome once, to whoever awaits. A [`Shared`] gives a
//! clone to everybody who asks, now or later.
//!
//! ```text
//!   a.await ---+                                    the order in which they came
//!   on_settled-+--> [ line ] <-- promise or task --> a, the callback, b
//!   b.await ---+
//! ```
//!
//! # Invariants
//! - Whoever waits is told in the order of arrival, tasks and callbacks in one line; nobody is
//!   called inside `resolve`.
//! - Whoever stops waiting leaves nothing behind.
//! - The outcome stays where it was until somebody asks for it. So a task's panic of which
//!   nobody has heard is still reported when the last handle goes.
//!
//! Tutorial: chapter 4. Before this: `promise.rs`. After this: `sync/holders.rs`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use roundelay_runtime::{Awaited, ContextValues, LoopRef};

use crate::current::expect_tasks;
use crate::error::TaskError;
use crate::own_step::Wait;
use crate::promise::{Abandoned, PromiseFuture};
use crate::task::Task;
use crate::task_table::{Listener, Waiter};
use crate::told::awaits;

/// A handle to an outcome that several may have: clone it, and await each clone.
///
/// Awaiting one that is settled gives the outcome at once, as often as you like. Dropping the
/// last one lets go of what is behind it: a promise learns that nobody waits, a task is
/// detached. A registered callback counts as one more handle.
///
/// *Cancel safety: safe.*
///
/// ```
/// use roundelay_executor::{promise, run, spawn};
///
/// run(async {
///     let (promise, future) = promise();
///     let shared = future.shared();
///     let other = spawn(shared.clone());
///     promise.resolve(7).unwrap();
///     assert_eq!((shared.await, other.await.unwrap()), (Ok(7), Ok(7)));
/// });
/// ```
#[must_use = "a future does nothing unless awaited"]
pub struct Shared<O> {
    outcome: Rc<Outcome<O>>,
    ticket: Option<u64>,
}

struct Outcome<O> {
    /// Where the outcome comes from; empty once it is here.
    source: RefCell<Option<Box<dyn Source<O>>>>,
    value: OnceCell<O>,
    line: Rc<Line>,
}

/// What an outcome can come from.
trait Source<O> {
    fn take(&self) -> Option<O>;
    fn wake(&self, waiter: Waiter);
    /// What those who wait here wait for, as dumps know it.
    fn wait(&self) -> Wait;
    /// The same, as observers know it.
    fn awaited(&self) -> Awaited;
}

impl<T> PromiseFuture<T>
where
    T: Clone + 'static,
{
    /// The same value for several.
    pub fn shared(self) -> Shared<Result<T, Abandoned>> {
        Shared::new(Box::new(self))
    }
}

impl<T> Task<T>
where
    T: Clone + 'static,
{
    /// The same outcome for several: asyncio lets many await one task.
    ///
    /// Cancelling one who waits does not cancel the task (in asyncio it does, and with it all the
    /// others who wait).
    ///
    /// ```
    /// use roundelay_executor::{gather_all, run, spawn};
    ///
    /// run(async {
    ///     let page = spawn(async { "one download" }).shared();
    ///     for seen in gather_all([page.clone(), page]).await {
    ///         assert_eq!(seen.unwrap().unwrap(), "one download");
    ///     }
    /// });
    /// ```
    pub fn shared(self) -> Shared<Result<T, TaskError>> {
        Shared::new(Box::new(self))
    }
}

impl<T> Source<Result<T, Abandoned>> for PromiseFuture<T> {
    fn take(&self) -> Option<Result<T, Abandoned>> {
        self.take_answer()
    }

    fn wake(&self, waiter: Waiter) {
        self.wake_when_settled(waiter);
    }

    fn wait(&self) -> Wait {
        Wait::Promise
    }

    fn awaited(&self) -> Awaited {
        Awaited::Promise(self.number())
    }
}

impl<T: 'static> Source<Result<T, TaskError>> for Task<T> {
    fn take(&self) -> Option<Result<T, TaskError>> {
        self.tasks.take_outcome(self.key)
    }

    fn wake(&self, waiter: Waiter) {
        self.wake_when_over(waiter);
    }

    fn wait(&self) -> Wait {
        Wait::Task(self.key)
    }

    fn awaited(&self) -> Awaited {
        Awaited::Task(self.id())
    }
}

impl<O: Clone + 'static> Shared<O> {
    fn new(source: Box<dyn Source<O>>) -> Shared<O> {
        let line = Rc::new(Line::default());
        source.wake(Waiter::Listener(Rc::clone(&line) as Rc<dyn Listener>));
        let source = RefCell::new(Some(source));
        let outcome = Rc::new(Outcome { source, value: OnceCell::new(), line });
        Shared { outcome, ticket: None }
    }

    /// A clone of the outcome, if there is one.
    ///
    /// ```
    /// let (promise, future) = roundelay_executor::promise();
    /// let shared = future.shared();
    /// assert_eq!(shared.try_get(), None);
    /// promise.resolve(7).unwrap();
    /// assert_eq!(shared.try_get(), Some(Ok(7)));
    /// ```
    #[must_use]
    pub fn try_get(&self) -> Option<O> {
        self.outcome.get().cloned()
    }

    /// Calls `callback` with a clone of the outcome when there is one, from the ready queue and
    /// never inside this call. It sees the [context variables](crate::ContextVar) of this moment.
    ///
    /// Callbacks and waiting tasks stand in one line, in the order in which they came. If the
    /// loop is closed before its turn comes, the callback is dropped uncalled.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{promise, run, yield_now};
    ///
    /// run(async {
    ///     let (promise, future) = promise();
    ///     let _registered = future.shared().on_settled(|answer| println!("{answer:?}"));
    ///     promise.resolve(7).unwrap();
    ///     yield_now().await; // prints `Ok(7)`
    /// });
    /// ```
    #[doc(alias = "add_done_callback")]
    #[track_caller]
    pub fn on_settled(&self, callback: impl FnOnce(O) + 'static) -> OnSettled {
        let home = expect_tasks("on_settled").loop_ref.clone();
        let mut values = ContextValues::current();
        let outcome = Rc::clone(&self.outcome);
        let call: Box<dyn FnOnce()> = Box::new(move || {
            let value = outcome.get().cloned();
            drop(outcome);
            let Some(value) = value else { return };
            values.run(|| callback(value));
        });
        let line = &self.outcome.line;
        let settled = line.is_dismissed();
        let ticket = match settled || self.outcome.get().is_some() {
            true => {
                // A closed loop drops it uncalled.
                let _ = home.call_soon(call);
                None
            }
            false => Some(line.join(None, Entry::Call(home, call))),
        };
        OnSettled { line: Rc::downgrade(line), ticket }
    }
}

impl<O> Outcome<O> {
    fn get(&self) -> Option<&O> {
        if self.value.get().is_none() {
            let value = self.source.borrow().as_ref()?.take()?;
            // The source has nothing more to give. Its destructor may come back here: so it runs
            // when the borrow has ended and the value is in its place.
            let source = self.source.borrow_mut().take();
            let _ = self.value.set(value);
            drop(source);
        }
        self.value.get()
    }

    /// Notes what the task that is being polled waits for, and tells it.
    fn tell_awaited(&self) {
        let wait = self.source.borrow().as_ref().map(|source| source.wait());
        let Some(wait) = wait else { return };
        // Nothing is borrowed any more when the observer is told.
        let awaited = || self.source.borrow().as_ref().map(|source| source.awaited());
        awaits(wait, || awaited().expect("nobody has taken the source in between"));
    }
}

/// Those who wait for one outcome, in the order of arrival.
#[derive(Default)]
struct Line {
    entries: RefCell<BTreeMap<u64, Entry>>,
    next_ticket: Cell<u64>,
    /// The line was dismissed: there is an outcome.
    dismissed: Cell<bool>,
}

enum Entry {
    Wake(Waiter),
    Call(LoopRef, Box<dyn FnOnce()>),
}

impl Line {
    /// Joins at the back; with an earlier ticket, keeps that place.
    fn join(&self, ticket: Option<u64>, entry: Entry) -> u64 {
        let ticket = ticket.unwrap_or_else(|| {
            let ticket = self.next_ticket.get();
            self.next_ticket.set(ticket + 1);
            ticket
        });
        let earlier = self.entries.borrow_mut().insert(ticket, entry);
        drop(earlier);
        ticket
    }

    fn leave(&self, ticket: u64) -> bool {
        let entry = self.entries.borrow_mut().remove(&ticket);
        entry.is_some()
    }

    fn is_dismissed(&self) -> bool {
        self.dismissed.get()
    }
}

impl Listener for Line {
    fn hear(&self) {
        self.dismissed.set(true);
        let entries = self.entries.take();
        for (_, entry) in entries {
            match entry {
                Entry::Wake(waiter) => waiter.wake(),
                Entry::Call(home, callback) => drop(home.call_soon(callback)),
            }
        }
    }
}

impl<O: Clone + 'static> Future for Shared<O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        if let Some(value) = self.outcome.get() {
            return Poll::Ready(value.clone());
        }
        // Cloning a waker may be foreign code, which may settle this: so look again.
        let me = Entry::Wake(Waiter::of(cx));
        if let Some(value) = self.outcome.get() {
            return Poll::Ready(value.clone());
        }
        self.ticket = Some(self.outcome.line.join(self.ticket, me));
        self.outcome.tell_awaited();
        Poll::Pending
    }
}

impl<O> Clone for Shared<O> {
    fn clone(&self) -> Shared<O> {
        Shared { outcome: Rc::clone(&self.outcome), ticket: None }
    }
}

impl<O> Drop for Shared<O> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.outcome.line.leave(ticket);
        }
    }
}

impl<O> fmt::Debug for Shared<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settled", &self.outcome.line.is_dismissed()).finish()
    }
}

/// Takes back a callback that [`Shared::on_settled`] has registered. Dropping this changes
/// nothing.
pub struct OnSettled {
    line: Weak<Line>,
    ticket: Option<u64>,
}

impl OnSettled {
    /// Makes sure that the callback is not called, and drops it. `false` if there was an outcome
    /// already, or if it was removed before.
    ///
    /// ```
    /// use roundelay_executor::{promise, run, yield_now};
    ///
    /// run(async {
    ///     let (promise, future) = promise();
    ///     let registered = future.shared().on_settled(|_| unreachable!());
    ///     assert!(registered.remove());
    ///     assert_eq!(promise.resolve(7), Err(7)); // nobody is left who waits
    ///     yield_now().await;
    /// });
    /// ```
    pub fn remove(&self) -> bool {
        let line = self.line.upgrade();
        line.zip(self.ticket).is_some_and(|(line, ticket)| line.leave(ticket))
    }
}

impl fmt::Debug for OnSettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnSettled")
    }
}
