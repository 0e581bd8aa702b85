//! Checking a manifest: its lines as the source of the pipeline, the report as its sink.
//!
//! ```text
//!   line --> Listed::File --> hashed --> compared: OK, FAILED, FAILED open or read
//!            Listed::Bad  -------------> counted, and named for those who want it
//!            an error     -------------> told; the manifest ends here
//! ```
//!
//! A listed file is looked at once before it gets a place in a portion: small neighbours share a
//! job, a large file must not. Where each file has a job of its own anyway, nobody looks.
//!
//! # Invariants
//! - A manifest that comes line by line, through a pipe, is checked line by line.
//!
//! Tutorial: chapter 20, the capstone. Before this: `making.rs`. After this: `run.rs`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::check::{Checklist, Listed, Tally, Verdict};
use super::ends::{Ending, Sink, Source};
use super::hash_error::words_of;
use super::name::shown;
use super::output::{Output, OutputError};
use super::progress::{Progress, Verbosity};
use super::status::Status;
use super::window::{Finished, Item};
use super::workers::{Manner, Target};

/// A manifest that is read.
pub(crate) struct Lines {
    checklist: Checklist<BufReader<Box<dyn Read + Send>>>,
    /// Is it worth knowing how large a file is?
    look: bool,
    broken_off: bool,
}

/// A line that has something to say, or the reason why there are no more.
#[derive(Debug)]
pub(crate) struct Checked {
    line: io::Result<Listed>,
    size: Option<u64>,
}

impl Lines {
    /// Opens `manifest`; `-` is standard input.
    pub(crate) fn open(manifest: &Path, look: bool) -> io::Result<Lines> {
        let is_stdin = manifest.as_os_str() == "-";
        let reader: Box<dyn Read + Send> = match is_stdin {
            true => Box::new(io::stdin()),
            false => Box::new(File::open(manifest)?),
        };
        let checklist = Checklist::new(BufReader::new(reader), is_stdin);
        Ok(Lines { checklist, look, broken_off: false })
    }

    fn look_at(&self, line: io::Result<Listed>) -> Checked {
        let size = match &line {
            Ok(Listed::File { name, .. }) if self.look => {
                fs::metadata(name).map(|meta| meta.len()).ok()
            }
            _ => None,
        };
        Checked { line, size }
    }
}

impl Source for Lines {
    type Item = Checked;

    fn read(&mut self, most: usize) -> Vec<Checked> {
        let mut lines = Vec::new();
        while lines.len() < most && !self.broken_off {
            let Some(line) = self.checklist.next() else { break };
            self.broken_off = line.is_err();
            lines.push(self.look_at(line));
            if self.checklist.would_wait() {
                break;
            }
        }
        lines
    }
}

impl Item for Checked {
    fn work(&self) -> Option<(Target, Option<u64>)> {
        let Ok(Listed::File { name, .. }) = &self.line else { return None };
        let manner = if name == "-" { Manner::StandardInput } else { Manner::Listed };
        Some((Target { name: name.clone(), manner }, self.size))
    }
}

/// The report as it grows.
pub(crate) struct Checking {
    /// What the manifest is called in messages.
    manifest: OsString,
    output: Output,
    progress: Progress,
    verbosity: Verbosity,
    tally: Tally,
    broken_off: bool,
}

impl Checking {
    pub(crate) fn new(
        manifest: &Path,
        output: Output,
        progress: Progress,
        verbosity: Verbosity,
    ) -> Checking {
        let manifest = match manifest.as_os_str() {
            name if name == "-" => OsStr::new("standard input"),
            name => name,
        };
        let (manifest, tally) = (manifest.to_owned(), Tally::default());
        Checking { manifest, output, progress, verbosity, tally, broken_off: false }
    }
}

impl Sink for Checking {
    type Item = Checked;

    fn take(&mut self, (checked, found): Finished<Checked>) -> Result<(), OutputError> {
        match (checked.line, found) {
            (Ok(Listed::File { name, digest }), Some(found)) => {
                let found = found.map(|hashed| hashed.digest);
                let verdict = Verdict::of(&digest, &found);
                self.tally.count(verdict);
                if let Err(failure) = found {
                    self.progress.say(&format!("{}: {failure}", shown(&name)));
                }
                match verdict.report(&name, self.verbosity == Verbosity::Quiet) {
                    Some(line) => self.output.write_bytes(&line),
                    None => Ok(()),
                }
            }
            (Ok(Listed::File { name, .. }), None) => unreachable!("{} is work", shown(&name)),
            (Ok(Listed::Bad(number)), _) => {
                self.tally.bad_lines += 1;
                if self.verbosity == Verbosity::Verbose {
                    let manifest = shown(&self.manifest);
                    self.progress
                        .say(&format!("{manifest}: {number}: improperly formatted checksum line"));
                }
                Ok(())
            }
            (Err(error), _) => {
                self.broken_off = true;
                self.progress.say(&format!("{}: {}", shown(&self.manifest), words_of(&error)));
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.output.flush()
    }
}

impl Ending for Checking {
    fn finish(self) -> Result<Status, OutputError> {
        self.output.finish()?;
        self.progress.finish();
        if !self.broken_off || self.tally.listed() > 0 {
            let warnings = self.tally.warnings(&self.manifest);
            warnings.iter().for_each(|warning| self.progress.say(warning));
        }
        let fine = self.tally.succeeded() && !self.broken_off;
        Ok(if fine { Status::Fine } else { Status::SomeFailed })
    }

    fn break_off(&mut self) -> Result<Vec<String>, OutputError> {
        self.output.flush()?;
        let Tally { ok, differ, unreadable, .. } = self.tally;
        Ok(vec![format!("{ok} checked and right, {differ} wrong, {unreadable} could not be read")])
    }

    fn name_of(checked: &Checked) -> String {
        match &checked.line {
            Ok(Listed::File { name, .. }) => shown(name).to_string(),
            _ => "a line".to_owned(),
        }
    }
}
