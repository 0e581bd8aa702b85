//! What a check found: the file, the line, what is wrong, and what to do.
//!
//! Checks go on after the first finding, so that an author sees them all at once.
//!
//! Tutorial: the course's tools. Before this: `main.rs`. After this: `listing.rs`.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the project.
    pub file: PathBuf,
    /// The line, counted from 1; 0 is the whole file.
    pub line: usize,
    /// A sentence.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.what),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.what),
        }
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn add(&mut self, file: impl AsRef<Path>, line: usize, what: impl fmt::Display) {
        let file = file.as_ref().to_owned();
        self.0.push(Finding { file, line, what: what.to_string() });
    }
}
