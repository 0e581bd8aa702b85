//! The run as a picture: a lane for the loop, one for each task and one for each worker.
//!
//! ```text
//!   loop    |turn 1     |turn 2   |jump|turn 3
//!   main    [==]--------------------------[=]x
//!   tea         ..[=]-------------..[==]x
//! ```
//!
//! From left to right go the steps, not the time: on a virtual clock most steps take none.
//! Colours come from a style in the picture, which knows light and dark; a shape says the same.
//!
//! Tutorial: chapter 19. Before this: `csv.rs`. After this: `state_svg.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::trace::event::{TaskState, TraceEvent};
use crate::trace::model::Trace;
use crate::trace::sentences::duration;
use crate::trace::state::TraceState;

/// How every picture looks, in light and in dark.
pub(crate) const STYLE: &str = "\
    text{font:12px system-ui,sans-serif;fill:#1a1a1a}\
    .page{fill:#fff}.small{font-size:10px;fill:#4a4a4a}\
    .turn{fill:#f0f0ee;stroke:#8a8a86}.wait{fill:#d7d7d2;stroke:none}\
    .run{fill:#0b62a8;stroke:none}.queued{fill:none;stroke:#0b62a8;stroke-dasharray:2 2}\
    .idle{stroke:#77776f;stroke-width:1.5}.job{fill:#9a5700;stroke:none}\
    .mark{stroke:#1a1a1a}.box{fill:#f6f6f3;stroke:#8a8a86}\
    @media (prefers-color-scheme:dark){text{fill:#eee}.page{fill:#16181b}.small{fill:#b9bdc2}\
    .turn{fill:#23272c;stroke:#7d838a}.wait{fill:#3a4047}.run{fill:#6cb6f5}\
    .queued{stroke:#6cb6f5}.idle{stroke:#9aa0a6}.job{fill:#f0b060}.mark{stroke:#eee}\
    .box{fill:#1f2327;stroke:#7d838a}}";

const LEFT: f64 = 130.0;
const LANE: f64 = 24.0;

impl Trace {
    /// The timeline of the whole run as SVG.
    ///
    /// ```
    /// use roundelay_executor::{Runner, TaskBuilder, trace::Recorder};
    ///
    /// let recorder = Recorder::new("breakfast");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { TaskBuilder::new().name("tea").spawn(async {}).await })?.unwrap();
    /// let svg = recorder.finish().to_svg();
    /// assert!(svg.starts_with("<svg ") && svg.contains("<title>breakfast"));
    /// assert!(svg.contains(">tea</text>")); // a lane of its own
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut lanes = Lanes::of(self);
        lanes.draw();
        lanes.picture
    }
}

struct Lanes<'a> {
    trace: &'a Trace,
    /// Pixels for one step.
    scale: f64,
    /// The lane of each task and of each worker, from the top.
    tasks: BTreeMap<u64, usize>,
    workers: BTreeMap<u64, usize>,
    picture: String,
}

impl<'a> Lanes<'a> {
    fn of(trace: &'a Trace) -> Lanes<'a> {
        let steps = trace.steps.len().max(1) as f64;
        let tasks: BTreeMap<u64, usize> =
            trace.things.tasks.iter().zip(1..).map(|(task, lane)| (task.id, lane)).collect();
        let mut workers = BTreeMap::new();
        for step in &trace.steps {
            if let TraceEvent::JobStart { worker, .. } = step.event {
                let next = 1 + tasks.len() + workers.len();
                workers.entry(worker).or_insert(next);
            }
        }
        let scale = (4000.0 / steps).clamp(0.2, 9.0);
        Lanes { trace, scale, tasks, workers, picture: String::new() }
    }

    fn draw(&mut self) {
        let lanes = 1 + self.tasks.len() + self.workers.len();
        let width = LEFT + self.trace.steps.len() as f64 * self.scale + 20.0;
        let height = 30.0 + lanes as f64 * LANE + 20.0;
        let title = escaped(&self.trace.meta.program);
        let _ = write!(
            self.picture,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\"><title>{title}: {} steps</title>\
             <style>{STYLE}</style><rect class=\"page\" width=\"100%\" height=\"100%\"/>",
            self.trace.steps.len()
        );
        self.label(0, "loop");
        for task in &self.trace.things.tasks {
            self.label(self.tasks[&task.id], &task.name);
        }
        for (worker, lane) in self.workers.clone() {
            self.label(lane, &format!("worker {worker}"));
        }
        self.draw_loop();
        self.draw_tasks();
        self.draw_jobs();
        self.picture.push_str("</svg>\n");
    }

    fn label(&mut self, lane: usize, name: &str) {
        let (y, name) = (self.y(lane) + 15.0, escaped(&shortened(name)));
        let _ = write!(self.picture, "<text x=\"6\" y=\"{y:.0}\">{name}</text>");
    }

    fn draw_loop(&mut self) {
        let (mut turn, mut wait) = (None, None);
        for step in &self.trace.steps {
            match step.event {
                TraceEvent::TurnBegin { .. } => turn = Some(step.n),
                TraceEvent::TurnEnd => {
                    if let Some(from) = turn.take() {
                        self.bar("turn", 0, from, step.n);
                        let (x, y) = (self.x(from) + 3.0, self.y(0) + 15.0);
                        if self.x(step.n) - x > 16.0 {
                            let turn = step.turn;
                            let text = format!(
                                "<text class=\"small\" x=\"{x:.1}\" y=\"{y:.0}\">{turn}</text>"
                            );
                            self.picture.push_str(&text);
                        }
                    }
                }
                TraceEvent::WaitBegin { .. } => wait = Some(step.n),
                TraceEvent::WaitEnd { .. } => {
                    if let Some(from) = wait.take() {
                        self.bar("wait", 0, from, step.n);
                    }
                }
                TraceEvent::ClockJump { to, .. } => {
                    let (x, to) = (self.x(step.n), duration(to));
                    let _ = write!(
                        self.picture,
                        "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"30\"/>\
                         <text class=\"small\" x=\"{x:.1}\" y=\"13\">{to}</text>"
                    );
                }
                _ => {}
            }
        }
    }

    fn draw_tasks(&mut self) {
        let mut state = TraceState::new();
        let mut since: BTreeMap<u64, (usize, TaskState)> = BTreeMap::new();
        let trace = self.trace;
        for step in &trace.steps {
            state.apply(step.t, step.turn, &step.event, &trace.things);
            let Some(task) = about(&step.event).filter(|task| self.tasks.contains_key(task)) else {
                continue;
            };
            let Some(now) = state.task(task).map(|it| it.1) else { continue };
            match since.get(&task) {
                Some((from, before)) if *before != now => {
                    self.stretch(task, *from, step.n, *before);
                    since.insert(task, (step.n, now));
                }
                None => drop(since.insert(task, (step.n, now))),
                _ => {}
            }
            if let TraceEvent::TaskEnd { how, .. } = step.event {
                let mark = match how {
                    TaskState::Finished => "✓",
                    TaskState::Cancelled => "✕",
                    _ => "!",
                };
                let (x, y) = (self.x(step.n) + 2.0, self.y(self.tasks[&task]) + 15.0);
                let _ = write!(self.picture, "<text x=\"{x:.1}\" y=\"{y:.0}\">{mark}</text>");
            }
        }
        let last = self.trace.steps.len();
        for (task, (from, before)) in since {
            self.stretch(task, from, last, before);
        }
    }

    fn stretch(&mut self, task: u64, from: usize, to: usize, state: TaskState) {
        let lane = self.tasks[&task];
        match state {
            TaskState::Running => self.bar("run", lane, from, to),
            TaskState::Scheduled => self.bar("queued", lane, from, to),
            TaskState::Idle => {
                let (x1, x2, y) = (self.x(from), self.x(to), self.y(lane) + 10.0);
                let _ = write!(
                    self.picture,
                    "<line class=\"idle\" x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y:.0}\" y2=\"{y:.0}\"/>"
                );
            }
            _ => {}
        }
    }

    fn draw_jobs(&mut self) {
        let mut running = BTreeMap::new();
        for step in &self.trace.steps {
            match step.event {
                TraceEvent::JobStart { job, worker } => drop(running.insert(job, (worker, step.n))),
                TraceEvent::JobEnd { job, .. } => {
                    if let Some((worker, from)) = running.remove(&job) {
                        self.bar("job", self.workers[&worker], from, step.n);
                    }
                }
                _ => {}
            }
        }
        for (worker, from) in running.into_values() {
            self.bar("job", self.workers[&worker], from, self.trace.steps.len());
        }
    }

    fn bar(&mut self, class: &str, lane: usize, from: usize, to: usize) {
        let (x, y) = (self.x(from), self.y(lane) + 2.0);
        let width = (self.x(to) - x).max(1.0);
        let _ = write!(
            self.picture,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"16\"/>"
        );
    }

    fn x(&self, step: usize) -> f64 {
        LEFT + step as f64 * self.scale
    }

    fn y(&self, lane: usize) -> f64 {
        30.0 + lane as f64 * LANE
    }
}

/// The task that an event changes.
fn about(event: &TraceEvent) -> Option<u64> {
    match *event {
        TraceEvent::TaskSpawn { task }
        | TraceEvent::TaskPoll { task }
        | TraceEvent::TaskPending { task, .. }
        | TraceEvent::TaskEnd { task, .. } => Some(task),
        TraceEvent::ReadyPush { work, .. } => crate::trace::state::task_of(work),
        _ => None,
    }
}

/// A long name loses its middle.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    match letters.len() {
        0..=18 => name.to_owned(),
        all => letters[..9].iter().chain(&['…']).chain(&letters[all - 8..]).collect(),
    }
}

pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\t' | '\n' | '\r' => shown.push(c),
            // XML has no place for these, not even as numbers: no viewer would open the picture.
            '\u{fffe}' | '\u{ffff}' => shown.extend(c.escape_unicode()),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
