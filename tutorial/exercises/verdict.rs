//! How a check ends: passed, or not yet.
//!
//! It is what an exercise's `main` returns: Rust prints it, and makes it the exit status.
//!
//! Tutorial: the exercises. Before this: `about.rs`. After this: `props.rs`.

use std::fmt;
use std::process::{ExitCode, Termination};

use crate::about::About;
use crate::wrong::Wrong;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a verdict is what `main` returns"]
pub struct Verdict {
    name: &'static str,
    wrong: Option<Wrong>,
}

impl Verdict {
    pub(crate) fn passed(name: &'static str) -> Verdict {
        Verdict { name, wrong: None }
    }

    pub(crate) fn not_yet(name: &'static str, wrong: Wrong) -> Verdict {
        Verdict { name, wrong: Some(wrong) }
    }

    /// Whether the answer is right.
    pub fn is_passed(&self) -> bool {
        self.wrong.is_none()
    }

    /// What is wrong, if something is.
    pub fn wrong(&self) -> Option<&Wrong> {
        self.wrong.as_ref()
    }

    /// The exercise.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The hint for the common wrong answer that this one looks like.
    fn own_hint(&self) -> Option<String> {
        let symptom = self.wrong.as_ref()?.symptom?;
        let about = About::read(self.name).ok()?;
        about.wrong.into_iter().find(|known| known.symptom == symptom).map(|known| known.hint)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(wrong) = &self.wrong else {
            return write!(f, "{}: passed", self.name);
        };
        write!(f, "{}: not yet\n\n{wrong}\n", self.name)?;
        if let Some(hint) = self.own_hint() {
            write!(f, "\n{hint}\n")?;
        }
        // Without a step there is no run, or it would tell what is still to be guessed.
        if let Some(step) = wrong.step {
            write!(f, "\nsee your run:  cargo learn show {} {step}", self.name)?;
        }
        write!(f, "\na hint:        cargo learn hint {}", self.name)
    }
}

impl Termination for Verdict {
    fn report(self) -> ExitCode {
        println!("{self}");
        if self.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
