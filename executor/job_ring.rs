//! The ring of a pool's job: whom it wakes, and the clock that stands still until then.
//!
//! On a virtual clock an hour passes at once when nobody has anything to do. A task that awaits
//! a job on a thread does have something to do: the work is under way, only elsewhere. So the job
//! keeps a hold on the clock beside the task's waker, and lets go of both when it ends.
//!
//! ```text
//!   thread: the result is stored ----> ring: wake the task, then let the clock go
//!   loop:   [ the clock is held: sleep ] [ the task's key is in the inbox: a step, no jump ]
//! ```
//!
//! The order of the two is the whole point. The other way round there would be a moment at which
//! nobody holds the clock and nothing is in the inbox, and in it the clock would jump.
//!
//! # Invariants
//! - The clock is let go once: by the end of the job, or by whoever gives it up before.
//! - It is let go after the wake-up is on its way, and not when the result is taken: nobody may
//!   ever come for it.
//! - Wakers and the hold are dropped, and wakers called, while no lock is held.
//!
//! `runtime/model` runs this file in every order of its threads.
//!
//! Tutorial: chapter 15. Before this: `host.rs`. After this: `awaited_job.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use roundelay_runtime::ClockHold;

/// What a job rings when it has ended.
pub(crate) struct Ring {
    clock: Mutex<Option<ClockHold>>,
    waker: Mutex<Option<Waker>>,
}

impl Ring {
    /// A ring that nobody listens to yet. Without a hold the clock may jump over the job.
    pub(crate) fn new(clock: Option<ClockHold>) -> Arc<Ring> {
        Arc::new(Ring { clock: Mutex::new(clock), waker: Mutex::new(None) })
    }

    /// From now on this one is woken, and nobody else.
    pub(crate) fn listen(&self, waker: &Waker) {
        // Cloning and dropping a waker may be foreign code: not under the lock.
        let new = waker.clone();
        let earlier = lock(&self.waker).replace(new);
        drop(earlier);
    }

    /// Lets go of the clock, if that has not been done.
    pub(crate) fn let_go(&self) {
        let clock = lock(&self.clock).take();
        drop(clock);
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
        self.let_go();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
