//! The end of a pool: closed, and the last worker gone.
//!
//! Both pools end in the same way, and there are three ways to wait for it: block, block with
//! a limit, or await. All three look at one flag, which the last worker raises on its way out.
//!
//! ```text
//!   close() ---> the workers finish what there is ---> the last one: raise()
//!                                                        |      |       |
//!                                                     wait()  wait_until()  Ended.await
//! ```
//!
//! # Invariants
//! - The flag is raised once and never lowered: a closed pool does not open again.
//! - A worker never waits for its own pool to end: that would be waiting for itself. It
//!   panics instead, with a sentence.
//!
//! Tutorial: the chapter on thread pools. Before this: `wait.rs`. After this: `metrics.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::panics::contain_quietly;

/// A future of the moment in which a closed pool's last worker has ended.
///
/// Made by `ended()` of either pool, on any executor; it holds nothing of the pool's workers
/// and keeps nobody from ending. It never resolves while the pool is open.
///
/// *Cancel safety*: safe. It has no effect but waiting; dropping it loses nothing.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Ended {
    ending: Arc<Ending>,
    /// The place of our waker among the others'; polled again, it is replaced there.
    ticket: Option<u64>,
}

pub(crate) struct Ending {
    id: u64,
    inner: Mutex<Inner>,
    raised: Condvar,
}

#[derive(Default)]
struct Inner {
    ended: bool,
    next_ticket: u64,
    wakers: Vec<(u64, Waker)>,
}

thread_local! {
    /// The pool that this thread works for; zero: none.
    static EMPLOYER: Cell<u64> = const { Cell::new(0) };
}

impl Ending {
    pub(crate) fn new() -> Arc<Ending> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Ending { id, inner: Mutex::default(), raised: Condvar::new() })
    }

    /// From here on, this thread is a worker of the pool.
    pub(crate) fn enter(&self) {
        EMPLOYER.set(self.id);
    }

    /// The number that no other pool of this process has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Is this thread a worker of the pool?
    pub(crate) fn is_worker_here(&self) -> bool {
        employer() == self.id
    }

    /// The last worker is gone.
    pub(crate) fn raise(&self) {
        let wakers = {
            let mut inner = self.inner.lock();
            inner.ended = true;
            std::mem::take(&mut inner.wakers)
        };
        self.raised.notify_all();
        for (_, waker) in wakers {
            contain_quietly(|| waker.wake());
        }
    }

    pub(crate) fn has_come(&self) -> bool {
        self.inner.lock().ended
    }

    /// Blocks until the end. `false`: the deadline came first.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        assert!(
            !self.is_worker_here(),
            "a job or a callback of a pool waited for that same pool to end, so it would wait for \
             itself; call close(), which does not wait, or shut the pool down from outside"
        );
        let mut inner = self.inner.lock();
        while !inner.ended {
            match deadline {
                None => self.raised.wait(&mut inner),
                Some(deadline) => {
                    if self.raised.wait_until(&mut inner, deadline).timed_out() {
                        return inner.ended;
                    }
                }
            }
        }
        true
    }

    pub(crate) fn future(self: &Arc<Ending>) -> Ended {
        Ended { ending: Arc::clone(self), ticket: None }
    }
}

/// The number of the pool that this thread works for; zero: it works for none.
pub(crate) fn employer() -> u64 {
    EMPLOYER.get()
}

impl Future for Ended {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Cloned and dropped outside the lock: both are the executor's code.
        let waker = cx.waker().clone();
        let this = &mut *self;
        let mut inner = this.ending.inner.lock();
        if inner.ended {
            drop(inner);
            return Poll::Ready(());
        }
        let mut old = None;
        if let Some(ticket) = this.ticket {
            old = inner.remove(ticket);
        }
        inner.next_ticket += 1;
        let ticket = inner.next_ticket;
        inner.wakers.push((ticket, waker));
        drop(inner);
        drop(old);
        this.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.ending.inner.lock().remove(ticket);
            drop(waker);
        }
    }
}

impl Inner {
    fn remove(&mut self, ticket: u64) -> Option<Waker> {
        let at = self.wakers.iter().position(|(theirs, _)| *theirs == ticket)?;
        Some(self.wakers.swap_remove(at).1)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("has_come", &self.ending.has_come()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_future_leaves_no_waker_behind() {
        let ending = Ending::new();
        let mut ended = ending.future();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut ended).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut ended).poll(&mut cx).is_pending());
        assert_eq!(ending.inner.lock().wakers.len(), 1);
        drop(ended);
        assert_eq!(ending.inner.lock().wakers.len(), 0);
    }

    #[test]
    #[should_panic(expected = "it would wait for itself")]
    fn a_worker_that_waits_for_its_own_pool_is_told_so() {
        let ending = Ending::new();
        ending.enter();
        ending.wait(None);
    }
}
