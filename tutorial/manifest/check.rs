//! Checking a manifest: what `sha256sum --check` says, byte for byte, and how it ends.
//!
//! ```text
//!   a: OK                              standard output, in the order of the manifest
//!   b: FAILED                          read, but its digest differs
//!   c: FAILED open or read             no digest: the reason is on standard error
//!   roundelay: WARNING: 1 line is improperly formatted
//!   roundelay: WARNING: 1 listed file could not be read
//!   roundelay: WARNING: 1 computed checksum did NOT match
//! ```
//!
//! The check has succeeded if something was checked and all of it was right. A bad line is warned
//! of and does not make it fail, as with coreutils (unless `--strict`, which this command does not
//! have); a manifest of bad lines only does.
//!
//! Reading files is not done here: [`Checklist`] gives what is to be checked, [`Tally`] takes what
//! came out.
//!
//! # Invariants
//! - One line of the manifest is in memory at a time, and a line is at most [`LONGEST_LINE`].
//! - Every listed file has exactly one line in the report.
//!
//! Tutorial: chapter 20, the capstone. Before this: `progress.rs`. After this: `options.rs`.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use super::digest::Digest;
use super::line::{self, Line, Parser};
use super::name::shown;

/// A longer line names a file that no system could open. It is a bad line, and does not fill the
/// memory.
pub const LONGEST_LINE: usize = 64 * 1024;

/// The listed files of a manifest, read as they are asked for.
#[derive(Debug)]
pub struct Checklist<R> {
    reader: R,
    parser: Parser,
    line: Vec<u8>,
    number: u64,
    is_stdin: bool,
}

/// One line of a manifest that has something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A file to check.
    File {
        /// Its name; `-` is standard input.
        name: OsString,
        /// The digest that it should have.
        digest: Digest,
    },
    /// The line with this number, from 1, is not a line of a manifest.
    Bad(u64),
}

impl<R: BufRead> Checklist<R> {
    /// Reads a manifest from `reader`.
    ///
    /// If that is standard input, a line that asks to check standard input cannot be obeyed, and is
    /// bad.
    pub fn new(reader: R, is_stdin: bool) -> Checklist<R> {
        Checklist { reader, parser: Parser::default(), line: Vec::new(), number: 0, is_stdin }
    }

    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let mut limited = (&mut self.reader).take(LONGEST_LINE as u64);
        if limited.read_until(b'\n', &mut self.line)? == LONGEST_LINE && !self.line.ends_with(b"\n")
        {
            self.line.clear();
            self.line.extend(b"too long");
            self.reader.skip_until(b'\n')?;
        }
        Ok(!self.line.is_empty())
    }
}

impl<R: Read> Checklist<BufReader<R>> {
    /// Is there no further line at hand, so that asking for it may mean waiting for it?
    pub fn would_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }
}

impl<R: BufRead> Iterator for Checklist<R> {
    type Item = io::Result<Listed>;

    fn next(&mut self) -> Option<io::Result<Listed>> {
        loop {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            return Some(Ok(match self.parser.parse(&self.line) {
                Line::Blank => continue,
                Line::File { name, .. } if self.is_stdin && name == "-" => Listed::Bad(self.number),
                Line::File { name, digest } => Listed::File { name, digest },
                Line::Bad => Listed::Bad(self.number),
            }));
        }
    }
}

/// How one listed file came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The digest is the listed one.
    Ok,
    /// The file could be read, and its digest is another.
    Differs,
    /// The file could not be read.
    Unreadable,
}

impl Verdict {
    /// Compares the digest that a file should have with what reading it gave.
    pub fn of<E>(listed: &Digest, found: &Result<Digest, E>) -> Verdict {
        match found {
            Ok(digest) if digest == listed => Verdict::Ok,
            Ok(_) => Verdict::Differs,
            Err(_) => Verdict::Unreadable,
        }
    }

    /// The line of the report, with its newline; `None` where `quiet` leaves it out.
    pub fn report(self, name: &OsStr, quiet: bool) -> Option<Vec<u8>> {
        let words: &[u8] = match self {
            Verdict::Ok if quiet => return None,
            Verdict::Ok => b": OK\n",
            Verdict::Differs => b": FAILED\n",
            Verdict::Unreadable => b": FAILED open or read\n",
        };
        // Only a newline is a danger to a report that nobody reads back, so only then is the name
        // escaped.
        let name = name.as_bytes();
        Some(match name.contains(&b'\n') {
            true => [b"\\", &*line::escape(name), words].concat(),
            false => [name, words].concat(),
        })
    }
}

/// What has been checked so far, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files with the listed digest.
    pub ok: u64,
    /// Files with another digest.
    pub differ: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Lines that are not lines of a manifest.
    pub bad_lines: u64,
}

impl Tally {
    /// Counts one listed file.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Differs => self.differ += 1,
            Verdict::Unreadable => self.unreadable += 1,
        }
    }

    /// Was there anything to check?
    pub fn listed(&self) -> u64 {
        self.ok + self.differ + self.unreadable
    }

    /// Is everything as the manifest says? (Exit status 0, else 1.)
    pub fn succeeded(&self) -> bool {
        self.ok > 0 && self.differ == 0 && self.unreadable == 0
    }

    /// The lines for standard error at the end; `manifest` is the name of what was read.
    pub fn warnings(&self, manifest: &OsStr) -> Vec<String> {
        if self.listed() == 0 {
            return vec![format!(
                "{}: no properly formatted checksum lines found",
                shown(manifest)
            )];
        }
        [
            (self.bad_lines, "line is improperly formatted", "lines are improperly formatted"),
            (self.unreadable, "listed file could not be read", "listed files could not be read"),
            (self.differ, "computed checksum did NOT match", "computed checksums did NOT match"),
        ]
        .into_iter()
        .filter(|&(count, ..)| count > 0)
        .map(|(count, one, many)| {
            format!("WARNING: {count} {}", if count == 1 { one } else { many })
        })
        .collect()
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
