//! Tasks, locks and jobs: the other half of what a recording hears.
//!
//! The loop tells that a task waits; what for, it tells just before, one word for each future
//! that said so in this step. Who acts at a lock is whoever's step it is.
//!
//! Tutorial: chapter 19. Before this: `recording.rs`. After this: `check.rs`.

use roundelay_runtime::{Awaited, Event, SyncDeed};

use crate::trace::causes::Frame;
use crate::trace::event::{JobState, PromiseState, TaskState, Thing, ThingKind, TraceEvent};
use crate::trace::recording::Recording;

impl Recording {
    pub(crate) fn hear_of_tasks(&mut self, event: &Event) {
        match event {
            Event::TaskSpawned { task, key, name, is_main, parent, at } => {
                let at = self.numbers.at(at);
                let name = Event::task_name(*task, name.as_deref());
                let task = self.numbers.born((*task, *key), &name, *is_main, *parent, at);
                self.at = Some(at);
                self.waiting.insert(task, None);
                let n = self.add(TraceEvent::TaskSpawn { task });
                self.causes.scheduled.insert(task, n);
            }
            Event::TaskPolled { task } => {
                let task = self.numbers.task(*task);
                let n = self.add(TraceEvent::TaskPoll { task });
                let task = Some(task);
                self.causes.begin(Frame { n, began: self.now, task, ..Frame::default() });
            }
            Event::TaskPending { task } => {
                let task = self.numbers.task(*task);
                let frame = self.causes.end_step(task);
                let on = frame.as_ref().and_then(|frame| frame.on);
                let on_at = frame.as_ref().and_then(|frame| frame.on_at);
                let cause = frame.map_or_else(|| self.causes.here(), |frame| frame.n);
                // Who wakes for nothing waits on, and makes nothing anew.
                if let (Some(on), Some(at)) = (on, on_at) {
                    self.lines.insert((task, on), at);
                }
                self.at = on.and_then(|on| self.lines.get(&(task, on)).copied());
                self.waiting.insert(task, on);
                self.add_because(cause, TraceEvent::TaskPending { task, on });
            }
            Event::TaskWoken { task } => {
                let task = self.numbers.task(*task);
                let on = self.waiting.get(&task).copied().flatten();
                let by = self.causes.waker_of(task, on);
                let n = self.add(TraceEvent::TaskWake { task, by });
                self.causes.scheduled.insert(task, n);
            }
            Event::TaskCancelRequested { task } => {
                let task = self.numbers.task(*task);
                self.add(TraceEvent::TaskCancel { task });
            }
            Event::TaskEnded { task, how } => {
                let task = self.numbers.task(*task);
                let frame = self.causes.end_step(task);
                let cause = frame.map_or_else(|| self.causes.here(), |frame| frame.n);
                let how = match how {
                    roundelay_runtime::TaskEnd::Finished => TaskState::Finished,
                    roundelay_runtime::TaskEnd::Cancelled => TaskState::Cancelled,
                    roundelay_runtime::TaskEnd::Panicked => TaskState::Panicked,
                };
                self.waiting.remove(&task);
                self.causes.scheduled.remove(&task);
                self.add_because(cause, TraceEvent::TaskEnd { task, how });
            }
            Event::PromiseSettled { promise, resolved } => {
                let promise = self.promise(*promise);
                let how = match resolved {
                    true => PromiseState::Resolved,
                    false => PromiseState::Abandoned,
                };
                self.add(TraceEvent::PromiseSettle { promise, how });
            }
            Event::GroupOpened { group } => {
                self.group(*group);
            }
            Event::GroupJoined { group, task } => {
                let (group, task) = (self.group(*group), self.numbers.task(*task));
                self.numbers.join_group(task, group);
            }
            Event::GroupClosed { group } => {
                let group = self.group(*group);
                self.add(TraceEvent::GroupClose { group });
            }
            _ => {}
        }
    }

    pub(crate) fn hear_what_is_awaited(&mut self, on: Awaited) {
        let on = match on {
            Awaited::Timer(timer) => {
                self.numbers.timer(timer).map(|timer| Thing(ThingKind::Timer, timer))
            }
            Awaited::Source(key) => Some(Thing(ThingKind::Source, self.numbers.source(key))),
            Awaited::Task(task) => Some(Thing(ThingKind::Task, self.numbers.task(task))),
            Awaited::Job(job) => Some(Thing(ThingKind::Job, self.numbers.job(job, "other"))),
            Awaited::Promise(promise) => Some(Thing(ThingKind::Promise, self.promise(promise))),
            Awaited::Group(group) => Some(Thing(ThingKind::Group, self.group(group))),
            Awaited::Sync(sync) => Some(Thing(ThingKind::Sync, self.sync(sync, "other"))),
            _ => None,
        };
        if let Some(on) = on {
            self.causes.waits_for(on);
        }
    }

    pub(crate) fn hear_of_sync(&mut self, (sync, kind): (u64, &str), deed: SyncDeed) {
        let sync = self.sync(sync, kind);
        let acting = self.causes.task();
        match deed {
            SyncDeed::Waits { ticket } => {
                let Some(task) = acting else { return };
                self.tickets.insert((sync, ticket), task);
                self.add(TraceEvent::SyncWait { sync, task });
            }
            SyncDeed::Leaves { ticket } => {
                let Some(task) = self.tickets.remove(&(sync, ticket)) else { return };
                if acting == Some(task) {
                    self.causes.waits_no_more(Thing(ThingKind::Sync, sync));
                }
                self.add(TraceEvent::SyncLeave { sync, task });
            }
            SyncDeed::Acquires { ticket, count } => {
                let stood = ticket.and_then(|ticket| self.tickets.remove(&(sync, ticket)));
                let (task, stood) = (stood.or(acting), stood.is_some());
                if kind == "lock" {
                    self.find_given_back(sync);
                }
                self.held.entry(sync).or_default().push(task);
                let Some(task) = task else { return };
                self.add(TraceEvent::SyncAcquire { sync, task, count, stood });
            }
            SyncDeed::Releases { count } => {
                // Whoever gives it back need not be who got it: a guard may be handed on.
                let held = self.held.entry(sync).or_default();
                let own = held.iter().position(|holder| *holder == acting);
                if held.is_empty() {
                    return;
                }
                let Some(task) = held.remove(own.unwrap_or_default()) else { return };
                self.add(TraceEvent::SyncRelease { sync, task, count });
            }
            SyncDeed::Level(level) => {
                self.add(TraceEvent::SyncLevel { sync, level });
            }
            _ => {}
        }
    }

    /// A lock that somebody gets is free. Whoever had it when a run ended has given it back since,
    /// where no loop could tell it.
    fn find_given_back(&mut self, sync: u64) {
        let Some(at) = self.held_over.iter().position(|over| *over == sync) else { return };
        self.held_over.swap_remove(at);
        let held = self.held.get_mut(&sync).map(std::mem::take).unwrap_or_default();
        for task in held.into_iter().flatten() {
            self.add(TraceEvent::SyncRelease { sync, task, count: 1 });
        }
    }

    pub(crate) fn hear_of_jobs(&mut self, event: &Event) {
        match *event {
            Event::JobSubmitted { job, pool } => {
                let (job, task) = (self.numbers.job(job, pool), self.causes.task());
                let n = self.add(TraceEvent::JobSubmit { job, task });
                self.causes.jobs.insert(job, n);
            }
            Event::JobStarted { job, worker } => {
                let (job, worker) = (self.numbers.job(job, "other"), self.numbers.worker(worker));
                let cause = self.job_cause(job);
                let n = self.add_because(cause, TraceEvent::JobStart { job, worker });
                self.causes.jobs.insert(job, n);
            }
            Event::JobEnded { job, done } => {
                let job = self.numbers.job(job, "other");
                let cause = self.job_cause(job);
                let how = if done { JobState::Done } else { JobState::Failed };
                self.add_because(cause, TraceEvent::JobEnd { job, how });
            }
            Event::JobAbandoned { job } => {
                let job = self.numbers.job(job, "other");
                self.add(TraceEvent::JobAbandon { job });
            }
            _ => {}
        }
    }

    fn job_cause(&self, job: u64) -> usize {
        self.causes.jobs.get(&job).copied().unwrap_or_else(|| self.causes.here())
    }

    /// A promise's number. The first time it is a step of its own.
    fn promise(&mut self, promise: u64) -> u64 {
        let (promise, is_new) = self.numbers.promise(promise);
        if is_new {
            self.add(TraceEvent::PromiseNew { promise });
        }
        promise
    }

    fn group(&mut self, group: u64) -> u64 {
        let task = self.causes.task().unwrap_or_default();
        let (group, is_new) = self.numbers.group(group, task);
        if is_new {
            self.add(TraceEvent::GroupOpen { group, task });
        }
        group
    }

    fn sync(&mut self, sync: u64, kind: &str) -> u64 {
        let (sync, is_new) = self.numbers.sync(sync, kind);
        if is_new {
            self.add(TraceEvent::SyncNew { sync });
        }
        sync
    }
}
