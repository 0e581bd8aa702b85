//! The tables that say what there is and what shows it (`executor/FEATURES.md`, `tests/BUGS.md`)
//! name files, items and tests that exist; and the numbers in CONTRIBUTING.md are what one counts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One line of a table: its cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| {
        let mut letters = line.trim_start_matches("| ").chars();
        let (first, second) = (letters.next(), letters.next());
        line.starts_with("| ")
            && first.is_some_and(|c| c.is_ascii_uppercase())
            && second.is_some_and(|c| c.is_ascii_digit() || c == ' ')
    };
    let cells = |line| str::trim_matches(line, '|').split('|').map(str::trim).collect();
    page.lines().filter(is_row).map(cells).collect()
}

/// The links in a cell: what is named, and the file.
fn links(cell: &str) -> Vec<(&str, &str)> {
    cell.split("[`")
        .skip(1)
        .map(|link| {
            let (name, rest) = link.split_once("`](").expect("a link");
            (name, rest.split_once(')').expect("a link").0)
        })
        .collect()
}

fn text(folder: &Path, file: &str, row: &str) -> String {
    let text = fs::read_to_string(folder.join(file));
    text.unwrap_or_else(|error| panic!("{row} names {file}: {error}"))
}

#[track_caller]
fn tests_exist(folder: &Path, row: &str, cell: &str) {
    for (test, file) in links(cell) {
        let text = text(folder, file, row);
        // Some tests have their names in a list.
        let exists = text.contains(&format!("fn {test}(")) || text.contains(&format!("\"{test}\""));
        assert!(exists, "{row}: {file} has no test {test}");
    }
}

/// Letters and numbers of all rows, as one writes them: "T1 to T20".
fn ids(letter: &str, last: usize) -> impl Iterator<Item = String> + '_ {
    (1..=last).map(move |number| format!("{letter}{number}"))
}

#[test]
fn every_feature_has_its_line_and_what_the_line_names_exists() {
    let folder = root().join("executor");
    let page = fs::read_to_string(folder.join("FEATURES.md")).unwrap();
    let (mut seen, mut designed, mut missing) = (BTreeSet::new(), 0, 0);
    for row in rows(&page) {
        let [id, asked, what, shown] = row[..] else { panic!("four cells: {row:?}") };
        assert!(seen.insert(id.to_owned()), "{id} is there twice");
        assert!(!asked.is_empty(), "{id} does not say what is asked");
        let is_left_out = what.starts_with("by design not: ");
        // The whole of it, or after the items that are there a part.
        let is_missing = what.contains("not there: ");
        designed += usize::from(is_left_out);
        missing += usize::from(is_missing);
        if !is_left_out && !what.starts_with("not there: ") {
            assert!(!links(what).is_empty(), "{id} names no item");
            assert!(!links(shown).is_empty(), "{id} names no test");
        }
        for (item, file) in links(what) {
            let text = text(&folder, file, id);
            let kinds = ["fn", "struct", "enum", "trait", "mod", "type"];
            let is_declared = |kind: &&str| {
                let start = format!("{kind} {item}");
                let ends =
                    |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
                text.split(&start).skip(1).any(ends)
            };
            let is_variant = text.lines().any(|line| line.trim_start().starts_with(item));
            assert!(kinds.iter().any(is_declared) || is_variant, "{id}: {file} has no {item}");
        }
        tests_exist(&folder, id, shown);
        for page in what.split("](").skip(1).filter_map(|link| link.split(')').next()) {
            assert!(folder.join(page).exists(), "{id} names {page}, which is not there");
        }
    }
    let groups = [("L", 21), ("T", 20), ("C", 9), ("X", 12), ("E", 10), ("S", 9), ("Q", 4)];
    let more =
        [("P", 14), ("W", 10), ("B", 12), ("V", 9), ("D", 4), ("R", 18), ("N", 6), ("U", 71)];
    for id in groups.into_iter().chain(more).flat_map(|(letter, last)| ids(letter, last)) {
        // There has never been a U29.
        assert!(seen.contains(&id) || id == "U29", "FEATURES.md has no line for {id}");
    }
    let count = format!(
        "Of {} rows {designed} are left out by design, and {missing} are not wholly there yet.",
        seen.len()
    );
    let flat = page.replace('\n', " ");
    assert!(flat.contains(&count), "FEATURES.md should say: {count}");
}

#[test]
fn every_class_of_mistakes_has_its_line_and_every_test_that_it_names_exists() {
    let folder = root().join("tests");
    let page = fs::read_to_string(folder.join("BUGS.md")).unwrap();
    let (mut seen, mut missing) = (BTreeSet::new(), 0);
    for row in rows(&page) {
        let [id, what, shown] = row[..] else { panic!("three cells: {row:?}") };
        assert!(seen.insert(id.to_owned()), "{id} is there twice");
        assert!(!what.is_empty(), "{id} does not say what went wrong");
        let is_missing = shown == "not there yet";
        missing += usize::from(is_missing);
        assert!(is_missing || !links(shown).is_empty(), "{id} names no test");
        tests_exist(&folder, id, shown);
    }
    for id in ids("B", 59) {
        assert!(seen.contains(&id), "BUGS.md has no line for {id}");
    }
    let count = format!("{} classes, {missing} without a test.", seen.len());
    assert!(page.contains(&count), "BUGS.md should say: {count}");
}

/// What is counted of the tests of all crates.
#[derive(Debug, PartialEq)]
struct Counts {
    tests: usize,
    properties: usize,
    cases: usize,
    cut: usize,
    programs: usize,
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

fn count() -> Counts {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    let lines = |is: fn(&str) -> bool| {
        let lines = found.iter().flat_map(|text| text.lines().map(str::trim));
        lines.filter(|line| is(line)).count()
    };
    let blocks = || found.iter().flat_map(|text| text.split("proptest! {\n").skip(1)).map(property);
    let traces = fs::read_to_string(root().join("tests/differential/traces.txt")).unwrap();
    let mut cut = Vec::new();
    sources(&root().join("tests/cancel_safety"), &mut cut);
    let is_entry = |line: &&str| {
        let line = line.trim();
        let words = [", Safe, ", ", LosesPlace, ", ", LosesData, ", ", OfItsParts, "];
        line.starts_with("(\"") && words.iter().any(|word| line.contains(word))
    };
    Counts {
        tests: lines(|line| line == "#[test]"),
        properties: blocks().map(|(tests, _)| tests).sum(),
        cases: blocks().map(|(tests, cases)| tests * cases).sum(),
        cut: cut.iter().flat_map(|text| text.lines()).filter(is_entry).count(),
        programs: traces.lines().filter(|line| line.starts_with("((")).count(),
    }
}

/// How many properties stand in a block of `proptest!`, and with how many cases each is tried.
fn property(block: &str) -> (usize, usize) {
    // Up to the brace that closes the block, which is indented as the block is.
    let indent = block.len() - block.trim_start().len();
    let end = format!("\n{}}}\n", " ".repeat(indent.saturating_sub(4)));
    let block = block.split(&end).next().unwrap_or(block);
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let settings = block.lines().next().filter(|line| line.contains("proptest_config"));
    let ways = ["cases: ", "with_cases(", "config(", "properties(", "cases("];
    let cases = settings
        .and_then(|line| ways.iter().find_map(|way| line.split(way).skip(1).find_map(number)));
    (block.matches("#[test]").count(), cases.unwrap_or(256))
}

#[test]
fn the_numbers_are_what_one_counts() {
    let counted = count();
    println!("{counted:?}");
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    for (what, number) in [
        ("tests", counted.tests),
        ("properties, tried on made-up cases", counted.properties),
        ("cases of them in one run of the tests", counted.cases),
        ("public async functions and futures, cut at every await", counted.cut),
        ("programs with CPython's own traces", counted.programs),
    ] {
        let line = page.lines().find(|line| line.starts_with(&format!("| {what} | ")));
        let line = line.unwrap_or_else(|| panic!("CONTRIBUTING.md has no line for {what}"));
        let written = line.split('|').nth(2).unwrap().trim().replace(',', "");
        let written: usize = written.parse().expect("a number");
        // Not to the last one, or every branch that adds some would meet every other here.
        assert!(
            written <= number && number * 9 <= written * 10,
            "CONTRIBUTING.md says {written} {what}; there are {number}"
        );
    }
}
