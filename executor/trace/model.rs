//! A trace: a run that is a file.
//!
//! ```text
//!   meta     which program, which clock, complete or cut off
//!   files    the source that the run speaks of
//!   things   tasks, timers, sources, jobs, locks, promises, groups: each with its number
//!   steps    what happened, in order; each with the step that caused it
//!   keys     the whole state after every 64th step
//!   notes    questions and remarks of an author
//! ```
//!
//! It is JSON, described by `format.schema.json` beside this file.
//!
//! # Invariants
//! - Steps are numbered from 0 without gaps, and their time never goes back.
//! - Every step but the first has a cause, an earlier step: the chain leads to step 0.
//!
//! Tutorial: chapter 19. Before this: `event.rs`. After this: `state.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::trace::event::TraceEvent;
use crate::trace::state::{Kinship, TraceState};

/// The version of the format that this code writes and reads.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT: &str = "roundelay-trace";

/// A recorded run.
///
/// ```
/// use roundelay_executor::trace::{Recorder, Trace};
/// use roundelay_executor::{Runner, sleep};
/// use std::time::Duration;
///
/// let recorder = Recorder::new("nap");
/// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
/// runner.run(async { sleep(Duration::from_secs(1)).await })?;
/// runner.close();
/// let trace = recorder.finish();
/// assert!(trace.check().is_empty());
/// assert_eq!(Trace::from_json(&trace.to_json())?, trace);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    format: String,
    version: u32,
    /// What is known of the whole run.
    pub meta: Meta,
    /// The source files that the run speaks of.
    pub files: Vec<SourceFile>,
    /// Everything that had a part in it.
    pub things: Things,
    /// What happened.
    pub steps: Vec<Step>,
    /// The state after some of the steps.
    pub keys: Vec<Key>,
    /// An author's questions and remarks.
    pub notes: Vec<Note>,
}

/// What is known of the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The program's name.
    pub program: String,
    /// `"virtual"` or `"real"`.
    pub clock: String,
    /// Who says what is ready: `"mio"` or `"script"`.
    pub selector: String,
    /// Who runs jobs: `"pools"` or `"script"`.
    pub executor: String,
    /// The seed of the schedule, if it was drawn by chance.
    pub seed: Option<u64>,
    /// The unit of all times: `"ns"`.
    pub unit: String,
    /// The run had more steps than are here.
    pub truncated: bool,
    /// So many more.
    pub dropped: u64,
    /// The version that recorded it.
    pub roundelay: String,
    /// The rolling hash of all steps: two runs with one hash did the same.
    pub hash: String,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its number.
    pub id: usize,
    /// Its path, as the compiler was given it.
    pub path: String,
    /// Its lines; none if it could not be read.
    pub lines: Vec<String>,
}

/// A place in a source file: the file's number and the line. In the file an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At(pub usize, pub u32);

/// Everything that had a part in the run, each kind counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each field is a list of what it is called")]
pub struct Things {
    pub tasks: Vec<TaskThing>,
    pub timers: Vec<PlainThing>,
    pub sources: Vec<NamedThing>,
    pub jobs: Vec<JobThing>,
    pub syncs: Vec<SyncThing>,
    pub promises: Vec<PlainThing>,
    pub groups: Vec<GroupThing>,
}

impl Kinship for Things {
    fn group_of(&self, task: u64) -> Option<u64> {
        let at = self.tasks.binary_search_by_key(&task, |it| it.id).ok()?;
        self.tasks.get(at)?.group
    }

    fn is_held(&self, sync: u64) -> bool {
        let at = self.syncs.binary_search_by_key(&sync, |it| it.id).ok();
        at.is_some_and(|at| self.syncs[at].is_held())
    }
}

/// A task. The main one has the number 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct TaskThing {
    pub id: u64,
    pub name: String,
    /// Who spawned it.
    pub parent: Option<u64>,
    pub group: Option<u64>,
    /// Where it was spawned.
    pub at: Option<At>,
}

/// A thing of which only the number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the name says it")]
pub struct PlainThing {
    pub id: u64,
}

/// A thing that may have a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct NamedThing {
    pub id: u64,
    pub name: Option<String>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct JobThing {
    pub id: u64,
    /// `"threads"`, `"processes"`, `"script"` or `"other"`.
    pub pool: String,
}

/// A lock, a semaphore, a queue or one of their kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct SyncThing {
    pub id: u64,
    pub kind: String,
    pub name: Option<String>,
    /// How many it lets in at one time.
    pub limit: Option<u64>,
}

impl SyncThing {
    /// Whether one who gets it has it until it is given back: a lock, a permit.
    ///
    /// ```
    /// use roundelay_executor::{Event, Lock, Runner, spawn, trace::Recorder, yield_now};
    ///
    /// let recorder = Recorder::new("two kinds");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {
    ///     drop(Lock::new(()).lock().await);
    ///     spawn(Event::new().wait()).detach(); // it gets nothing that it could give back
    ///     yield_now().await;
    /// })?;
    /// let syncs = recorder.finish().things.syncs;
    /// let held: Vec<_> = syncs.iter().map(|sync| (&*sync.kind, sync.is_held())).collect();
    /// assert_eq!(held, [("lock", true), ("event", false)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_held(&self) -> bool {
        ["lock", "rwlock", "semaphore"].contains(&self.kind.as_str())
    }
}

/// A group of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct GroupThing {
    pub id: u64,
    /// Whose group it is.
    pub task: u64,
}

/// One step of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub n: usize,
    /// Nanoseconds since the run began.
    pub t: u64,
    /// The loop's turn; 0 before the first.
    pub turn: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: TraceEvent,
    /// The line of the program that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// The earlier step that made this one happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<usize>,
}

/// The state after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The step.
    pub n: usize,
    /// The state.
    pub state: TraceState,
}

/// An author's question or remark at a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The step.
    pub n: usize,
    /// `"predict"` or `"remark"`.
    pub kind: String,
    /// The question, or the remark.
    pub ask: String,
    /// The answer to a question.
    #[serde(default)]
    pub answer: String,
}

impl Trace {
    /// A trace without keys and notes.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, Trace}};
    ///
    /// let recorder = Recorder::new("nothing");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {})?;
    /// let full = recorder.finish();
    /// let bare = Trace::new(full.meta, full.files, full.things, full.steps);
    /// assert!(bare.check().is_empty()); // what the keys say can be worked out
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(meta: Meta, files: Vec<SourceFile>, things: Things, steps: Vec<Step>) -> Trace {
        let (keys, notes) = (Vec::new(), Vec::new());
        Trace {
            format: FORMAT.into(),
            version: FORMAT_VERSION,
            meta,
            files,
            things,
            steps,
            keys,
            notes,
        }
    }

    /// The trace as JSON, one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a trace has no keys but strings, so it can be written")
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// [`TraceError`]: it is not JSON, not a trace, of another version, or has an event that this
    /// version does not know.
    ///
    /// ```
    /// use roundelay_executor::trace::Trace;
    ///
    /// assert!(Trace::from_json("{}").is_err());
    /// ```
    pub fn from_json(json: &str) -> Result<Trace, TraceError> {
        let head: Head = serde_json::from_str(json).map_err(TraceError::of)?;
        if head.format != FORMAT {
            return Err(TraceError(format!(
                "this is `{}`, and no trace of roundelay",
                head.format
            )));
        }
        if head.version != FORMAT_VERSION {
            return Err(TraceError(format!(
                "the trace has version {}, and this program reads version {FORMAT_VERSION}; record \
                 it again, or read it with the program that wrote it",
                head.version
            )));
        }
        serde_json::from_str(json).map_err(TraceError::of)
    }

    /// What a task is called.
    ///
    /// ```
    /// use roundelay_executor::{Runner, TaskBuilder, trace::Recorder};
    ///
    /// let recorder = Recorder::new("breakfast");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { TaskBuilder::new().name("tea").spawn(async {}).await })?.unwrap();
    /// assert_eq!(recorder.finish().task_name(1), "tea");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn task_name(&self, id: u64) -> String {
        let task = self.things.tasks.iter().find(|task| task.id == id);
        task.map_or_else(|| format!("Task-{id}"), |task| task.name.clone())
    }
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// A file is no trace that can be read. Its text says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError(String);

impl TraceError {
    fn of(error: serde_json::Error) -> TraceError {
        TraceError(format!("this is no trace of version {FORMAT_VERSION}: {error}"))
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TraceError {}
