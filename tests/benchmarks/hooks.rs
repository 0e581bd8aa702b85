//! What the hooks cost while nobody observes: the same program, built with them and without.
//!
//! ```text
//!   this program                                      each place that could tell tests one field
//!   this program, --cfg roundelay_without_hooks       there is no such place
//! ```
//!
//! The second is built by cargo below this one's target directory, from nothing at the first time:
//! every crate has to be compiled again, since such a flag is everybody's. It takes a minute or
//! two.
//!
//! The difference is a few instructions in some hundred, so CPU time alone does not show it: two
//! builds of one program already differ by some per cent, because their code lies in other places.
//! Where valgrind is there, instructions are counted, too (`count.rs`).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::count;
use crate::python::script;
use crate::report::{Outcome, Results};
use crate::suite::{self, Rounds};
use crate::workloads::{self, OURS, Target, UNOBSERVED, USUAL, WITHOUT_HOOKS, Workload};

const MOST: f64 = 1.03;

const HOOKS: Workload = Workload {
    targets: &[
        Target { ours: UNOBSERVED, metric: None, to: Some(WITHOUT_HOOKS), most: MOST },
        Target {
            ours: UNOBSERVED,
            metric: Some("instructions"),
            to: Some(WITHOUT_HOOKS),
            most: MOST,
        },
    ],
    ..USUAL
};

/// What is run, what it is called here, and how often; one thread does the counted ones without
/// waiting.
const WORKLOADS: &[(&str, Workload, usize, bool)] = &[
    (
        "spawn-join",
        Workload {
            name: "hooks-spawn-join",
            title: "tasks are spawned and awaited: built without hooks, and with hooks that nobody uses",
            ..HOOKS
        },
        1_000_000,
        true,
    ),
    (
        "yield",
        Workload { name: "hooks-yield", title: "tasks give way to each other: the same", ..HOOKS },
        10_000_000,
        true,
    ),
    (
        "ping-promise",
        Workload {
            name: "hooks-ping-promise",
            title: "two tasks resolve promises to each other: the same",
            ..HOOKS
        },
        2_000_000,
        true,
    ),
    (
        "timeout-yield",
        Workload {
            name: "hooks-timeout-yield",
            title: "a time limit around a future that gives way once: the same",
            ..HOOKS
        },
        2_000_000,
        true,
    ),
    (
        "echo-1",
        Workload { name: "hooks-echo-1", title: "TCP echo, 1 connection: the same", ..HOOKS },
        20_000,
        false,
    ),
    (
        "http-64",
        Workload { name: "hooks-http-64", title: "hyper, 64 connections: the same", ..HOOKS },
        64_000,
        false,
    ),
];

/// Builds the other program, then runs each workload with both, taking turns.
///
/// # Errors
/// A sentence: cargo says no, or what went wrong with a child.
pub fn run(rounds: usize) -> Result<Vec<Results>, String> {
    let this = suite::this_program()?;
    let programs = [(WITHOUT_HOOKS, build_without(&this)?), (UNOBSERVED, this)];
    let mut all = Vec::new();
    for (name, renamed, size, is_counted) in WORKLOADS {
        let workload = workloads::find(name).ok_or_else(|| format!("there is no {name}"))?;
        let mut outcomes = programs.each_ref().map(|(peer, _)| Outcome::new(peer));
        for round in Rounds::at_least(rounds) {
            for turn in 0..programs.len() {
                let which = (round + turn) % programs.len();
                let sample = suite::run_observed(&programs[which].1, workload, UNOBSERVED, *size)?;
                outcomes[which].samples.push(sample);
            }
        }
        if *is_counted {
            add_instructions(&mut outcomes, &programs, name);
        }
        all.push(Results { workload: renamed, outcomes: outcomes.into() });
    }
    Ok(all)
}

/// They are the same in each round, so they are counted once. Without valgrind they are left out.
fn add_instructions(outcomes: &mut [Outcome], programs: &[(&str, PathBuf)], workload: &str) {
    for (outcome, (_, program)) in outcomes.iter_mut().zip(programs) {
        let counted = count::per_item(program, workload, OURS, UNOBSERVED);
        if let (Ok(counted), Some(first)) = (counted, outcome.samples.first_mut()) {
            *first = std::mem::take(first).with("instructions", counted as f64);
        }
    }
}

/// The same program without hooks.
fn build_without(this: &Path) -> Result<PathBuf, String> {
    // `target/release/benchmarks`
    let target = this.ancestors().nth(2).ok_or("this program lies in no target directory")?;
    let target = target.join("without-hooks");
    println!("building without hooks, in {}\n", target.display());
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--bin", "benchmarks", "--target-dir"])
        .arg(&target)
        .current_dir(script(""))
        .env("RUSTFLAGS", format!("{flags} --cfg roundelay_without_hooks"))
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    match status.success() {
        true => Ok(target.join("release/benchmarks")),
        false => Err(format!("cargo build without hooks ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workload_is_there_and_is_reported_under_a_name_of_its_own() {
        for (name, renamed, ..) in WORKLOADS {
            let workload = workloads::find(name).expect(name);
            assert!(workload.peers.iter().any(|(peer, _)| *peer == OURS), "{name} is ours, too");
            assert_eq!(renamed.name.strip_prefix("hooks-"), Some(*name));
        }
    }
}
