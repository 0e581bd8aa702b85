//! Rules of this folder that a program can keep.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|own| own == ending));
    wanted
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn sources() -> Vec<(String, String)> {
    let mut all = files(".", "rs");
    all.extend(files("macros", "rs"));
    assert!(all.len() > 30);
    all
}

/// Milestone 1 had one: `debug_assert!(writer.finish(..).is_ok())`, and in release builds the
/// frame was never finished. So an assertion looks at names, and calls nothing that could do
/// anything. (clippy's `debug_assert_with_mut_call` finds only a `&mut` that it can see.)
#[test]
fn a_debug_assertion_only_looks() {
    const HARMLESS: [&str; 7] =
        ["is_ok", "is_err", "is_some", "is_none", "is_empty", "to_le_bytes", "len"];
    for (name, text) in sources() {
        for at in ["debug_assert!(", "debug_assert_eq!(", "debug_assert_ne!("]
            .into_iter()
            .flat_map(|call| text.match_indices(call).map(|(at, call)| at + call.len()))
        {
            let rest = &text[at..];
            // Up to the message, which is text.
            let end = rest.find(";\n").unwrap_or(rest.len());
            let condition = rest[..end].split('"').next().unwrap();
            for (call, _) in condition.match_indices('(') {
                let before = condition[..call].rsplit(|c: char| !c.is_alphanumeric() && c != '_');
                let called = before.into_iter().next().unwrap_or_default();
                assert!(
                    called.is_empty() || HARMLESS.contains(&called),
                    "{name}.rs: `debug_assert` calls `{called}`, which a release build leaves out"
                );
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_where_in_the_course() {
    for (name, text) in sources() {
        assert!(text.starts_with("//! "), "{name}.rs has no module documentation");
        if name != "lib" {
            assert!(text.contains("//! Tutorial: "), "{name}.rs does not say where it is read");
        }
    }
}

#[test]
fn every_test_that_the_fault_table_names_exists() {
    // Those of the model and of panic=abort are packages of their own.
    let folders = ["tests", "tests/system_faults", "model/orders", "abort"];
    let tests = folders.into_iter().flat_map(|folder| files(folder, "rs"));
    let tests: String = tests.map(|(_, text)| text).collect();
    let inside: String = sources().into_iter().map(|(_, text)| text).collect();
    let table =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("FAULTS.md")).unwrap();
    let named: HashSet<&str> = table
        .split('`')
        .filter(|word| word.matches('_').count() > 3 && !word.contains(' '))
        .collect();
    assert!(named.len() > 40);
    for name in named {
        let (function, title) = (format!("fn {name}("), format!("\"{name}\""));
        let exists =
            [&tests, &inside].iter().any(|all| all.contains(&function)) || tests.contains(&title);
        assert!(exists, "FAULTS.md names the test `{name}`, which does not exist");
    }
}

#[test]
fn every_kind_of_frame_is_drawn_in_the_wire_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let drawn = fs::read_to_string(folder.join("WIRE.md")).unwrap();
    let source = fs::read_to_string(folder.join("wire.rs")).unwrap();
    let kinds = source.split_once("enum Kind {").unwrap().1.split_once('}').unwrap().0;
    let mut count = 0;
    for line in kinds.lines().filter_map(|line| line.trim().strip_suffix(',')) {
        let (name, number) = line.split_once(" = ").unwrap();
        assert!(drawn.contains(&format!("| {number} {name} |")), "WIRE.md lacks {number} {name}");
        count += 1;
    }
    assert!(count >= 11);
}
