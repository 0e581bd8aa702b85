//! The events of a trace: a closed list, as it stands in the file.
//!
//! A loop tells its observer of [`Event`](roundelay_runtime::Event)s, in numbers of its own. A
//! trace says the same in numbers that count from 1 in each trace, so that two runs can be
//! compared, and adds what only the whole run can tell: what a task waits for, who woke it.
//!
//! ```text
//!   {"n":4, "t":0, "turn":1, "ev":"ready.pop", "place":0, "work":["main"], "cause":2}
//!                            +---- this is a TraceEvent ----------------+
//! ```
//!
//! # Invariants
//! - The list is closed in each version of the format: reading an unknown event is an error.
//! - No number is an address, and none depends on the machine.
//!
//! Tutorial: chapter 19. Before this: `mod.rs`. After this: `model.rs`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing that happened. Times and durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ev")]
#[allow(missing_docs, reason = "the fields are described in format.schema.json, each once")]
pub enum TraceEvent {
    #[serde(rename = "run.begin")]
    RunBegin,
    #[serde(rename = "run.end")]
    RunEnd,
    #[serde(rename = "turn.begin")]
    TurnBegin { ready: usize },
    #[serde(rename = "turn.end")]
    TurnEnd,
    #[serde(rename = "wait.begin")]
    WaitBegin { at_most: Option<u64> },
    #[serde(rename = "wait.end")]
    WaitEnd { events: usize },
    #[serde(rename = "clock.jump")]
    ClockJump { from: u64, to: u64 },
    #[serde(rename = "inbox.collect")]
    InboxCollect { messages: usize },
    #[serde(rename = "ready.push")]
    ReadyPush { place: u64, work: TraceWork },
    #[serde(rename = "ready.pop")]
    ReadyPop { place: u64, work: TraceWork },
    #[serde(rename = "call.end")]
    CallEnd { place: u64, panicked: bool },
    #[serde(rename = "ready.arrange")]
    ReadyArrange { first: u64, order: Vec<u64> },
    #[serde(rename = "ready.cancel")]
    ReadyCancel { place: u64 },
    #[serde(rename = "timer.set")]
    TimerSet { timer: u64, due: u64 },
    #[serde(rename = "timer.due")]
    TimerDue { timer: u64 },
    #[serde(rename = "timer.cancel")]
    TimerCancel { timer: u64 },
    #[serde(rename = "io.register")]
    IoRegister { source: u64 },
    #[serde(rename = "io.await")]
    IoAwait { source: u64, side: Side },
    #[serde(rename = "io.leave")]
    IoLeave { source: u64, side: Side },
    #[serde(rename = "io.ready")]
    IoReady { source: u64, readable: bool, writable: bool },
    #[serde(rename = "io.release")]
    IoRelease { source: u64 },
    #[serde(rename = "task.spawn")]
    TaskSpawn { task: u64 },
    #[serde(rename = "task.poll")]
    TaskPoll { task: u64 },
    #[serde(rename = "task.pending")]
    TaskPending { task: u64, on: Option<Thing> },
    #[serde(rename = "task.wake")]
    TaskWake { task: u64, by: WokenBy },
    #[serde(rename = "task.cancel")]
    TaskCancel { task: u64 },
    #[serde(rename = "task.end")]
    TaskEnd { task: u64, how: TaskState },
    #[serde(rename = "promise.new")]
    PromiseNew { promise: u64 },
    #[serde(rename = "promise.settle")]
    PromiseSettle { promise: u64, how: PromiseState },
    #[serde(rename = "group.open")]
    GroupOpen { group: u64, task: u64 },
    #[serde(rename = "group.close")]
    GroupClose { group: u64 },
    #[serde(rename = "sync.new")]
    SyncNew { sync: u64 },
    #[serde(rename = "sync.wait")]
    SyncWait { sync: u64, task: u64 },
    #[serde(rename = "sync.acquire")]
    SyncAcquire {
        sync: u64,
        task: u64,
        count: usize,
        /// Whether it stood in line for this. (A task may stand in line and get the next thing
        /// without waiting.)
        #[serde(default = "yes")]
        stood: bool,
    },
    #[serde(rename = "sync.release")]
    SyncRelease { sync: u64, task: u64, count: usize },
    #[serde(rename = "sync.leave")]
    SyncLeave { sync: u64, task: u64 },
    #[serde(rename = "sync.level")]
    SyncLevel { sync: u64, level: usize },
    #[serde(rename = "job.submit")]
    JobSubmit { job: u64, task: Option<u64> },
    #[serde(rename = "job.start")]
    JobStart { job: u64, worker: u64 },
    #[serde(rename = "job.end")]
    JobEnd { job: u64, how: JobState },
    #[serde(rename = "job.abandon")]
    JobAbandon { job: u64 },
    #[serde(rename = "out")]
    Out { text: String, err: bool },
    #[serde(rename = "note")]
    Note { text: String },
    #[serde(rename = "warn.slow")]
    WarnSlow { task: Option<u64>, took: u64 },
    #[serde(rename = "stuck")]
    Stuck { waiting: Vec<Waiting> },
}

/// What an entry of the ready queue is. In the file an array: `["task", 3]`, `["main"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub enum TraceWork {
    /// A task's step.
    Task(u64),
    /// A callback, by its place in the ready queue.
    Callback(u64),
    /// A due timer.
    Timer(u64),
    /// News for a task: what it waited for has happened.
    Notify(u64),
    /// The main future's step.
    Main,
    /// An entry that was cancelled while it waited.
    Cancelled,
}

impl From<TraceWork> for Value {
    fn from(work: TraceWork) -> Value {
        match work {
            TraceWork::Task(id) => json!(["task", id]),
            TraceWork::Callback(place) => json!(["callback", place]),
            TraceWork::Timer(id) => json!(["timer", id]),
            TraceWork::Notify(id) => json!(["notify", id]),
            TraceWork::Main => json!(["main"]),
            TraceWork::Cancelled => json!(["cancelled"]),
        }
    }
}

impl TryFrom<Value> for TraceWork {
    type Error = String;

    fn try_from(value: Value) -> Result<TraceWork, String> {
        let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let work = match parts {
            [kind] => match kind.as_str() {
                Some("main") => Some(TraceWork::Main),
                Some("cancelled") => Some(TraceWork::Cancelled),
                _ => None,
            },
            [kind, id] => match (kind.as_str(), id.as_u64()) {
                (Some("task"), Some(id)) => Some(TraceWork::Task(id)),
                (Some("callback"), Some(place)) => Some(TraceWork::Callback(place)),
                (Some("timer"), Some(id)) => Some(TraceWork::Timer(id)),
                (Some("notify"), Some(id)) => Some(TraceWork::Notify(id)),
                _ => None,
            },
            _ => None,
        };
        work.ok_or_else(|| format!("`{value}` is no entry of a ready queue"))
    }
}

/// A thing of the run, by its kind and number. In the file an array: `["timer", 2]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thing(pub ThingKind, pub u64);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Its word in the file.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// What there is in a run.
    ThingKind {
        /// A task.
        Task = "task",
        /// A timer.
        Timer = "timer",
        /// A source of readiness: a socket, a pipe.
        Source = "source",
        /// A job of a pool.
        Job = "job",
        /// A lock, a semaphore, a queue or one of their kind.
        Sync = "sync",
        /// A promise.
        Promise = "promise",
        /// A group of tasks.
        Group = "group",
    }
}

words! {
    /// What a source is awaited for.
    Side {
        /// For reading.
        Read = "read",
        /// For writing.
        Write = "write",
    }
}

words! {
    /// Who woke a task.
    WokenBy {
        /// The task itself.
        Myself = "self",
        /// Another task.
        Task = "task",
        /// A timer.
        Timer = "timer",
        /// The system: a source is ready.
        Source = "source",
        /// A job's end.
        Job = "job",
        /// Another thread.
        Thread = "thread",
        /// A callback, or nobody who is known.
        Other = "other",
    }
}

words! {
    /// How a task stands.
    TaskState {
        /// It waits.
        Idle = "idle",
        /// It is in the ready queue.
        Scheduled = "scheduled",
        /// It takes a step.
        Running = "running",
        /// It has ended with its output.
        Finished = "finished",
        /// It was cancelled, and its future was dropped.
        Cancelled = "cancelled",
        /// It panicked.
        Panicked = "panicked",
    }
}

words! {
    /// How a promise stands.
    PromiseState {
        /// Nobody has set it.
        Waiting = "waiting",
        /// It has a value.
        Resolved = "resolved",
        /// It has an error.
        Failed = "failed",
        /// It was dropped unset.
        Abandoned = "abandoned",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

words! {
    /// How a job stands.
    JobState {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker runs it.
        Running = "running",
        /// It gave a value.
        Done = "done",
        /// It gave none.
        Failed = "failed",
        /// It never ran.
        Cancelled = "cancelled",
        /// Nobody awaits it any more; it may still run.
        Abandoned = "abandoned",
    }
}

impl TaskState {
    /// Whether it has not ended.
    ///
    /// ```
    /// use roundelay_executor::{Runner, spawn, trace::Recorder, yield_now};
    ///
    /// let recorder = Recorder::new("a child");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {
    ///     spawn(async {}).detach();
    ///     yield_now().await;
    /// })?;
    /// let trace = recorder.finish();
    /// let living = |n| trace.state_at(n).tasks.iter().filter(|task| task.1.is_alive()).count();
    /// let most = trace.steps.iter().map(|step| living(step.n)).max();
    /// assert_eq!((most, living(usize::MAX)), (Some(2), 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_alive(self) -> bool {
        matches!(self, TaskState::Idle | TaskState::Scheduled | TaskState::Running)
    }

    /// The shape that stands for it beside its word, so that no colour has to.
    ///
    /// ```
    /// use roundelay_executor::trace::TaskState;
    ///
    /// let ends = [TaskState::Finished, TaskState::Cancelled, TaskState::Panicked];
    /// let ends = ends.map(|state| format!("{} {}", state.shape(), state.word()));
    /// assert_eq!(ends, ["✓ finished", "✕ cancelled", "! panicked"]);
    /// ```
    #[must_use]
    pub fn shape(self) -> &'static str {
        match self {
            TaskState::Idle => "○",
            TaskState::Scheduled => "◔",
            TaskState::Running => "●",
            TaskState::Finished => "✓",
            TaskState::Cancelled => "✕",
            TaskState::Panicked => "!",
        }
    }
}

/// One who waits when nothing can happen any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The task.
    pub task: u64,
    /// What it waits for, if that is known.
    pub on: Option<Thing>,
}

/// (A trace from before this was told has only those who stood.)
fn yes() -> bool {
    true
}

impl TraceEvent {
    /// The event's name in the file: `task.poll`.
    ///
    /// ```
    /// use roundelay_executor::trace::TraceEvent;
    ///
    /// assert_eq!(TraceEvent::WaitEnd { events: 1 }.name(), "wait.end");
    /// ```
    #[must_use]
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["ev"].as_str().unwrap_or_default().to_owned()
    }
}
