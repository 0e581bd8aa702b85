//! The child: one workload, one peer, one process.
//!
//! It prints what it has measured, a name and a figure on each line. Before that, a server
//! prints the port that it listens on:
//!
//! ```text
//!   port 40123
//!   cpu_ns 4821.5
//!   ns 18790.2
//! ```
//!
//! The Python peer prints the same.

use std::io::{self, Write};

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::measure::Sample;
use crate::workloads::Workload;

/// Runs `workload` with `peer` in this process, and prints the figures.
///
/// # Errors
/// A sentence: there is no such peer.
pub fn run(workload: &Workload, peer: &str, size: usize) -> Result<(), String> {
    let known = workload.peers.iter().find(|(name, _)| *name == peer);
    let (_, run) = known.ok_or_else(|| format!("{} has no peer {peer:?}", workload.name))?;
    for (metric, value) in run(size).0 {
        println!("{metric} {value}");
    }
    Ok(())
}

/// Tells the parent where to send the load.
pub fn announce_port(port: u16) {
    println!("port {port}");
    // A parent that is gone will not send any.
    let _ = io::stdout().flush();
}

/// One line of a child's output.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A server listens.
    Port(u16),
    /// A figure.
    Figure(String, f64),
}

/// Reads a line; `None` if it is not one of ours.
#[must_use]
pub fn parse(line: &str) -> Option<Line> {
    match line.split_once(' ')? {
        ("port", port) => port.parse().ok().map(Line::Port),
        (metric, value) => value.parse().ok().map(|value| Line::Figure(metric.to_owned(), value)),
    }
}

/// All figures among these lines.
pub fn figures(lines: impl IntoIterator<Item = Line>) -> Sample {
    let figures = lines.into_iter().filter_map(|line| match line {
        Line::Figure(metric, value) => Some((metric, value)),
        Line::Port(_) => None,
    });
    Sample(figures.collect())
}

/// Lets this process, and those that it starts, have as many descriptors as the system allows.
pub fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If not, the workloads that need many say so.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Runs `start` while this thread may use one CPU only: the children that it starts inherit
/// that.
pub fn on_one_cpu<T>(start: impl FnOnce() -> T) -> T {
    let Ok(all) = sched_getaffinity(None) else { return start() };
    let mut one = CpuSet::new();
    if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| all.is_set(cpu)) {
        one.set(last);
    }
    let restricted = sched_setaffinity(None, &one);
    let outcome = start();
    if restricted.is_ok() {
        sched_setaffinity(None, &all).expect("what was allowed before is allowed again");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_figures_are_told_from_other_lines() {
        assert_eq!(parse("port 80"), Some(Line::Port(80)));
        assert_eq!(parse("cpu_ns 4.5"), Some(Line::Figure("cpu_ns".into(), 4.5)));
        assert_eq!(parse("some warning"), None);
    }
}
