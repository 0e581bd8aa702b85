//! The thread that answers whoever looks into the program.
//!
//! It never touches the loop's tasks: it asks through the loop's door, like any other thread, and
//! the loop takes the dump between two calls. If no answer comes, the loop is blocked, and then
//! the thread says what it can see from outside: whose call is under way.
//!
//! # Invariants
//! - An asker that hangs costs its own time and at most two seconds of the next asker's, and
//!   nothing of the loop's.
//! - The door is the loop's own: a loop that only an inspector could call is stuck all the same.
//! - When the runner is closed the thread is joined and the socket is gone.
//!
//! Tutorial: chapter 19. Before this: `folder.rs`. After this: `client.rs`.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use roundelay_runtime::{LoopProxy, OnDuty};
use rustix::event::{PollFd, PollFlags, poll};

use crate::dump::dump;
use crate::inspection::folder;

/// What a request and an answer begin with: a word, and the version of the protocol.
pub(crate) const PROTOCOL: &str = "roundelay 1";

/// How long the loop may take to answer before it is called blocked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an asker may take to send its line, and to take a piece of the answer.
const ASKERS_TIME: Duration = Duration::from_secs(1);

/// An open socket, until it is dropped.
pub(crate) struct Inspector {
    path: PathBuf,
    /// Closing it ends the thread.
    bell: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Inspector {
    /// # Errors
    /// If there is no private folder, or no thread or descriptor left.
    pub(crate) fn open(door: LoopProxy, duty: OnDuty) -> io::Result<Inspector> {
        let folder = folder::private_folder()?;
        folder::remove_stale();
        let path = folder::socket_path(&folder, door.id());
        // One of an earlier process of this number, which could not clean up.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        let (bell, heard) = UnixStream::pair()?;
        let answerer = Answerer { door, duty };
        let work = move || answerer.serve(&listener, &heard);
        let mut inspector = Inspector { path, bell: Some(bell), thread: None };
        let thread = thread::Builder::new().name("roundelay-inspector".into());
        inspector.thread = Some(thread.spawn(work)?);
        Ok(inspector)
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Answerer {
    door: LoopProxy,
    duty: OnDuty,
}

impl Answerer {
    fn serve(&self, listener: &UnixListener, bell: &UnixStream) {
        loop {
            let mut ends = [PollFd::new(listener, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
            match poll(&mut ends, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) if !ends[1].revents().is_empty() => return,
                Ok(_) => {}
            }
            if let Ok((asker, _)) = listener.accept() {
                // Whatever goes wrong is the asker's business.
                let _ = self.answer(asker, bell);
            }
        }
    }

    fn answer(&self, mut asker: UnixStream, bell: &UnixStream) -> io::Result<()> {
        asker.set_nonblocking(false)?;
        asker.set_read_timeout(Some(ASKERS_TIME))?;
        asker.set_write_timeout(Some(ASKERS_TIME))?;
        // One piece of at most so much: an asker that sends its line in drops is not heard.
        let mut line = [0; 64];
        let length = asker.read(&mut line)?;
        let line = String::from_utf8_lossy(&line[..length]);
        let (verdict, text) = match line.strip_prefix(PROTOCOL).map(str::trim) {
            Some("list") => self.ask(|| dump().list(), bell),
            Some("tree") => self.ask(|| dump().to_string() + "\n", bell),
            _ => ("refused", format!("this program understands `{PROTOCOL} list` and `.. tree`\n")),
        };
        asker.write_all(format!("{PROTOCOL} {verdict}\n{text}").as_bytes())
    }

    fn ask(
        &self,
        look: impl FnOnce() -> String + Send + 'static,
        bell: &UnixStream,
    ) -> (&'static str, String) {
        let (tell, told) = bounded(1);
        let call = self.door.call_soon_threadsafe(move || drop(tell.send(look())));
        if call.is_err() {
            return ("refused", "its loop is being closed\n".to_owned());
        }
        // In pieces: who closes the runner need not wait for the whole patience.
        const PIECES: u32 = 40;
        for _ in 0..PIECES {
            match told.recv_timeout(PATIENCE / PIECES) {
                Ok(text) => return ("dump", text),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if is_rung(bell) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let who = match self.duty.now() {
            Some(call) => {
                let at = call.spawned_at.map_or_else(String::new, |at| format!(" (from {at})"));
                format!("it is in a step of {}{at}", call.who)
            }
            None => "nobody's step is under way, so it is not being run, or is being closed".into(),
        };
        ("blocked", format!("its loop has not answered for {PATIENCE:?}: {who}\n"))
    }
}

fn is_rung(bell: &UnixStream) -> bool {
    let mut end = [PollFd::new(bell, PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut end, Some(&now)).is_ok_and(|ready| ready > 0)
}
