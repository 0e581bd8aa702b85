//! How a check ends: passed, or not yet.
//!
//! It is what an exercise's `main` returns: Rust prints it, and makes it the exit status.
//!
//! An exit status alone proves nothing: a learner's `exit(0)` gives the same. So a check also
//! notes how far it has come, in a file that `cargo learn` names to it.
//!
//! Tutorial: the exercises. Before this: `about.rs`. After this: `props.rs`.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{ExitCode, Termination};

use crate::about::About;
use crate::wrong::Wrong;

/// The variable that names the file for [`Note`]s.
pub const NOTE_FILE: &str = "ROUNDELAY_LEARN_NOTE";

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The answer runs.
    Begun,
    /// It is right.
    Passed,
    /// It is not right yet.
    NotYet,
}

impl Note {
    fn word(self) -> &'static str {
        match self {
            Note::Begun => "begun",
            Note::Passed => "passed",
            Note::NotYet => "not yet",
        }
    }

    /// Into the file that the environment names, if it names one.
    pub(crate) fn leave(self, name: &str) {
        if let Some(file) = env::var_os(NOTE_FILE) {
            self.write(name, Path::new(&file));
        }
    }

    /// Into `file`. One that cannot be written reads as none: then there was no verdict.
    pub fn write(self, name: &str, file: &Path) {
        let _ = fs::write(file, format!("{name}: {}\n", self.word()));
    }

    /// What was left in `file` by the check called `name`.
    pub fn read(name: &str, file: &Path) -> Option<Note> {
        let text = fs::read_to_string(file).ok()?;
        let word = text.trim_end().strip_prefix(name)?.strip_prefix(": ")?;
        [Note::Begun, Note::Passed, Note::NotYet].into_iter().find(|note| note.word() == word)
    }
}

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
        if self.is_passed() { Note::Passed } else { Note::NotYet }.leave(self.name);
        if self.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
