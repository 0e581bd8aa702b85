//! The table in `README.md` and the tests say the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How many facts each group has.
const ROWS: [(u32, u32); 34] = [
    (1, 4),
    (2, 2),
    (3, 4),
    (4, 4),
    (5, 5),
    (6, 5),
    (7, 6),
    (8, 8),
    (9, 4),
    (10, 8),
    (11, 6),
    (12, 9),
    (13, 2),
    (14, 8),
    (15, 5),
    (16, 7),
    (17, 6),
    (18, 5),
    (19, 6),
    (20, 8),
    (21, 4),
    (22, 5),
    (23, 3),
    (24, 4),
    (25, 7),
    (26, 8),
    (27, 6),
    (28, 3),
    (29, 5),
    (30, 3),
    (31, 3),
    (32, 3),
    (33, 5),
    (34, 1),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asyncio")
}

/// One line of the table.
struct Row {
    mark: String,
    shown_by: String,
    /// Test and file, as linked.
    tests: Vec<(String, String)>,
}

fn rows() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| O")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, mark, asyncio, roundelay, shown_by] = cells[..] else { panic!("{line}") };
        assert!(!asyncio.is_empty(), "{id} does not say what asyncio does");
        let shown = shown_by.contains("](");
        assert!(!shown || !roundelay.is_empty(), "{id} does not say what roundelay does");
        let tests = shown_by.split("[`").skip(1).map(|link| {
            let (test, rest) = link.split_once("`](").unwrap();
            (test.to_owned(), rest.split_once(')').unwrap().0.to_owned())
        });
        let row = Row { mark: mark.into(), shown_by: shown_by.into(), tests: tests.collect() };
        assert!(rows.insert(id.to_owned(), row).is_none(), "{id} is there twice");
    }
    rows
}

/// The tests of this target, each with the row that its name begins with.
fn tests_here() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with('o') && name.ends_with(".rs")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for test in text.split("#[test]\n").skip(1) {
            let test = test.split_once("fn ").unwrap().1.split_once('(').unwrap().0;
            let mut parts = test[1..].split('_');
            let (group, row) = (parts.next().unwrap(), parts.next().unwrap());
            assert_eq!(format!("o{group}.rs"), name, "{test} stands in the wrong file");
            found.push((format!("O{group}.{row}"), test.to_owned()));
        }
    }
    found
}

#[test]
#[cfg_attr(miri, ignore = "reads texts")]
fn every_fact_has_its_line() {
    let rows = rows();
    for (group, count) in ROWS {
        for number in 1..=count {
            let id = format!("O{group:02}.{number}");
            assert!(rows.contains_key(&id), "README.md has no line for {id}");
        }
    }
    assert_eq!(rows.len(), ROWS.iter().map(|(_, count)| *count as usize).sum::<usize>());
}

#[test]
#[cfg_attr(miri, ignore = "reads texts")]
fn every_fact_has_a_test_or_says_why_not() {
    let mut missing = 0;
    for (id, row) in rows() {
        assert!(["R", "S", "D", "-"].contains(&row.mark.as_str()), "{id} is marked {}", row.mark);
        match (row.mark.as_str(), row.tests.is_empty(), row.shown_by.as_str()) {
            ("-", true, "Python only") | ("R" | "S" | "D", false, _) => {}
            ("R" | "S" | "D", true, "not there yet") => missing += 1,
            _ => panic!("{id}: a fact has tests, or is not there yet, or is Python's only"),
        }
    }
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let count = format!("Not there yet: {missing} of {} rows.", rows().len());
    assert!(page.contains(&count), "README.md should say: {count}");
}

#[test]
#[cfg_attr(miri, ignore = "reads texts")]
fn every_test_that_the_table_names_exists_and_every_test_is_named() {
    let rows = rows();
    for (id, row) in &rows {
        for (test, file) in &row.tests {
            let text = fs::read_to_string(folder().join(file));
            let text = text.unwrap_or_else(|error| panic!("{id} names {file}: {error}"));
            assert!(text.contains(&format!("fn {test}(")), "{id}: {file} has no test {test}");
        }
    }
    for (id, test) in tests_here() {
        let row = rows.get(&id).unwrap_or_else(|| panic!("{test} begins with no known row"));
        assert!(
            row.tests.iter().any(|(named, _)| *named == test),
            "README.md does not name {test} in the line of {id}"
        );
    }
}
