//! A value that is made once, by the first who needs it.
//!
//! ```text
//!   a: get_or_init --> makes it ........ fails, or is dropped
//!   b: get_or_init --> waits                  `--> b makes it ..... set
//!   c: get_or_init --> waits                                         `--> c gets it
//! ```
//!
//! The turn to make the value is handed down the line like a lock's value, until somebody
//! succeeds. Then all who wait are let go together.
//!
//! # Invariants
//! - At most one makes the value at a time. While nobody does, nobody stands in line.
//! - Once set, the value stays.
//!
//! Tutorial: chapter 13. Before this: `barrier.rs`. After this: `closed.rs`.

use std::cell::{self, Cell};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::wait_queue::{Left, Place, WaitQueue};

/// A value that is set once; the first who asks for it makes it. For tasks of one thread;
/// clones share it.
///
/// Nothing but dropping all clones takes the value out again, so it can be borrowed for as
/// long as a handle lives.
///
/// ```
/// use roundelay_executor::{OnceCell, gather_all, run, yield_now};
///
/// run(async {
///     let connection = OnceCell::new();
///     let users = (0..3).map(|user| {
///         let connection = connection.clone();
///         async move {
///             let connect = async || {
///                 yield_now().await;
///                 format!("opened by {user}")
///             };
///             connection.get_or_init(connect).await.clone()
///         }
///     });
///     for seen in gather_all(users).await {
///         assert_eq!(seen.unwrap(), "opened by 0");
///     }
/// });
/// ```
pub struct OnceCell<T> {
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    value: cell::OnceCell<T>,
    /// Somebody makes the value, or has been granted the turn to.
    making: Cell<bool>,
    /// Those who would make it.
    line: WaitQueue<Turn>,
    /// Those who only wait for it.
    watchers: WaitQueue<Turn>,
}

/// What somebody who needs the value is told.
#[derive(Clone, Copy)]
enum Turn {
    /// It is there.
    Look,
    /// It is yours to make.
    Make,
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    #[must_use]
    pub fn new() -> OnceCell<T> {
        let (value, making) = (cell::OnceCell::new(), Cell::new(false));
        let (line, watchers) = WaitQueue::pair("once_cell");
        OnceCell { shared: Rc::new(Shared { value, making, line, watchers }) }
    }

    /// The value, if it is set.
    ///
    /// ```
    /// let cell = roundelay_executor::OnceCell::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set("settled").unwrap();
    /// assert!(cell.is_set() && cell.get() == Some(&"settled"));
    /// ```
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.shared.value.get()
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.get().is_some()
    }

    /// The value; if it is not set, `make` makes it. If somebody else is at it, waits.
    ///
    /// A `make` that asks for the same cell's value waits for itself, for ever.
    ///
    /// *Cancel safety: loses its place* in the line. If it was making the value, the next in
    /// line makes it from the beginning.
    ///
    /// ```
    /// use roundelay_executor::{OnceCell, run};
    ///
    /// run(async {
    ///     let cell = OnceCell::new();
    ///     assert_eq!(cell.get_or_init(async || "first").await, &"first");
    ///     assert_eq!(cell.get_or_init(async || "second").await, &"first");
    /// });
    /// ```
    pub async fn get_or_init(&self, make: impl AsyncFnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try_init(async || Ok::<T, Infallible>(make().await)).await;
        value
    }

    /// The value; if it is not set, `make` tries to make it. If somebody else is at it,
    /// waits; if they fail, it is this one's turn.
    ///
    /// *Cancel safety: loses its place* in the line. If it was making the value, the next in
    /// line makes it from the beginning.
    ///
    /// # Errors
    /// What `make` says; the cell stays empty. Those who wait are not told: they try.
    ///
    /// ```
    /// use roundelay_executor::{OnceCell, run};
    ///
    /// run(async {
    ///     let cell = OnceCell::new();
    ///     assert_eq!(cell.get_or_try_init(async || Err("no luck")).await, Err("no luck"));
    ///     assert_eq!(cell.get_or_try_init(async || Ok::<_, ()>(7)).await, Ok(&7));
    ///     assert_eq!(cell.get_or_init(async || unreachable!()).await, &7);
    /// });
    /// ```
    pub async fn get_or_try_init<E>(
        &self,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        let line = &self.shared.line;
        let turn = TurnWait { shared: &self.shared, line, makes: true, place: Place::Outside };
        if let Turn::Make = turn.await {
            // Dropped on every way out: without a value the turn goes to the next in line.
            let _making = Making { shared: &self.shared };
            let value = make().await?;
            // Refused only if it was set meanwhile, and `set` refuses while one makes it.
            let _ = self.shared.value.set(value);
        }
        Ok(self.expect_set())
    }

    /// Waits until somebody has set the value. Does not make it.
    ///
    /// If nobody ever does and nothing else is left to happen, the run ends with
    /// [`RunError::Deadlock`](roundelay_runtime::RunError::Deadlock).
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{OnceCell, run, spawn};
    ///
    /// run(async {
    ///     let address = OnceCell::new();
    ///     let sets = address.clone();
    ///     let server = spawn(async move { sets.set("127.0.0.1:80").unwrap() });
    ///     assert_eq!(address.wait().await, &"127.0.0.1:80");
    ///     server.await.unwrap();
    /// });
    /// ```
    pub async fn wait(&self) -> &T {
        let line = &self.shared.watchers;
        TurnWait { shared: &self.shared, line, makes: false, place: Place::Outside }.await;
        self.expect_set()
    }

    /// Sets the value. All who wait for it take their next step in the next turn.
    ///
    /// # Errors
    /// The value with the reason: there is one, or somebody is making one.
    ///
    /// ```
    /// use roundelay_executor::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(SetError::AlreadySet(2)));
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.is_set() {
            return Err(SetError::AlreadySet(value));
        }
        if self.shared.making.get() {
            return Err(SetError::BeingMade(value));
        }
        self.shared.value.set(value).map_err(SetError::AlreadySet)?;
        self.shared.tell_all();
        Ok(())
    }

    /// The value, taken out of its last handle; `None` if it was never set.
    ///
    /// # Errors
    /// The cell itself, if there is another clone.
    ///
    /// ```
    /// let cell = roundelay_executor::OnceCell::from(7);
    /// let clone = cell.clone();
    /// let cell = cell.into_inner().unwrap_err(); // there is another handle
    /// drop(clone);
    /// assert_eq!(cell.into_inner().unwrap(), Some(7));
    /// ```
    pub fn into_inner(self) -> Result<Option<T>, OnceCell<T>> {
        let shared = Rc::try_unwrap(self.shared).map_err(|shared| OnceCell { shared })?;
        Ok(shared.value.into_inner())
    }

    fn expect_set(&self) -> &T {
        self.get().expect("whoever is told to look finds the value")
    }
}

impl<T> Shared<T> {
    fn turn(&self, makes: bool) -> Option<Turn> {
        if self.value.get().is_some() {
            return Some(Turn::Look);
        }
        (makes && !self.making.replace(true)).then_some(Turn::Make)
    }

    /// Nobody makes the value any more: it is there, or the next in line makes it.
    fn next_turn(&self) {
        if self.value.get().is_some() {
            self.making.set(false);
            self.tell_all();
        } else if self.line.grant(Turn::Make).is_err() {
            self.making.set(false);
        }
    }

    fn tell_all(&self) {
        let mut waiters = self.line.grant_first(usize::MAX, |_| Turn::Look);
        waiters.extend(self.watchers.grant_first(usize::MAX, |_| Turn::Look));
        for waiter in waiters {
            waiter.wake();
        }
    }
}

impl<T> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        let _ = cell.set(value);
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cell = f.debug_struct("OnceCell");
        match self.get() {
            Some(value) => cell.field("value", value),
            None => cell.field("value", &format_args!("<unset>")),
        };
        cell.field("waiting", &(self.shared.line.len() + self.shared.watchers.len())).finish()
    }
}

/// Waits for a turn, or for the value.
struct TurnWait<'a, T> {
    shared: &'a Shared<T>,
    line: &'a WaitQueue<Turn>,
    makes: bool,
    place: Place,
}

impl<T> Future for TurnWait<'_, T> {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let TurnWait { shared, line, makes, place } = &mut *self;
        place.poll(line, (), cx, || shared.turn(*makes))
    }
}

impl<T> Drop for TurnWait<'_, T> {
    fn drop(&mut self) {
        if let Left::Granted(Turn::Make) = self.place.leave(self.line) {
            self.shared.next_turn();
        }
    }
}

/// Somebody is making the value, until this is dropped.
struct Making<'a, T> {
    shared: &'a Shared<T>,
}

impl<T> Drop for Making<'_, T> {
    fn drop(&mut self) {
        self.shared.next_turn();
    }
}

/// Why a value could not be set. Holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value.
    AlreadySet(T),
    /// Somebody is making the value.
    BeingMade(T),
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadySet(_) => "the cell has a value already, and keeps it; use `get`",
            SetError::BeingMade(_) => {
                "somebody is making the cell's value; await `get_or_init` or `wait` for theirs"
            }
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
