//! Every file can be read from the top and in one sitting, and sends the reader on to files that
//! exist; every manifest gives its reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::CRATES;
use crate::reading::{Source, Wrong, modules, root, sources};

/// How many lines a file may have.
const LONGEST: usize = 400;

#[test]
fn every_file_opens_with_a_module_doc() {
    let mut wrong = Wrong::default();
    for folder in CRATES.iter().chain(&["pools/macros", "executor/macros", "tests"]) {
        for source in sources(folder) {
            let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
            let text = first.strip_prefix("//!").unwrap_or("").trim();
            if text.len() < 8 {
                wrong.at(&source, 1, "opens without a module doc");
            }
        }
    }
    wrong.check("A reader opens a file from the top: say its one idea in a `//!` paragraph.");
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_sitting() {
    let mut wrong = Wrong::default();
    for folder in CRATES.iter().chain(&["pools/macros", "executor/macros"]) {
        for source in modules(folder) {
            let lines = source.text.lines().count();
            if lines > LONGEST {
                wrong.at(&source, lines, format!("{lines} lines"));
            }
        }
    }
    wrong.check(&format!("More than {LONGEST} lines are two concepts: give the second a file."));
}

#[test]
fn no_file_is_named_after_nothing() {
    let mut wrong = Wrong::default();
    for folder in CRATES.iter().chain(&["pools/macros", "executor/macros", "tests"]) {
        for source in sources(folder) {
            let name = source.path.file_stem().unwrap().to_string_lossy().into_owned();
            let folder = source.path.parent().unwrap().file_name().unwrap_or_default();
            let names = [name, folder.to_string_lossy().into_owned()];
            for empty in ["util", "utils", "helper", "helpers", "misc", "common", "shared_stuff"] {
                if names.iter().any(|name| name == empty) {
                    wrong.at(&source, 1, format!("`{empty}` says nothing"));
                }
            }
        }
    }
    wrong.check("A helper lives beside its one user; with two users it is a concept with a name.");
}

/// What a module doc says of its neighbours: (verb, line, file).
fn neighbours(source: &Source) -> Vec<(&'static str, usize, String)> {
    // One long line, with a mark for each line's end so that numbers can be told.
    let mut doc = String::new();
    for line in source.text.lines() {
        let Some(line) = line.strip_prefix("//!") else { break };
        doc.push_str(line.trim_start_matches(' '));
        doc.push('\n');
    }
    let mut found = Vec::new();
    for verb in ["Before this:", "After this:"] {
        for (at, _) in doc.match_indices(verb) {
            let line = doc[..at].matches('\n').count() + 1;
            let rest = &doc[at + verb.len()..];
            // Up to the sentence's end; dots inside of a name are not followed by a space.
            let end = rest
                .match_indices('.')
                .find(|(dot, _)| rest[dot + 1..].starts_with([' ', '\n']) || rest.len() == dot + 1)
                .map_or(rest.len(), |(dot, _)| dot);
            for name in rest[..end].split('`').skip(1).step_by(2) {
                found.push((verb, line, name.to_owned()));
            }
        }
    }
    found
}

/// A name in a module doc, as seen from the file's own folder or from the crate's.
fn find(source: &Source, folder: &str, name: &str) -> Option<PathBuf> {
    let beside = source.path.parent().unwrap().join(name);
    let candidates = [beside, Path::new(folder).join(name), PathBuf::from(name)];
    candidates.into_iter().map(|path| tidy(&path)).find(|path| root().join(path).is_file())
}

fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        if part.as_os_str() == ".." {
            tidy.pop();
        } else {
            tidy.push(part);
        }
    }
    tidy
}

#[test]
fn files_that_the_docs_send_the_reader_to_exist() {
    let mut wrong = Wrong::default();
    for folder in CRATES {
        for source in modules(folder) {
            for (verb, line, name) in neighbours(&source) {
                if find(&source, folder, &name).is_none() {
                    wrong.at(&source, line, format!("`{verb}` names `{name}`, which is no file"));
                }
            }
        }
    }
    wrong.check("Name a file beside this one, or its path from here (`../run.rs`).");
}

#[test]
fn whoever_follows_the_docs_forward_can_also_follow_them_back() {
    let mut wrong = Wrong::default();
    for folder in CRATES {
        let sources = modules(folder);
        let mut before = BTreeMap::new();
        let mut after = BTreeMap::new();
        for source in &sources {
            for (verb, line, name) in neighbours(source) {
                let Some(path) = find(source, folder, &name) else { continue };
                let said = if verb == "Before this:" { &mut before } else { &mut after };
                said.entry(source.path.clone()).or_insert_with(BTreeSet::new).insert((path, line));
            }
        }
        for source in &sources {
            for (there, line) in after.get(&source.path).into_iter().flatten() {
                let back = before.get(there);
                if back.is_some_and(|back| back.iter().all(|(path, _)| *path != source.path)) {
                    let there = there.display();
                    wrong.at(
                        source,
                        *line,
                        format!("sends on to {there}, which does not look back"),
                    );
                }
            }
        }
    }
    wrong.check("`After this: b.rs` in a.rs and `Before this: a.rs` in b.rs belong together.");
}

#[test]
fn every_manifest_says_why_it_needs_what_it_needs() {
    let mut wrong = Wrong::default();
    for folder in [".", "runtime", "executor", "pools", "tutorial"] {
        let manifest = Path::new(folder).join("Cargo.toml");
        let text = fs::read_to_string(root().join(&manifest)).unwrap();
        let mut inside = false;
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('[') {
                inside = line == "[dependencies]" || line == "[dev-dependencies]";
            } else if inside
                && line.contains('=')
                && !line.starts_with("roundelay")
                && !before.starts_with('#')
            {
                // Neighbours may share a reason.
                let shared = before.contains('=');
                if !shared {
                    wrong.0.push(format!("{}:{}: {line}", manifest.display(), number + 1));
                }
            }
            before = line;
        }
    }
    wrong.check("Few dependencies, each with its reason in a comment above it.");
}
