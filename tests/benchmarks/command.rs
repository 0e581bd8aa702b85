//! The command line.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::child;
use crate::count;
use crate::manifest;
use crate::observed;
use crate::peers::processes;
use crate::report::{Results, summary};
use crate::suite::{self, Plan, find_python};
use crate::workloads::pools::POOLS;
use crate::workloads::{self, Workload};

const USAGE: &str = "\
usage: benchmarks [--full] [--only WORKLOAD | --pools]... [--rounds N] [--no-python]
       benchmarks list
       benchmarks observed [--rounds N]     what an observer and a recorder cost
       benchmarks count [--keep]
       benchmarks manifest [--roundelay PATH] [--rounds N] [--files N] [--mib N] [--no-python]

Runs the same workloads with each peer in turn, and prints medians and their ratios to tokio.
The quick form takes about two minutes on an idle machine; --full has larger sizes and more rounds.
Build it with --release.";

/// Does what the arguments say.
#[must_use]
pub fn main() -> ExitCode {
    child::allow_many_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["-h" | "--help" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["list"] => {
            list();
            Ok(())
        }
        [processes::PIPE_WORKER] => {
            processes::answer_pipe();
            Ok(())
        }
        ["observed"] => observed::run(5),
        ["observed", "--rounds", rounds] => number(rounds).and_then(observed::run),
        ["child", name, peer, size] => run_child(name, peer, size),
        ["count", ref rest @ ..] => count::run(rest),
        ["manifest", ref rest @ ..] => manifest::Options::parse(rest).and_then(manifest::run),
        ref rest => Options::parse(rest).and_then(run_suite),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("benchmarks: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn list() {
    for workload in workloads::all() {
        println!("{:<18} {}", workload.name, workload.title);
    }
}

fn run_child(name: &str, peer: &str, size: &str) -> Result<(), String> {
    let workload = find(name)?;
    child::run(workload, peer, number(size)?)
}

struct Options {
    plan: Plan,
    only: Vec<&'static Workload>,
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let mut plan = Plan { full: false, rounds: 0, python: true };
        let mut only = Vec::new();
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument {
                "--full" => plan.full = true,
                "--no-python" => plan.python = false,
                "--only" => only.push(find(value()?)?),
                "--pools" => only.extend(POOLS),
                "--rounds" => plan.rounds = number(value()?)?,
                _ => return Err(format!("what is {argument:?}?")),
            }
        }
        if plan.rounds == 0 {
            plan.rounds = if plan.full { 9 } else { 5 };
        }
        if only.is_empty() {
            only.extend(workloads::all());
        }
        Ok(Options { plan, only })
    }
}

fn run_suite(options: Options) -> Result<(), String> {
    let Options { mut plan, only } = options;
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures mean nothing. Build with --release.\n");
    }
    let python = find_python();
    if let (true, Err(reason)) = (plan.python, &python) {
        println!("Python takes no part: {reason}.\n");
        plan.python = false;
    }
    let start = Instant::now();
    let mut all: Vec<Results> = Vec::new();
    for workload in only {
        let results = suite::run(workload, &plan);
        println!("{}", results.table());
        all.push(results);
    }
    println!("{}", summary(&all));
    let form = if plan.full { "full" } else { "quick" };
    let results: Vec<Value> = all.iter().map(Results::json).collect();
    let report = json!({
        "form": form,
        "rounds": plan.rounds,
        "machine": machine(python.ok()),
        "results": results,
    });
    println!(
        "{:.0} s; written to {}",
        start.elapsed().as_secs_f64(),
        write(form, &report)?.display()
    );
    Ok(())
}

/// What the figures depend on.
fn machine(python: Option<String>) -> Value {
    let say = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    json!({
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": say("uname", "-sr"),
        "rustc": say("rustc", "--version"),
        "python": python,
    })
}

/// Writes a report into `results/`, under a name that no other has.
///
/// # Errors
/// A sentence: the folder cannot be written to.
pub fn write(form: &str, report: &Value) -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let path = folder.join(format!("{now}-{form}.json"));
    let written =
        fs::create_dir_all(&folder).and_then(|()| fs::write(&path, format!("{report:#}\n")));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    Ok(path)
}

fn find(name: &str) -> Result<&'static Workload, String> {
    workloads::find(name).ok_or_else(|| format!("there is no workload {name:?}; try `list`"))
}

/// A number of something: 1 or more.
///
/// # Errors
/// A sentence.
pub fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{text:?} is not a number of 1 or more"))
}
