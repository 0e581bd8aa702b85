//! What the user can ask of `roundelay manifest`, and the promises that `--help` makes.
//!
//! Everything decided anywhere in this folder that a user may stumble over is written here for
//! them: what happens to links, to special files, to names that are not text; how much memory is
//! used; what the exit status means. Arguments are checked here, so that the rest of the program
//! never meets a time of zero.
//!
//! Tutorial: chapter 20, the capstone. Before this: `check.rs`. After this: `interrupt.rs`.

use std::io;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use roundelay::trace::Trace;

use super::progress::Verbosity;
use super::record::Format;

/// The arguments of `roundelay manifest`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Use --help for what happens to links, odd names, memory and exit statuses."
)]
#[command(after_long_help = DETAILS)]
pub struct ManifestOptions {
    /// Files and directories; directories with everything below them
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,

    /// Write the manifest to FILE instead of standard output: all of it in one step at the end, or
    /// nothing
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write one JSON object a line instead of the lines of sha256sum
    #[arg(long)]
    pub json: bool,

    /// Read a manifest from FILE (- for standard input) and check the files that it lists
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["paths", "output", "json", "follow"])]
    pub check: Option<PathBuf>,

    /// Where files are hashed
    #[arg(long, value_enum, default_value_t = PoolKind::Threads)]
    pub pool: PoolKind,

    /// How many files are read at the same time, 1 to 1024 [default: one for each processor]
    #[arg(short, long, value_name = "N", value_parser = jobs, allow_negative_numbers = true)]
    pub jobs: Option<usize>,

    /// Give a file up after this time; fractions are allowed. (Small files then cost more: none
    /// shares a job)
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,

    /// Stop the whole run after this time; what is finished is printed, but FILE is not written
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub deadline: Option<Duration>,

    /// Try again this often, at most 100, after an error that may pass
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=100))]
    pub retries: u32,

    /// Follow symbolic links inside directories too
    #[arg(long)]
    pub follow: bool,

    /// Record what the loop does into FILE: .html to look at, .json to inspect, .txt, .svg, .csv
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(trace_file))]
    pub trace: Option<PathBuf>,

    /// Say nothing but what failed; with --check, no OK lines
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Name everything that is left out or tried again; show progress in lines where there is no
    /// terminal
    #[arg(short, long)]
    pub verbose: bool,
}

/// Where files are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PoolKind {
    /// In threads of this process: the fastest
    Threads,
    /// In worker processes: a timeout really ends the work, and one that dies costs nothing but a
    /// message
    Processes,
}

impl ManifestOptions {
    /// How many files to read at the same time.
    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(MOST_JOBS))
    }

    /// The form of the manifest.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }

    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }

    /// The file to write to, unless that is standard output (`-` is the same as not saying).
    pub fn output_file(&self) -> Option<&PathBuf> {
        self.output.as_ref().filter(|path| path.as_os_str() != "-")
    }
}

const MOST_JOBS: usize = 1024;

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=MOST_JOBS) => Ok(jobs),
        _ => Err(format!("give a whole number from 1 to {MOST_JOBS}")),
    }
}

/// A name that says how the trace is to be written. Better now than after a long run.
fn trace_file(path: PathBuf) -> io::Result<PathBuf> {
    Trace::can_be_named(&path).map(|()| path)
}

/// A time that can pass: more than nothing, less than for ever.
fn seconds(text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| "give a number of seconds greater than 0, such as 2 or 0.5".to_owned())
}

const DETAILS: &str = "\
The manifest has one line for each file, sorted by the bytes of its name, as
sha256sum writes it: `sha256sum --check` accepts it unchanged. Both pools and
any number of jobs give the same bytes.

What is listed:
  - Every regular file, hidden ones too, across mounted file systems. Empty
    directories have no line.
  - A file given twice, or by overlapping PATHs, is listed once. Names are PATH
    and what lies below it, with `./`, `//` and a trailing `/` removed; `.`
    puts nothing before its names. `..` is kept, so `a` and `b/../a` are two
    names. A file named `-` in `.` is listed as `./-`.
  - Hard links are files like any other: each name has its line.
  - Symbolic links given as PATH are followed. Others are left out, and
    counted; with --follow they are followed. A link that leads back to a
    directory around it is named and left out; one that leads nowhere fails.
  - Fifos, sockets and devices are never opened. They are left out, and named
    with --verbose.
  - The FILE of --output, and its temporary file, are left out; so is the FILE
    of --trace. A FILE of --output that is itself named as PATH is refused.
  - Names may hold any bytes. As with sha256sum, backslash, newline and
    carriage return are escaped in a line that begins with a backslash; all
    other bytes stand as they are.

What fails:
  - A file that cannot be read, has vanished, or took longer than --timeout is
    named on standard error with the reason; so is a directory that cannot be
    read. Everything else is done all the same.
  - Errors that may pass (too many open files, trouble of a network file
    system) are tried again --retries times, after 50 ms, 100 ms and so on up
    to 2 s, each 10 % longer or shorter by chance.
  - A thread that hangs in the system (a dead network file system) cannot be
    stopped: --timeout gives its file up, and the thread stays busy; when all
    of them hang, what is left fails. A worker process can be stopped: use
    --pool processes there.
  - A worker process that is killed (for want of memory, for instance) is named
    on standard error, and its files are done again by another. A file whose
    worker dies three times has failed.

--output FILE is written beside FILE and renamed when complete, so FILE is the
old one or the whole new one. An existing FILE keeps its permissions; a link
stays and what it leads to is replaced; a device is written to directly; a
directory is refused. A run that is stopped, by Ctrl-C or the deadline, leaves
FILE as it was.

--json writes one object a line. `type` is `file` (path, size, sha256),
`failed` (path, reason), `skipped` (path, reason) or, in the last line,
`summary` (files, bytes, failed, skipped, complete). Where a name is not UTF-8,
`path_hex` holds its bytes in hexadecimal, and `path` only resembles it.

--check reports `NAME: OK`, `NAME: FAILED` or `NAME: FAILED open or read` for
each listed file, in the order of the list, as `sha256sum --check` does; lines
of the BSD style are understood too. Special files fail without being opened.

Memory is bounded: 128 KiB for each job, a window of 2048 files, and the names
in the directories on the way from PATH to the current file. Neither the size
of files nor the number of directories adds to it; many files in one directory
do, by some 16 bytes and their names. Measured with two jobs: 5 MiB for a file
of 2 GiB, 6 MiB for 100,000 small files in 100 directories, 9 MiB for as many
in one; each worker process takes 4 MiB more, each further thread 0.2 MiB.

Exit status:
    0  everything was listed, or checked and right
    1  a file failed or differed, the deadline passed, or the manifest or the
       trace could not be written
    2  the arguments are wrong
  130  stopped by Ctrl-C (SIGINT), 143 by SIGTERM, 129 by SIGHUP: finished
       lines are printed, what was not finished is named on standard error,
       and FILE stays the old one. A second Ctrl-C leaves at once.
  141  the reader of standard output went away, as in
       `roundelay manifest | head`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_more_than_nothing_and_less_than_for_ever() {
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("1e3"), Ok(Duration::from_secs(1000)));
        let wrong = [
            "0", "-0", "0.0", "-1", "-0.5", "nan", "NaN", "inf", "-inf", "1e300", "1e-12", "", "x",
            "1s",
        ];
        for wrong in wrong {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn there_is_at_least_one_job_and_not_a_million() {
        assert_eq!(jobs("1"), Ok(1));
        assert_eq!(jobs("1024"), Ok(1024));
        for wrong in ["0", "-1", "1025", "1.5", "", "many"] {
            assert!(jobs(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn help_fits_a_terminal() {
        for line in DETAILS.lines() {
            assert!(line.len() <= 79, "{line}");
        }
    }
}
