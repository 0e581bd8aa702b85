//! The slot: where a job's outcome is put down by one side and picked up by the other.
//!
//! One lock, five phases, and everybody who waits.
//!
//! ```text
//!              start                 complete                  take
//!   Queued -----------> Running ----------------> Done(..) ----------> Taken
//!     |  ^-------------/    (put back: its worker was dead)   (an error stays)
//!     |   withdraw                   complete
//!     +-----------> Withdrawn -----------------> Done(Err(Cancelled))
//! ```
//!
//! # Invariants
//! - Exactly one of `start` and `withdraw` succeeds: a cancelled job never runs.
//! - A slot is completed once.
//! - Nothing of the user's runs under the lock: wakers, callbacks and destructors are taken
//!   out, the lock is let go, then they are called.
//!
//! Tutorial: the chapter on thread pools. Before this: `panics.rs`. After this: `job.rs`.

use std::task::Waker;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::error::JobError;
use crate::panics::contain_quietly;

pub(crate) struct Slot<T> {
    inner: Mutex<Inner<T>>,
    done: Condvar,
}

struct Inner<T> {
    phase: Phase<T>,
    /// Who polls the job. A job has one handle, so it has one poller.
    waker: Option<Waker>,
    callbacks: Vec<Callback>,
}

enum Phase<T> {
    Queued,
    Running,
    /// Cancelled; the closure and what it captured are being dropped at this moment.
    Withdrawn,
    Done(Result<Answer<T>, JobError>),
    Taken,
}

/// A value, or the bytes of one: the thread that takes it decodes it.
pub(crate) enum Answer<T> {
    Here(T),
    Encoded { frame: Vec<u8>, start: usize, decode: Decode<T> },
}

pub(crate) type Decode<T> = fn(&[u8]) -> Result<T, JobError>;
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// What a handle may be told about its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Queued,
    Running,
    Cancelled,
    Done,
}

// ---- the worker's side ----------------------------------------------------------------------

impl<T> Slot<T> {
    pub(crate) fn new() -> Slot<T> {
        let inner = Inner { phase: Phase::Queued, waker: None, callbacks: Vec::new() };
        Slot { inner: Mutex::new(inner), done: Condvar::new() }
    }

    /// A worker takes the job. `false`: it has been cancelled.
    pub(crate) fn start(&self) -> bool {
        self.step(|phase| matches!(phase, Phase::Queued), Phase::Running)
    }

    /// The worker was dead before it got the job: the job has not been started after all.
    pub(crate) fn put_back(&self) {
        self.step(|phase| matches!(phase, Phase::Running), Phase::Queued);
    }

    /// The owner no longer wants it. `true`: it will not run; now drop the work and complete.
    pub(crate) fn withdraw(&self) -> bool {
        self.step(|phase| matches!(phase, Phase::Queued), Phase::Withdrawn)
    }

    fn step(&self, from: impl FnOnce(&Phase<T>) -> bool, to: Phase<T>) -> bool {
        let mut inner = self.inner.lock();
        let fits = from(&inner.phase);
        if fits {
            inner.phase = to;
        }
        fits
    }

    /// The outcome is there. Tells everybody who waits.
    ///
    /// `free` is called once, when the worker that calls this has nothing of the user's left to
    /// do: in the instant before anybody can see the outcome or, if there are callbacks, after
    /// the last of them. Later than that, and a program that submits, waits and submits again
    /// would find its one worker "busy" for a moment longer, and start a second. It is our own
    /// code and runs under the lock: a counter, or the pool's lock (always *after* the slot's).
    pub(crate) fn complete(&self, outcome: Result<Answer<T>, JobError>, free: impl FnOnce()) {
        let mut free = Some(free);
        let (waker, callbacks) = {
            let mut inner = self.inner.lock();
            assert!(
                matches!(inner.phase, Phase::Running | Phase::Withdrawn),
                "a job is completed once, by whoever started or withdrew it"
            );
            if inner.callbacks.is_empty()
                && let Some(free) = free.take()
            {
                free();
            }
            inner.phase = Phase::Done(outcome);
            (inner.waker.take(), std::mem::take(&mut inner.callbacks))
        };
        self.done.notify_all();
        if let Some(waker) = waker {
            contain_quietly(|| waker.wake());
        }
        for callback in callbacks {
            contain_quietly(callback);
        }
        if let Some(free) = free {
            free();
        }
    }
}

// ---- the handle's side ----------------------------------------------------------------------

impl<T> Slot<T> {
    pub(crate) fn state(&self) -> State {
        match &self.inner.lock().phase {
            Phase::Queued => State::Queued,
            Phase::Running => State::Running,
            Phase::Withdrawn | Phase::Done(Err(JobError::Cancelled)) => State::Cancelled,
            Phase::Done(_) | Phase::Taken => State::Done,
        }
    }

    /// Done, all of it: a job that is being cancelled is not done before its captures are gone.
    pub(crate) fn is_done(&self) -> bool {
        self.inner.lock().phase.is_done()
    }

    /// Blocks until the job is done. `false`: the deadline came first.
    pub(crate) fn block(&self, deadline: Option<Instant>) -> bool {
        let mut inner = self.inner.lock();
        while !inner.phase.is_done() {
            match deadline {
                None => self.done.wait(&mut inner),
                Some(deadline) => {
                    if self.done.wait_until(&mut inner, deadline).timed_out() {
                        return inner.phase.is_done();
                    }
                }
            }
        }
        true
    }

    /// `true`: it is done. `false`: this waker will be woken when it is.
    pub(crate) fn poll_done(&self, waker: &Waker) -> bool {
        {
            let inner = self.inner.lock();
            if inner.phase.is_done() {
                return true;
            }
            if inner.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                return false;
            }
        }
        // A waker's clone and drop are the executor's code, so they happen outside the lock.
        let new = waker.clone();
        let mut inner = self.inner.lock();
        let done = inner.phase.is_done();
        let unneeded = if done { Some(new) } else { inner.waker.replace(new) };
        drop(inner);
        drop(unneeded);
        done
    }

    /// Leaves a callback for the end. If that has come, gives it back to be called now.
    pub(crate) fn on_done(&self, callback: Callback) -> Option<Callback> {
        let mut inner = self.inner.lock();
        if inner.phase.is_done() {
            return Some(callback);
        }
        inner.callbacks.push(callback);
        None
    }

    /// Moves the value out. `None`: not done yet. An error stays, and can be asked for again.
    pub(crate) fn take(&self) -> Option<Result<T, JobError>> {
        let answer = {
            let mut inner = self.inner.lock();
            match &inner.phase {
                Phase::Queued | Phase::Running | Phase::Withdrawn => return None,
                Phase::Taken => return Some(Err(JobError::ResultTaken)),
                Phase::Done(Err(error)) => return Some(Err(error.clone())),
                Phase::Done(Ok(_)) => match std::mem::replace(&mut inner.phase, Phase::Taken) {
                    Phase::Done(Ok(answer)) => answer,
                    _ => unreachable!("looked at under the same lock"),
                },
            }
        };
        Some(match answer {
            Answer::Here(value) => Ok(value),
            // Decoding is the user's code (`Deserialize`): never under the lock.
            Answer::Encoded { frame, start, decode } => {
                let decoded = decode(&frame[start..]);
                if let Err(error) = &decoded {
                    self.inner.lock().phase = Phase::Done(Err(error.clone()));
                }
                decoded
            }
        })
    }

    pub(crate) fn error(&self) -> Option<JobError> {
        match &self.inner.lock().phase {
            Phase::Done(Err(error)) => Some(error.clone()),
            _ => None,
        }
    }
}

impl<T> Phase<T> {
    fn is_done(&self) -> bool {
        matches!(self, Phase::Done(_) | Phase::Taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_withdraw_exclude_each_other() {
        let started = Slot::<()>::new();
        assert_eq!((started.start(), started.withdraw()), (true, false));
        let withdrawn = Slot::<()>::new();
        assert_eq!((withdrawn.withdraw(), withdrawn.start()), (true, false));
    }

    #[test]
    fn a_withdrawn_job_is_cancelled_at_once_but_done_only_when_completed() {
        let slot = Slot::<()>::new();
        slot.withdraw();
        assert_eq!((slot.state(), slot.is_done()), (State::Cancelled, false));
        slot.complete(Err(JobError::Cancelled), || ());
        assert_eq!((slot.state(), slot.is_done()), (State::Cancelled, true));
    }

    #[test]
    fn a_value_is_taken_once_and_an_error_as_often_as_you_like() {
        let slot = Slot::new();
        slot.start();
        slot.complete(Ok(Answer::Here(5)), || ());
        assert!(matches!(slot.take(), Some(Ok(5))));
        assert!(matches!(slot.take(), Some(Err(JobError::ResultTaken))));

        let slot = Slot::<u8>::new();
        slot.start();
        slot.complete(Err(JobError::Killed), || ());
        assert!(matches!(slot.take(), Some(Err(JobError::Killed))));
        assert!(matches!(slot.take(), Some(Err(JobError::Killed))));
    }

    #[test]
    fn the_worker_counts_as_free_after_the_last_callback() {
        let (log, seen) = crossbeam_channel::unbounded();
        let slot = Slot::<()>::new();
        let callback_log = log.clone();
        slot.on_done(Box::new(move || callback_log.send("callback").unwrap()));
        slot.start();
        slot.complete(Err(JobError::Killed), || log.send("free").unwrap());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["callback", "free"]);
    }
}
