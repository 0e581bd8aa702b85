//! How a worker comes to be: the first half of a supervisor's story.
//!
//! ```text
//!   1. start      socket pair, preamble, child                 \
//!   2. hello      same program? same protocol?                  > or the start has failed
//!   3. initialize if the pool has an initializer               /
//! ```
//!
//! # Invariants
//! - A worker that is handed out has said hello, is of this very build, and is initialized.
//! - A start that fails says why, in the worker's own last words if it had any, and leaves no
//!   process behind.
//! - The parent keeps no copy of the child's end, or it would never see the end of file.
//!
//! Tutorial: the chapter on process pools. Before this: `team_end.rs`. After this:
//! `supervisor.rs`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use crate::last_words::{AtTheEnd, LastWords};
use crate::leash::Leash;
use crate::panic_report::PanicReport;
use crate::registry;
use crate::team::Team;
use crate::transport::{Line, NAME_MARK, NotSent, Preamble};
use crate::wire::{Body, Frame, FrameReader, Kind, PROTOCOL};
use crate::worker_exit::WorkerExit;

/// The parent's end of one worker.
pub(crate) struct Worker {
    pub(crate) leash: Arc<Leash>,
    pub(crate) reader: FrameReader<Line>,
    pub(crate) words: LastWords,
    pub(crate) jobs_done: u64,
}

pub(crate) struct StartFailure {
    pub(crate) leash: Option<Arc<Leash>>,
    pub(crate) why: Why,
}

pub(crate) enum Why {
    /// The system refused it.
    NotStarted(io::Error),
    Died(String),
    OtherBuild(String),
    InitializerFailed(String),
}

impl Worker {
    pub(crate) fn start(team: &Arc<Team>) -> Result<Worker, StartFailure> {
        let mut worker = Worker::spawn(team)
            .map_err(|error| StartFailure { leash: None, why: Why::NotStarted(error) })?;
        let wanted = team.register(&worker.leash);
        let greeted =
            if wanted { worker.greet(team) } else { Err(Why::Died("stopped".to_owned())) };
        greeted.map_err(|why| {
            let leash = Some(Arc::clone(&worker.leash));
            // Killed first: it may be waiting for a frame that will never come.
            let exit = worker.leash.kill_and_reap();
            let why = worker.with_last_words(why, exit);
            worker.words.see_passed_on();
            StartFailure { leash, why }
        })?;
        worker.leash.set_started();
        worker.words.forget();
        Ok(worker)
    }

    /// Step 1.
    fn spawn(team: &Team) -> io::Result<Worker> {
        let settings = &team.settings;
        let preamble = Preamble { under_test: settings.under_test, max_frame: settings.max_frame };
        let (line, theirs) = Line::pair(preamble)?;
        let mut command = Command::new(this_program()?);
        command
            .arg0(marked_name())
            .args(&settings.worker_arguments)
            .stdin(Stdio::from(theirs))
            // A group of its own: Ctrl-C reaches only the parent, and a kill takes along what
            // the job has started.
            .process_group(0);
        if settings.under_test {
            command.stdout(Stdio::null()); // the harness would talk there; see `worker.rs`
        }
        if !settings.inherit_stderr {
            command.stderr(Stdio::piped());
        }
        let spawned = command.spawn();
        // The command keeps a copy of the child's end, which would hide the end of file.
        drop(command);
        let mut child = spawned?;
        let stderr = child.stderr.take().map(OwnedFd::from);
        let leash = Arc::new(Leash::new(child));
        let end = leash.end_of_process();
        let end = end.map(|process| AtTheEnd { process, hang_up: Box::new(line.hang_up()) });
        let words = LastWords::listen(stderr, end, |bytes| {
            // If our own standard error is closed, there is nobody to tell.
            let _ = io::stderr().write_all(bytes);
        });
        let words = words.inspect_err(|_| {
            leash.kill_and_reap();
        })?;
        let reader = FrameReader::new(line, settings.max_frame);
        Ok(Worker { leash, reader, words, jobs_done: 0 })
    }

    /// Steps 2 and 3.
    fn greet(&mut self, team: &Team) -> Result<(), Why> {
        self.reader.source.set_deadline(Instant::now().checked_add(team.settings.start_timeout));
        let hello =
            self.reader.next().map_err(|error| Why::Died(format!("before hello: {error}")))?;
        check_hello(&hello)?;
        self.reader.source.set_deadline(None);

        let Some(frame) = &team.settings.init_frame else { return Ok(()) };
        let sent = self.reader.source.send(frame);
        sent.map_err(|NotSent { error, .. }| {
            Why::Died(format!("before the initializer: {error}"))
        })?;
        match self.reader.next() {
            Ok(Frame { kind: Kind::Ready, .. }) => Ok(()),
            Ok(Frame { kind: Kind::InitFailed, body }) => {
                let text =
                    PanicReport::decode(&body).map_or(String::new(), |report| report.to_string());
                Err(Why::InitializerFailed(text))
            }
            Ok(Frame { kind, .. }) => {
                Err(Why::Died(format!("it answered the initializer with {kind:?}")))
            }
            Err(error) => Err(Why::Died(format!("during the initializer: {error}"))),
        }
    }

    fn with_last_words(&self, why: Why, exit: WorkerExit) -> Why {
        match why {
            Why::Died(text) => {
                let words = self.words.take();
                let words = words.trim_end();
                let said =
                    if words.is_empty() { String::new() } else { format!("; it said: {words}") };
                Why::Died(format!("process {} ended ({exit}) {text}{said}", self.leash.pid()))
            }
            other => other,
        }
    }
}

fn check_hello(hello: &Frame) -> Result<(), Why> {
    let mut body = Body { rest: &hello.body };
    let (protocol, fingerprint) = (body.u16(), body.u64());
    if hello.kind != Kind::Hello {
        return Err(Why::Died(format!("its first word was {:?} instead of hello", hello.kind)));
    }
    if protocol != Some(PROTOCOL) || fingerprint != Some(registry::table().fingerprint()) {
        return Err(Why::OtherBuild(
            "a worker runs another build of this program (was the file replaced while it ran?)"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The program to start. On Linux the kernel's own link: it names the file that *runs*, also
/// when `cargo build` has put another one in its place.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

fn marked_name() -> OsString {
    let mut name = std::env::args_os().next().unwrap_or_else(|| OsString::from("roundelay"));
    name.push(NAME_MARK);
    name
}
