//! A process pool's job: the bytes to send, and the slot for the answer.
//!
//! The arguments are encoded by `submit`, on the caller's thread: what cannot travel is refused
//! there. The answer is decoded by whoever takes the result. In between, supervisors move bytes
//! and know no types.
//!
//! ```text
//!    submit: encode --> [u8] --> supervisor --> worker: decode, call, encode
//!    Job<T>: decode <-- [u8] <-- supervisor <-------------------------'
//! ```
//!
//! # Invariants
//! - The bytes leave `frame` once: to be sent, or to be dropped by a cancel. They come back if
//!   the worker turns out to have been dead before it got any.
//!
//! Tutorial: the chapter on process pools. Before this: `lost.rs`. After this: `chunk.rs`.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::JobError;
use crate::job::Shared;
use crate::leash::Leash;
use crate::lost::{self, OnLost};
use crate::slot::{Answer, Decode, News, Slot};

pub(crate) struct RemoteCall<T> {
    pub(crate) id: u64,
    pub(crate) function: &'static str,
    pub(crate) limit: Option<Duration>,
    pub(crate) submitted_at: &'static Location<'static>,
    frame: Mutex<Vec<u8>>,
    running_in: Mutex<Option<Arc<Leash>>>,
    slot: Slot<T>,
    decode: Decode<T>,
    on_lost: OnLost,
}

/// What a supervisor can do with a job.
pub(crate) trait RemoteJob: Send + Sync {
    fn id(&self) -> u64;
    fn limit(&self) -> Option<Duration>;
    fn submitted_at(&self) -> &'static Location<'static>;

    /// It has been cancelled: all that is left of it is its place in the queue. Asked under the
    /// team's lock, so it takes none of its own.
    fn is_hollow(&self) -> bool;

    /// A worker takes the job: the frame to send. `None`: it has been cancelled, and is done.
    fn start(&self, worker: &Arc<Leash>) -> Option<Vec<u8>>;

    /// The worker had died before it got any of it.
    fn put_back(&self, frame: Vec<u8>);

    /// Ends a started job; `free` as in [`Slot::complete`].
    fn end(self: Arc<Self>, answer: Result<Encoded, JobError>, free: &dyn Fn()) -> Ended;

    /// Ends a job that no worker has; whoever is to hear of it is for the caller to tell. `None`: it
    /// has been cancelled, and is done.
    fn fail(self: Arc<Self>, error: JobError) -> Option<News>;
}

/// Where in a frame's body the result begins.
pub(crate) struct Encoded {
    pub(crate) frame: Vec<u8>,
    pub(crate) start: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Awaited,
    Abandoned,
}

impl<T: Send + 'static> RemoteCall<T> {
    pub(crate) fn new(
        id: u64,
        function: &'static str,
        frame: Vec<u8>,
        limit: Option<Duration>,
        submitted_at: &'static Location<'static>,
        decode: Decode<T>,
        on_lost: OnLost,
    ) -> Arc<RemoteCall<T>> {
        Arc::new(RemoteCall {
            id,
            function,
            limit,
            submitted_at,
            frame: Mutex::new(frame),
            running_in: Mutex::new(None),
            slot: Slot::new(),
            decode,
            on_lost,
        })
    }

    /// `false`: somebody has cancelled it. They may be in the middle of that, so this waits for them,
    /// or a shutdown could return before the job is done. In between is code of ours only, and not
    /// much.
    fn start_or_see_it_end(&self) -> bool {
        let started = self.slot.start();
        if !started {
            self.slot.block(None);
        }
        started
    }
}

impl<T: Send + 'static> RemoteJob for RemoteCall<T> {
    fn id(&self) -> u64 {
        self.id
    }

    fn limit(&self) -> Option<Duration> {
        self.limit
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }

    fn is_hollow(&self) -> bool {
        self.slot.is_done()
    }

    fn start(&self, worker: &Arc<Leash>) -> Option<Vec<u8>> {
        *self.running_in.lock() = Some(Arc::clone(worker));
        self.start_or_see_it_end().then(|| std::mem::take(&mut *self.frame.lock()))
    }

    fn put_back(&self, frame: Vec<u8>) {
        *self.frame.lock() = frame;
        self.slot.put_back();
    }

    fn end(self: Arc<Self>, answer: Result<Encoded, JobError>, free: &dyn Fn()) -> Ended {
        let abandoned = Arc::strong_count(&self) == 1;
        let decode = self.decode;
        let answer =
            answer.map(|Encoded { frame, start }| Answer::Encoded { frame, start, decode });
        *self.running_in.lock() = None;
        // Whoever lets go last may have to call `on_lost`, the user's code. If that is this thread,
        // its worker is not free before.
        let (mut free, mut later) = (Some(free), None);
        let at_the_end = if abandoned { &mut later } else { &mut free };
        self.slot.put_down(answer, at_the_end).tell();
        drop(self);
        if let Some(free) = free {
            free();
        }
        if abandoned { Ended::Abandoned } else { Ended::Awaited }
    }

    fn fail(self: Arc<Self>, error: JobError) -> Option<News> {
        self.start_or_see_it_end().then(|| {
            self.drop_work();
            self.slot.put_down(Err(error), &mut None::<fn()>)
        })
    }
}

impl<T: Send + 'static> Shared<T> for RemoteCall<T> {
    fn slot(&self) -> &Slot<T> {
        &self.slot
    }

    fn drop_work(&self) {
        drop(std::mem::take(&mut *self.frame.lock()));
    }

    fn kill_running(&self) -> bool {
        let worker = self.running_in.lock().clone();
        worker.is_some_and(|leash| leash.kill_job(self.id))
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }
}

impl<T> Drop for RemoteCall<T> {
    /// Handle and supervisor have both let go.
    fn drop(&mut self) {
        if let Some(error) = self.slot.untold_error() {
            lost::report(&error, self.function, self.submitted_at, &self.on_lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whoever_finds_a_job_cancelled_finds_it_done() {
        let job = RemoteCall::<()>::new(
            0,
            "f",
            vec![0; 100],
            None,
            Location::caller(),
            |_, _| Ok(()),
            None,
        );
        assert!(job.slot.withdraw());
        thread::scope(|scope| {
            let failing = scope
                .spawn(|| (Arc::clone(&job).fail(JobError::Killed).is_none(), job.is_hollow()));
            // Time to do it wrong; to do it right takes what comes next.
            for _ in 0..1000 {
                thread::yield_now();
            }
            job.slot.complete(Err(JobError::Cancelled), || ());
            assert_eq!(failing.join().unwrap(), (true, true));
        });
    }
}
