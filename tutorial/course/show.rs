//! `cargo course show`: runs a program, writes its page of the inspector, and says which to open.
//!
//! # Invariants
//! - A page that is named is there, and it is of this run: those of an earlier one are gone.
//! - The step is one that the run has.
//!
//! Tutorial: the course's tools. Before this: `pack.rs`. After this: `lib.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use roundelay::trace::Trace;

use crate::program::Programs;

/// What there is to say: what the program wrote, then the pages in `folder`.
///
/// # Errors
/// A sentence: there is no such program, or no such step.
pub fn show(
    programs: &Programs,
    program: &str,
    step: u64,
    folder: &Path,
) -> Result<String, String> {
    let names = programs.names();
    if !names.iter().any(|name| name == program) {
        let begin: String = program.chars().take(4).collect();
        let like = names.iter().filter(|name| name.starts_with(&begin));
        let like: Vec<&str> = like.map(String::as_str).collect();
        let names = if like.is_empty() { names.join(", ") } else { like.join(", ") };
        return Err(format!("there is no program `{program}`; there are {names}"));
    }
    let cannot = |error| format!("{} cannot be written: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(cannot)?;
    for old in pages(folder, program, "html") {
        std::fs::remove_file(old).map_err(cannot)?;
    }
    let first = folder.join(format!("{program}.html"));
    let ran = programs.run(program, None, Some(&first))?;
    let mut shown = ran.shown(true);
    let written = pages(folder, program, "html");
    if written.is_empty() {
        shown.push_str("this program has no event loop: there is nothing to step through\n");
        return Ok(shown);
    }
    if step > 0 {
        is_there(programs, program, step)?;
    }
    for page in &written {
        let at = if *page == first { step } else { 0 };
        writeln!(shown, "open file://{}#s={at}", page.display()).expect("a string takes it");
    }
    Ok(shown)
}

/// The pages of a program, one for each of its runs, in order.
fn pages(folder: &Path, program: &str, end: &str) -> Vec<PathBuf> {
    let later = (2..).map(|number| folder.join(format!("{program}-{number}.{end}")));
    let all = std::iter::once(folder.join(format!("{program}.{end}"))).chain(later);
    all.take_while(|page| page.is_file()).collect()
}

fn is_there(programs: &Programs, program: &str, step: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no place for a trace: {error}"))?;
    let file = folder.path().join("run.json");
    programs.run(program, None, Some(&file))?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("its trace: {error}"))?;
    let trace = Trace::from_json(&text).map_err(|error| format!("its trace: {error}"))?;
    match trace.steps.len() as u64 - 1 {
        last if step > last => {
            Err(format!("`{program}` has the steps 0 to {last}; there is no step {step}"))
        }
        _ => Ok(()),
    }
}
