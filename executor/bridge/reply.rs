//! The reply: one outcome on its way from a loop's thread to another.
//!
//! ```text
//!   loop's thread              shared               any thread
//!   Answer --settle(outcome)-> [ reply ] --take---> RemoteTask
//!          <----- cancel? ----           <-cancel--
//! ```
//!
//! The one who waits may be a thread, which is woken through a condition variable, or a task
//! of any runtime, which is woken through its waker. The reply does not care.
//!
//! # Invariants
//! - It is settled exactly once: an answer that is dropped unsaid says "the loop is closed".
//! - The outcome is taken, or handed back to be reported; it does not get lost in between.
//! - Wakers and outcomes are dropped, and wakers called, while the lock is not held.
//!
//! Tutorial: chapter 18. Before this: `remote_error.rs`. After this: `remote_task.rs`.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use roundelay_runtime::Key;

use crate::bridge::remote_error::RemoteError;

pub(crate) type Outcome<T> = Result<T, RemoteError>;

/// What both sides share.
pub(crate) struct Reply<T> {
    state: Mutex<State<T>>,
    settled: Condvar,
}

struct State<T> {
    stage: Stage<T>,
    /// Whom to wake, if a task waits.
    waker: Option<Waker>,
    cancel_requested: bool,
    /// Nobody can take an outcome any more.
    unwanted: bool,
}

enum Stage<T> {
    /// The order is on its way to the loop.
    Ordered,
    /// The task with this key is at work.
    Started(Key),
    Settled(Outcome<T>),
    Taken,
}

/// What asking for a cancel found.
pub(crate) enum Asked {
    /// It has ended.
    TooLate,
    /// It has not begun, and will not.
    Withdrawn,
    /// The loop must be told to cancel this one.
    Running(Key),
}

impl<T> Reply<T> {
    /// A reply that is to come, and the half that will give it.
    pub(crate) fn new() -> (Arc<Reply<T>>, Answer<T>) {
        let state =
            State { stage: Stage::Ordered, waker: None, cancel_requested: false, unwanted: false };
        let reply = Arc::new(Reply { state: Mutex::new(state), settled: Condvar::new() });
        (Arc::clone(&reply), Answer { reply, said: false })
    }

    /// The outcome, if there is one; [`RemoteError::Taken`] the second time.
    pub(crate) fn take(&self) -> Option<Outcome<T>> {
        let mut state = self.lock();
        if !state.is_over() {
            return None;
        }
        Some(match std::mem::replace(&mut state.stage, Stage::Taken) {
            Stage::Settled(outcome) => outcome,
            _ => Err(RemoteError::Taken),
        })
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.lock().is_over()
    }

    /// Blocks this thread until there is an outcome, or the limit has passed.
    pub(crate) fn block(&self, limit: Option<Duration>) {
        let waits = |state: &mut State<T>| !state.is_over();
        let state = self.lock();
        let state = match limit {
            None => self.settled.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.settled.wait_timeout_while(state, limit, waits);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        drop(state);
    }

    /// `true`: there is an outcome. `false`: whoever polls is woken when there is one.
    pub(crate) fn poll_settled(&self, cx: &Context<'_>) -> bool {
        if self.is_settled() {
            return true;
        }
        // Cloning and dropping a waker may be foreign code: not under the lock.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.lock();
        let settled = state.is_over();
        if !settled {
            waker = std::mem::replace(&mut state.waker, waker);
        }
        drop(state);
        drop(waker);
        settled
    }

    pub(crate) fn ask_to_cancel(&self) -> Asked {
        let mut state = self.lock();
        let asked = match state.stage {
            Stage::Ordered => Asked::Withdrawn,
            Stage::Started(key) => Asked::Running(key),
            Stage::Settled(_) | Stage::Taken => return Asked::TooLate,
        };
        state.cancel_requested = true;
        asked
    }

    /// Nobody will take the outcome. Hands it back if it is there already.
    pub(crate) fn renounce(&self) -> Option<Outcome<T>> {
        let mut state = self.lock();
        state.unwanted = true;
        let waker = state.waker.take();
        let outcome = match std::mem::replace(&mut state.stage, Stage::Taken) {
            Stage::Settled(outcome) => Some(outcome),
            other => {
                state.stage = other;
                None
            }
        };
        drop(state);
        drop(waker);
        outcome
    }

    /// Says how it ended. Hands the outcome back if nobody wants it.
    fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        let mut state = self.lock();
        if state.unwanted || state.is_over() {
            state.stage = Stage::Taken;
            return Err(outcome);
        }
        state.stage = Stage::Settled(outcome);
        let waker = state.waker.take();
        self.settled.notify_all();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Settled(_) | Stage::Taken)
    }
}

/// The half that gives the reply. Dropped unsaid, it says that the loop was closed.
pub(crate) struct Answer<T> {
    reply: Arc<Reply<T>>,
    said: bool,
}

impl<T> Answer<T> {
    /// Notes which task is at work. `false` if its cancel was asked for meanwhile.
    pub(crate) fn has_started(&self, key: Key) -> bool {
        let mut state = self.reply.lock();
        state.stage = Stage::Started(key);
        !state.cancel_requested
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.reply.lock().cancel_requested
    }

    /// Gives the reply.
    ///
    /// # Errors
    /// The outcome, if nobody can take it any more.
    pub(crate) fn settle(mut self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        self.said = true;
        self.reply.settle(outcome)
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if !self.said {
            drop(self.reply.settle(Err(RemoteError::LoopClosed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn an_answer_that_is_dropped_unsaid_ends_the_wait() {
        let (reply, answer) = Reply::<u8>::new();
        let waits = thread::spawn(move || {
            reply.block(None);
            reply.take()
        });
        drop(answer);
        assert!(matches!(waits.join().unwrap(), Some(Err(RemoteError::LoopClosed))));
    }

    #[test]
    fn an_outcome_can_be_taken_once() {
        let (reply, answer) = Reply::new();
        assert!(reply.take().is_none());
        assert!(answer.settle(Ok(7)).is_ok());
        assert!(matches!(reply.take(), Some(Ok(7))));
        assert!(matches!(reply.take(), Some(Err(RemoteError::Taken))));
        assert!(matches!(reply.ask_to_cancel(), Asked::TooLate));
    }

    #[test]
    fn an_outcome_that_nobody_wants_comes_back() {
        let (reply, answer) = Reply::new();
        assert!(reply.renounce().is_none());
        assert!(matches!(answer.settle(Ok(7)), Err(Ok(7))));

        let (reply, answer) = Reply::new();
        assert!(answer.settle(Ok(8)).is_ok());
        assert!(matches!(reply.renounce(), Some(Ok(8))));
    }

    #[test]
    fn a_cancel_that_comes_before_the_start_is_found_there() {
        let (reply, answer) = Reply::<()>::new();
        assert!(matches!(reply.ask_to_cancel(), Asked::Withdrawn));
        assert!(answer.is_cancel_requested());
        assert!(!answer.has_started(Key::new(1, 1)));
        assert!(matches!(reply.ask_to_cancel(), Asked::Running(_)));
    }
}
