//! The state of a run after any of its steps.
//!
//! ```text
//!   state(0) --step 1--> state(1) --step 2--> state(2) ...        a fold
//! ```
//!
//! Nothing here guesses: each event says what changed, and [`TraceState::apply`] changes it.
//! The page does the same in its own language, and compares at every key.
//!
//! # Invariants
//! - What has ended stays in the lists, so that it can be looked at; released sources and
//!   timers that are over leave them.
//! - Lists are in the order of their numbers, the ready queue in its own order, timers by
//!   deadline and then by number.
//!
//! Tutorial: chapter 19. Before this: `model.rs`. After this: `number_map.rs`.

use serde::{Deserialize, Serialize};

use crate::trace::event::{JobState, PromiseState, Side, TaskState, Thing, TraceEvent, TraceWork};

/// Where the loop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Between two turns, or not running.
    Outside,
    /// In a turn, between two calls.
    Turn,
    /// Asking the system.
    Wait,
    /// Calling an entry of the ready queue.
    Call,
}

/// How everything stands after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceState {
    /// The time, in nanoseconds since the run began.
    pub t: u64,
    /// The turn.
    pub turn: u64,
    /// Where the loop is.
    pub phase: Phase,
    /// What it calls.
    pub called: Option<TraceWork>,
    /// The task that takes a step.
    pub running: Option<u64>,
    /// Entries before this place are of this turn.
    pub batch_end: Option<u64>,
    /// The ready queue: place and work.
    pub ready: Vec<(u64, TraceWork)>,
    /// Pending timers: number and deadline.
    pub timers: Vec<(u64, u64)>,
    /// Registered sources: number, awaited for reading, for writing.
    pub io: Vec<(u64, bool, bool)>,
    /// Tasks: number, how it stands, what it waits for, how often it was polled.
    pub tasks: Vec<(u64, TaskState, Option<Thing>, u64)>,
    /// Jobs.
    pub jobs: Vec<(u64, JobState)>,
    /// Locks and their kind: number, level, holders, waiters.
    pub syncs: Vec<(u64, usize, Vec<u64>, Vec<u64>)>,
    /// Promises.
    pub promises: Vec<(u64, PromiseState)>,
    /// Groups: number, `"open"` or `"closed"`, children that live.
    pub groups: Vec<(u64, String, Vec<u64>)>,
    /// How many lines of output there are.
    pub out: usize,
}

/// What a fold has to know of things besides the steps: which task is in which group, and what
/// can be held.
pub trait Kinship {
    /// The group of a task.
    fn group_of(&self, task: u64) -> Option<u64>;

    /// Whether one who gets it has it until it is given back.
    fn is_held(&self, sync: u64) -> bool;
}

impl TraceState {
    /// The state before the first step.
    #[must_use]
    pub fn new() -> TraceState {
        TraceState {
            t: 0,
            turn: 0,
            phase: Phase::Outside,
            called: None,
            running: None,
            batch_end: None,
            ready: Vec::new(),
            timers: Vec::new(),
            io: Vec::new(),
            tasks: Vec::new(),
            jobs: Vec::new(),
            syncs: Vec::new(),
            promises: Vec::new(),
            groups: Vec::new(),
            out: 0,
        }
    }

    /// What one event at time `t` (in nanoseconds) of turn `turn` changes. To be told of every
    /// step, from the first on and in order.
    ///
    /// ```
    /// use roundelay_executor::{Runner, gather_all, trace::{Recorder, TraceState}, yield_now};
    ///
    /// let recorder = Recorder::new("a crowd");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { gather_all([yield_now(), yield_now(), yield_now()]).await })?;
    /// let trace = recorder.finish();
    /// let (mut state, mut longest) = (TraceState::new(), 0);
    /// for step in &trace.steps {
    ///     state.apply(step.t, step.turn, &step.event, &trace.things);
    ///     longest = longest.max(state.ready.len());
    /// }
    /// assert_eq!(longest, 3); // so many were ready at one time
    /// assert_eq!(state, trace.state_at(usize::MAX));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&mut self, t: u64, turn: u64, event: &TraceEvent, kin: &dyn Kinship) {
        use TraceEvent as E;
        (self.t, self.turn) = (t, turn);
        match *event {
            E::TurnBegin { .. } => (self.phase, self.batch_end) = (Phase::Turn, None),
            E::TurnEnd | E::RunEnd => (self.phase, self.batch_end) = (Phase::Outside, None),
            E::WaitBegin { .. } => self.phase = Phase::Wait,
            E::WaitEnd { .. } => self.phase = Phase::Turn,
            E::ReadyPush { place, work } => self.push(place, work),
            E::ReadyPop { place, work } => self.pop(place, work),
            E::CallEnd { .. } => (self.phase, self.called) = (Phase::Turn, None),
            E::ReadyCancel { place } => {
                let entry = self.ready.iter_mut().find(|entry| entry.0 == place);
                entry.into_iter().for_each(|entry| entry.1 = TraceWork::Cancelled);
            }
            E::ReadyArrange { first, ref order } => {
                let before = self.ready.clone();
                let works = order.iter().filter_map(|place| {
                    before.iter().find(|entry| entry.0 == *place).map(|entry| entry.1)
                });
                for (place, work) in (first..).zip(works) {
                    let entry = self.ready.iter_mut().find(|entry| entry.0 == place);
                    entry.into_iter().for_each(|entry| entry.1 = work);
                }
            }
            E::TimerSet { timer, due } => {
                let at = self.timers.partition_point(|&(id, d)| (d, id) < (due, timer));
                self.timers.insert(at, (timer, due));
            }
            E::TimerDue { timer } | E::TimerCancel { timer } => {
                self.timers.retain(|&(id, _)| id != timer);
            }
            E::IoRegister { source } => insert(&mut self.io, (source, false, false), |it| it.0),
            E::IoAwait { source, side } => self.io_side(source, side, true),
            E::IoLeave { source, side } => self.io_side(source, side, false),
            E::IoReady { source, readable, writable } => {
                if let Some(io) = find(&mut self.io, source, |it| it.0) {
                    (io.1, io.2) = (io.1 && !readable, io.2 && !writable);
                }
            }
            E::IoRelease { source } => self.io.retain(|io| io.0 != source),
            E::TaskSpawn { task } => {
                insert(&mut self.tasks, (task, TaskState::Idle, None, 0), |it| it.0);
                self.children_of(kin.group_of(task), |children| children.push(task));
            }
            E::TaskPoll { task } => {
                self.running = Some(task);
                if let Some(it) = find(&mut self.tasks, task, |it| it.0) {
                    (it.1, it.2, it.3) = (TaskState::Running, None, it.3 + 1);
                }
            }
            E::TaskPending { task, on } => {
                let again = self.ready.iter().any(|entry| task_of(entry.1) == Some(task));
                let state = if again { TaskState::Scheduled } else { TaskState::Idle };
                self.step_ends(task, state, on);
            }
            E::TaskEnd { task, how } => {
                self.step_ends(task, how, None);
                self.children_of(kin.group_of(task), |children| children.retain(|it| *it != task));
            }
            E::PromiseNew { promise } => {
                insert(&mut self.promises, (promise, PromiseState::Waiting), |it| it.0);
            }
            E::PromiseSettle { promise, how } => {
                find(&mut self.promises, promise, |it| it.0).into_iter().for_each(|it| it.1 = how);
            }
            E::GroupOpen { group, .. } => {
                insert(&mut self.groups, (group, "open".into(), Vec::new()), |it| it.0);
            }
            E::GroupClose { group } => {
                let group = find(&mut self.groups, group, |it| it.0);
                group.into_iter().for_each(|it| it.1 = "closed".into());
            }
            E::SyncNew { sync } => {
                insert(&mut self.syncs, (sync, 0, Vec::new(), Vec::new()), |it| it.0);
            }
            E::SyncWait { sync, task } => self.sync(sync, |it| it.3.push(task)),
            E::SyncAcquire { sync, task, stood, .. } => {
                let held = kin.is_held(sync);
                self.sync(sync, |it| {
                    if stood {
                        remove_one(&mut it.3, task);
                    }
                    it.2.extend(held.then_some(task));
                });
            }
            E::SyncRelease { sync, task, .. } => self.sync(sync, |it| remove_one(&mut it.2, task)),
            E::SyncLeave { sync, task } => self.sync(sync, |it| remove_one(&mut it.3, task)),
            E::SyncLevel { sync, level } => self.sync(sync, |it| it.1 = level),
            E::JobSubmit { job, .. } => insert(&mut self.jobs, (job, JobState::Queued), |it| it.0),
            // It may be heard to begin when nobody awaits it any more.
            E::JobStart { job, .. } => match find(&mut self.jobs, job, |it| it.0) {
                Some((_, state)) if *state == JobState::Queued => *state = JobState::Running,
                _ => {}
            },
            E::JobEnd { job, how } => self.job(job, how),
            E::JobAbandon { job } => self.job(job, JobState::Abandoned),
            E::Out { .. } => self.out += 1,
            E::RunBegin
            | E::ClockJump { .. }
            | E::InboxCollect { .. }
            | E::TaskWake { .. }
            | E::TaskCancel { .. }
            | E::Note { .. }
            | E::WarnSlow { .. }
            | E::Stuck { .. } => {}
        }
    }

    /// How a task stands.
    ///
    /// ```
    /// use roundelay_executor::{Runner, spawn, trace::{Recorder, TaskState}};
    ///
    /// let recorder = Recorder::new("a child");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { spawn(async {}).await })?.unwrap();
    /// let end = recorder.finish().state_at(usize::MAX);
    /// assert_eq!(end.task(1), Some(&(1, TaskState::Finished, None, 1))); // polled once
    /// assert_eq!(end.task(2), None); // there never was one
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn task(&self, id: u64) -> Option<&(u64, TaskState, Option<Thing>, u64)> {
        let at = self.tasks.binary_search_by_key(&id, |it| it.0).ok()?;
        self.tasks.get(at)
    }

    fn push(&mut self, place: u64, work: TraceWork) {
        self.ready.push((place, work));
        let task = task_of(work).and_then(|task| find(&mut self.tasks, task, |it| it.0));
        if let Some(task) = task.filter(|task| task.1 == TaskState::Idle) {
            task.1 = TaskState::Scheduled;
        }
    }

    fn pop(&mut self, place: u64, work: TraceWork) {
        if self.batch_end.is_none() {
            self.batch_end = self.ready.last().map(|entry| entry.0 + 1);
        }
        if let Some(at) = self.ready.iter().position(|entry| entry.0 == place) {
            self.ready.remove(at);
        }
        (self.phase, self.called) = (Phase::Call, Some(work));
    }

    fn step_ends(&mut self, task: u64, state: TaskState, on: Option<Thing>) {
        if let Some(it) = find(&mut self.tasks, task, |it| it.0) {
            (it.1, it.2) = (state, on);
        }
        // An eager task takes its first step inside a step of its parent, who is older.
        let mut running = self.tasks.iter().rev().filter(|it| it.1 == TaskState::Running);
        self.running = running.next().map(|it| it.0);
    }

    fn io_side(&mut self, source: u64, side: Side, awaited: bool) {
        if let Some(io) = find(&mut self.io, source, |it| it.0) {
            match side {
                Side::Read => io.1 = awaited,
                Side::Write => io.2 = awaited,
            }
        }
    }

    fn children_of(&mut self, group: Option<u64>, change: impl FnOnce(&mut Vec<u64>)) {
        let group = group.and_then(|group| find(&mut self.groups, group, |it| it.0));
        if let Some(group) = group {
            change(&mut group.2);
        }
    }

    fn sync(&mut self, sync: u64, change: impl FnOnce(&mut (u64, usize, Vec<u64>, Vec<u64>))) {
        if let Some(sync) = find(&mut self.syncs, sync, |it| it.0) {
            change(sync);
        }
    }

    fn job(&mut self, job: u64, state: JobState) {
        find(&mut self.jobs, job, |it| it.0).into_iter().for_each(|it| it.1 = state);
    }
}

impl Default for TraceState {
    fn default() -> TraceState {
        TraceState::new()
    }
}

/// The task whose step an entry is.
pub(crate) fn task_of(work: TraceWork) -> Option<u64> {
    match work {
        TraceWork::Task(id) => Some(id),
        TraceWork::Main => Some(0),
        _ => None,
    }
}

fn find<T>(list: &mut [T], id: u64, number: impl Fn(&T) -> u64) -> Option<&mut T> {
    let at = list.binary_search_by_key(&id, number).ok()?;
    list.get_mut(at)
}

fn insert<T>(list: &mut Vec<T>, item: T, number: impl Fn(&T) -> u64) {
    match list.binary_search_by_key(&number(&item), &number) {
        Ok(at) => list[at] = item,
        Err(at) => list.insert(at, item),
    }
}

fn remove_one(list: &mut Vec<u64>, item: u64) {
    if let Some(at) = list.iter().position(|it| *it == item) {
        list.remove(at);
    }
}
