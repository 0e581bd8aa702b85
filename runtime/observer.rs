//! What a loop does, told as it happens.
//!
//! (You may skip to `latch.rs` and come back after `turn.rs`: this file names what others
//! do.)
//!
//! An observer is given to a loop when it is built, and is told of every event in the list
//! [`Event`], which is closed in each version: traces, metrics, the lesson programs that print each
//! turn, all hang on this one hook. Without an observer each of these places costs a test of one
//! field.
//!
//! The cause of an event need not be stored: whatever is pushed, set or woken between
//! [`Event::CallBegins`] and [`Event::CallEnds`] was caused by that call.
//!
//! # Invariants
//! - An observer is called when nothing of the loop is borrowed, so it may call the loop.
//!   What it causes while it is being told of an event is not told to it: it would never
//!   come to an end. The loop does not sleep over it.
//! - Events speak of numbers, never of addresses: two runs can be compared.
//! - An observer that panics is the observer's mistake: the panic is swallowed, and it is
//!   told of the next event as usual.
//! - Observing changes nothing: the times that an observer is told are not remembered. One
//!   exception: where a job begins in another thread, its loop is told by a message, and turns.
//!
//! Tutorial: chapter 19. Before this: `ready.rs`. After this: `interest.rs`.

use std::panic::Location;
use std::time::Duration;

use crate::callback::Key;
use crate::clock::Moment;
use crate::held_up::SlowSpan;

/// One thing that happened in a loop.
///
/// The runtime tells of turns, callbacks, timers and sources. The executor adds tasks, and
/// jobs that it awaits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A run of the loop begins. (A single `run_once` tells of its turn only.)
    RunBegins,
    /// A run of the loop ends.
    RunEnds,
    /// A turn begins, and this many entries are ready.
    TurnBegins {
        /// Counted from 1 since the loop was built.
        turn: u64,
        /// How many entries are ready before the turn looks outside.
        ready: usize,
    },
    /// The turn is over.
    TurnEnds,
    /// Nothing can ever happen any more: nothing is ready, no timer is set, no source is
    /// awaited, and no other thread can reach the loop. The run ends, unless the observer leaves
    /// something to do.
    Stuck,
    /// The loop asks the operating system for events, and waits for them this long at most.
    WaitBegins {
        /// `None` is without end.
        at_most: Option<Duration>,
    },
    /// The operating system has answered.
    WaitEnds {
        /// How many sources had something to say.
        events: usize,
    },
    /// The virtual clock was moved, because nothing else could happen.
    ClockJumps {
        /// The time before.
        from: Moment,
        /// The time after: the next deadline.
        to: Moment,
    },
    /// Something was put at the back of the ready queue.
    ReadyPushed {
        /// Its place in the line: counted up with every entry.
        place: u64,
        /// What it is.
        what: Work,
    },
    /// The entry at the front is called. (A timer that was cancelled while it was due is
    /// announced, too, and then nothing is called.)
    CallBegins {
        /// Its place in the line.
        place: u64,
        /// What it is.
        what: Work,
    },
    /// It is done.
    CallEnds {
        /// Its place in the line.
        place: u64,
        /// Whether it was a closure and panicked. (A task's panic is its own affair.)
        panicked: bool,
    },
    /// The scheduler has put steps that are ready into another order.
    ReadyArranged {
        /// The place of the first of them.
        first: u64,
        /// From there on: the place that each had before.
        order: Vec<u64>,
    },
    /// A ready callback was cancelled.
    CallCancelled {
        /// Its place in the line.
        place: u64,
    },
    /// A timer was set.
    TimerSet {
        /// The timer's number.
        timer: u64,
        /// When it is due.
        deadline: Moment,
    },
    /// A timer's deadline has passed: its callback goes to the ready queue.
    TimerDue {
        /// The timer's number.
        timer: u64,
    },
    /// A timer was cancelled.
    TimerCancelled {
        /// The timer's number.
        timer: u64,
    },
    /// A source was registered with the operating system.
    SourceRegistered {
        /// The source's key.
        source: Key,
    },
    /// Somebody waits for a source.
    SourceAwaited {
        /// The source's key.
        source: Key,
        /// For reading, else for writing.
        to_read: bool,
    },
    /// The operating system says that a source is ready.
    SourceReady {
        /// The source's key.
        source: Key,
        /// It can be read.
        readable: bool,
        /// It can be written.
        writable: bool,
    },
    /// A source was let go.
    SourceReleased {
        /// The source's key.
        source: Key,
    },
    /// Whoever waited for a source does not any more.
    SourceLeft {
        /// The source's key.
        source: Key,
        /// For reading, else for writing.
        to_read: bool,
    },
    /// The calls since the loop last looked outside, or one of them, took longer than the
    /// [limit](crate::EventLoopBuilder::slow_limit). Told when the loop looks outside again.
    HeldUp(SlowSpan),
    /// What other threads had left was collected.
    InboxCollected {
        /// How many messages.
        messages: usize,
    },
    /// A task was spawned.
    TaskSpawned {
        /// The task's number.
        task: u64,
        /// Its key, as the ready queue shows it.
        key: Key,
        /// Its name, if it was given one: see [`Event::task_name`].
        name: Option<String>,
        /// Its future is the main one, which the loop is lent.
        is_main: bool,
        /// The task that spawned it.
        parent: Option<u64>,
        /// The line that spawned it.
        at: &'static Location<'static>,
    },
    /// A task takes a step: its future is polled.
    TaskPolled {
        /// The task's number.
        task: u64,
    },
    /// The step ended and the task waits.
    TaskPending {
        /// The task's number.
        task: u64,
    },
    /// A task was woken: it goes to the ready queue, unless it is there already.
    TaskWoken {
        /// The task's number.
        task: u64,
    },
    /// Somebody asked for a task's end.
    TaskCancelRequested {
        /// The task's number.
        task: u64,
    },
    /// A task has ended and its future has been dropped.
    TaskEnded {
        /// The task's number.
        task: u64,
        /// How it ended.
        how: TaskEnd,
    },
    /// The future that is being polled waits for this. Told before [`Event::TaskPending`];
    /// of several, the last one counts.
    Awaits(Awaited),
    /// A future was made that will wait for something of this kind: "timer", "sync", "job".
    WaitMade {
        /// What kind.
        kind: &'static str,
        /// The line that made it.
        at: &'static Location<'static>,
    },
    /// A promise was resolved, or dropped unset.
    PromiseSettled {
        /// The promise's number on this loop.
        promise: u64,
        /// Whether it was resolved.
        resolved: bool,
    },
    /// A group of tasks was opened by the task that is being polled.
    GroupOpened {
        /// The group's number on this loop.
        group: u64,
    },
    /// A task that was just spawned belongs to a group.
    GroupJoined {
        /// The group's number on this loop.
        group: u64,
        /// The task's number.
        task: u64,
    },
    /// Every child of a group has ended.
    GroupClosed {
        /// The group's number on this loop.
        group: u64,
    },
    /// Something happened at a lock, a semaphore, a queue, or one of their kind.
    Sync {
        /// Its number on this loop.
        sync: u64,
        /// What it is: "lock", "semaphore", "queue" and so on.
        kind: &'static str,
        /// What happened.
        deed: SyncDeed,
    },
    /// A job was given to a pool and is awaited, by `to_thread`, `run_on` or `run_remote`. (A pool
    /// knows no loop: of a job that was given to it without one of these, nobody can tell.)
    JobSubmitted {
        /// The job's number on this loop.
        job: u64,
        /// The type of the pool.
        pool: &'static str,
    },
    /// A thread has begun a job. The loop hears of it later than it happened: when it next
    /// has to do with tasks or jobs.
    JobStarted {
        /// The job's number on this loop.
        job: u64,
        /// Which worker: a number for each thread, unique in this process.
        worker: u64,
    },
    /// An awaited job has ended.
    JobEnded {
        /// The job's number on this loop.
        job: u64,
        /// Whether it gave a value. Else it panicked, was lost or was refused.
        done: bool,
    },
    /// Nobody awaits the job any more. It may still run.
    JobAbandoned {
        /// The job's number on this loop.
        job: u64,
    },
    /// The program said something: a line of its output.
    Said {
        /// The line, without its end.
        text: String,
        /// It went to standard error.
        to_stderr: bool,
        /// The line that said it.
        at: &'static Location<'static>,
    },
    /// The program remarked something that is no output.
    Remarked {
        /// The remark.
        text: String,
        /// The line that remarked it.
        at: &'static Location<'static>,
    },
}

impl Event {
    /// What a task is called everywhere: by its name, or by its number if it was given none.
    ///
    /// ```
    /// use roundelay_runtime::Event;
    ///
    /// assert_eq!(Event::task_name(7, Some("fetch")), "fetch");
    /// assert_eq!(Event::task_name(7, None), "Task-7");
    /// ```
    #[must_use]
    pub fn task_name(task: u64, name: Option<&str>) -> String {
        name.map_or_else(|| format!("Task-{task}"), str::to_owned)
    }
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// A timer, by its number.
    Timer(u64),
    /// A source, by its key.
    Source(Key),
    /// The end of a task, by its number.
    Task(u64),
    /// A job, by its number on the loop.
    Job(u64),
    /// A promise, by its number on the loop.
    Promise(u64),
    /// The end of a group, by its number on the loop.
    Group(u64),
    /// A lock, a semaphore, a queue or one of their kind, by its number on the loop.
    Sync(u64),
    /// Nothing: its next turn comes by itself.
    NextTurn,
}

/// What happened at a lock, a semaphore, a queue, or one of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncDeed {
    /// Somebody joins the line.
    Waits {
        /// Its place in the line: counted up.
        ticket: u64,
    },
    /// Somebody gets what it came for.
    Acquires {
        /// Its place in the line, if it had to wait.
        ticket: Option<u64>,
        /// How many permits, or one.
        count: usize,
    },
    /// Somebody gives back what it had.
    Releases {
        /// How many permits, or one.
        count: usize,
    },
    /// Somebody leaves the line without what it came for.
    Leaves {
        /// Its place in the line.
        ticket: u64,
    },
    /// So many items are inside now.
    Level(usize),
}

/// What an entry of the ready queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A boxed callback.
    Callback,
    /// News for the target's number: what it waited for has happened.
    Notify(Key),
    /// A due timer, by its number.
    Timer(u64),
    /// The target's number is to be run: a task's step.
    Run(Key),
    /// The callback lent by whoever runs the loop: the main future's step.
    Main,
    /// An entry that was cancelled while it waited.
    Cancelled,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// With its output.
    Finished,
    /// Its future was dropped in answer to a cancel.
    Cancelled,
    /// It panicked.
    Panicked,
}
