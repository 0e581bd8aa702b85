//! The bell: which of many jobs has ended?
//!
//! Waiting for one job is easy: it has a place for one waker. Waiting for *any of a thousand*
//! without looking at all of them each time needs to know which one it was that ended. So each
//! job gets a rope of its own as its waker, with a number on it, and all ropes ring one bell.
//!
//! ```text
//!    job 0 --rope 0--\
//!    job 1 --rope 1---+--> bell: [ 2, 0, .. ]  numbers, in the order of the ends
//!    job 2 --rope 2--/       |
//!                            '--> a blocked thread, or a task's waker
//! ```
//!
//! # Invariants
//! - A rope rings once, when its job has ended; or never, if the job had ended before.
//! - A job has one waker, so it hangs on one bell: whoever hangs it there owns the job or has it
//!   as `&mut`.
//!
//! Tutorial: the chapter on thread pools. Before this: `job.rs`. After this: `as_completed.rs`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::job::Job;
use crate::linger::Linger;

#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<Rung>,
    sound: Condvar,
}

#[derive(Default)]
struct Rung {
    by: VecDeque<usize>,
    listener: Option<Waker>,
}

struct Rope {
    bell: Arc<Bell>,
    number: usize,
}

impl Bell {
    /// From here on, the end of the job rings the bell. `true`: it has ended already, and
    /// nothing will ring.
    pub(crate) fn hang<T>(self: &Arc<Bell>, number: usize, job: &mut Job<T>) -> bool {
        let rope = Arc::new(Rope { bell: Arc::clone(self), number });
        job.is_done() || job.poll_done(&Waker::from(rope))
    }

    /// Blocks until somebody has rung. `None`: the deadline came first.
    pub(crate) fn listen(&self, deadline: Option<Instant>) -> Option<usize> {
        let look = || self.rung.lock().by.pop_front();
        if let Some(number) = look().or_else(|| Linger::here(deadline, look)) {
            return Some(number);
        }
        let mut rung = self.rung.lock();
        loop {
            if let Some(number) = rung.by.pop_front() {
                return Some(number);
            }
            match deadline {
                None => self.sound.wait(&mut rung),
                Some(deadline) => {
                    if self.sound.wait_until(&mut rung, deadline).timed_out() {
                        return rung.by.pop_front();
                    }
                }
            }
        }
    }

    /// Like [`listen`](Bell::listen) without a deadline, for a thread that may be a worker of the
    /// pool that these jobs are in: before it sleeps, `work` may run one of them. `false`: there
    /// is none that it is to run.
    pub(crate) fn listen_or_work(&self, mut work: impl FnMut() -> bool) -> Option<usize> {
        loop {
            if let Some(number) = self.rung.lock().by.pop_front() {
                return Some(number);
            }
            if !work() {
                return self.listen(None);
            }
        }
    }

    pub(crate) fn poll_listen(&self, cx: &Context<'_>) -> Poll<usize> {
        // A waker's clone and drop are the executor's code, so they happen outside the lock.
        let new = cx.waker().clone();
        let mut rung = self.rung.lock();
        if let Some(number) = rung.by.pop_front() {
            drop(rung);
            return Poll::Ready(number);
        }
        let old = rung.listener.replace(new);
        drop(rung);
        drop(old);
        Poll::Pending
    }
}

/// What a worker that waits for jobs has found out about those of its own pool: see
/// [`Job::wait`]. Which of them is it to run itself, if any?
///
/// Who waits for all of them needs each, so it may as well run the first that is queued. Who waits
/// for *one* needs whichever ends first. While one has begun elsewhere, that one is waited for: to
/// run another meanwhile could take for ever, while the answer is there. Only if none has begun
/// might nobody ever begin one, because all threads wait like this one.
///
/// One that has ended has begun, too, as long as it has not been heard: its rope rings a moment
/// after everybody can see that it is done.
#[derive(Default)]
pub(crate) struct OwnJobs {
    /// Those before this place were run, or cannot be run by this thread.
    next: usize,
    /// Those of them that are waited for: they have begun, or belong to another pool.
    elsewhere: Vec<usize>,
}

/// Jobs begin in the order of their submission, so one that has begun is among the first of those
/// that are queued, if it is not in front of them. To look at all of them each time would take
/// as long as the square of their number.
const LOOK_AHEAD: usize = 256;

impl OwnJobs {
    /// Runs one of so many jobs, if that is what this thread is to do. `job` gives those whose end
    /// is waited for and has not been heard.
    pub(crate) fn run_one<'a, T: 'a>(
        &mut self,
        count: usize,
        job: impl Fn(usize) -> Option<&'a Job<T>>,
        any_will_do: bool,
    ) -> bool {
        while self.next < count {
            let at = self.next;
            match job(at) {
                Some(first) if first.may_run_here() => {
                    if any_will_do && self.one_has_begun(count, &job) {
                        return false;
                    }
                    if first.run_here() {
                        self.next += 1;
                        return true;
                    }
                    // It has just begun elsewhere, or was cancelled: look at it once more.
                }
                other => {
                    if any_will_do && other.is_some() {
                        self.elsewhere.push(at);
                    }
                    self.next += 1;
                }
            }
        }
        false
    }

    fn one_has_begun<'a, T: 'a>(
        &mut self,
        count: usize,
        job: impl Fn(usize) -> Option<&'a Job<T>>,
    ) -> bool {
        self.elsewhere.retain(|at| job(*at).is_some());
        let ahead = self.next..count.min(self.next + LOOK_AHEAD);
        let mut places = self.elsewhere.iter().copied().chain(ahead);
        places.any(|at| job(at).is_some_and(|job| !job.is_queued()))
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Rope>) {
        let listener = {
            let mut rung = self.bell.rung.lock();
            rung.by.push_back(self.number);
            rung.listener.take()
        };
        self.bell.sound.notify_one();
        if let Some(listener) = listener {
            listener.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_the_order_of_the_ringing() {
        let bell = Arc::new(Bell::default());
        for number in [2, 0, 1] {
            Arc::new(Rope { bell: Arc::clone(&bell), number }).wake();
        }
        let order: Vec<_> = std::iter::from_fn(|| bell.listen(Some(Instant::now()))).collect();
        assert_eq!(order, [2, 0, 1]);
    }
}
