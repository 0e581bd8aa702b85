//! The slot: where a job's outcome is put down by one side and picked up by the other.
//!
//! A phase, the outcome, and everybody who waits.
//!
//! ```text
//!              start                 complete
//!   Queued -----------> Running ----------------> Done | Cancelled   (take: the value leaves,
//!     |  ^-------------/    (put back: its worker was dead)           an error stays)
//!     |   withdraw                   complete
//!     +-----------> Withdrawn -----------------> Cancelled
//! ```
//!
//! The obvious version is one lock around one enum, and it is what this file was at first. Then
//! each look at a job (is it done? block until it is; take the value) and each step of it is a
//! lock of its own: 25 atomic operations for one tiny job. The phase is an atomic byte now, the
//! lock is taken to put the outcome down and to pick it up: 16 (two locks
//! of `crew.rs` left with them), and 123 ns of processor time for a job that took 138.
//!
//! # Invariants
//! - Exactly one of `start` and `withdraw` succeeds: a cancelled job never runs.
//! - A slot is completed once. The outcome is there before the phase says so, and the phase
//!   says so under the lock: who finds the job not done *under the lock* will be told.
//! - Nothing of the user's runs under the lock: wakers, callbacks and destructors are taken
//!   out, the lock is let go, then they are called.
//!
//! Tutorial: the chapter on thread pools. Before this: `linger.rs`. After this: `job.rs`.

use std::mem;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::error::JobError;
use crate::linger::Linger;
use crate::panics::contain_quietly;
use crate::shelf::give_back;

pub(crate) struct Slot<T> {
    /// A [`Phase`].
    phase: AtomicU8,
    inner: Mutex<Inner<T>>,
    done: Condvar,
}

struct Inner<T> {
    /// There from the moment the job is done until its value is taken.
    outcome: Option<Result<Answer<T>, JobError>>,
    /// The outcome is an error, and somebody has been given it; or nobody wants to hear of one.
    told: bool,
    /// Who polls the job. A job has one handle, so it has one poller.
    waker: Option<Waker>,
    callbacks: Vec<Callback>,
}

/// In an order in which everything from `Done` on is done.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Queued,
    Running,
    /// Cancelled; the closure and what it captured are being dropped at this moment.
    Withdrawn,
    Done,
    Cancelled,
}

/// A value, or the bytes of one: the thread that takes it decodes it.
pub(crate) enum Answer<T> {
    Here(T),
    Encoded { frame: Vec<u8>, start: usize, decode: Decode<T> },
}

/// Decodes what begins so far behind the beginning of a frame; may keep the frame's memory.
pub(crate) type Decode<T> = fn(&mut Vec<u8>, usize) -> Result<T, JobError>;
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// A job is done; those who are to hear of it.
pub(crate) struct News {
    waker: Option<Waker>,
    callbacks: Vec<Callback>,
}

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
        let inner = Inner { outcome: None, told: false, waker: None, callbacks: Vec::new() };
        let phase = AtomicU8::new(Phase::Queued as u8);
        Slot { phase, inner: Mutex::new(inner), done: Condvar::new() }
    }

    /// A worker takes the job. `false`: it has been cancelled.
    pub(crate) fn start(&self) -> bool {
        self.step(Phase::Queued, Phase::Running)
    }

    /// The worker was dead before it got the job: the job has not been started after all.
    pub(crate) fn put_back(&self) {
        self.step(Phase::Running, Phase::Queued);
    }

    /// The owner no longer wants it. `true`: it will not run; now drop the work and complete.
    pub(crate) fn withdraw(&self) -> bool {
        self.step(Phase::Queued, Phase::Withdrawn)
    }

    fn step(&self, from: Phase, to: Phase) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        self.phase.compare_exchange(from as u8, to as u8, success, failure).is_ok()
    }

    fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) == phase as u8
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
        self.put_down(outcome, &mut free).tell();
        if let Some(free) = free {
            free();
        }
    }

    /// The same for a job that was taken out of the queue and not run. `gone` is called once, when
    /// everybody can see the outcome and nobody has been told: a callback may wait for the end of
    /// the pool, which must not count on this job any more.
    pub(crate) fn complete_unrun(&self, error: JobError, gone: impl FnOnce()) {
        let news = self.put_down(Err(error), &mut None::<fn()>);
        gone();
        news.tell();
    }

    /// If the job is just being cancelled: `gone` will be called by whoever does that, as in
    /// [`complete_unrun`](Slot::complete_unrun). If not, it is given back.
    pub(crate) fn when_gone(&self, gone: Callback) -> Option<Callback> {
        let mut inner = self.inner.lock();
        if !self.is_withdrawn() {
            return Some(gone);
        }
        inner.callbacks.insert(0, gone);
        None
    }

    /// It is being cancelled: what it captured is being dropped at this moment.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.is(Phase::Withdrawn)
    }

    /// The first half of `complete`: the job is done, and nothing of the user's has run yet. What it
    /// gives back is the second half.
    pub(crate) fn put_down(
        &self,
        outcome: Result<Answer<T>, JobError>,
        free: &mut Option<impl FnOnce()>,
    ) -> News {
        assert!(
            self.is(Phase::Running) || self.is(Phase::Withdrawn),
            "a job is completed once, by whoever started or withdrew it"
        );
        let cancelled = matches!(outcome, Err(JobError::Cancelled));
        let phase = if cancelled { Phase::Cancelled } else { Phase::Done };
        let news = {
            let mut inner = self.inner.lock();
            if inner.callbacks.is_empty()
                && let Some(free) = free.take()
            {
                free();
            }
            inner.outcome = Some(outcome);
            self.phase.store(phase as u8, Ordering::Release);
            News { waker: inner.waker.take(), callbacks: mem::take(&mut inner.callbacks) }
        };
        self.done.notify_all();
        news
    }
}

impl News {
    /// Tells everybody who asked to be told.
    pub(crate) fn tell(self) {
        if let Some(waker) = self.waker {
            contain_quietly(|| waker.wake());
        }
        for callback in self.callbacks {
            contain_quietly(callback);
        }
    }
}

// ---- the handle's side ----------------------------------------------------------------------

impl<T> Slot<T> {
    pub(crate) fn state(&self) -> State {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Queued as u8 => State::Queued,
            phase if phase == Phase::Running as u8 => State::Running,
            phase if phase == Phase::Done as u8 => State::Done,
            _ => State::Cancelled,
        }
    }

    /// Done, all of it: a job that is being cancelled is not done before its captures are gone.
    pub(crate) fn is_done(&self) -> bool {
        self.phase.load(Ordering::Acquire) >= Phase::Done as u8
    }

    /// Blocks until the job is done. `false`: the deadline came first.
    pub(crate) fn block(&self, deadline: Option<Instant>) -> bool {
        let look = || self.is_done().then_some(());
        if look().or_else(|| Linger::here(deadline, look)).is_some() {
            return true;
        }
        let mut inner = self.inner.lock();
        while !self.is_done() {
            match deadline {
                None => self.done.wait(&mut inner),
                Some(deadline) => {
                    if self.done.wait_until(&mut inner, deadline).timed_out() {
                        return self.is_done();
                    }
                }
            }
        }
        true
    }

    /// `true`: it is done. `false`: this waker will be woken when it is.
    pub(crate) fn poll_done(&self, waker: &Waker) -> bool {
        if self.is_done() {
            return true;
        }
        // A waker's clone and drop are the executor's code, so they happen outside the lock.
        let new = waker.clone();
        let mut inner = self.inner.lock();
        let done = self.is_done();
        let unneeded = if done { Some(new) } else { inner.waker.replace(new) };
        drop(inner);
        drop(unneeded);
        done
    }

    /// Leaves a callback for the end. If that has come, gives it back to be called now.
    pub(crate) fn on_done(&self, callback: Callback) -> Option<Callback> {
        let mut inner = self.inner.lock();
        if self.is_done() {
            return Some(callback);
        }
        inner.callbacks.push(callback);
        None
    }

    /// Moves the value out. `None`: not done yet. An error stays, and can be asked for again.
    pub(crate) fn take(&self) -> Option<Result<T, JobError>> {
        if !self.is_done() {
            return None;
        }
        let answer = {
            let mut inner = self.inner.lock();
            if let Some(error) = inner.tell_error() {
                return Some(Err(error));
            }
            inner.outcome.take()
        };
        let Some(Ok(answer)) = answer else { return Some(Err(JobError::ResultTaken)) };
        Some(match answer {
            Answer::Here(value) => Ok(value),
            // Decoding is the user's code (`Deserialize`): never under the lock.
            Answer::Encoded { mut frame, start, decode } => {
                let decoded = decode(&mut frame, start);
                give_back(frame);
                if let Err(error) = &decoded {
                    let mut inner = self.inner.lock();
                    (inner.outcome, inner.told) = (Some(Err(error.clone())), true);
                }
                decoded
            }
        })
    }

    pub(crate) fn error(&self) -> Option<JobError> {
        self.inner.lock().tell_error()
    }

    /// Whether this fails, and how, is nobody's business any more.
    pub(crate) fn needs_no_telling(&self) {
        self.inner.lock().told = true;
    }

    /// An error that nobody has been given.
    pub(crate) fn untold_error(&self) -> Option<JobError> {
        let mut inner = self.inner.lock();
        if inner.told { None } else { inner.tell_error() }
    }
}

impl<T> Inner<T> {
    fn tell_error(&mut self) -> Option<JobError> {
        let Some(Err(error)) = &self.outcome else { return None };
        self.told = true;
        Some(error.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
    fn an_error_is_untold_until_somebody_has_been_given_it() {
        let slot = Slot::<u8>::new();
        assert!(slot.untold_error().is_none());
        slot.start();
        slot.complete(Err(JobError::Killed), || ());
        assert!(matches!(slot.untold_error(), Some(JobError::Killed)));
        assert!(slot.untold_error().is_none());
        let slot = Slot::<u8>::new();
        slot.start();
        let decode = |_: &mut Vec<u8>, _| Err(JobError::Refused("what it is not".to_owned()));
        slot.complete(Ok(Answer::Encoded { frame: vec![], start: 0, decode }), || ());
        assert!(matches!(slot.take(), Some(Err(JobError::Refused(_)))));
        assert!(slot.untold_error().is_none(), "whoever took the value was told");
    }

    #[test]
    fn the_worker_counts_as_free_after_the_last_callback() {
        let (log, seen) = mpsc::channel();
        let slot = Slot::<()>::new();
        let callback_log = log.clone();
        slot.on_done(Box::new(move || callback_log.send("callback").unwrap()));
        slot.start();
        slot.complete(Err(JobError::Killed), || log.send("free").unwrap());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["callback", "free"]);
    }
}
