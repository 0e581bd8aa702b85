//! What a check says about an answer that is not right yet.
//!
//! One sentence with two halves: what was expected, and what happened. Where a step of the
//! run shows it, the step is named, with the trace's own sentences for it and for its causes.
//!
//! Tutorial: the exercises. Before this: `lib.rs`. After this: `watch.rs`.

use std::fmt;
use std::time::Duration;

use roundelay::trace::{Sentences, Step, Trace, TraceEvent, TraceWork};

/// How many causes of a step are told.
const CAUSES: usize = 3;

/// Why an answer is not right yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What should have happened.
    pub expected: String,
    /// What happened instead.
    pub happened: String,
    /// The step of the run that shows it.
    pub step: Option<usize>,
    /// What the trace says of that step, and of what led to it.
    pub told: Vec<String>,
    /// The common wrong answer that it looks like: `about/NAME.toml` has a hint for it.
    pub symptom: Option<&'static str>,
}

impl Wrong {
    /// Expected was `expected`, but `happened`.
    pub fn new(expected: impl Into<String>, happened: impl Into<String>) -> Wrong {
        Wrong {
            expected: expected.into(),
            happened: happened.into(),
            step: None,
            told: Vec::new(),
            symptom: None,
        }
    }

    /// The step of the run that shows it.
    #[must_use]
    pub fn at(mut self, trace: &Trace, step: Option<usize>) -> Wrong {
        let sentences = Sentences::english();
        let mut next = step;
        while let Some(step) = next.and_then(|n| trace.steps.get(n)) {
            if self.told.len() > CAUSES {
                break;
            }
            if self.told.is_empty() || says_why(step) {
                self.told.push(format!("step {}: {}", step.n, sentences.of(trace, step)));
            }
            next = step.cause;
        }
        self.step = step;
        self
    }

    /// It looks like this common wrong answer.
    #[must_use]
    pub fn looks_like(mut self, symptom: &'static str) -> Wrong {
        self.symptom = Some(symptom);
        self
    }

    /// As [`looks_like`](Wrong::looks_like), if `seen`.
    #[must_use]
    pub fn looks_like_if(self, seen: bool, symptom: &'static str) -> Wrong {
        if seen { self.looks_like(symptom) } else { self }
    }
}

/// Whether a cause tells a learner something. That a task was in the queue and was then called is
/// true of each of them.
fn says_why(step: &Step) -> bool {
    use TraceEvent as E;
    match &step.event {
        E::ReadyPush { work, .. } => matches!(work, TraceWork::Callback(_)),
        E::RunBegin
        | E::RunEnd
        | E::TurnBegin { .. }
        | E::TurnEnd
        | E::WaitBegin { .. }
        | E::WaitEnd { .. }
        | E::InboxCollect { .. }
        | E::ReadyPop { .. }
        | E::CallEnd { .. }
        | E::TaskPoll { .. } => false,
        _ => true,
    }
}

/// A duration as the trace says it: `1.5 s`.
pub fn time(duration: Duration) -> String {
    Sentences::duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected {}; but {}", self.expected, self.happened)?;
        if let Some(step) = self.step {
            write!(f, " (step {step})")?;
        }
        f.write_str(".")?;
        for (number, told) in self.told.iter().enumerate() {
            write!(f, "\n  {}{told}", if number == 0 { "at " } else { "because of " })?;
        }
        Ok(())
    }
}
