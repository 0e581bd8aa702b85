//! The programs in Python, played again.
//!
//! A page shows a program in Python beside ours, with the output that was recorded beside it:
//! `tutorial/python/NAME.py` and `NAME.out`. Whoever reads the book needs no Python. Whoever
//! writes it has a recent one, and runs them all again.
//!
//! # Invariants
//! - What a program writes does not depend on how busy the machine is: it runs on the clock of
//!   `clock.py`. (The simple version was the real clock, rounded times and three tries. Beside other
//!   tests even the third was late sometimes.)
//!
//! Tutorial: the course's tools. Before this: `program.rs`. After this: `label.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::finding::Findings;
use crate::program::watch;

/// The oldest Python that the programs are for.
pub const OLDEST: (u32, u32) = (3, 11);

/// What gives a program its clock.
const CLOCK: &str = include_str!("clock.py");

/// A Python that is recent enough, as its version.
///
/// # Errors
/// A sentence: there is none, or it is too old.
pub fn version() -> Result<String, String> {
    let mut command = Command::new("python3");
    command.arg("--version");
    let said = watch(command, "python3").map_err(|_| "there is no python3 here".to_owned())?;
    let version = said.output.trim().trim_start_matches("Python ").to_owned();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let is = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if is < OLDEST {
        return Err(format!(
            "python3 is {version}, and the programs are for {}.{}",
            OLDEST.0, OLDEST.1
        ));
    }
    Ok(version)
}

/// Runs every program in `tutorial/python` again, and tells which of them writes something else
/// than what was recorded. With `record`, what it writes is recorded. Returns how many were run.
///
/// # Errors
/// A sentence: a program could not be run, or its output not be written down.
pub fn replay(root: &Path, record: bool, findings: &mut Findings) -> Result<usize, String> {
    let programs = programs(root)?;
    for program in &programs {
        let recorded = root.join(program).with_extension("out");
        let expected = std::fs::read_to_string(&recorded).unwrap_or_default();
        let written = run(root, program)?;
        if written == expected {
            continue;
        }
        if record {
            std::fs::write(&recorded, &written)
                .map_err(|error| format!("{} cannot be written: {error}", recorded.display()))?;
            continue;
        }
        let line = written.lines().zip(expected.lines()).take_while(|(now, then)| now == then);
        let line = line.count();
        let now = written.lines().nth(line).unwrap_or("nothing more");
        findings.add(
            program.with_extension("out"),
            line + 1,
            format!(
                "is not what the program writes now, which is `{now}`; `cargo course python --record` writes it anew"
            ),
        );
    }
    Ok(programs.len())
}

/// From the root, in the order of their names.
fn programs(root: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = Path::new("tutorial/python");
    let entries = std::fs::read_dir(root.join(folder))
        .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let names = entries.flatten().map(|entry| folder.join(entry.file_name()));
    let mut programs: Vec<PathBuf> =
        names.filter(|name| name.extension().is_some_and(|end| end == "py")).collect();
    programs.sort();
    Ok(programs)
}

fn run(root: &Path, program: &Path) -> Result<String, String> {
    let mut command = Command::new("python3");
    // Unbuffered, and with nothing of the machine's own: no user's packages, no variables.
    command.args(["-u", "-I", "-c", CLOCK]).arg(program).current_dir(root);
    let name = program.display().to_string();
    let ran = watch(command, &name)?;
    if ran.status != Some(0) {
        return Err(format!("{name} fails: {}", ran.errors.trim()));
    }
    Ok(ran.output)
}
