//! Does the trace hold what every run must hold?
//!
//! A trace is told by the loop itself, so these are promises of the loop, checked after the
//! event: first in first out, no step after the end, nobody forgotten. A file that was changed
//! by hand is found out, too.
//!
//! | checked | how |
//! |---|---|
//! | time and turns never go back, every cause is earlier | step by step |
//! | the ready queue is first in, first out, and a turn takes what it began with | fold |
//! | no step after the end, a task is queued once | fold |
//! | whoever waits, waits for something that can still happen, or `stuck` names it | fold |
//! | what is opened is closed: jobs, groups, locks | fold, at the end |
//!
//! Tutorial: chapter 19. Before this: `recording_tasks.rs`. After this: `recorder.rs`.

use std::fmt;

use crate::trace::event::{JobState, PromiseState, TaskState, Thing, ThingKind, TraceEvent};
use crate::trace::model::{Step, Trace};
use crate::trace::state::{Phase, TraceState, task_of};

/// Something that cannot have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The step at which it shows.
    pub n: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.n, self.what)
    }
}

impl Trace {
    /// Everything that is wrong with the trace: nothing, if it was recorded and not changed.
    ///
    /// In a trace that was cut off, nothing is asked of the end.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::Recorder, yield_now};
    ///
    /// let recorder = Recorder::new("one step");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(yield_now())?;
    /// let mut trace = recorder.finish();
    /// assert!(trace.check().is_empty());
    /// trace.steps.swap(1, 2); // that cannot have happened
    /// assert!(!trace.check().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut checker = Checker {
            trace: self,
            state: TraceState::new(),
            wrong: Vec::new(),
            popped: (0, 0),
            next_place: None,
        };
        let mut keys = self.keys.iter();
        for (index, step) in self.steps.iter().enumerate() {
            checker.check_order(index, step);
            checker.check_before(step);
            checker.state.apply(step.t, step.turn, &step.event, &self.things);
            checker.check_after(step);
            if let Some(key) = keys.as_slice().first().filter(|key| key.n == step.n) {
                keys.next();
                if key.state != checker.state {
                    checker
                        .wrong(step.n, "the state written down here is not what the steps lead to");
                }
            }
        }
        if keys.next().is_some() {
            checker.wrong(self.steps.len(), "a state is written down for a step that is not there");
        }
        checker.check_end();
        checker.wrong
    }
}

struct Checker<'a> {
    trace: &'a Trace,
    state: TraceState,
    wrong: Vec<Violation>,
    /// Entries pushed and popped.
    popped: (usize, usize),
    next_place: Option<u64>,
}

impl Checker<'_> {
    fn wrong(&mut self, n: usize, what: impl Into<String>) {
        self.wrong.push(Violation { n, what: what.into() });
    }

    fn check_order(&mut self, index: usize, step: &Step) {
        if step.n != index {
            self.wrong(step.n, format!("it stands where step {index} belongs"));
        }
        if step.t < self.state.t {
            self.wrong(step.n, "time goes back");
        }
        if step.turn < self.state.turn {
            self.wrong(step.n, "the turn goes back");
        }
        match step.cause {
            None if index > 0 => self.wrong(step.n, "it has no cause"),
            Some(cause) if cause >= step.n => self.wrong(step.n, "its cause is not earlier"),
            _ => {}
        }
    }

    /// What must hold before the step.
    fn check_before(&mut self, step: &Step) {
        let n = step.n;
        match &step.event {
            TraceEvent::ReadyPush { place, work } => {
                self.popped.0 += 1;
                if self.next_place.is_some_and(|next| next != *place) {
                    self.wrong(
                        n,
                        format!("place {place} is not the next at the back of the queue"),
                    );
                }
                self.next_place = Some(place + 1);
                if let Some(task) = task_of(*work).filter(|task| self.is_queued(*task)) {
                    self.wrong(n, format!("task {task} is in the ready queue already"));
                }
            }
            TraceEvent::ReadyPop { place, work } => {
                self.popped.1 += 1;
                match self.state.ready.first() {
                    Some(entry) if *entry == (*place, *work) => {}
                    Some(entry) => {
                        let front = entry.0;
                        self.wrong(n, format!("place {place} is taken, but {front} stands first"));
                    }
                    None => self.wrong(n, "something is taken out of an empty ready queue"),
                }
                if self.state.batch_end.is_some_and(|end| *place >= end) {
                    self.wrong(n, format!("place {place} belongs to the next turn"));
                }
                if self.state.phase != Phase::Turn {
                    self.wrong(n, "a call begins outside of a turn or inside another call");
                }
            }
            TraceEvent::TimerDue { timer } => {
                let earlier = self.state.timers.iter().take_while(|it| it.0 != *timer);
                let due = self.state.timers.iter().find(|it| it.0 == *timer).copied();
                let first = due.is_some_and(|due| earlier.clone().all(|it| it.1 >= due.1));
                if !first {
                    self.wrong(n, format!("timer {timer} is due, but it is not the next one"));
                }
                if due.is_some_and(|due| due.1 > step.t) {
                    self.wrong(n, format!("timer {timer} goes off before its time"));
                }
            }
            TraceEvent::TaskPoll { task } => match self.state.task(*task).map(|it| it.1) {
                None => self.wrong(n, format!("task {task} takes a step and was never spawned")),
                Some(TaskState::Running) => {
                    self.wrong(n, format!("task {task} takes a step inside its own step"));
                }
                Some(TaskState::Idle | TaskState::Scheduled) => {}
                Some(_) => self.wrong(n, format!("task {task} takes a step after its end")),
            },
            TraceEvent::TaskEnd { task, .. } => {
                let state = self.state.task(*task).map(|it| it.1);
                if !state.is_some_and(TaskState::is_alive) {
                    self.wrong(n, format!("task {task} ends and was not alive"));
                }
            }
            TraceEvent::SyncRelease { sync, task, .. } if !self.holds(*sync, *task) => {
                self.wrong(n, format!("task {task} gives back what it has not: sync {sync}"));
            }
            TraceEvent::SyncLeave { sync, task } if !self.stands_in_line(*sync, *task) => {
                self.wrong(n, format!("task {task} leaves a line that it is not in: sync {sync}"));
            }
            TraceEvent::GroupClose { group } => {
                let children = self.state.groups.iter().find(|it| it.0 == *group);
                let left: Vec<u64> = children.map(|it| it.2.clone()).unwrap_or_default();
                // A child in whose own step the group is dropped ends when that step does.
                let called = self.state.called.and_then(task_of);
                let ended = |child| {
                    let running = |state| state == TaskState::Running;
                    called == Some(child) || self.state.task(child).is_none_or(|it| running(it.1))
                };
                for child in left.into_iter().filter(|child| !ended(*child)).collect::<Vec<_>>() {
                    self.wrong(
                        n,
                        format!("group {group} closes before its task {child} has ended"),
                    );
                }
            }
            _ => {}
        }
    }

    /// Whether a task that has just given the thread back wakes itself: in its step it has settled
    /// what it waits for. That is told when the step is over.
    fn wakes_itself(&self, n: usize, task: u64) -> bool {
        let next = self.trace.steps.get(n + 1).map(|step| &step.event);
        matches!(next, Some(TraceEvent::TaskWake { task: woken, .. }) if *woken == task)
    }

    /// Whether a promise that the task came to wait for was settled in the same step. The task has
    /// polled it with a waker of somebody else's, and it is that one that was woken.
    fn was_settled(&self, n: usize, task: u64, on: Thing) -> bool {
        let step = self.trace.steps[..n].iter().rev().map(|step| &step.event);
        let mut step = step.take_while(|event| **event != TraceEvent::TaskPoll { task });
        step.any(|event| match *event {
            TraceEvent::PromiseSettle { promise, .. } => on == Thing(ThingKind::Promise, promise),
            _ => false,
        })
    }

    /// What must hold after the step.
    fn check_after(&mut self, step: &Step) {
        match &step.event {
            TraceEvent::TaskPending { task, on: Some(on) } => {
                let scheduled =
                    self.state.task(*task).is_some_and(|it| it.1 == TaskState::Scheduled);
                let can_wake = self.can_wake(*on) || self.was_settled(step.n, *task, *on);
                if !scheduled && !can_wake && !self.wakes_itself(step.n, *task) {
                    let Thing(kind, id) = on;
                    let kind = kind.word();
                    self.wrong(
                        step.n,
                        format!(
                            "task {task} waits for {kind} {id}, which can wake nobody any more"
                        ),
                    );
                }
            }
            TraceEvent::SyncAcquire { sync, .. } => {
                let is_lock =
                    self.trace.things.syncs.iter().any(|it| it.id == *sync && it.kind == "lock");
                if is_lock && self.sync(*sync).is_some_and(|it| it.2.len() > 1) {
                    self.wrong(step.n, format!("lock {sync} has two holders"));
                }
            }
            TraceEvent::Stuck { waiting } => {
                let idle = self.state.tasks.iter().filter(|it| it.1 == TaskState::Idle);
                let idle: Vec<u64> = idle.map(|it| it.0).collect();
                let named: Vec<u64> = waiting.iter().map(|it| it.task).collect();
                if idle != named {
                    self.wrong(step.n, format!("{idle:?} wait, and it names {named:?}"));
                }
            }
            _ => {}
        }
    }

    /// Whether `on` can still happen.
    fn can_wake(&self, on: Thing) -> bool {
        let state = &self.state;
        let Thing(kind, id) = on;
        match kind {
            ThingKind::Timer => {
                let entry = crate::trace::event::TraceWork::Timer(id);
                state.timers.iter().any(|it| it.0 == id)
                    || state.ready.iter().any(|it| it.1 == entry)
            }
            ThingKind::Task => state.task(id).is_some_and(|it| it.1.is_alive()),
            ThingKind::Source => state.io.iter().any(|it| it.0 == id && (it.1 || it.2)),
            ThingKind::Job => state
                .jobs
                .iter()
                .any(|it| it.0 == id && [JobState::Queued, JobState::Running].contains(&it.1)),
            ThingKind::Promise => {
                state.promises.iter().any(|it| it.0 == id && it.1 == PromiseState::Waiting)
            }
            ThingKind::Group => state.groups.iter().any(|it| it.0 == id && it.1 == "open"),
            ThingKind::Sync => self.sync(id).is_some(),
        }
    }

    fn sync(&self, sync: u64) -> Option<&(u64, usize, Vec<u64>, Vec<u64>)> {
        self.state.syncs.iter().find(|it| it.0 == sync)
    }

    fn is_queued(&self, task: u64) -> bool {
        // Whose step it is was scheduled and has left the queue.
        let is_called = self.state.called.and_then(task_of) == Some(task);
        let in_queue = || self.state.ready.iter().any(|entry| task_of(entry.1) == Some(task));
        match self.state.task(task).map(|it| it.1) {
            Some(TaskState::Scheduled) => !is_called || in_queue(),
            Some(TaskState::Running) => in_queue(),
            _ => false,
        }
    }

    fn holds(&self, sync: u64, task: u64) -> bool {
        self.sync(sync).is_some_and(|it| it.2.contains(&task))
    }

    fn stands_in_line(&self, sync: u64, task: u64) -> bool {
        self.sync(sync).is_some_and(|it| it.3.contains(&task))
    }

    /// What must hold when the run is over.
    fn check_end(&mut self) {
        let n = self.trace.steps.len().saturating_sub(1);
        if self.popped.0 != self.popped.1 + self.state.ready.len() {
            self.wrong(n, "not as much was pushed as was taken and is left");
        }
        if self.trace.meta.truncated || self.state.phase != Phase::Outside {
            return;
        }
        let over = |state| {
            [JobState::Done, JobState::Failed, JobState::Cancelled, JobState::Abandoned]
                .contains(&state)
        };
        for (job, state) in self.state.jobs.clone() {
            if !over(state) {
                self.wrong(n, format!("job {job} has no end: it is {}", state.word()));
            }
        }
    }
}
