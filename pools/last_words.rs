//! Last words: what a worker wrote to standard error before it died.
//!
//! A worker that overflows its stack, aborts, or meets an assertion in C says so on standard
//! error, and then it is gone. So its standard error is a pipe, and a small thread passes on
//! at once whatever comes, to our own standard error, and keeps the last 4 KiB.
//!
//! ```text
//!    worker's fd 2 --> [ pipe ] --> thread --> our standard error
//!                                      '-----> the last 4 KiB --> JobError::WorkerDied
//! ```
//!
//! The price: standard error of a worker is no terminal, so programs that colour by asking will
//! not. `inherit_stderr` of the pool's builder gives the terminal back and loses the words.
//!
//! # Invariants
//! - Nothing is held back: what has been read is passed on before the next read.
//! - The thread ends when the last process that has the other end is gone. Usually that is the
//!   worker; a daemon that a job left behind goes on being heard.
//!
//! Tutorial: the chapter on process pools. Before this: `transport.rs`. After this: `leash.rs`.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How much is kept.
const KEPT: usize = 4 * 1024;

/// How long a dead worker's words are waited for. They are in the pipe already; only another
/// process with the same standard error can make it take longer.
const PATIENCE: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub(crate) struct LastWords {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    silence: Condvar,
}

#[derive(Default)]
struct Heard {
    tail: Vec<u8>,
    ended: bool,
}

impl LastWords {
    /// Nobody listens (standard error is inherited).
    pub(crate) fn none() -> LastWords {
        let words = LastWords { shared: Arc::default() };
        words.shared.heard.lock().ended = true;
        words
    }

    /// Passes on what comes from `stderr` until it ends.
    pub(crate) fn listen(mut stderr: impl Read + Send + 'static) -> io::Result<LastWords> {
        let words = LastWords { shared: Arc::default() };
        let shared = Arc::clone(&words.shared);
        thread::Builder::new().name("pool-stderr".to_owned()).spawn(move || {
            let mut buffer = [0; KEPT];
            loop {
                match stderr.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        // If our own standard error is closed, there is nobody to tell.
                        let _ = io::stderr().write_all(&buffer[..count]);
                        shared.heard.lock().keep(&buffer[..count]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            shared.heard.lock().ended = true;
            shared.silence.notify_all();
        })?;
        Ok(words)
    }

    /// A new job begins: what was said before is not about it.
    pub(crate) fn forget(&self) {
        self.shared.heard.lock().tail.clear();
    }

    /// The worker is dead: what did it say?
    pub(crate) fn take(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.shared.heard.lock();
        while !heard.ended && !self.shared.silence.wait_until(&mut heard, deadline).timed_out() {}
        String::from_utf8_lossy(&std::mem::take(&mut heard.tail)).into_owned()
    }
}

impl Heard {
    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
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
    fn the_words_are_there_when_the_pipe_has_ended() {
        let words = LastWords::listen(io::empty()).unwrap();
        assert_eq!(words.take(), "");
    }
}
