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
//! - A job sees the null device as its standard input, and never the socket.
//! - What a job prints has left the process before its answer.
//! - A panic is an answer; the worker lives on.
//!
//! Tutorial: the chapter on process pools. Before this: `supervisor.rs`. After this: `guard.rs`.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpgrp, getpid, kill_process_group};

use crate::panic_report::PanicReport;
use crate::panics::{contain, watch_this_thread_silently};
use crate::registry::{CallError, Entry, table};
use crate::shelf::give_back;
use crate::transport::{Preamble, adopt_stdin};
use crate::wire::{Body, Frame, FrameReader, FrameWriter, Kind, PROTOCOL, WireError};

/// This process is a worker and has begun to serve.
static SERVING: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_serving() -> bool {
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
    let mut desk = Desk { socket: Arc::new(socket), answer: Vec::new(), limit: preamble.max_frame };
    desk.say_hello();

    let socket = desk.socket.try_clone();
    let socket = socket.unwrap_or_else(|error| give_up(EXIT_NO_SOCKET, &error.to_string()));
    if let Err(error) = watch(Arc::clone(&desk.socket)) {
        give_up(EXIT_NO_SOCKET, &format!("the watcher could not be started: {error}"));
    }
    let mut reader = FrameReader::new(socket, preamble.max_frame);
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
    limit: u32,
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
        let mut at = body.len() - head.rest.len();
        let mut frame = FrameWriter::begin(&mut self.answer, Kind::Done).u64(id);
        let kind = call(entry, body, &mut at, frame.rest());
        let kind = if kind == Kind::Done && at < body.len() {
            replace(frame.rest(), HEAD, "bytes are left over behind the arguments")
        } else {
            kind
        };
        self.finish_answer(kind, id);
        Some(())
    }

    fn batch(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut head = Body { rest: body };
        let id = head.u64()?;
        let entry = table().find(head.name()?);
        let count = head.u32()?;
        let mut at = body.len() - head.rest.len();
        let mut frame = FrameWriter::begin(&mut self.answer, Kind::Done).u64(id);
        for _ in 0..count {
            let out = frame.rest();
            let place = out.len();
            out.push(0);
            let mut item = Vec::new();
            let kind = call(entry, body, &mut at, &mut item);
            out[place] = kind as u8;
            // A value ends where its type ends; the texts need a length.
            if kind != Kind::Done {
                out.extend((item.len() as u32).to_le_bytes());
            }
            out.extend(item);
        }
        self.finish_answer(Kind::Done, id);
        Some(())
    }

    fn init(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut head = Body { rest: body };
        let entry = table().find(head.name()?);
        let mut at = body.len() - head.rest.len();
        let mut out = Vec::new();
        let kind = call(entry, body, &mut at, &mut out);
        let (kind, text) = match kind {
            Kind::Done => (Kind::Ready, Vec::new()),
            Kind::Panicked => (Kind::InitFailed, out),
            _ => {
                let text = String::from_utf8_lossy(&out).into_owned();
                (Kind::InitFailed, PanicReport::new(text, None, None, None).encode())
            }
        };
        let mut frame = FrameWriter::begin(&mut self.answer, kind);
        frame.rest().extend(text);
        finish(frame);
        self.send();
        Some(())
    }

    /// Sends the answer that was put together; one that is too long becomes a short one.
    fn finish_answer(&mut self, kind: Kind, id: u64) {
        self.answer[4] = kind as u8;
        let length = self.answer.len() - 4;
        if length > self.limit as usize {
            let text = format!("it is {length} bytes long, the limit is {}", self.limit);
            self.answer.truncate(HEAD);
            self.answer[4] = Kind::BadResult as u8;
            self.answer.extend(text.as_bytes());
        }
        debug_assert_eq!(self.answer[5..HEAD], id.to_le_bytes());
        let length = (self.answer.len() - 4) as u32;
        self.answer[..4].copy_from_slice(&length.to_le_bytes());
        flush_prints();
        self.send();
        // A large answer's memory is kept for the next one: fresh pages cost more than copies.
        if self.answer.capacity() > KEPT_BUFFER {
            self.answer = Vec::new();
        }
    }

    fn send(&mut self) {
        if (&*self.socket).write_all(&self.answer).is_err() {
            go()
        }
    }
}

/// Length, kind and id.
const HEAD: usize = 4 + 1 + 8;
const KEPT_BUFFER: usize = 64 << 20;

/// Calls a function of the table with what begins at `at` of the body; what it returns, or what
/// went wrong, is appended to `out`.
fn call(
    entry: Option<&'static Entry>,
    body: &mut Vec<u8>,
    at: &mut usize,
    out: &mut Vec<u8>,
) -> Kind {
    let start = out.len();
    let Some(entry) = entry else {
        return replace(out, start, "no function of that name is in this program");
    };
    match contain(|| (entry.call)(body, at, out)) {
        Ok(Ok(())) => Kind::Done,
        Ok(Err(CallError::BadArgs(text))) => replace(out, start, &text),
        Ok(Err(CallError::BadResult(text))) => {
            replace(out, start, &text);
            Kind::BadResult
        }
        Err(report) => {
            out.truncate(start);
            out.extend(report.encode());
            Kind::Panicked
        }
    }
}

fn replace(out: &mut Vec<u8>, start: usize, text: &str) -> Kind {
    out.truncate(start);
    out.extend(text.as_bytes());
    Kind::BadArgs
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
