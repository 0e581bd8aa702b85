//! Is everything tried, and does the documentation say what is shown?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{LosesData, LosesPlace, OfItsParts, Safe, Word, table};

/// What cannot be tried in this way, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("block_for", "it is no future"),
    ("stream_conformance", "it is a test: it is run, and not given up"),
    ("Stdin", "it takes the process's own input: see tests/stdio.rs"),
    ("Stdout", "it writes to the process's own output: see tests/stdio.rs"),
];

#[test]
#[cfg_attr(miri, ignore = "reads all sources")]
fn every_public_async_function_is_tried_and_its_documentation_says_what_was_shown() {
    let documented = documented();
    let mut tried = BTreeMap::new();
    for (name, word, _) in table() {
        assert!(tried.insert(name.to_owned(), word).is_none(), "{name} is there twice");
    }
    for (name, _) in ELSEWHERE {
        assert!(documented.contains_key(*name), "{name} need not be left out: it is gone");
    }
    let mut missing = Vec::new();
    for (name, (word, place)) in &documented {
        if ELSEWHERE.iter().any(|(other, _)| other == name) {
            continue;
        }
        let word = word.unwrap_or_else(|| panic!("{place}: {name} does not say its cancel safety"));
        match tried.remove(name) {
            Some(shown) => {
                assert_eq!(word, shown, "{place}: {name} says one thing, and its test another");
            }
            None => missing.push(format!("{place}: {name}")),
        }
    }
    assert!(missing.is_empty(), "give these a line in tests/cancel_safety: {missing:#?}");
    assert!(tried.is_empty(), "tried, but not to be found in the sources: {tried:?}");
}

/// The word, if there is one, and where it stands.
type Said = (Option<Word>, String);

/// Of the executor's sources: every public async function, and whatever else has a word.
fn documented() -> BTreeMap<String, Said> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("executor");
    let mut found = BTreeMap::new();
    for path in sources(&folder) {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(&folder).unwrap().display().to_string();
        read(&text, &place, &mut found);
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["macros", "tests", "examples", "target"].contains(&&*name) {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

fn read(text: &str, place: &str, found: &mut BTreeMap<String, Said>) {
    // What a module says holds for its functions, if they say nothing else.
    let of_module = text.lines().filter(|line| line.starts_with("//!")).find_map(word_in);
    let of_module = of_module.filter(|_| place == "fs.rs");
    let (mut word, mut owner) = (None, None);
    for (number, line) in text.lines().enumerate() {
        if line == "#[cfg(test)]" {
            break;
        }
        if line.starts_with("impl") {
            owner = Some(implemented(line));
        } else if line == "}" {
            owner = None;
        }
        let code = line.trim_start();
        if code.starts_with("///") {
            word = word_in(code).or(word);
        } else if let Some((name, is_async)) = declared(code) {
            let is_function = code.contains("fn ");
            let name = match &owner {
                Some(owner) if is_function => format!("{owner}::{name}"),
                _ if place == "fs.rs" => format!("fs::{name}"),
                _ => name.to_owned(),
            };
            let said = word.take().or(of_module.filter(|_| is_async));
            if said.is_some() || is_async {
                found.insert(name, (said, format!("{place}:{}", number + 1)));
            }
        } else if !code.is_empty() && !code.starts_with("#[") && !code.starts_with("//") {
            word = None;
        }
    }
}

fn word_in(line: &str) -> Option<Word> {
    let said = line.split_once("*Cancel safety")?.1;
    let said = said.trim_start_matches([':', '*', ' ']);
    let words = [("safe", Safe), ("loses its place", LosesPlace), ("loses data", LosesData)];
    let word = words.iter().find(|(text, _)| said.starts_with(text));
    Some(word.map_or(OfItsParts, |(_, word)| *word))
}

/// The name after `pub fn`, `pub async fn` or `pub struct`, and whether it is an async function.
fn declared(code: &str) -> Option<(&str, bool)> {
    let rest = code.strip_prefix("pub ")?;
    let (rest, is_async) = match rest.strip_prefix("async ") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let rest = rest.strip_prefix("fn ").or_else(|| rest.strip_prefix("struct "))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some((&rest[..end], is_async))
}

/// `Lock` of `impl<T> Lock<T> {`.
fn implemented(line: &str) -> String {
    let line = line.split_once(" for ").map_or(line, |(_, rest)| rest);
    let mut depth = 0_usize;
    let mut name = String::new();
    for c in line.trim_start_matches("impl").trim_start_matches("<>").chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if c.is_alphanumeric() || c == '_' => name.push(c),
            _ if name.is_empty() => {}
            _ => break,
        }
    }
    name
}
