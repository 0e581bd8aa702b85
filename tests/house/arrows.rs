//! Who may import whom: the arrows run downward, and never in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::reading::{Source, Wrong, modules, paths, root, words};

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

/// The shortest cycle through each module that is on one, each once.
pub(crate) fn cycles(graph: &BTreeMap<String, BTreeMap<String, usize>>) -> Vec<Vec<String>> {
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
