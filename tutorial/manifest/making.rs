//! Making a manifest: the walk as the source of the pipeline, the output as its sink.
//!
//! ```text
//!   walk --> Entry::File     --> hashed --> a line, or a failure with its reason
//!            Entry::Skipped  -------------> a word for those who want it
//!            Entry::Error    -------------> a failure with its reason
//! ```
//!
//! # Invariants
//! - What fails is told once: with its reason, in its place in the order.
//! - FILE is put into its place by [`Manifest::finish`] only, so a run that was stopped leaves it
//!   as it was.
//!
//! Tutorial: chapter 20, the capstone. Before this: `pipeline.rs`. After this: `checking.rs`.

use std::mem;
use std::path::{Path, PathBuf};

use super::ends::{Ending, Sink, Source};
use super::hash_error::words_of;
use super::name::shown;
use super::output::{Output, OutputError};
use super::progress::{Progress, Verbosity};
use super::record::{Record, Summary};
use super::status::Status;
use super::walk::{Entry, Walk, WalkOptions};
use super::window::{Finished, Item};
use super::workers::{Manner, Target};

/// A walk that begins when it is first read: making one looks at every root, which may take its
/// time.
pub(crate) enum Walking {
    Prepared { paths: Vec<PathBuf>, options: WalkOptions },
    Begun(Walk),
}

impl Source for Walking {
    type Item = Entry;

    fn read(&mut self, most: usize) -> Vec<Entry> {
        if let Walking::Prepared { paths, options } = self {
            *self = Walking::Begun(Walk::new(mem::take(paths), mem::take(options)));
        }
        let Walking::Begun(walk) = self else { unreachable!("it has just begun") };
        walk.take(most).collect()
    }
}

impl Item for Entry {
    fn work(&self) -> Option<(Target, Option<u64>)> {
        let Entry::File { path, size } = self else { return None };
        Some((Target { name: path.into(), manner: Manner::Walked }, Some(*size)))
    }
}

/// The manifest as it grows.
pub(crate) struct Manifest {
    output: Output,
    progress: Progress,
    verbosity: Verbosity,
    summary: Summary,
}

impl Manifest {
    pub(crate) fn new(output: Output, progress: Progress, verbosity: Verbosity) -> Manifest {
        Manifest { output, progress, verbosity, summary: Summary::default() }
    }

    fn fail(&mut self, path: &Path, reason: &str) -> Result<(), OutputError> {
        self.summary.failed += 1;
        self.progress.say(&format!("{}: {reason}", shown(path)));
        self.output.write(&Record::Failed { path, reason })
    }
}

impl Sink for Manifest {
    type Item = Entry;

    fn take(&mut self, (entry, found): Finished<Entry>) -> Result<(), OutputError> {
        match (entry, found) {
            (Entry::File { path, .. }, Some(Ok(hashed))) => {
                self.summary.files += 1;
                self.summary.bytes += hashed.bytes;
                let (size, digest) = (hashed.bytes, hashed.digest);
                self.output.write(&Record::File { path: &path, size, digest })
            }
            (Entry::File { path, .. }, Some(Err(failure))) => {
                self.fail(&path, &failure.to_string())
            }
            (Entry::File { path, .. }, None) => unreachable!("{} is work", shown(&path)),
            (Entry::Error { path, error }, _) => self.fail(&path, &words_of(&error)),
            (Entry::Skipped { path, why }, _) => {
                self.summary.skipped += 1;
                if self.verbosity == Verbosity::Verbose
                    || self.verbosity == Verbosity::Normal && why.is_unusual()
                {
                    self.progress.say(&format!("{}: left out: {why}", shown(&path)));
                }
                self.output.write(&Record::Skipped { path: &path, reason: &why.to_string() })
            }
        }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.output.flush()
    }
}

impl Ending for Manifest {
    fn finish(mut self) -> Result<Status, OutputError> {
        self.summary.complete = true;
        self.output.write(&Record::Summary(self.summary))?;
        self.output.finish()?;
        self.progress.finish();
        let failed = self.summary.failed > 0;
        if self.verbosity == Verbosity::Verbose || failed && self.verbosity == Verbosity::Normal {
            self.progress.say(&in_numbers(&self.summary));
        }
        Ok(if failed { Status::SomeFailed } else { Status::Fine })
    }

    fn break_off(&mut self) -> Result<Vec<String>, OutputError> {
        self.output.write(&Record::Summary(self.summary))?;
        self.output.flush()?;
        let mut words = vec![in_numbers(&self.summary)];
        if let Some(file) = self.output.target() {
            words.push(format!("{} was not written", shown(file)));
        }
        Ok(words)
    }

    fn name_of(entry: &Entry) -> String {
        shown(entry.path()).to_string()
    }
}

fn in_numbers(summary: &Summary) -> String {
    let Summary { files, failed, skipped, .. } = summary;
    format!("{files} done, {failed} failed, {skipped} left out")
}
