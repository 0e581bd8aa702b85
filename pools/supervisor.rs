//! A supervisor: one thread of the parent, one worker process, one story.
//!
//! ```text
//!   1. start      socket pair, preamble, child                 \
//!   2. hello      same program? same protocol?                  > or the start has failed
//!   3. initialize if the pool has an initializer               /
//!   4. take a job  <------------------------------------\
//!   5. send it, read the answer, finish the job --------/
//!   6. retire (nothing left to do), or bury (it died, or was killed)
//! ```
//!
//! Nothing here is asynchronous: the thread blocks where the story waits. That is possible
//! because each worker has a socket of its own. In Python all workers share one queue and one
//! pipe, so one that dies while it holds the lock, or half-way through a message, can take the
//! whole pool with it; here an end of file means exactly one worker and at most one job.
//!
//! # Invariants
//! - A job that was sent is finished by this thread: with its answer or with how its worker
//!   ended. A job of which no byte was sent goes back into the queue.
//! - The worker has been reaped, and its process group killed, before the supervisor leaves.
//!   (A worker that retires in peace is not killed, and neither is what its jobs left running.)
//!
//! Tutorial: the chapter on process pools. Before this: `team.rs`. After this: `worker.rs`.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{JobError, PanicReport};
use crate::last_words::LastWords;
use crate::leash::{Leash, Reason};
use crate::registry;
use crate::remote_job::{Encoded, Ended, RemoteJob};
use crate::team::{OnWorkerDeath, Team};
use crate::transport::{Line, NAME_MARK, NotSent, Preamble};
use crate::wire::{Body, Frame, FrameReader, FrameWriter, Kind, PROTOCOL, WireError};

/// A supervisor's whole life.
pub(crate) fn supervise(team: &Arc<Team>) {
    if !team.may_start() {
        team.start_given_up();
        return team.leave(None);
    }
    match Worker::start(team) {
        Ok(worker) => {
            team.worker_is_ready();
            let leash = Arc::clone(&worker.leash);
            serve(team, worker);
            team.leave(Some(&leash));
        }
        Err(failure) => {
            if let Some(leash) = &failure.leash {
                // Killed first: it may be waiting for a frame that will never come.
                leash.kill_and_reap();
            }
            match &failure.why {
                Why::InitializerFailed(text) => {
                    team.start_given_up();
                    team.break_pool(format!("the initializer panicked: {text}"));
                }
                Why::OtherBuild(text) => {
                    team.start_given_up();
                    team.break_pool(text.clone());
                }
                Why::Died(text) => team.start_failed(text),
            }
            team.leave(failure.leash.as_ref());
        }
    }
}

/// Steps 4 to 6.
fn serve(team: &Arc<Team>, mut worker: Worker) {
    while let Some(job) = team.next_job() {
        match worker.run(team, job) {
            Next::Another => {}
            Next::Retire => break,
            Next::Gone => return,
        }
    }
    worker.retire();
}

enum Next {
    Another,
    Retire,
    Gone,
}

/// The parent's end of one worker.
struct Worker {
    leash: Arc<Leash>,
    reader: FrameReader<Line>,
    words: LastWords,
    jobs_done: u64,
}

struct StartFailure {
    leash: Option<Arc<Leash>>,
    why: Why,
}

enum Why {
    Died(String),
    OtherBuild(String),
    InitializerFailed(String),
}

// ---- 1 to 3 ---------------------------------------------------------------------------------

impl Worker {
    fn start(team: &Arc<Team>) -> Result<Worker, StartFailure> {
        let mut worker = Worker::spawn(team)
            .map_err(|error| StartFailure { leash: None, why: Why::Died(error.to_string()) })?;
        let wanted = team.register(&worker.leash);
        let greeted =
            if wanted { worker.greet(team) } else { Err(Why::Died("stopped".to_owned())) };
        greeted.map_err(|why| {
            let leash = Some(Arc::clone(&worker.leash));
            StartFailure { leash, why: worker.with_last_words(why) }
        })?;
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
        let stderr = child.stderr.take();
        let leash = Arc::new(Leash::new(child));
        let words = match stderr {
            None => LastWords::none(),
            Some(stderr) => match LastWords::listen(stderr) {
                Ok(words) => words,
                Err(error) => {
                    leash.kill_and_reap();
                    return Err(error);
                }
            },
        };
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

    fn with_last_words(&self, why: Why) -> Why {
        match why {
            Why::Died(text) => {
                let exit = self.leash.kill_and_reap();
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

// ---- 4 and 5 --------------------------------------------------------------------------------

impl Worker {
    fn run(&mut self, team: &Arc<Team>, job: Arc<dyn RemoteJob>) -> Next {
        self.leash.job_begins(job.id(), job.submitted_at());
        let Some(frame) = job.start(&self.leash) else {
            self.leash.job_ends(); // it was cancelled
            team.is_free();
            return Next::Another;
        };
        self.words.forget();
        let deadline = job.limit().and_then(|limit| Instant::now().checked_add(limit));
        self.reader.source.set_deadline(deadline);
        if let Err(NotSent { nothing, error }) = self.reader.source.send(&frame) {
            if nothing && self.leash.reason().is_none() && error.kind() != io::ErrorKind::TimedOut {
                // The worker died while it was idle, so this job has not been touched.
                self.leash.job_ends();
                self.leash.kill_and_reap();
                job.put_back(frame);
                team.put_back(job);
                return Next::Gone;
            }
            return self.bury(team, job, error.into());
        }
        drop(frame);
        let answer = match self.reader.next() {
            Ok(answer) => understand(answer, job.id()),
            Err(error) => return self.bury(team, job, error),
        };
        match answer {
            Ok(_) if self.leash.job_ends().is_some() => self.bury(team, job, WireError::End),
            Ok(answer) => self.finish(team, job, answer),
            Err(what) => self.bury(team, job, WireError::Garbage(what)),
        }
    }

    fn finish(&mut self, team: &Team, job: Arc<dyn RemoteJob>, answer: Answer) -> Next {
        self.jobs_done += 1;
        let stays = team.settings.max_tasks.is_none_or(|most| self.jobs_done < most);
        if job.end(answer, &|| team.job_done(stays)) == Ended::Abandoned {
            team.job_was_abandoned();
        }
        if stays { Next::Another } else { Next::Retire }
    }
}

type Answer = Result<Encoded, JobError>;

/// `Err`: this is not an answer to that job.
fn understand(frame: Frame, id: u64) -> Result<Answer, String> {
    let Frame { kind, body } = frame;
    let mut parts = Body { rest: &body };
    if parts.u64() != Some(id) {
        return Err(format!("the worker answered another job with {kind:?}"));
    }
    let text = String::from_utf8_lossy(parts.rest).into_owned();
    match kind {
        Kind::Done => Ok(Ok(Encoded { frame: body, start: 8 })),
        Kind::Panicked => match PanicReport::decode(parts.rest) {
            Some(report) => Ok(Err(JobError::Panicked(report))),
            None => Err("the worker sent a panic that cannot be read".to_owned()),
        },
        Kind::BadArgs => Ok(Err(JobError::BadArgs(text))),
        Kind::BadResult => Ok(Err(JobError::BadResult(text))),
        other => Err(format!("the worker answered a job with {other:?}")),
    }
}

// ---- 6 --------------------------------------------------------------------------------------

/// How long a worker that was told to exit may take.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

impl Worker {
    /// The worker is gone, or must go: collect it, then tell the job what happened.
    fn bury(&mut self, team: &Arc<Team>, job: Arc<dyn RemoteJob>, seen: WireError) -> Next {
        match (seen, job.limit()) {
            (WireError::TimedOut, Some(limit)) => self.leash.condemn(Reason::TimedOut(limit)),
            (WireError::Garbage(what), _) => self.leash.condemn(Reason::Garbage(what)),
            _ => {}
        }
        let exit = self.leash.kill_and_reap();
        let error = match self.leash.job_ends() {
            Some(reason) => reason.into_error(),
            None => JobError::WorkerDied { pid: self.leash.pid(), exit, stderr: self.words.take() },
        };
        if team.settings.on_worker_death == OnWorkerDeath::BreakPool
            && let JobError::WorkerDied { pid, .. } = &error
        {
            team.break_and_kill(format!("worker process {pid} ended ({exit}) during a job"));
        }
        if job.end(Err(error), &|| team.job_done(false)) == Ended::Abandoned {
            team.job_was_abandoned();
        }
        Next::Gone
    }

    /// In peace: tell it to exit, and wait for that.
    fn retire(&mut self) {
        let mut frame = Vec::new();
        let finished = FrameWriter::begin(&mut frame, Kind::Exit).finish(1);
        debug_assert!(finished.is_ok(), "a kind alone is one byte");
        self.reader.source.set_deadline(Some(Instant::now() + EXIT_LIMIT));
        // If it cannot be told, or answers, or takes too long: then not in peace.
        let told = self.reader.source.send(&frame).is_ok();
        if told && matches!(self.reader.next(), Err(WireError::End)) {
            self.leash.reap();
        } else {
            self.leash.kill_and_reap();
        }
    }
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
