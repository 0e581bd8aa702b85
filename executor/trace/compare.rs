//! Where do two runs part?
//!
//! Two runs of one program do the same up to a step, and then something else. What happened is
//! compared, and in which turn; not the time, which no two runs on a real clock share.
//!
//! Tutorial: chapter 19. Before this: `chrome.rs`. After this: `page.rs`.

use std::fmt;

use crate::trace::event::TraceEvent;
use crate::trace::model::{Step, Trace};
use crate::trace::sentences::Sentences;

/// Where two runs part. Its text shows both steps, and the last one that they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The first step that differs.
    pub n: usize,
    /// The step before, which both have.
    pub shared: Option<String>,
    /// The one's step; `None` if it ends here.
    pub ours: Option<String>,
    /// The other's step.
    pub theirs: Option<String>,
}

impl Trace {
    /// The first step in which this run and `other` differ. `None` if they do the same.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, say}};
    ///
    /// let record = |word| {
    ///     let recorder = Recorder::new("greeting");
    ///     let builder = Runner::builder().virtual_clock().observer(recorder.clone());
    ///     builder.build().unwrap().run(async { say(word) }).unwrap();
    ///     recorder.finish()
    /// };
    /// let (hello, goodbye) = (record("hello"), record("goodbye"));
    /// assert_eq!(hello.parts_from(&record("hello")), None);
    /// assert!(hello.parts_from(&goodbye).unwrap().to_string().contains("goodbye"));
    /// ```
    #[must_use]
    pub fn parts_from(&self, other: &Trace) -> Option<Parting> {
        let same = |n: &usize| match (self.steps.get(*n), other.steps.get(*n)) {
            (Some(ours), Some(theirs)) => is_alike(ours, theirs),
            _ => false,
        };
        let n = (0..).take_while(same).count();
        if n == self.steps.len() && n == other.steps.len() {
            return None;
        }
        let sentences = Sentences::english();
        let line = |trace: &Trace, n: usize| Some(trace.line_of(trace.steps.get(n)?, &sentences));
        let shared = n.checked_sub(1).and_then(|n| line(self, n));
        Some(Parting { n, shared, ours: line(self, n), theirs: line(other, n) })
    }
}

fn is_alike(ours: &Step, theirs: &Step) -> bool {
    ours.turn == theirs.turn && timeless(&ours.event) == timeless(&theirs.event)
}

/// The event without its times.
fn timeless(event: &TraceEvent) -> TraceEvent {
    let mut event = event.clone();
    match &mut event {
        TraceEvent::WaitBegin { at_most: Some(time) }
        | TraceEvent::TimerSet { due: time, .. }
        | TraceEvent::WarnSlow { took: time, .. } => *time = 0,
        TraceEvent::ClockJump { from, to } => (*from, *to) = (0, 0),
        _ => {}
    }
    event
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = "(it ends here)";
        writeln!(f, "The runs part at step {}.", self.n)?;
        writeln!(f, "  both:   {}", self.shared.as_deref().unwrap_or("(nothing)"))?;
        writeln!(f, "  first:  {}", self.ours.as_deref().unwrap_or(end))?;
        write!(f, "  second: {}", self.theirs.as_deref().unwrap_or(end))
    }
}
