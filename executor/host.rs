//! The host of a job: the task that awaits what runs in a thread.
//!
//! A function in a thread may want something from the loop that waits for it. It finds its
//! way back by a note on its own thread, which is there exactly while it runs:
//!
//! ```text
//!   task (host) --- to_thread(f) ---> thread: [ note: host ]  f() --- from_thread(..) ---+
//!      ^                                                                                 |
//!      +---------------------------------- the same loop --------------------------------+
//! ```
//!
//! The other way, the host tells the note when it has given up: then a call that is under way
//! is cancelled, and the next one is refused.
//!
//! # Invariants
//! - The note is there while the function runs, on its thread, and nowhere else. A job of somebody
//!   else's that the pool runs while the function waits for it sees neither the note nor the
//!   function's context variables, and leaves none behind.
//! - How a call is cancelled is foreign to this file, so it is called while no lock is held.
//!
//! Tutorial: chapter 18. Before this: `blocking.rs`. After this: `job_ring.rs`.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use roundelay_pools::__private::put_aside_with;
use roundelay_runtime::{ContextValues, Event, LoopProxy};

use crate::family::Family;

/// What a job knows of the task that awaits it. Shared by the two.
pub(crate) struct Host {
    /// The way to the loop.
    pub(crate) door: LoopProxy,
    /// The thread of the loop.
    pub(crate) home: ThreadId,
    /// Whoever awaits the job is a cleanup, or of its family.
    family: Option<Arc<Family>>,
    /// The job's number, if an observer wants to hear when it begins.
    watched: Option<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nobody awaits the job any more.
    gone: bool,
    /// How to cancel the call that is under way.
    cancel_call: Option<Box<dyn FnOnce() + Send>>,
}

/// The number of the next thread that runs a watched job.
static NEXT_WORKER: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static WORKER: u64 = NEXT_WORKER.fetch_add(1, Ordering::Relaxed);
    static HOST: RefCell<Option<Arc<Host>>> = const { RefCell::new(None) };
}

impl Host {
    /// To be made on the loop's own thread.
    pub(crate) fn new(
        door: LoopProxy,
        watched: Option<u64>,
        family: Option<Arc<Family>>,
    ) -> Arc<Host> {
        put_aside_with(without_host);
        let home = thread::current().id();
        Arc::new(Host { door, home, family, watched, state: Mutex::default() })
    }

    /// Runs a job with this as its host.
    pub(crate) fn run<T>(self: Arc<Host>, work: impl FnOnce() -> T) -> T {
        if let Some(job) = self.watched {
            let worker = WORKER.try_with(|worker| *worker).unwrap_or_default();
            self.door.observe(Event::JobStarted { job, worker });
        }
        let _note = Note { earlier: exchange(Some(self)) };
        work()
    }

    /// The host of the job that runs on this thread.
    pub(crate) fn current() -> Option<Arc<Host>> {
        HOST.try_with(|host| host.borrow().clone()).ok().flatten()
    }

    /// For whose cleanup's sake this thread orders something from the loop behind `door`.
    pub(crate) fn family_for(door: &LoopProxy) -> Option<Arc<Family>> {
        Host::current().filter(|host| host.door.id() == door.id())?.family.clone()
    }

    /// The host has given up: cancels the call that is under way, and those to come.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.gone = true;
        let cancel = state.cancel_call.take();
        drop(state);
        if let Some(cancel) = cancel {
            cancel();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    /// Notes how to cancel the call that begins. `false` if the host has given up already.
    pub(crate) fn begin_call(&self, cancel: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.lock();
        if state.gone {
            return false;
        }
        let earlier = state.cancel_call.replace(Box::new(cancel));
        drop(state);
        drop(earlier);
        true
    }

    pub(crate) fn end_call(&self) {
        let ended = self.lock().cancel_call.take();
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a job that is none of this thread's host's, as on a thread that has nothing to do.
fn without_host(job: &mut dyn FnMut()) {
    let _note = Note { earlier: exchange(None) };
    ContextValues::default().run(job);
}

fn exchange(host: Option<Arc<Host>>) -> Option<Arc<Host>> {
    // A thread that is being taken down has no note any more.
    HOST.try_with(|own| own.replace(host)).ok().flatten()
}

/// Puts the earlier note back when dropped, also when the job panics.
struct Note {
    earlier: Option<Arc<Host>>,
}

impl Drop for Note {
    fn drop(&mut self) {
        drop(exchange(self.earlier.take()));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;

    use roundelay_runtime::EventLoop;

    use super::*;

    #[test]
    fn the_note_is_there_while_the_job_runs_even_if_it_panics() {
        let event_loop = EventLoop::new().unwrap();
        let (outer, inner) =
            (Host::new(event_loop.proxy(), None, None), Host::new(event_loop.proxy(), None, None));
        assert!(Host::current().is_none());
        Arc::clone(&outer).run(|| {
            let job = || Arc::clone(&inner).run(|| panic!("an example"));
            assert!(catch_unwind(AssertUnwindSafe(job)).is_err());
            assert!(Arc::ptr_eq(&Host::current().unwrap(), &outer));
        });
        assert!(Host::current().is_none());
    }

    #[test]
    fn a_host_that_leaves_cancels_the_call_and_refuses_the_next() {
        let event_loop = EventLoop::new().unwrap();
        let host = Host::new(event_loop.proxy(), None, None);
        let (tell, told) = mpsc::channel();
        let tell_too = tell.clone();
        assert!(host.begin_call(move || panic!("this call has ended")));
        host.end_call();
        assert!(host.begin_call(move || tell.send("cancelled").unwrap()));
        host.leave();
        host.leave();
        assert!(!host.begin_call(move || tell_too.send("not called").unwrap()));
        assert_eq!(told.iter().collect::<Vec<_>>(), ["cancelled"]);
    }
}
