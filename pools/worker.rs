//! The inside of a worker process.
//!
//! One thread does it all, one job at a time: read, decode, call, encode, write. A second one
//! sleeps until the parent is gone, so that this is noticed *during* a long job: then the worker
//! goes, and takes with it what the job has started. Nobody computes for a parent that is dead.
//!
//! ```text
//!    socket --> main thread: read a frame, decode, call, encode, write --> socket
//!       |
//!       '-----> watcher: hung up? kill this process group
//! ```
//!
//! The obvious watcher *reads*, and passes the frames on through a channel; this file did so at
//! first. Then each job wakes two threads here, one after the other, and a round trip took about a
//! third longer.
//!
//! # Invariants
//! - Who says hello is able to work: what could still fail has been done before.
//! - A job sees the null device as its standard input, and never the socket.
//! - What a job prints has left the process before its answer.
//! - A panic is an answer; the worker lives on.
//!
//! Tutorial: the chapter on process pools. Before this: `supervisor.rs`. After this: `guard.rs`.

use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpgrp, getpid, kill_process_group};

use crate::chunk::{Items, OUTCOME_HEAD, add_outcome};
use crate::panic_report::PanicReport;
use crate::panic_words::{MIN_FRAME, cut};
use crate::panics::{contain, watch_this_thread_silently};
use crate::registry::{CallError, Entry, table};
use crate::shelf::give_back;
use crate::transport::{Preamble, adopt_stdin};
use crate::wire::{Body, Frame, FrameReader, FrameWriter, Kind, PROTOCOL, WireError};

/// This process is a worker and has begun to serve.
static SERVING: AtomicBool = AtomicBool::new(false);

/// Whether this process is a worker that has begun to serve.
pub fn is_serving() -> bool {
    SERVING.load(Ordering::Relaxed)
}

/// Exit codes of a worker that could not go on; the reason is on standard error.
pub(crate) const EXIT_NO_SOCKET: i32 = 121;
const EXIT_BAD_FRAME: i32 = 122;

/// Runs jobs until the parent says stop, or is gone.
pub(crate) fn serve(preamble: Preamble) -> ! {
    SERVING.store(true, Ordering::Relaxed);
    let socket = adopt_stdin().unwrap_or_else(|error| give_up(EXIT_NO_SOCKET, &error.to_string()));
    if preamble.under_test {
        // The harness has said what it says; from here on a job's prints are to be seen. The
        // parent's standard output is the parent harness's, so they go to standard error.
        let _ = rustix::stdio::dup2_stdout(io::stderr());
    }
    watch_this_thread_silently();
    let reading = socket.try_clone();
    let reading = reading.unwrap_or_else(|error| give_up(EXIT_NO_SOCKET, &error.to_string()));
    let socket = Arc::new(socket);
    if let Err(error) = watch(Arc::clone(&socket)) {
        give_up(EXIT_NO_SOCKET, &format!("the watcher could not be started: {error}"));
    }
    // The pool says what it has made sure of; there must be room for a few words.
    let limit = preamble.max_frame.max(MIN_FRAME) as usize;
    let mut desk = Desk { socket, answer: Vec::new(), limit };
    // Now it has all that it needs. Said earlier, and a worker without its watcher would have been
    // sent a job, and would have died of a death that was none of the job's doing.
    desk.say_hello();
    let mut reader = FrameReader::new(reading, preamble.max_frame);
    loop {
        match reader.next() {
            Ok(mut frame) => {
                desk.work_on(&mut frame);
                give_back(frame.body);
            }
            Err(WireError::End | WireError::Io(_) | WireError::TimedOut) => go(),
            Err(WireError::Garbage(what)) => give_up(EXIT_BAD_FRAME, &what),
        }
    }
}

/// Starts the thread that waits for the end of the parent.
fn watch(socket: Arc<UnixStream>) -> io::Result<()> {
    let watcher = thread::Builder::new().name("pool-watcher".to_owned());
    watcher.spawn(move || {
        loop {
            // Asked for nothing else, so that arriving jobs do not wake this thread.
            let mut sockets = [PollFd::new(&*socket, PollFlags::HUP)];
            let polled = poll(&mut sockets, None);
            if polled.is_ok() && !sockets[0].revents().is_empty() {
                go();
            }
        }
    })?;
    Ok(())
}

/// The parent is gone, and so is everybody who wanted an answer.
fn go() -> ! {
    let own = getpid();
    // Only a group that this process leads: another one is the parent's, or the terminal's.
    if getpgrp() == own {
        let _ = kill_process_group(own, Signal::KILL);
    }
    process::exit(0)
}

fn give_up(code: i32, why: &str) -> ! {
    let _ = writeln!(io::stderr(), "roundelay worker {}: {why}", process::id());
    process::exit(code)
}

struct Desk {
    socket: Arc<UnixStream>,
    /// Used again for each answer.
    answer: Vec<u8>,
    /// For the length of a frame.
    limit: usize,
}

impl Desk {
    fn say_hello(&mut self) {
        let hello = FrameWriter::begin(&mut self.answer, Kind::Hello);
        let hello = hello.u16(PROTOCOL).u64(table().fingerprint()).u32(process::id());
        finish(hello);
        self.send();
    }

    fn work_on(&mut self, frame: &mut Frame) {
        let body = &mut frame.body;
        let understood = match frame.kind {
            Kind::Job => self.job(body),
            Kind::Batch => self.batch(body),
            Kind::Init => self.init(body),
            Kind::Exit => {
                flush_prints();
                process::exit(0)
            }
            _ => None,
        };
        if understood.is_none() {
            give_up(
                EXIT_BAD_FRAME,
                &format!("the parent sent {:?}, which makes no sense here", frame.kind),
            );
        }
    }

    fn job(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut head = Body { rest: body };
        let id = head.u64()?;
        let entry = table().find(head.name()?);
        let args = body.len() - head.rest.len()..body.len();
        let mut frame = FrameWriter::begin(&mut self.answer, Kind::Done).u64(id);
        let mut kind = call(entry, body, args, frame.rest(), self.limit - (HEAD - LENGTH));
        let length = self.answer.len() - LENGTH;
        if length > self.limit {
            self.answer.truncate(HEAD);
            self.answer.extend(too_long(length, self.limit).as_bytes());
            kind = Kind::BadResult;
        }
        self.finish_answer(kind);
        Some(())
    }

    fn batch(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut head = Body { rest: body };
        let id = head.u64()?;
        let entry = table().find(head.name()?);
        let mut items = Items::of(body, body.len() - head.rest.len());
        FrameWriter::begin(&mut self.answer, Kind::Done).u64(id);
        let room = self.limit - (HEAD - LENGTH) - OUTCOME_HEAD;
        while let Some(args) = items.next(body) {
            let place = self.answer.len();
            add_outcome(&mut self.answer, |out| call(entry, body, args, out, room));
            if self.answer.len() - LENGTH > self.limit {
                self.make_room(place);
            }
        }
        if !items.are_used_up() {
            return None;
        }
        self.finish_answer(Kind::Done);
        Some(())
    }

    /// With the item that begins there, the answer is too long for a frame: what stands before it
    /// goes ahead. An item that would be too long by itself is told so.
    #[cold]
    fn make_room(&mut self, place: usize) {
        let alone = HEAD - LENGTH + self.answer.len() - place;
        if alone > self.limit {
            self.answer.truncate(place);
            let text = too_long(alone, self.limit);
            add_outcome(&mut self.answer, |out| {
                out.extend(text.as_bytes());
                Kind::BadResult
            });
        }
        if self.answer.len() - LENGTH > self.limit {
            let item = self.answer.split_off(place);
            self.send_as(Kind::Part);
            FrameWriter::begin(&mut self.answer, Kind::Done).rest().extend(item);
        }
    }

    fn init(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut head = Body { rest: body };
        let entry = table().find(head.name()?);
        let args = body.len() - head.rest.len()..body.len();
        let room = self.limit - 1;
        let mut out = Vec::new();
        let kind = call(entry, body, args, &mut out, room);
        let (kind, text) = match kind {
            Kind::Done => (Kind::Ready, Vec::new()),
            Kind::Panicked => (Kind::InitFailed, out),
            _ => {
                let text = String::from_utf8_lossy(&out).into_owned();
                (Kind::InitFailed, PanicReport::new(text, None, None, None).encode(room))
            }
        };
        let mut frame = FrameWriter::begin(&mut self.answer, kind);
        frame.rest().extend(text);
        finish(frame);
        self.send();
        Some(())
    }

    /// Sends the answer that was put together.
    fn finish_answer(&mut self, kind: Kind) {
        flush_prints();
        self.send_as(kind);
        // A large answer's memory is kept for the next one: fresh pages cost more than copies.
        if self.answer.capacity() > KEPT_BUFFER {
            self.answer = Vec::new();
        }
    }

    fn send_as(&mut self, kind: Kind) {
        let length = (self.answer.len() - LENGTH) as u32;
        self.answer[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.answer[LENGTH] = kind as u8;
        self.send();
    }

    fn send(&mut self) {
        if (&*self.socket).write_all(&self.answer).is_err() {
            go()
        }
    }
}

/// How many bytes a frame's length takes, which it does not count.
const LENGTH: usize = 4;
/// Length, kind and id.
const HEAD: usize = LENGTH + 1 + 8;
const KEPT_BUFFER: usize = 64 << 20;

/// Calls a function of the table with these bytes of the body; what it returns is appended to `out`,
/// or what went wrong, in words for which there is room.
fn call(
    entry: Option<&'static Entry>,
    body: &mut Vec<u8>,
    args: Range<usize>,
    out: &mut Vec<u8>,
    room: usize,
) -> Kind {
    let start = out.len();
    let (kind, words) = match entry.map(|entry| contain(|| (entry.call)(body, args, out))) {
        Some(Ok(Ok(()))) => return Kind::Done,
        Some(Ok(Err(CallError::BadArgs(text)))) => (Kind::BadArgs, bytes_of(&text, room)),
        Some(Ok(Err(CallError::BadResult(text)))) => (Kind::BadResult, bytes_of(&text, room)),
        Some(Err(report)) => (Kind::Panicked, report.encode(room)),
        None => (Kind::BadArgs, b"no function of that name is in this program".to_vec()),
    };
    out.truncate(start);
    out.extend(words);
    kind
}

fn bytes_of(text: &str, room: usize) -> Vec<u8> {
    cut(text, room).into_owned().into_bytes()
}

fn too_long(length: usize, limit: usize) -> String {
    format!("it is {length} bytes long, the limit is {limit}")
}

/// For frames that are short by nature.
fn finish(frame: FrameWriter<'_>) {
    if frame.finish(u32::MAX).is_err() {
        give_up(EXIT_BAD_FRAME, "a short frame became a long one");
    }
}

fn flush_prints() {
    let _ = io::stdout().flush();
    let _ = io::stderr().flush();
}
