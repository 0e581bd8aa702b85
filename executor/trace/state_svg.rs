//! The state after one step as a picture, for a book or a slide.
//!
//! ```text
//!   [ ready queue ]   [ timers ]   [ tasks ]      one box each, and the step's sentence above
//! ```
//!
//! Tutorial: chapter 19. Before this: `svg.rs`. After this: `chrome.rs`.

use std::fmt::Write;

use crate::trace::event::TraceWork;
use crate::trace::model::Trace;
use crate::trace::sentences::{Sentences, duration};
use crate::trace::state::TraceState;
use crate::trace::svg::{STYLE, escaped};

impl Trace {
    /// How everything stood after step `n`; after the last one, if there are not so many.
    ///
    /// ```
    /// use roundelay_executor::{Runner, TaskBuilder, trace::Recorder};
    ///
    /// let recorder = Recorder::new("two tasks");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { TaskBuilder::new().name("tea").spawn(async {}).await })?.unwrap();
    /// let trace = recorder.finish();
    /// assert_eq!(trace.state_at(0).tasks.len(), 0);
    /// assert_eq!(trace.state_at(usize::MAX).tasks.len(), 2); // the main one, and "tea"
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn state_at(&self, n: usize) -> TraceState {
        let key = self.keys.iter().rev().find(|key| key.n <= n);
        let (mut state, from) = match key {
            Some(key) => (key.state.clone(), key.n + 1),
            None => (TraceState::new(), 0),
        };
        let steps = self.steps.iter().skip(from).take_while(|step| step.n <= n);
        for step in steps {
            state.apply(step.t, step.turn, &step.event, &self.things);
        }
        state
    }

    /// The state after step `n` as SVG; after the last one, if there are not so many.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, sleep, trace::{Recorder, TraceEvent}};
    ///
    /// let recorder = Recorder::new("nap");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(sleep(Duration::from_secs(1)))?;
    /// let trace = recorder.finish();
    /// let is_set = |event: &TraceEvent| matches!(event, TraceEvent::TimerSet { .. });
    /// let set = trace.steps.iter().find(|step| is_set(&step.event)).unwrap();
    /// assert!(trace.state_svg(set.n).contains("timer 1: in 1 s"));
    /// assert!(!trace.state_svg(usize::MAX).contains("timer 1: in 1 s"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn state_svg(&self, n: usize) -> String {
        let state = self.state_at(n);
        let mark = |place: u64| match state.batch_end {
            Some(end) if place < end => "this turn",
            Some(_) => "next turn",
            None => "",
        };
        let ready = state.ready.iter().map(|(place, work)| {
            format!("{}  {}", self.work_name(*work), mark(*place)).trim_end().to_owned()
        });
        let timers = state
            .timers
            .iter()
            .map(|(id, due)| format!("timer {id}: in {}", duration(due.saturating_sub(state.t))));
        let tasks = state.tasks.iter().map(|(id, how, on, _)| {
            let on = on.map(|on| Sentences::english().name_of(self, on));
            let on = on.map_or_else(String::new, |on| format!(", waits for {on}"));
            format!("{} {}: {}{on}", how.shape(), self.task_name(*id), how.word())
        });
        let columns: [(&str, Vec<String>); 3] = [
            ("ready queue, next first", ready.collect()),
            ("timers", timers.collect()),
            ("tasks", tasks.collect()),
        ];
        let rows = columns.iter().map(|column| column.1.len()).max().unwrap_or(0).max(1);
        let height = 70 + rows * 20 + 14;
        let sentence = match self.steps.get(n).or(self.steps.last()) {
            Some(step) => format!("Step {}. {}", step.n, Sentences::english().of(self, step)),
            None => String::new(),
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"840\" height=\"{height}\" \
             viewBox=\"0 0 840 {height}\" role=\"img\"><title>{0}</title><style>{STYLE}</style>\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/><text x=\"10\" y=\"22\">{0}</text>",
            escaped(&sentence)
        );
        for (index, (title, lines)) in columns.into_iter().enumerate() {
            let x = 10 + index * 278;
            let box_height = rows * 20 + 36;
            let _ = write!(
                svg,
                "<rect class=\"box\" x=\"{x}\" y=\"36\" width=\"264\" height=\"{box_height}\"/>\
                 <text class=\"small\" x=\"{0}\" y=\"52\">{title}</text>",
                x + 8
            );
            for (row, line) in lines.iter().enumerate() {
                let (x, y) = (x + 8, 74 + row * 20);
                let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\">{}</text>", escaped(line));
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn work_name(&self, work: TraceWork) -> String {
        match work {
            TraceWork::Task(id) => format!("step of {}", self.task_name(id)),
            TraceWork::Callback(place) => format!("callback {place}"),
            TraceWork::Timer(id) => format!("timer {id}"),
            TraceWork::Notify(id) => format!("news for {}", self.task_name(id)),
            TraceWork::Main => "step of main".into(),
            TraceWork::Cancelled => "cancelled".into(),
        }
    }
}
