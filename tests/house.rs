//! The rules of the house, as far as a program can check them.
//!
//! ARCHITECTURE.md lists what is always true of this code; most of it is about what is *absent*:
//! the runtime knows no futures, one file knows mio, nobody calls a callback but the loop. Each
//! rule is one test, and whoever breaks it is told the file, the line, and what to do.
//!
//! The checks read the source as text: comments, strings and `#[cfg(test)]` parts are cut out
//! first. They are not a compiler. They need not be, as long as they err on the strict side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that have rules, with the folder of each.
const CRATES: [&str; 6] =
    ["runtime", "executor", "pools", "tutorial", "tutorial/course", "tutorial/exercises"];

/// How many lines a file may have.
const LONGEST: usize = 400;

// ---- reading ------------------------------------------------------------------------------

/// One file of Rust.
struct Source {
    /// As seen from the root of the workspace.
    path: PathBuf,
    text: String,
    /// The text with comments and the insides of strings blanked out: the same lines.
    code: String,
    /// `code` without what is compiled for tests only: the same lines.
    shipped: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of a crate. A folder that has a manifest of its own is another crate.
fn sources(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !path.join("Cargo.toml").exists() {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    assert!(!found.is_empty(), "no source in {folder}: has the folder moved?");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = blank(&text);
            let shipped = without_tests(&code);
            let path = path.strip_prefix(root()).unwrap().to_owned();
            Source { path, text, code, shipped }
        })
        .collect()
}

/// A crate's own modules: not its examples, and not its own folder of tests.
fn modules(folder: &str) -> Vec<Source> {
    let mut sources = sources(folder);
    sources.retain(|source| {
        let outside = source.path.strip_prefix(folder).unwrap();
        let outside = outside.components().next().unwrap().as_os_str();
        outside != "tests" && outside != "examples" && outside != "benches"
    });
    sources
}

/// Blanks out comments and the insides of strings and characters; keeps the line breaks.
fn blank(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |out: &mut String, c: char| out.push(if c == '\n' { '\n' } else { ' ' });
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map(|before| bytes[before]);
        if rest.starts_with(&['/', '/']) {
            while at < bytes.len() && bytes[at] != '\n' {
                out.push(' ');
                at += 1;
            }
        } else if rest.starts_with(&['/', '*']) {
            let mut depth = 0;
            loop {
                match &bytes[at..] {
                    ['/', '*', ..] => {
                        depth += 1;
                        at += 2;
                        out.push_str("  ");
                    }
                    ['*', '/', ..] => {
                        depth -= 1;
                        at += 2;
                        out.push_str("  ");
                        if depth == 0 {
                            break;
                        }
                    }
                    [c, ..] => {
                        keep(&mut out, *c);
                        at += 1;
                    }
                    [] => break,
                }
            }
        } else if let Some(hashes) = raw_string(rest, before) {
            let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
            while bytes[at] != '"' {
                out.push(bytes[at]);
                at += 1;
            }
            out.push('"');
            at += 1;
            while at < bytes.len() && !bytes[at..].starts_with(&end) {
                keep(&mut out, bytes[at]);
                at += 1;
            }
            out.extend(&end);
            at += end.len();
        } else if rest[0] == '"' {
            out.push('"');
            at += 1;
            while at < bytes.len() && bytes[at] != '"' {
                let step = if bytes[at] == '\\' { 2 } else { 1 };
                for &c in &bytes[at..at + step] {
                    keep(&mut out, c);
                }
                at += step;
            }
            out.push('"');
            at += 1;
        } else if rest[0] == '\'' && (rest.get(2) == Some(&'\'') || rest.get(1) == Some(&'\\')) {
            // The first character inside may itself be an escaped quote.
            let skip = if rest[1] == '\\' { 3 } else { 2 };
            let end = skip + rest[skip..].iter().position(|&c| c == '\'').unwrap();
            for _ in 0..=end {
                out.push(' ');
            }
            at += end + 1;
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out
}

/// The number of hashes, if a raw string begins here.
fn raw_string(rest: &[char], before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.strip_prefix(&['b']).unwrap_or(rest).strip_prefix(&['r'])?;
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

/// Blanks out every item marked `#[cfg(test)]`: a module, a function, a `use`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let rest = &out[start..];
        let body = rest.find('{');
        let semicolon = rest.find(';');
        let end = match (body, semicolon) {
            (Some(body), semicolon) if semicolon.is_none_or(|semicolon| body < semicolon) => {
                let mut depth = 0_usize;
                let close = rest[body..].char_indices().find(|&(_, c)| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                start + body + close.expect("braces match").0 + 1
            }
            (_, Some(semicolon)) => start + semicolon + 1,
            _ => out.len(),
        };
        let blanked: String =
            out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

/// The words of a text, each with the number of its line and what follows it.
fn words(code: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    code.lines().enumerate().flat_map(|(number, line)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut starts = Vec::new();
        let mut inside = false;
        for (index, c) in line.char_indices() {
            if is_word(c) && !inside {
                starts.push(index);
            }
            inside = is_word(c);
        }
        starts.into_iter().map(move |start| {
            let rest = &line[start..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (number + 1, &rest[..end], &rest[end..])
        })
    })
}

/// Lines that contain `pattern`, by number.
fn lines_with<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines()
        .enumerate()
        .filter(move |(_, line)| line.contains(pattern))
        .map(|(number, _)| number + 1)
}

/// Collects what is wrong, and fails with all of it.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn at(&mut self, source: &Source, line: usize, what: impl std::fmt::Display) {
        self.0.push(format!("{}:{line}: {what}", source.path.display()));
    }

    #[track_caller]
    fn check(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}\n  {}\n", self.0.join("\n  "));
    }
}

// ---- absences -------------------------------------------------------------------------------

#[test]
fn the_runtime_does_not_know_futures() {
    let mut wrong = Wrong::default();
    for source in modules("runtime") {
        let in_reactor = source.path.ends_with("reactor.rs");
        for path in ["std::future", "std::task", "core::future", "core::task", "futures"] {
            for line in lines_with(&source.code, path) {
                wrong.at(&source, line, format!("names `{path}`"));
            }
        }
        for (line, word, _) in words(&source.code) {
            // mio has a `Poll` and a `Waker` of its own, and only the reactor knows mio.
            let is_mios = in_reactor && ["Poll", "Waker"].contains(&word);
            let std_task = ["Future", "Context", "Poll", "Waker", "Wake", "IntoFuture", "Pin"];
            if std_task.contains(&word) && !is_mios {
                wrong.at(&source, line, format!("names `{word}`"));
            }
            if ["async", "await"].contains(&word) {
                wrong.at(&source, line, format!("uses `{word}`"));
            }
        }
        if in_reactor {
            let named =
                source.code.contains("use mio::{Events, Interest, Poll, Registry, Token, Waker}");
            if !named {
                wrong.at(&source, 1, "`Poll` and `Waker` must be the ones imported from mio here");
            }
        }
    }
    wrong.check(
        "The runtime speaks callbacks and must not know futures. What awaits belongs into \
         `executor/`; hand a `Callback` or a `Key` down instead.",
    );
}

#[test]
fn mio_is_named_in_the_reactor_only() {
    let mut wrong = Wrong::default();
    for folder in CRATES {
        for source in modules(folder) {
            if source.path.ends_with("runtime/reactor.rs") {
                continue;
            }
            for (line, word, rest) in words(&source.code) {
                if word == "mio" && rest.starts_with("::") {
                    wrong.at(&source, line, "names `mio::`");
                }
            }
        }
    }
    wrong.check(
        "mio is an affair of `runtime/reactor.rs`: give that file a method for what you need.",
    );
}

#[test]
fn the_clock_is_read_in_one_file() {
    let mut wrong = Wrong::default();
    for folder in ["runtime", "executor"] {
        for source in modules(folder) {
            if source.path.ends_with("runtime/clock.rs") {
                continue;
            }
            for call in ["Instant::now", "SystemTime", ".elapsed()"] {
                for line in lines_with(&source.shipped, call) {
                    wrong.at(&source, line, format!("`{call}`"));
                }
            }
            for (line, path) in paths(&source.shipped, "std::time::") {
                if path == "Instant" {
                    wrong.at(&source, line, "names std's `Instant`");
                }
            }
        }
    }
    wrong.check(
        "Everything asks the loop's clock, or virtual time would not hold: use `LoopRef::now` or \
         `LoopRef::time`, and the `Instant` that `runtime/clock.rs` gives away.",
    );
}

#[test]
fn callbacks_are_called_in_one_place() {
    let mut wrong = Wrong::default();
    let mut calls = Vec::new();
    for folder in ["runtime", "executor"] {
        for source in modules(folder) {
            for (number, line) in source.shipped.lines().enumerate() {
                // A closure can only be called by whoever takes it out of its `Callback`.
                let pattern = match (line.split_once("=>"), line.contains("let ")) {
                    (Some((pattern, _)), _) => pattern,
                    (None, true) => line,
                    (None, false) => continue,
                };
                let binds = pattern.split("Callback::Once(").nth(1);
                // The ready queue lays it into its table, from where the turn takes it.
                let lays = source.path.ends_with("runtime/ready.rs");
                if !lays && binds.is_some_and(|inside| !inside.starts_with(['_', '.'])) {
                    calls.push((source.path.clone(), number + 1));
                    if !source.path.ends_with("runtime/turn.rs") {
                        wrong.at(&source, number + 1, "takes the closure out of a callback");
                    }
                }
            }
            for line in lines_with(&source.shipped, "target.run(") {
                calls.push((source.path.clone(), line));
                if !source.path.ends_with("runtime/turn.rs") {
                    wrong.at(&source, line, "gives a key its turn");
                }
            }
        }
    }
    if calls.len() != 2 {
        wrong.0.push(format!(
            "expected one place that calls closures and one that gives keys their turn, both in \
             step 5 of `turn.rs`, and found: {calls:?}"
        ));
    }
    wrong
        .check("Only step 5 of a turn calls. Queue it: `call_soon`, `run_soon`, `call_main_soon`.");
}

#[test]
fn futures_are_polled_in_one_place() {
    let mut wrong = Wrong::default();
    let mut places = Vec::new();
    for folder in ["executor"] {
        for source in modules(folder) {
            // Whoever polls from outside of a future must make a context. Inside one, the
            // context that was handed in is passed on.
            for maker in ["Context::from_waker", "ContextBuilder", "block_on(", "now_or_never"] {
                for line in lines_with(&source.shipped, maker) {
                    // A job of the pools is awaited with a waker that also lets the clock go.
                    if source.path.ends_with("executor/awaited_job.rs") {
                        continue;
                    }
                    places.push(format!("{}:{line}", source.path.display()));
                    if !source.path.ends_with("executor/step.rs") {
                        wrong.at(&source, line, format!("`{maker}`"));
                    }
                }
            }
        }
    }
    if places.len() != 1 {
        wrong.0.push(format!("expected one place that makes a context, and found {places:?}"));
    }
    wrong.check("Only `executor/step.rs` polls, in one function. Wake the task instead.");
}

#[test]
fn no_unsafe() {
    let mut wrong = Wrong::default();
    let mut roots = vec![
        "lib.rs".to_owned(),
        "pools/macros/lib.rs".to_owned(),
        "executor/macros/lib.rs".to_owned(),
    ];
    roots.extend(CRATES.map(|folder| format!("{folder}/lib.rs")));
    roots.push("tutorial/main.rs".to_owned());
    for path in roots {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        if !blank(&text).lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
            wrong.0.push(format!("{path}:1: a crate root without `#![forbid(unsafe_code)]`"));
        }
    }
    for folder in CRATES.iter().chain(&["pools/macros", "executor/macros", "tests"]) {
        for source in sources(folder) {
            for (line, word, _) in words(&source.code) {
                if word == "unsafe" {
                    wrong.at(&source, line, "`unsafe`");
                }
            }
        }
    }
    wrong.check("Every crate forbids unsafe code.");
}

// ---- arrows ---------------------------------------------------------------------------------

#[test]
fn imports_run_downward_only() {
    let mut wrong = Wrong::default();
    let forbidden: [(&str, &[&str]); 5] = [
        ("runtime", &["executor", "pools", "tutorial", ""]),
        ("pools", &["runtime", "executor", "tutorial", ""]),
        ("executor", &["tutorial", ""]),
        ("pools/macros", &["runtime", "executor", "pools", "tutorial", ""]),
        ("executor/macros", &["runtime", "executor", "pools", "tutorial", ""]),
    ];
    for (folder, strangers) in forbidden {
        let manifest = format!("{folder}/Cargo.toml");
        let text = fs::read_to_string(root().join(&manifest)).unwrap();
        let mut section = String::new();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('[') {
                section = line.to_owned();
            }
            let name = line.split(['=', '.']).next().unwrap_or("").trim();
            for stranger in strangers {
                let package = match *stranger {
                    "" => "roundelay".to_owned(),
                    stranger => format!("roundelay-{stranger}"),
                };
                if section.contains("dependencies") && name == package {
                    wrong.0.push(format!("{manifest}:{}: depends on {package}", number + 1));
                }
            }
        }
        for source in modules(folder) {
            for (line, word, _) in words(&source.code) {
                let named = strangers.iter().any(|stranger| {
                    !stranger.is_empty() && word == format!("roundelay_{stranger}")
                });
                if named {
                    wrong.at(&source, line, format!("names `{word}`"));
                }
            }
        }
    }
    wrong.check(
        "Imports run downward: executor to runtime and pools, and neither of these to the other. \
         What must travel up travels as a callback or a waker that was handed down.",
    );
}

#[test]
fn no_two_files_of_a_crate_import_each_other() {
    let mut wrong = Wrong::default();
    for folder in ["runtime", "executor", "pools", "tutorial"] {
        let sources = modules(folder);
        let graph = imports(folder, &sources);
        for cycle in cycles(&graph) {
            let lines: Vec<String> = cycle
                .iter()
                .zip(cycle.iter().cycle().skip(1))
                .map(|(from, to)| format!("{folder}/{from}.rs:{} imports {to}", graph[from][to]))
                .collect();
            wrong.0.push(lines.join(", "));
        }
    }
    wrong.check(
        "Files that import each other can only be read together. Move what both need into a file \
         below them, or hand it in as a value.",
    );
}

/// Which module of a crate imports which, and in which line first.
fn imports(folder: &str, sources: &[Source]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let module_of = |source: &Source| {
        let path = source.path.strip_prefix(folder).unwrap().with_extension("");
        let mut names: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        if names.last().is_some_and(|last| last == "mod") {
            names.pop();
        }
        names.join("/")
    };
    let all: BTreeSet<String> = sources.iter().map(module_of).collect();
    // The deepest module that a path of names leads to.
    let resolve = |names: &[&str]| {
        (1..=names.len())
            .rev()
            .map(|depth| names[..depth].join("/"))
            .find(|name| all.contains(name))
    };
    // What the crate's root gives away under a short name, and where it comes from.
    let mut given = BTreeMap::new();
    for source in sources.iter().filter(|source| module_of(source) == "lib") {
        for (_, path) in paths(&source.shipped, "pub use ") {
            let names: Vec<&str> = path.split("::").filter(|name| *name != "crate").collect();
            if let (Some(module), Some(short)) = (resolve(&names), names.last()) {
                given.insert((*short).to_owned(), module);
            }
        }
    }
    let mut graph = BTreeMap::new();
    for source in sources {
        let from = module_of(source);
        if ["lib", "main"].contains(&&*from) {
            continue;
        }
        let mut edges = BTreeMap::new();
        for (line, path) in paths(&source.shipped, "crate::") {
            let names: Vec<&str> = path.split("::").collect();
            let to = resolve(&names).or_else(|| given.get(*names.first()?).cloned());
            if let Some(to) = to.filter(|to| *to != from && to != "lib") {
                edges.entry(to).or_insert(line);
            }
        }
        let parent = from.rsplit_once('/').map(|(parent, _)| parent.to_owned());
        for (line, path) in paths(&source.shipped, "super::") {
            let parent: Vec<&str> = parent.iter().flat_map(|parent| parent.split('/')).collect();
            let names: Vec<&str> = parent.into_iter().chain(path.split("::")).collect();
            if let Some(to) = resolve(&names).filter(|to| *to != from) {
                edges.entry(to).or_insert(line);
            }
        }
        graph.insert(from, edges);
    }
    // A folder's `mod.rs` only lists what is inside.
    graph
}

/// Every path that follows `marker`, with its line; groups in braces are taken apart.
fn paths(code: &str, marker: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find(marker) {
        let start = from + at + marker.len();
        from = start;
        let line = code[..start].matches('\n').count() + 1;
        let before = code[..start - marker.len()].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let mut rest = code[start..].chars().peekable();
        let mut prefix = Vec::new();
        let mut path = String::new();
        let mut flush = |prefix: &[String], path: &mut String| {
            let whole = prefix.concat() + path;
            if !whole.is_empty() {
                found.push((line, whole.trim_end_matches("::").to_owned()));
            }
            path.clear();
        };
        while let Some(c) = rest.next() {
            match c {
                '{' if path.ends_with("::") || path.is_empty() => {
                    prefix.push(std::mem::take(&mut path));
                }
                '}' if !prefix.is_empty() => {
                    flush(&prefix, &mut path);
                    prefix.pop();
                    if prefix.is_empty() {
                        break;
                    }
                }
                ',' if !prefix.is_empty() => flush(&prefix, &mut path),
                c if c.is_alphanumeric() || c == '_' || c == ':' => path.push(c),
                c if c.is_whitespace() && !prefix.is_empty() => {
                    // `name as other` inside of a group: the second name is of no interest.
                    if path.ends_with(char::is_alphanumeric) {
                        while rest.peek().is_some_and(|&c| c != ',' && c != '}') {
                            rest.next();
                        }
                    }
                }
                _ => break,
            }
        }
        if prefix.is_empty() {
            flush(&[], &mut path);
        }
    }
    found
}

/// The shortest cycle through each module that is on one, each once.
fn cycles(graph: &BTreeMap<String, BTreeMap<String, usize>>) -> Vec<Vec<String>> {
    let mut found = BTreeSet::new();
    for start in graph.keys() {
        let mut came_from: BTreeMap<&String, &String> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        'search: while let Some(at) = queue.pop_front() {
            for next in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let mut cycle = vec![at.clone()];
                    while let Some(&before) = came_from.get(cycle.last().unwrap()) {
                        cycle.push(before.clone());
                    }
                    cycle.reverse();
                    let least = cycle.iter().enumerate().min_by_key(|(_, name)| *name).unwrap().0;
                    cycle.rotate_left(least);
                    found.insert(cycle);
                    break 'search;
                }
                if next != start && !came_from.contains_key(next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
    }
    found.into_iter().collect()
}

// ---- files ------------------------------------------------------------------------------------

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

// ---- the checks themselves ----------------------------------------------------------------------

#[test]
fn the_checks_see_code_and_nothing_else() {
    let text = "a // b\nc /* d\ne */ f \"g\\\" // h\" r#\"i \"j\"\"# 'k' '\\'' 'life\n";
    assert_eq!(
        blank(text).split_whitespace().collect::<Vec<_>>(),
        ["a", "c", "f", "\"", "\"", "r#\"", "\"#", "'life"],
    );
    let code =
        "use a;\n#[cfg(test)]\nmod tests {\n fn x() { {} }\n}\nfn b() {}\n#[cfg(test)]\nmod y;\nz";
    let shipped = without_tests(code);
    assert_eq!(shipped.lines().count(), code.lines().count());
    assert_eq!(
        shipped.split_whitespace().collect::<Vec<_>>(),
        ["use", "a;", "fn", "b()", "{}", "z"]
    );
    let group = "use crate::{a::{B, c::D as E}, f};\ncrate::g::h(1)";
    assert_eq!(
        paths(group, "crate::"),
        [(1, "a::B".into()), (1, "a::c::D".into()), (1, "f".into()), (2, "g::h".into())],
    );
    let graph: BTreeMap<String, BTreeMap<String, usize>> = [("a", "b"), ("b", "c"), ("c", "b")]
        .map(|(from, to)| (from.to_owned(), BTreeMap::from([(to.to_owned(), 1)])))
        .into();
    assert_eq!(cycles(&graph), [["b", "c"]]);
}
