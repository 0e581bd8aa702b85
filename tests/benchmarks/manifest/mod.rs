//! The manifest: SHA-256 of every file of a tree, as whole programs.
//!
//! ```text
//!   roundelay manifest --jobs 2 TREE        the main job of this project
//!   rayon-manifest TREE                     a short program on rayon and sha2, 2 threads
//!   find .. | xargs -P2 -n32 sha256sum      what one would type
//!   manifest/pools.py TREE 2                asyncio, threads read, processes hash
//! ```
//!
//! The tree lies in memory (the page cache) when the clock starts: everybody runs once
//! before that, and what they print is compared. Wall time of whole processes counts.

pub mod tree;

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command::number;
use crate::measure::Sample;
use crate::python::{Python, script};
use crate::report::{Outcome, Results};
use crate::workloads::{OURS, RAYON_PROGRAM, USUAL, Workload, to};

/// How many threads or processes each program gets.
const JOBS: &str = "2";

const XARGS: &str = "find, xargs -P2 sha256sum";
const TWO_POOLS: &str = "Python, two pools";

const MANIFEST: Workload = Workload {
    name: "manifest",
    title: "SHA-256 of every file of a tree, two jobs, from start to exit",
    metric: "s",
    targets: &[to(RAYON_PROGRAM, 1.2), to(XARGS, 1.0), to(TWO_POOLS, 0.5)],
    ..USUAL
};

/// What to compare, on what.
#[derive(Clone, Debug)]
pub struct Options {
    roundelay: PathBuf,
    rounds: usize,
    files: usize,
    mib: usize,
    python: Option<Python>,
}

impl Options {
    /// What the full form does.
    #[must_use]
    pub fn usual(rounds: usize, python: Option<Python>) -> Options {
        Options {
            roundelay: script("../../target/release/roundelay"),
            rounds,
            files: 2000,
            mib: 200,
            python,
        }
    }

    /// Reads the arguments that are its own.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(&mut self, arguments: &[&str]) -> Result<(), String> {
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument {
                "--roundelay" => self.roundelay = value()?.into(),
                "--files" => self.files = number(value()?)?,
                "--mib" => self.mib = number(value()?)?,
                _ => return Err(format!("what is {argument:?}?")),
            }
        }
        Ok(())
    }
}

/// A program that lists a tree.
struct Program {
    name: &'static str,
    command: Command,
}

impl Program {
    fn new(name: &'static str, command: Command) -> Program {
        Program { name, command }
    }

    /// Runs it to its end; what it prints goes to `out`. Seconds.
    fn run(&mut self, out: &Path) -> Result<f64, String> {
        let out = File::create(out).map_err(|error| error.to_string())?;
        self.command.stdin(Stdio::null()).stdout(out);
        let start = Instant::now();
        let status = self.command.status();
        let time = start.elapsed().as_secs_f64();
        match status {
            Ok(status) if status.success() => Ok(time),
            Ok(status) => Err(format!("{} ended with {status}", self.name)),
            Err(error) => Err(format!("{} does not start: {error}", self.name)),
        }
    }
}

/// Makes the tree, compares what the programs print, and times them.
///
/// # Errors
/// A sentence: something does not run, or prints another list than the others.
pub fn run(options: &Options) -> Result<Results, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path().join("tree");
    tree::generate(&root, options.files, options.mib << 20).map_err(|error| error.to_string())?;
    println!(
        "{} files, {} MiB, {JOBS} jobs, {} rounds",
        options.files, options.mib, options.rounds
    );
    let mut programs = programs(options, &root)?;
    let mut expected: Option<(&str, Vec<u8>)> = None;
    for program in &mut programs {
        let out = folder.path().join("list");
        program.run(&out)?;
        let list = sorted_lines(&out)?;
        match &expected {
            Some((first, expected)) if *expected != list => {
                return Err(format!("{} prints another list than {first}", program.name));
            }
            Some(_) => {}
            None => expected = Some((program.name, list)),
        }
    }
    let mut outcomes: Vec<_> = programs.iter().map(|program| Outcome::new(program.name)).collect();
    for round in 0..options.rounds {
        for turn in 0..programs.len() {
            let which = (round + turn) % programs.len();
            let time = programs[which].run(&folder.path().join("list"))?;
            outcomes[which].samples.push(Sample::default().with(MANIFEST.metric, time));
        }
    }
    Ok(Results { workload: &MANIFEST, outcomes })
}

fn programs(options: &Options, root: &Path) -> Result<Vec<Program>, String> {
    let mut programs = Vec::new();
    if options.roundelay.exists() {
        for (name, pool) in [(OURS, "threads"), ("roundelay, processes", "processes")] {
            let mut command = Command::new(&options.roundelay);
            command.args(["manifest", "--quiet", "--jobs", JOBS, "--pool", pool]).arg(root);
            programs.push(Program::new(name, command));
        }
    } else {
        println!(
            "roundelay takes no part: there is no {}; build it, or say where it is with --roundelay",
            options.roundelay.display()
        );
    }
    let beside = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(beside.with_file_name("rayon-manifest"));
    command.arg(root).env("RAYON_NUM_THREADS", JOBS);
    programs.push(Program::new(RAYON_PROGRAM, command));
    let mut command = Command::new("sh");
    let line = format!("find \"$1\" -type f -print0 | xargs -0 -P{JOBS} -n32 sha256sum");
    command.args(["-c", &line, "sh"]).arg(root);
    programs.push(Program::new(XARGS, command));
    match &options.python {
        None => println!("Python takes no part"),
        Some(python) => {
            let mut command = Command::new(&python.program);
            command.arg(script("manifest/pools.py")).arg(root).arg(JOBS);
            programs.push(Program::new(TWO_POOLS, command));
        }
    }
    Ok(programs)
}

/// The lines of a list in one order: xargs prints in whatever order the jobs end.
fn sorted_lines(path: &Path) -> Result<Vec<u8>, String> {
    let list = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut lines: Vec<&[u8]> = list.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    Ok(lines.concat())
}
