//! The whole job without a runtime: one file after the other, in one thread.
//!
//! This is where the course starts from, and what it measures itself against. It has no timeout, no retry, no
//! Ctrl-C of its own, and uses one processor; but each of its lines is right, and every part of it is used
//! again by the version with the event loop.
//!
//! Tutorial: the capstone. Before this: `status.rs`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::time::Instant;

use super::check::{Checklist, Listed, Tally, Verdict};
use super::hash::{Hashed, Watch, hash_file, hash_listed_file, hash_reader};
use super::hash_error::{HashError, words_of};
use super::name::shown;
use super::options::ManifestOptions;
use super::output::{Output, OutputError};
use super::progress::{Amount, Progress, Style, Verbosity};
use super::record::{Record, Summary};
use super::status::Status;
use super::walk::{Entry, Walk, WalkOptions};

/// Makes or checks a manifest, as the options say.
pub fn run(options: &ManifestOptions) -> Status {
    let done = match &options.check {
        Some(manifest) => check(manifest, options.verbosity()),
        None => make(options),
    };
    done.unwrap_or_else(|error| match error {
        OutputError::ReaderGone => Status::ReaderGone,
        error => {
            Progress::new(Style::Nothing).say(&error.to_string());
            Status::SomeFailed
        }
    })
}

fn make(options: &ManifestOptions) -> Result<Status, OutputError> {
    let mut output = match options.output_file() {
        Some(path) => Output::file(path, options.format())?,
        None => Output::stdout(options.format())?,
    };
    let walk_options = WalkOptions { follow: options.follow, own: output.own_files() };
    let verbosity = options.verbosity();
    let style = Style::choose(verbosity, io::stderr().is_terminal(), output.is_terminal());
    let mut progress = Progress::new(style);
    if progress.wants_total() {
        progress.expect(Amount::of(Walk::new(&options.paths, walk_options.clone())));
    }
    let (watch, mut summary, begin) = (Watch::default(), Summary::default(), Instant::now());
    for entry in Walk::new(&options.paths, walk_options) {
        match entry {
            Entry::File { path, .. } => match hash_file(&path, &watch) {
                Ok(Hashed { digest, bytes }) => {
                    summary.files += 1;
                    summary.bytes += bytes;
                    output.write(&Record::File { path: &path, size: bytes, digest })?;
                }
                Err(error) => {
                    fail(&path, &error.to_string(), &mut summary, &progress, &mut output)?
                }
            },
            Entry::Error { path, error } => {
                fail(&path, &words_of(&error), &mut summary, &progress, &mut output)?;
            }
            Entry::Skipped { path, why } => {
                summary.skipped += 1;
                if verbosity == Verbosity::Verbose
                    || verbosity == Verbosity::Normal && why.is_unusual()
                {
                    progress.say(&format!("{}: left out: {why}", shown(&path)));
                }
                output.write(&Record::Skipped { path: &path, reason: &why.to_string() })?;
            }
        }
        if style == Style::Bar {
            progress.show(Amount { files: summary.files, bytes: watch.bytes() }, begin.elapsed());
        }
    }
    summary.complete = true;
    output.write(&Record::Summary(summary))?;
    output.finish()?;
    progress.finish();
    if verbosity == Verbosity::Verbose || summary.failed > 0 && verbosity == Verbosity::Normal {
        let Summary { files, failed, skipped, .. } = summary;
        progress.say(&format!("{files} done, {failed} failed, {skipped} left out"));
    }
    Ok(if summary.failed == 0 { Status::Fine } else { Status::SomeFailed })
}

fn fail(
    path: &Path,
    reason: &str,
    summary: &mut Summary,
    progress: &Progress,
    output: &mut Output,
) -> Result<(), OutputError> {
    summary.failed += 1;
    progress.say(&format!("{}: {reason}", shown(path)));
    output.write(&Record::Failed { path, reason })
}

fn check(manifest: &Path, verbosity: Verbosity) -> Result<Status, OutputError> {
    let is_stdin = manifest.as_os_str() == "-";
    let shown_manifest = if is_stdin { Path::new("standard input") } else { manifest };
    let progress = Progress::new(Style::Nothing);
    let reader: Box<dyn BufRead> = match File::open(manifest) {
        _ if is_stdin => Box::new(io::stdin().lock()),
        Ok(file) => Box::new(BufReader::new(file)),
        Err(error) => {
            progress.say(&format!("{}: {}", shown(manifest), words_of(&error)));
            return Ok(Status::SomeFailed);
        }
    };
    let mut output = Output::stdout(Default::default())?;
    let (watch, mut tally) = (Watch::default(), Tally::default());
    let mut broken_off = false;
    for listed in Checklist::new(reader, is_stdin) {
        match listed {
            Ok(Listed::File { name, digest }) => {
                let found = hash_named(name.as_ref(), &watch).map(|hashed| hashed.digest);
                let verdict = Verdict::of(&digest, &found);
                tally.count(verdict);
                if let Err(error) = found {
                    progress.say(&format!("{}: {error}", shown(&name)));
                }
                if let Some(line) = verdict.report(&name, verbosity == Verbosity::Quiet) {
                    output.write_bytes(&line)?;
                }
            }
            Ok(Listed::Bad(number)) => {
                tally.bad_lines += 1;
                if verbosity == Verbosity::Verbose {
                    let manifest = shown(shown_manifest);
                    progress
                        .say(&format!("{manifest}: {number}: improperly formatted checksum line"));
                }
            }
            Err(error) => {
                progress.say(&format!("{}: {}", shown(shown_manifest), words_of(&error)));
                broken_off = true;
                break;
            }
        }
    }
    output.finish()?;
    if !broken_off || tally.listed() > 0 {
        tally.warnings(shown_manifest.as_os_str()).iter().for_each(|warning| progress.say(warning));
    }
    Ok(if tally.succeeded() && !broken_off { Status::Fine } else { Status::SomeFailed })
}

fn hash_named(name: &Path, watch: &Watch) -> Result<Hashed, HashError> {
    if name.as_os_str() == "-" {
        hash_reader(io::stdin().lock(), watch)
    } else {
        hash_listed_file(name, watch)
    }
}
