//! Last words: what a worker wrote to standard error before it died.
//!
//! A worker that overflows its stack, aborts, or meets an assertion in C says so on standard
//! error, and then it is gone. So its standard error is a pipe, and a small thread, its
//! *attendant*, passes on at once whatever comes, to our own standard error, and keeps the last
//! 4 KiB of what was said during this job.
//!
//! ```text
//!    worker's fd 2 --> [ pipe ] --> attendant --> our standard error
//!                                    ^     '-----> the last 4 KiB --> JobError::WorkerDied
//!    worker's end (a pidfd) ---------'
//!                                    '--> hang up: the supervisor sees the end of the connection
//! ```
//!
//! The attendant also hears when the worker ends, where the system can say it (Linux 5.3). Usually
//! its supervisor sees that by itself: with the last process that has the worker's socket, the
//! connection ends. But a worker that forks, as C libraries do, leaves a copy of the socket in a
//! process that may live on for ever. The supervisor sleeps in a read, and to let it poll two
//! descriptors would be a system call more for each job; the attendant sleeps in a poll anyway.
//!
//! Whose words they are is counted, not timed. When a job has ended, what it said has left the
//! worker, but part of it may still lie in the pipe: so many bytes of what comes are not about the
//! next one.
//!
//! The price: standard error of a worker is no terminal, so programs that colour by asking will
//! not. `inherit_stderr` of the pool's builder gives the terminal back and loses the words.
//!
//! # Invariants
//! - Nothing is held back: what has been read is passed on before the next read.
//! - Before its supervisor leaves, what a worker has said is passed on, as long as our own standard
//!   error takes it. Whoever else has the pipe is not waited for: a daemon that a job left behind
//!   goes on being heard, by an attendant that then belongs to it.
//!
//! Tutorial: the chapter on process pools. Before this: `transport.rs`. After this: `leash.rs`.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, read};

/// How much is kept.
const KEPT: usize = 4 * 1024;

/// How long a dead worker's words are waited for. They are in the pipe already, so this passes only
/// where nobody takes what we write to our own standard error.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whoever has taken nothing of our standard error for so long is not waited for any longer.
const STALLED: Duration = Duration::from_secs(5);

pub(crate) struct LastWords {
    shared: Arc<Shared>,
    attendant: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    /// `None`: standard error is inherited.
    pipe: Option<OwnedFd>,
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Default)]
struct Heard {
    tail: Vec<u8>,
    /// So many bytes of what comes next are about earlier jobs.
    stale: u64,
    /// All bytes that have come out of the pipe; those of them that have been passed on.
    read: u64,
    passed_on: u64,
    /// Nobody has the other end any more.
    ended: bool,
}

/// How the attendant hears of the worker's end, and what it then does.
pub(crate) struct AtTheEnd {
    /// Readable when the worker has ended.
    pub(crate) process: OwnedFd,
    pub(crate) hang_up: Box<dyn FnOnce() + Send>,
}

impl LastWords {
    /// Passes on what comes through `pipe` until it ends, and hangs up when the worker has ended.
    pub(crate) fn listen(
        pipe: Option<OwnedFd>,
        end: Option<AtTheEnd>,
        pass_on: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<LastWords> {
        let ended = pipe.is_none();
        let heard = Mutex::new(Heard { ended, ..Heard::default() });
        let shared = Arc::new(Shared { pipe, heard, news: Condvar::new() });
        let in_thread = Arc::clone(&shared);
        let nobody_to_hear = ended && end.is_none();
        let attendant = (!nobody_to_hear).then(|| {
            let attendant = thread::Builder::new().name("pool-stderr".to_owned());
            attendant.spawn(move || in_thread.attend(end, pass_on))
        });
        Ok(LastWords { shared, attendant: Mutex::new(attendant.transpose()?) })
    }

    /// A job has ended: what was said up to now is not about the next one.
    pub(crate) fn forget(&self) {
        let mut heard = self.shared.heard.lock();
        heard.stale = self.shared.unread();
        heard.tail.clear();
    }

    /// The worker is dead: what did it say?
    pub(crate) fn take(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.shared.heard.lock();
        let all = heard.read + self.shared.unread();
        while heard.read < all && !self.shared.news.wait_until(&mut heard, deadline).timed_out() {}
        String::from_utf8_lossy(&std::mem::take(&mut heard.tail)).into_owned()
    }

    /// The worker is dead: waits until what it said has been passed on.
    pub(crate) fn see_passed_on(&self) {
        let Some(attendant) = self.attendant.lock().take() else { return };
        let mut heard = self.shared.heard.lock();
        let others_have_it = self.shared.is_open();
        let all = heard.read + self.shared.unread();
        while heard.passed_on < all && !heard.ended {
            let before = heard.passed_on;
            let waited = self.shared.news.wait_for(&mut heard, STALLED);
            if waited.timed_out() && heard.passed_on == before {
                return;
            }
        }
        drop(heard);
        if !others_have_it {
            // Nothing is left that it could wait for.
            let _ = attendant.join();
        }
    }
}

impl Shared {
    /// The attendant's life.
    fn attend(&self, mut end: Option<AtTheEnd>, mut pass_on: impl FnMut(&[u8])) {
        let mut pipe = self.pipe.as_ref();
        let mut buffer = [0; KEPT];
        while pipe.is_some() || end.is_some() {
            let mut both = Vec::with_capacity(2);
            both.extend(pipe.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            both.extend(end.as_ref().map(|end| PollFd::new(&end.process, PollFlags::IN)));
            match poll(&mut both, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => break,
            }
            let is_ready =
                |place: Option<&PollFd<'_>>| place.is_some_and(|fd| !fd.revents().is_empty());
            let said = pipe.is_some() && is_ready(both.first());
            let has_ended = end.is_some() && is_ready(both.last());
            if has_ended && let Some(end) = end.take() {
                (end.hang_up)();
            }
            if said
                && let Some(open) = pipe
                && !self.hear(open, &mut buffer, &mut pass_on)
            {
                pipe = None;
            }
        }
        self.heard.lock().ended = true;
        self.news.notify_all();
    }

    /// `false`: that was the end.
    fn hear(&self, pipe: &OwnedFd, buffer: &mut [u8], pass_on: &mut impl FnMut(&[u8])) -> bool {
        let count = {
            // Under the lock, or what has been read would be neither unread nor heard for a moment.
            // There is something, and nobody else reads, so this does not block.
            let mut heard = self.heard.lock();
            let count = match read(pipe, &mut *buffer) {
                Ok(count) => count,
                Err(Errno::INTR | Errno::AGAIN) => return true,
                Err(_) => 0,
            };
            heard.take_in(&buffer[..count]);
            heard.ended = count == 0;
            count
        };
        self.news.notify_all();
        if count > 0 {
            pass_on(&buffer[..count]);
            self.heard.lock().passed_on += count as u64;
            self.news.notify_all();
        }
        count > 0
    }

    /// What lies in the pipe. Asked under the lock, so that nobody reads meanwhile.
    fn unread(&self) -> u64 {
        self.pipe.as_ref().and_then(|pipe| ioctl_fionread(pipe).ok()).unwrap_or(0)
    }

    /// Somebody has the other end.
    fn is_open(&self) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let mut fds = [PollFd::new(pipe, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && !fds[0].revents().contains(PollFlags::HUP)
    }
}

impl Heard {
    fn take_in(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        let stale = self.stale.min(bytes.len() as u64);
        self.stale -= stale;
        self.keep(&bytes[stale as usize..]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn only_the_tail_is_kept() {
        let mut heard = Heard::default();
        heard.keep(&[b'a'; KEPT]);
        heard.keep(b"the end");
        assert_eq!(heard.tail.len(), KEPT);
        assert!(heard.tail.ends_with(b"athe end"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks a pipe how much is in it")]
    fn what_a_job_has_left_in_the_pipe_is_not_about_the_next() {
        let (pipe, mut worker) = io::pipe().unwrap();
        let (tell, told) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let words = LastWords::listen(Some(pipe.into()), None, move |_| {
            tell.send(()).unwrap();
            let _ = gate.recv();
        });
        let words = words.unwrap();
        worker.write_all(b"long ago").unwrap();
        told.recv().unwrap();
        // Nobody reads this before the gate is open.
        worker.write_all(b"of the first job").unwrap();
        words.forget();
        worker.write_all(b"of the second").unwrap();
        drop(open);
        assert_eq!(words.take(), "of the second");
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks a pipe how much is in it")]
    fn what_was_said_is_passed_on_although_somebody_else_may_go_on_talking() {
        let (pipe, mut worker) = io::pipe().unwrap();
        let daemon = worker.try_clone().unwrap();
        let (pass_on, passed_on) = mpsc::channel();
        let words = LastWords::listen(Some(pipe.into()), None, move |bytes| {
            thread::yield_now();
            pass_on.send(bytes.len()).unwrap();
        });
        let words = words.unwrap();
        worker.write_all(&[b'x'; 60_000]).unwrap();
        drop(worker);
        words.see_passed_on();
        assert_eq!(passed_on.try_iter().sum::<usize>(), 60_000);
        drop(daemon);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks a pipe how much is in it")]
    fn the_attendant_hangs_up_at_the_workers_end_and_hears_what_is_still_said() {
        let (pipe, mut daemon) = io::pipe().unwrap();
        let (process, worker) = io::pipe().unwrap();
        let (tell, told) = mpsc::channel();
        let end =
            AtTheEnd { process: process.into(), hang_up: Box::new(move || tell.send(()).unwrap()) };
        let words = LastWords::listen(Some(pipe.into()), Some(end), |_| ()).unwrap();
        drop(worker);
        told.recv().unwrap();
        daemon.write_all(b"still here").unwrap();
        assert_eq!(words.take(), "still here");
        drop(daemon);
        words.see_passed_on();
        assert!(words.shared.heard.lock().ended, "the attendant has gone");
    }
}
