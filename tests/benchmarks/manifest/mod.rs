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

use serde_json::json;

use crate::command::{number, write};
use crate::report::figure;
use crate::suite::{find_python, python_script};

/// How many threads or processes each program gets.
const JOBS: &str = "2";

const OURS: &str = "roundelay";
const RAYON: &str = "rayon + sha2";

/// What to compare, on what.
#[derive(Clone, Debug)]
pub struct Options {
    roundelay: PathBuf,
    rounds: usize,
    files: usize,
    mib: usize,
    python: bool,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(arguments: &[&str]) -> Result<Options, String> {
        let mut options = Options {
            roundelay: python_script("../../target/release/roundelay"),
            rounds: 7,
            files: 2000,
            mib: 200,
            python: true,
        };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument {
                "--roundelay" => options.roundelay = value()?.into(),
                "--rounds" => options.rounds = number(value()?)?,
                "--files" => options.files = number(value()?)?,
                "--mib" => options.mib = number(value()?)?,
                "--no-python" => options.python = false,
                _ => return Err(format!("what is {argument:?}?")),
            }
        }
        Ok(options)
    }
}

/// A program that lists a tree, and what it took.
struct Program {
    name: &'static str,
    command: Command,
    /// Seconds, one for each round.
    times: Vec<f64>,
    /// What is asked of roundelay: at most so many times what this one takes.
    most: Option<f64>,
}

impl Program {
    fn new(name: &'static str, command: Command, most: Option<f64>) -> Program {
        Program { name, command, times: Vec::new(), most }
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

    fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }
}

/// Makes the tree, compares, prints, writes JSON.
///
/// # Errors
/// A sentence: something does not run, or prints another list than the others.
pub fn run(options: Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path().join("tree");
    tree::generate(&root, options.files, options.mib << 20).map_err(|error| error.to_string())?;
    println!(
        "{} files, {} MiB, {JOBS} jobs, {} rounds",
        options.files, options.mib, options.rounds
    );
    let mut programs = programs(&options, &root)?;
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
    for round in 0..options.rounds {
        for turn in 0..programs.len() {
            let index = (round + turn) % programs.len();
            let program = &mut programs[index];
            let time = program.run(&folder.path().join("list"))?;
            program.times.push(time);
        }
    }
    report(&programs)
}

fn programs(options: &Options, root: &Path) -> Result<Vec<Program>, String> {
    let mut programs = Vec::new();
    if options.roundelay.exists() {
        for (name, pool) in [(OURS, "threads"), ("roundelay, processes", "processes")] {
            let mut command = Command::new(&options.roundelay);
            command.args(["manifest", "--quiet", "--jobs", JOBS, "--pool", pool]).arg(root);
            programs.push(Program::new(name, command, None));
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
    programs.push(Program::new(RAYON, command, Some(1.3)));
    let mut command = Command::new("sh");
    let line = format!("find \"$1\" -type f -print0 | xargs -0 -P{JOBS} -n32 sha256sum");
    command.args(["-c", &line, "sh"]).arg(root);
    programs.push(Program::new("find, xargs -P2 sha256sum", command, Some(1.0)));
    match find_python() {
        _ if !options.python => {}
        Err(reason) => println!("Python takes no part: {reason}"),
        Ok(_) => {
            let mut command = Command::new("python3");
            command.arg(python_script("manifest/pools.py")).arg(root).arg(JOBS);
            programs.push(Program::new("Python, two pools", command, Some(0.5)));
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

/// Prints the table, and writes it.
fn report(programs: &[Program]) -> Result<(), String> {
    let median = |name| programs.iter().find(|program| program.name == name).map(Program::median);
    let (ours, rayon) = (median(OURS), median(RAYON));
    println!("\n  {:<28} {:>9} {:>9} {:>13}", "", "seconds", "to rayon", "ours to this");
    let mut rows = Vec::new();
    for program in programs {
        let seconds = program.median();
        let to_rayon = rayon.map(|rayon| seconds / rayon);
        let ratio = ours.map(|ours| ours / seconds);
        let [second, third, fourth] = [Some(seconds), to_rayon, ratio].map(figure);
        print!("  {:<28} {second:>9} {third:>9} {fourth:>13}", program.name);
        if let (Some(ratio), Some(most)) = (ratio, program.most) {
            let verdict = if ratio <= most { "held" } else { "MISSED" };
            print!("   {verdict}: at most {most}");
        }
        println!();
        rows.push(json!({
            "program": program.name,
            "seconds": seconds,
            "rounds": program.times,
            "roundelay_to_this": ratio,
            "target": program.most,
        }));
    }
    println!("\nwritten to {}", write("manifest", &json!(rows))?.display());
    Ok(())
}
