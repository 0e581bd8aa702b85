//! What the tests of the thread pool share.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::sync::mpsc;
use std::thread;

use roundelay_pools::{Job, ThreadPool};

use crate::support::SAFETY;

/// A job that has certainly started, and ends when its door is opened.
pub(crate) fn held_job(pool: &ThreadPool) -> (Job<()>, mpsc::Sender<()>) {
    let (open, door) = mpsc::channel::<()>();
    let (ready, started) = mpsc::channel();
    let job = pool
        .submit(move || {
            ready.send(()).unwrap();
            let _ = door.recv();
        })
        .unwrap();
    started.recv_timeout(SAFETY).expect("the job starts");
    (job, open)
}

/// Calls `work` on a thread of its own; what it returns, or a panic if it does not return.
pub(crate) fn within_reason<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(work()));
    told.recv_timeout(SAFETY).expect("it comes back")
}
