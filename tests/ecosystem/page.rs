//! The page and the tests agree: each row of README.md's table names tests that exist, and every
//! test here stands in some row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("README.md");

/// `module::function` of every test of this package but this one.
fn tests_there_are() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.trim() != "#[test]" || module == "page" {
                continue;
            }
            let head = lines.find(|line| line.contains("fn ")).unwrap();
            let name = head.trim().trim_start_matches("fn ").split('(').next().unwrap();
            tests.insert(format!("{module}::{name}"));
        }
    }
    tests
}

/// The rows of the table "What runs": what is run, and the tests in the last column.
fn rows() -> Vec<(String, BTreeSet<String>)> {
    let table = PAGE.split("## What runs").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let tests = cells.last().unwrap().split('`').filter(|text| text.contains("::"));
        (cells[0].trim().to_owned(), tests.map(str::to_owned).collect())
    });
    rows.collect()
}

#[test]
fn each_row_of_the_page_names_its_tests_and_each_test_has_a_row() {
    let (rows, there_are) = (rows(), tests_there_are());
    assert!(rows.len() > 10 && there_are.len() > 30, "this test does not find what it checks");
    for (what, tests) in &rows {
        assert!(!tests.is_empty(), "no test for {what}");
    }
    let named: BTreeSet<String> = rows.into_iter().flat_map(|(_, tests)| tests).collect();
    let missing: Vec<_> = named.difference(&there_are).collect();
    assert!(missing.is_empty(), "the page names tests that do not exist: {missing:?}");
    let unnamed: Vec<_> = there_are.difference(&named).collect();
    assert!(unnamed.is_empty(), "the page does not name these tests: {unnamed:?}");
}
