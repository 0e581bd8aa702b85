//! The command line: `roundelay manifest`, `roundelay tour`, `roundelay inspect`, `roundelay ps`.
//!
//! The arguments of each subcommand are described beside it; here they are put together and judged.
//! Wrong arguments get a sentence, the usage, and exit status 2, and nothing has been done by then.
//!
//! Tutorial: the capstone. Before this: `main.rs`. After this: `manifest.rs`.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::inspect::InspectOptions;
use crate::manifest::options::ManifestOptions;
use crate::ps::PsOptions;
use crate::tour::TourOptions;

/// The arguments of `roundelay`.
#[derive(Debug, Parser)]
#[command(
    name = "roundelay",
    version,
    about = "The programs of the roundelay course",
    max_term_width = 110
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `roundelay` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the SHA-256 of every file, as sha256sum does, or check such a list
    Manifest(Box<ManifestOptions>),
    /// Run the first small programs of the course, and show what happens in which turn of the loop
    Tour(TourOptions),
    /// Show a recorded run in any form, check it, compare two, or step through it
    Inspect(InspectOptions),
    /// List the tasks of a running program, and what each waits for
    Ps(PsOptions),
    /// The same as a tree: each task under the one that spawned it
    Pstree(PsOptions),
}

/// Reads the arguments; the first is the name of the program.
///
/// An `Err` is either what was asked for (`--help`, `--version`) or what is wrong;
/// [`clap::Error::exit`] prints it at the right place and ends with the right status.
pub fn parse<I>(arguments: I) -> Result<Arguments, clap::Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let asked = arguments.get(1).and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    Arguments::try_parse_from(arguments).map_err(|error| with_usage(error, &asked))
}

/// Clap leaves the usage out where only a value is wrong. We show it every time.
fn with_usage(error: clap::Error, asked: &str) -> clap::Error {
    let text = error.to_string();
    if error.exit_code() != 2 || text.contains("Usage:") {
        return error;
    }
    let what = text.split("\n\nFor more").next().unwrap_or_default();
    let what = what.trim_start_matches("error: ").trim_end().to_owned();
    let mut command = Arguments::command();
    command.build();
    match command.find_subcommand_mut(asked) {
        Some(subcommand) => subcommand.error(error.kind(), what),
        None => command.error(error.kind(), what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::options::PoolKind;
    use std::time::Duration;

    fn manifest(arguments: &[&str]) -> Result<ManifestOptions, clap::Error> {
        match parse([&["roundelay", "manifest"], arguments].concat())?.command {
            Command::Manifest(options) => Ok(*options),
            _ => panic!("asked for a manifest"),
        }
    }

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_current_directory_is_listed_in_threads() {
        let options = manifest(&[]).unwrap();
        assert_eq!(options.paths, [std::path::Path::new(".")]);
        assert_eq!((options.pool, options.retries, options.timeout), (PoolKind::Threads, 2, None));
        assert!(options.jobs() >= 1);
    }

    #[test]
    fn every_option_is_understood() {
        let options = manifest(&[
            "a",
            "b",
            "--output",
            "out",
            "--json",
            "--pool",
            "processes",
            "--jobs",
            "3",
            "--timeout",
            "0.5",
            "--deadline",
            "60",
            "--retries",
            "0",
            "--follow",
            "--verbose",
        ]);
        let options = options.unwrap();
        assert_eq!(options.paths.len(), 2);
        assert_eq!(options.output_file().unwrap().to_str(), Some("out"));
        assert_eq!((options.pool, options.jobs(), options.retries), (PoolKind::Processes, 3, 0));
        assert_eq!(options.timeout, Some(Duration::from_millis(500)));
        assert_eq!(options.deadline, Some(Duration::from_secs(60)));
        assert!(options.follow && options.verbose && options.json);
    }

    #[test]
    fn wrong_arguments_get_the_usage_and_status_2() {
        for wrong in [
            &["--jobs", "0"][..],
            &["--jobs", "-2"],
            &["--timeout", "0"],
            &["--timeout", "-1"],
            &["--timeout=nan"],
            &["--deadline", "inf"],
            &["--retries", "-1"],
            &["--retries", "101"],
            &["--pool", "fibres"],
            &["--check", "m", "--json"],
            &["--check", "m", "a"],
            &["--quiet", "--verbose"],
            &["--no-such-option"],
            &[""],
            &["--output"],
        ] {
            let error = manifest(wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
            assert!(error.to_string().contains("Usage: roundelay manifest"), "{wrong:?}: {error}");
        }
        assert_eq!(parse(["roundelay"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn each_subcommand_shows_its_own_usage() {
        let error = parse(["roundelay", "inspect", "run.json", "--to", "film"]).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("Usage: roundelay inspect"), "{told}");
        assert!(told.contains("[possible values: html, text, svg"), "{told}");
        assert_eq!(parse(["roundelay", "inspect"]).unwrap_err().exit_code(), 2);
        assert!(parse(["roundelay", "inspect", "run.json", "--check", "--step"]).is_err());
        let tour = parse(["roundelay", "tour", "--trace", "runs"]).unwrap().command;
        assert!(matches!(tour, Command::Tour(options) if options.trace.is_some()));
    }

    #[test]
    fn a_wrong_choice_is_told_what_there_is_to_choose_from() {
        let told = manifest(&["--pool", "fibres"]).unwrap_err().to_string();
        assert!(told.contains("[possible values: threads, processes]"), "{told}");
    }

    #[test]
    fn help_is_no_error_and_tells_the_exit_statuses() {
        let help = manifest(&["--help"]).unwrap_err();
        assert_eq!(help.exit_code(), 0);
        let text = help.to_string();
        for part in ["Exit status:", "130", "--pool", "Symbolic links", "Memory is bounded"] {
            assert!(text.contains(part), "{part}");
        }
    }
}
