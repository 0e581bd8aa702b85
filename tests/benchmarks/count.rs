//! Instructions per item, counted: what a change has done, also on a machine that others use.
//!
//! ```text
//!   valgrind runs `child WORKLOAD PEER 20000` and the same with 40000
//!   (instructions of the larger - instructions of the smaller) / 20000 = per item
//! ```
//!
//! The difference leaves out the start of the program and everything else that is done once. The
//! same program gives the same count to within a few instructions, so a committed count is a
//! baseline: `counts.txt`, one line for each workload, of roundelay. (Under valgrind everything
//! takes fifty times as long, and roundelay would see that it is held up and look for who does it:
//! so here its limit for that is out of reach.) Counts are not time: they do not see caches,
//! branches that are guessed wrong, or system calls. A change that counts less and takes longer is
//! a bad one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::number;
use crate::observed::{NEVER_SLOW, OBSERVERS, VARIABLE};
use crate::suite::this_program;
use crate::workloads::{OURS, REFERENCE, UNOBSERVED};

/// What is counted: whatever one thread does without waiting.
const WORKLOADS: &[&str] = &[
    "spawn-join",
    "spawn-await",
    "yield",
    "ping-slot",
    "ping-promise",
    "ping-channel",
    "sleep-cancel",
    "timeout-yield",
    "call-soon",
];

/// And what is counted under the eyes of observers.
const OBSERVED: &[&str] = &["spawn-join", "yield", "ping-promise", "timeout-yield"];

/// How many items; and then twice as many.
const ITEMS: usize = 20_000;

/// `count`: counts, and compares with the baseline. `count --keep` writes a new baseline.
///
/// # Errors
/// A sentence: valgrind is not there, a child failed, the baseline cannot be written.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    let keep = match arguments {
        [] => false,
        ["--keep"] => true,
        ["--observed"] => return run_observed(),
        _ => return Err("count takes nothing, --keep or --observed".to_owned()),
    };
    let baseline = read(&fs::read_to_string(baseline_path()).unwrap_or_default());
    let program = this_program()?;
    let mut counts = BTreeMap::new();
    println!("{:<16} {:>10} {:>10} {:>9} {:>10} {:>7}", "", "before", "now", "", "tokio", "ratio");
    for name in WORKLOADS {
        let (ours, theirs) = (
            per_item(&program, name, OURS, UNOBSERVED)?,
            per_item(&program, name, REFERENCE, UNOBSERVED)?,
        );
        let before = baseline.get(*name).copied();
        let change = before.map_or_else(String::new, |before| change(before, ours));
        let before = before.map_or_else(String::new, |before| before.to_string());
        let ratio = ours as f64 / theirs as f64;
        println!("{name:<16} {before:>10} {ours:>10} {change:>9} {theirs:>10} {ratio:>7.2}");
        counts.insert((*name).to_owned(), ours);
    }
    if keep {
        let text = write(&counts);
        fs::write(baseline_path(), text)
            .map_err(|error| format!("the baseline cannot be written: {error}"))?;
    }
    Ok(())
}

/// `count --observed`: what each kind of observer adds.
fn run_observed() -> Result<(), String> {
    let program = this_program()?;
    println!("{:<16} {}", "", OBSERVERS.map(|observer| format!("{observer:>16}")).concat());
    for name in OBSERVED {
        let mut line = format!("{name:<16} ");
        let mut unobserved = None;
        for observer in OBSERVERS {
            let count = per_item(&program, name, OURS, observer)?;
            let ratio = count as f64 / *unobserved.get_or_insert(count) as f64;
            line += &format!("{count:>9} {ratio:>6.2}");
        }
        println!("{line}");
    }
    Ok(())
}

/// Instructions per item. `program` is this one, or this one built in another way; `observer` is
/// one of [`OBSERVERS`].
///
/// # Errors
/// A sentence: valgrind is not there, or a child failed.
pub fn per_item(program: &Path, workload: &str, peer: &str, observer: &str) -> Result<u64, String> {
    let count = |size| instructions(program, workload, peer, observer, size);
    let (small, large) = (count(ITEMS)?, count(2 * ITEMS)?);
    Ok(large.saturating_sub(small) / ITEMS as u64)
}

/// All instructions of one child.
fn instructions(
    program: &Path,
    workload: &str,
    peer: &str,
    observer: &str,
    size: usize,
) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["child", workload, peer, &size.to_string()])
        .env(VARIABLE, format!("{observer}{NEVER_SLOW}"))
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    collected(&said).ok_or_else(|| format!("valgrind counted nothing of {workload}:\n{said}"))
}

/// The total among what callgrind says.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}

fn change(before: u64, now: u64) -> String {
    format!("{:+.1} %", (now as f64 / before as f64 - 1.0) * 100.0)
}

fn baseline_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// One workload on each line, and its count.
fn read(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let counts = lines.filter_map(|(name, count)| {
        let count = number(count.trim()).ok()?;
        Some((name.to_owned(), count as u64))
    });
    counts.collect()
}

fn write(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{name} {count}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let counts = BTreeMap::from([("yield".to_owned(), 260), ("call-soon".to_owned(), 300)]);
        assert_eq!(read(&write(&counts)), counts);
    }

    #[test]
    fn the_total_is_found_among_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 95283841\n==7==\n";
        assert_eq!(collected(said), Some(95_283_841));
        assert_eq!(collected("valgrind: no such tool"), None);
    }

    #[test]
    fn a_change_is_said_in_per_cent() {
        assert_eq!(change(200, 150), "-25.0 %");
    }
}
