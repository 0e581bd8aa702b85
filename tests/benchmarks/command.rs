//! The command line.

use std::path::Path;
use std::process::ExitCode;

use crate::child;
use crate::compile;
use crate::count;
use crate::hooks;
use crate::manifest;
use crate::observed;
use crate::page;
use crate::peers::processes;
use crate::plot;
use crate::python::Python;
use crate::report::summary;
use crate::run::Run;
use crate::sizes;
use crate::suite::{self, Plan};
use crate::workloads::pools::POOLS;
use crate::workloads::{self, Workload};

const USAGE: &str = "\
usage: benchmarks [OPTION...] [--only WORKLOAD | --pools]...      the quick form
       benchmarks --all [OPTION...]        the quick form, and sizes, observed, hooks, build, manifest
       benchmarks --full [OPTION...]       the full form: the same with larger sizes and more rounds
       benchmarks sizes [OPTION...] [--only WORKLOAD]... [--up-to N]
                                           what one costs when there are few, and when there are many
       benchmarks observed [--rounds N]    what an observer and a recorder cost
       benchmarks hooks [--rounds N]       what the places cost that could tell an observer, if none is there
       benchmarks build [--rounds N]       time to compile, and size of hello-world, beside tokio's
       benchmarks manifest [--roundelay PATH] [--rounds N] [--files N] [--mib N] [--python PROGRAM]
       benchmarks count [--keep]           instructions per item, beside the committed counts
       benchmarks count --observed         the same of roundelay under the eyes of observers
       benchmarks list                     what there is
       benchmarks plot RESULTS.json FOLDER     cost against size, as SVG
       benchmarks page RESULTS.json            table and plots of the book's page on speed

options: --rounds N        how often each peer runs each workload, at least: short ones are repeated
         --python PROGRAM  an interpreter other than python3 (of one that has uvloop, for instance)
         --no-python       leave asyncio and Python's pools out

Runs the same workloads with each peer in turn, and prints medians, their ratios to tokio, and what
became of the targets. Everything is written as JSON into results/. Build it with --release.";

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
        ["child", name, peer, size] => run_child(name, peer, size),
        ["count", ref rest @ ..] => count::run(rest),
        ["plot", results, folder] => read(results)
            .and_then(|report| plot::write(&report, Path::new(folder)))
            .map(|names| println!("{}", names.join("\n"))),
        ["page", results] => read(results).and_then(|report| page::publish(&report)),
        ["sizes", ref rest @ ..] => run_sizes(rest),
        ["observed", ref rest @ ..] => run_few("observed", rest, |options| {
            options.nothing_else().and_then(|()| observed::run(options.rounds.unwrap_or(5)))
        }),
        ["hooks", ref rest @ ..] => run_few("hooks", rest, |options| {
            options.nothing_else().and_then(|()| hooks::run(options.rounds.unwrap_or(9)))
        }),
        ["build", ref rest @ ..] => run_few("build", rest, |options| {
            options.nothing_else().and_then(|()| compile::run(options.rounds.unwrap_or(3)))
        }),
        ["manifest", ref rest @ ..] => run_few("manifest", rest, |options| {
            let rounds = options.rounds.unwrap_or(7);
            let mut manifest = manifest::Options::usual(rounds, options.python.clone());
            manifest.parse(&options.rest)?;
            Ok(vec![manifest::run(&manifest)?])
        }),
        ref rest => run_suite(rest),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("benchmarks: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What nearly every form understands.
struct Options<'a> {
    rounds: Option<usize>,
    python: Option<Python>,
    /// What only one form does.
    rest: Vec<&'a str>,
}

impl<'a> Options<'a> {
    fn parse(arguments: &[&'a str]) -> Result<Options<'a>, String> {
        let mut options = Options { rounds: None, python: None, rest: Vec::new() };
        let mut program = Some("python3");
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument {
                "--rounds" => options.rounds = Some(number(value()?)?),
                "--python" => program = Some(value()?),
                "--no-python" => program = None,
                _ => options.rest.push(argument),
            }
        }
        match program.map(Python::find) {
            None => {}
            Some(Ok(python)) => options.python = Some(python),
            Some(Err(reason)) => println!("Python takes no part: {reason}.\n"),
        }
        Ok(options)
    }

    /// Python for the workloads; says so if it has no uvloop.
    fn python(&self) -> Option<Python> {
        if let Some(Python { program, uvloop: None, .. }) = &self.python {
            println!("uvloop takes no part: {program} does not have it.\n");
        }
        self.python.clone()
    }

    fn nothing_else(&self) -> Result<(), String> {
        self.rest.first().map_or(Ok(()), |what| Err(format!("what is {what:?}?")))
    }
}

fn run_suite(arguments: &[&str]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let python = options.python();
    let Options { rounds, rest, .. } = options;
    let (mut full, mut all_sections) = (false, false);
    let mut only: Vec<&'static Workload> = Vec::new();
    let mut rest = rest.into_iter();
    while let Some(argument) = rest.next() {
        match argument {
            "--full" => (full, all_sections) = (true, true),
            "--all" => all_sections = true,
            "--pools" => only.extend(POOLS),
            "--only" => only.push(find_usual(rest.next().ok_or("--only needs a value")?)?),
            _ => return Err(format!("what is {argument:?}?")),
        }
    }
    let rounds = rounds.unwrap_or(if full { 9 } else { 5 });
    if only.is_empty() {
        only.extend(workloads::all());
    } else {
        all_sections = false;
    }
    let plan = Plan { full, rounds, python };
    let mut run = Run::start(if full { "full" } else { "quick" }, &plan);
    let mut all = Vec::new();
    for workload in only {
        all.push(run.add(suite::run(workload, &plan))?);
    }
    if all_sections {
        for results in observed::run(rounds.min(5))? {
            all.push(run.add(results)?);
        }
        for results in hooks::run(rounds)? {
            all.push(run.add(results)?);
        }
        for results in compile::run(rounds.min(3))? {
            all.push(run.add(results)?);
        }
        // It is short, and so the noise of others is a large part of it.
        let manifest = manifest::Options::usual(rounds.max(11), plan.python.clone());
        all.push(run.add(manifest::run(&manifest)?)?);
        let plan = Plan { rounds: rounds.min(3), ..plan };
        sizes::run(&sizes::Options::all(plan), |growth| run.add_growth(growth))?;
    }
    println!("{}", summary(&all));
    run.finish()
}

fn run_sizes(arguments: &[&str]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let python = options.python();
    let Options { rounds, rest, .. } = options;
    let plan = Plan { full: true, rounds: rounds.unwrap_or(3), python };
    let mut run = Run::start("sizes", &plan);
    let options = sizes::Options::parse(&rest, plan)?;
    sizes::run(&options, |growth| run.add_growth(growth))?;
    run.finish()
}

/// The forms that know by themselves what they run.
fn run_few(
    form: &str,
    arguments: &[&str],
    measure: impl FnOnce(&Options<'_>) -> Result<Vec<crate::report::Results>, String>,
) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let rounds = options.rounds.unwrap_or(0);
    let plan = Plan { full: true, rounds, python: options.python.clone() };
    let mut run = Run::start(form, &plan);
    for results in measure(&options)? {
        run.add(results)?;
    }
    run.finish()
}

fn list() {
    for workload in workloads::all() {
        println!("{:<18} {}", workload.name, workload.title);
    }
    println!();
    for growth in workloads::growth::GROWTHS {
        println!("{:<18} {}", growth.workload.name, growth.workload.title);
    }
}

fn run_child(name: &str, peer: &str, size: &str) -> Result<(), String> {
    let workload = find(name)?;
    child::run(workload, peer, number(size)?)
}

/// One that has a usual size.
fn find_usual(name: &str) -> Result<&'static Workload, String> {
    match workloads::growth::find(name) {
        Some(_) => Err(format!("{name} is run in many sizes; try `sizes --only {name}`")),
        None => find(name),
    }
}

fn find(name: &str) -> Result<&'static Workload, String> {
    workloads::find(name).ok_or_else(|| format!("there is no workload {name:?}; try `list`"))
}

fn read(path: &str) -> Result<serde_json::Value, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path} is no report: {error}"))
}

/// A number of something: 1 or more.
///
/// # Errors
/// A sentence.
pub fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{text:?} is not a number of 1 or more"))
}
