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
    /// is none that it can run.
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

/// Runs the first of these jobs that this thread can run while it waits for them (see
/// [`Job::wait`]). `offered`: how many it has been offered before; none of those is queued again.
pub(crate) fn run_one<'a, T: 'a>(
    jobs: impl Iterator<Item = Option<&'a Job<T>>>,
    offered: &mut usize,
) -> bool {
    for job in jobs.skip(*offered) {
        *offered += 1;
        if job.is_some_and(Job::run_here) {
            return true;
        }
    }
    false
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
