//! The steps of the learner's last run, in sentences.
//!
//! Tutorial: the exercises. Before this: `choice.rs`. After this: `work.rs`.

use std::fmt::Write as _;

use roundelay::trace::{Sentences, Trace};

use crate::about::About;
use crate::lab::traces;

/// How many steps before and after are shown.
const AROUND: usize = 8;

/// The steps around `step`, and where the page is.
///
/// # Errors
/// A sentence: there is no run yet, or no such step.
pub fn show(about: &About, step: Option<usize>) -> Result<String, String> {
    let mut said = String::new();
    let name = &about.name;
    let file = traces().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file)
        .map_err(|_| format!("there is no run yet; `cargo learn check {name}` makes one"))?;
    let trace = Trace::from_json(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let last = trace.steps.len().saturating_sub(1);
    let at = step.unwrap_or(last);
    if at > last {
        return Err(format!("this run has the steps 0 to {last}; there is no step {at}"));
    }
    let sentences = Sentences::english();
    for step in &trace.steps[at.saturating_sub(AROUND)..(at + AROUND + 1).min(last + 1)] {
        let mark = if step.n == at { ">" } else { " " };
        let time = Sentences::duration(step.t);
        let sentence = sentences.of(&trace, step);
        let (n, turn) = (step.n, step.turn);
        writeln!(said, "{mark} step {n:>4}  turn {turn:>3}  {time:>8}  {sentence}")
            .expect("a string takes it");
    }
    let page = traces().join(format!("{name}.html"));
    let page = page.display();
    writeln!(said, "\nall of it, forward and back: file://{page}#s={at}")
        .expect("a string takes it");
    Ok(said)
}
