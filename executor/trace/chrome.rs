//! The run for the viewers of Chrome's trace format, Perfetto above all.
//!
//! ```text
//!   loop     | turn ---------------------------- |      X  slices, one inside the other
//!            |   wait | call ------------ |      |
//!            |        |   step of tea     |      |
//!                         ^                            s, f  from the wake to the step
//!   worker 1      | job 1 ------- |
//!   tasks    b tea ------------------------- e         b, e  a task's life
//! ```
//!
//! # Two times
//! On a virtual clock a step takes no time, so every slice would have the length zero, and what
//! happens at one moment would lose its order. [`ChromeTime::Steps`] makes every step one
//! microsecond long: the order is exact. [`ChromeTime::Clock`] is for runs on the real clock.
//!
//! # Invariants
//! - Slices of one lane nest. Both ends of an arrow lie in a slice.
//! - Whatever begins ends, at the last step if not before.
//!
//! Tutorial: chapter 19. Before this: `state_svg.rs`. After this: `compare.rs`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::trace::event::{TraceEvent, TraceWork};
use crate::trace::model::{Step, Trace};
use crate::trace::sentences::Sentences;
use crate::trace::state::TraceState;

/// What the viewer's time axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChromeTime {
    /// One microsecond per step.
    Steps,
    /// The loop's clock.
    Clock,
}

/// The lane of the loop, and the one before the first worker.
const LOOP: u64 = 1;
const WORKERS: u64 = 100;

impl Trace {
    /// The run in Chrome's trace format (JSON).
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{ChromeTime, Recorder}, yield_now};
    ///
    /// let recorder = Recorder::new("one step");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(yield_now())?;
    /// let trace = recorder.finish();
    /// assert_eq!(trace.chrome_time(), ChromeTime::Steps); // the clock has not moved
    /// assert!(trace.to_chrome(ChromeTime::Steps).contains("traceEvents"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_chrome(&self, time: ChromeTime) -> String {
        let mut export = Export {
            trace: self,
            time,
            sentences: Sentences::english(),
            events: Vec::new(),
            open: Vec::new(),
            woken: HashMap::new(),
            jobs: HashMap::new(),
        };
        export.names();
        let mut state = TraceState::new();
        for step in &self.steps {
            let before = counters(&state);
            state.apply(step.t, step.turn, &step.event, &self.things);
            export.slices(step);
            export.lives(step);
            export.jobs(step);
            export.instants(step);
            let after = counters(&state);
            if before != after || step.n == 0 {
                export.count(step, after);
            }
        }
        export.close();
        json!({ "traceEvents": export.events, "displayTimeUnit": "ns" }).to_string()
    }

    /// The time that suits this run: steps on a virtual clock, else the clock.
    #[must_use]
    pub fn chrome_time(&self) -> ChromeTime {
        if self.meta.clock == "virtual" { ChromeTime::Steps } else { ChromeTime::Clock }
    }
}

struct Export<'a> {
    trace: &'a Trace,
    time: ChromeTime,
    sentences: Sentences,
    events: Vec<Value>,
    /// Slices of the loop's lane that have begun: name, and the index of the event.
    open: Vec<(Slice, usize)>,
    /// Which wake a task's next step answers.
    woken: HashMap<u64, usize>,
    /// Jobs that run: where their slice is in the list.
    jobs: HashMap<u64, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slice {
    Turn,
    Wait,
    Call,
    Poll(u64),
}

impl Export<'_> {
    fn at(&self, step: &Step) -> Value {
        match self.time {
            ChromeTime::Steps => json!(step.n),
            ChromeTime::Clock => json!(step.t as f64 / 1000.0),
        }
    }

    fn names(&mut self) {
        let program = self.trace.meta.program.clone();
        self.name("process_name", 0, &program);
        self.name("thread_name", LOOP, "loop");
        let workers = self.trace.steps.iter().filter_map(|step| match step.event {
            TraceEvent::JobStart { worker, .. } => Some(worker),
            _ => None,
        });
        let mut workers: Vec<u64> = workers.collect();
        workers.sort_unstable();
        workers.dedup();
        for worker in workers {
            self.name("thread_name", WORKERS + worker, &format!("worker {worker}"));
        }
    }

    fn name(&mut self, what: &str, tid: u64, name: &str) {
        let event =
            json!({ "ph": "M", "pid": 1, "tid": tid, "name": what, "args": { "name": name } });
        self.events.push(event);
    }

    fn slices(&mut self, step: &Step) {
        match step.event {
            TraceEvent::TurnBegin { .. } => {
                self.begin(step, Slice::Turn, format!("turn {}", step.turn))
            }
            TraceEvent::TurnEnd | TraceEvent::RunEnd => self.end(step, Slice::Turn),
            TraceEvent::WaitBegin { .. } => self.begin(step, Slice::Wait, "wait".into()),
            TraceEvent::WaitEnd { .. } => self.end(step, Slice::Wait),
            TraceEvent::ReadyPop { work, .. } => {
                let name = match work {
                    TraceWork::Cancelled => {
                        self.sentences.of(self.trace, step).trim_end_matches('.').to_owned()
                    }
                    work => self.sentences.name_of_work(self.trace, work),
                };
                self.begin(step, Slice::Call, name);
            }
            TraceEvent::CallEnd { .. } => self.end(step, Slice::Call),
            TraceEvent::TaskPoll { task } => {
                let name = format!("step of {}", self.trace.task_name(task));
                self.begin(step, Slice::Poll(task), name);
                if let Some(id) = self.woken.remove(&task) {
                    self.arrow("f", "wake", id as u64, self.at(step), LOOP);
                }
            }
            TraceEvent::TaskPending { task, .. } | TraceEvent::TaskEnd { task, .. } => {
                self.end(step, Slice::Poll(task));
            }
            _ => {}
        }
    }

    fn begin(&mut self, step: &Step, slice: Slice, name: String) {
        let ts = self.at(step);
        self.open.push((slice, self.events.len()));
        self.events.push(json!({
            "ph": "X", "pid": 1, "tid": LOOP, "ts": ts, "dur": 0, "name": name, "args": { "step": step.n }
        }));
    }

    /// Ends a slice, and what is still open inside it.
    fn end(&mut self, step: &Step, slice: Slice) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == slice) else { return };
        for (_, event) in self.open.split_off(at) {
            self.end_event(step, event);
        }
    }

    fn end_event(&mut self, step: &Step, event: usize) {
        let end = self.at(step);
        let begin = self.events[event]["ts"].clone();
        self.events[event]["dur"] = match self.time {
            ChromeTime::Steps => json!(end.as_u64().unwrap_or(0) - begin.as_u64().unwrap_or(0)),
            ChromeTime::Clock => json!(end.as_f64().unwrap_or(0.0) - begin.as_f64().unwrap_or(0.0)),
        };
    }

    fn lives(&mut self, step: &Step) {
        let name = |task| self.trace.task_name(task);
        match step.event {
            TraceEvent::TaskSpawn { task } => self.life(step, "b", task, name(task)),
            TraceEvent::TaskEnd { task, .. } => self.life(step, "e", task, name(task)),
            TraceEvent::TaskWake { task, by } => {
                self.life(step, "n", task, format!("woken by {}", by.word()));
                if !self.open.is_empty() {
                    self.woken.insert(task, step.n);
                    self.arrow("s", "wake", step.n as u64, self.at(step), LOOP);
                }
            }
            _ => {}
        }
    }

    fn life(&mut self, step: &Step, ph: &str, task: u64, name: String) {
        let ts = self.at(step);
        self.events.push(json!({
            "ph": ph, "cat": "task", "id": task, "pid": 1, "tid": LOOP, "ts": ts, "name": name
        }));
    }

    fn jobs(&mut self, step: &Step) {
        match step.event {
            TraceEvent::JobSubmit { job, .. } if !self.open.is_empty() => {
                self.arrow("s", "submit", job, self.at(step), LOOP);
            }
            TraceEvent::JobStart { job, worker } => {
                let (ts, tid) = (self.at(step), WORKERS + worker);
                self.jobs.insert(job, self.events.len());
                self.events.push(json!({
                    "ph": "X", "pid": 1, "tid": tid, "ts": ts.clone(), "dur": 0, "name": format!("job {job}"),
                    "args": { "step": step.n }
                }));
                self.arrow("f", "submit", job, ts, tid);
            }
            TraceEvent::JobEnd { job, .. } => {
                let Some(event) = self.jobs.remove(&job) else { return };
                self.end_event(step, event);
                // From just inside of the slice to the step that takes the result.
                let (from, length) = (&self.events[event]["ts"], &self.events[event]["dur"]);
                let (from, length) = (from.as_f64(), length.as_f64());
                let begin = from.unwrap_or_default() + length.unwrap_or_default() * 0.999;
                let tid = self.events[event]["tid"].as_u64().unwrap_or(WORKERS);
                if !self.open.is_empty() {
                    self.arrow("s", "done", job, json!(begin), tid);
                    self.arrow("f", "done", job, self.at(step), LOOP);
                }
            }
            _ => {}
        }
    }

    /// One end of an arrow. It is bound to the slice that it lies in.
    fn arrow(&mut self, ph: &str, name: &str, id: u64, ts: Value, tid: u64) {
        let mut event = json!({ "ph": ph, "cat": name, "name": name, "id": id, "pid": 1, "tid": tid, "ts": ts });
        if ph == "f" {
            event["bp"] = json!("e");
        }
        self.events.push(event);
    }

    fn instants(&mut self, step: &Step) {
        let is_mark = matches!(
            step.event,
            TraceEvent::Out { .. }
                | TraceEvent::Note { .. }
                | TraceEvent::TaskCancel { .. }
                | TraceEvent::WarnSlow { .. }
                | TraceEvent::Stuck { .. }
                | TraceEvent::ClockJump { .. }
        );
        if is_mark {
            let (ts, name) = (self.at(step), self.sentences.of(self.trace, step));
            let event =
                json!({ "ph": "i", "s": "t", "pid": 1, "tid": LOOP, "ts": ts, "name": name });
            self.events.push(event);
        }
    }

    fn count(&mut self, step: &Step, (ready, timers, jobs): (usize, usize, usize)) {
        for (name, value) in [("ready", ready), ("timers", timers), ("jobs", jobs)] {
            let (ts, args) = (self.at(step), json!({ "count": value }));
            self.events.push(json!({ "ph": "C", "pid": 1, "ts": ts, "name": name, "args": args }));
        }
    }

    /// Everything that is still open ends with the last step.
    fn close(&mut self) {
        let Some(last) = self.trace.steps.last() else { return };
        for (_, event) in std::mem::take(&mut self.open) {
            self.end_event(last, event);
        }
        for event in std::mem::take(&mut self.jobs).into_values() {
            self.end_event(last, event);
        }
    }
}

/// What the viewer draws as curves: entries that are ready, timers, jobs in flight.
fn counters(state: &TraceState) -> (usize, usize, usize) {
    use crate::trace::event::JobState;
    let in_flight = |state: &JobState| [JobState::Queued, JobState::Running].contains(state);
    let jobs = state.jobs.iter().filter(|job| in_flight(&job.1)).count();
    (state.ready.len(), state.timers.len(), jobs)
}
