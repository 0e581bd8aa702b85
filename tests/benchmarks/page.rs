//! The book's page on speed, from one run.
//!
//! ```text
//!   results/NNN-full.json --> tutorial/book/how_fast.json         the figures, four digits of each
//!                        \--> tutorial/book/pictures/grow-*.svg   the plots
//!                         \-> cargo course accept                 makes the page's tables from the first
//! ```
//!
//! From there on `cargo course check`, which is one of the tests, holds the page to the JSON.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::plot;
use crate::python::script;

/// Puts the figures and plots of a report where the book has them, and makes the page anew.
///
/// # Errors
/// A sentence: what a file or the course's own command says.
pub fn publish(report: &Value) -> Result<(), String> {
    let is_empty = report["results"].as_array().is_none_or(Vec::is_empty);
    if is_empty {
        return Err("this report has no results; make one with --full".to_owned());
    }
    let report = rounded(report);
    let book = script("../../tutorial/book");
    for name in plot::write(&report, &book.join("pictures"))? {
        println!("tutorial/book/pictures/{name}");
    }
    let path = book.join("how_fast.json");
    fs::write(&path, in_lines(&report))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    println!("tutorial/book/how_fast.json\nnow the page: cargo course accept");
    let accepted = Command::new(env!("CARGO"))
        .args(["course", "accept"])
        .current_dir(script("../.."))
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    match accepted.success() {
        true => Ok(()),
        false => Err("`cargo course accept` found something; it is said above".to_owned()),
    }
}

/// Four digits of each figure: more would say more than is known.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let figure = number.as_f64().unwrap_or(0.0);
            format!("{figure:.3e}").parse::<f64>().map_or(Value::Null, Value::from)
        }
        Value::Array(values) => values.iter().map(rounded).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), rounded(value))).collect())
        }
        other => other.clone(),
    }
}

/// One line for each workload, so that a difference can be read.
fn in_lines(report: &Value) -> String {
    let mut text = String::from("{");
    for (number, (key, value)) in report.as_object().into_iter().flatten().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(text, "{comma}\n\"{key}\": ");
        match value {
            Value::Array(values) if !values.is_empty() => {
                let lines: Vec<String> = values.iter().map(Value::to_string).collect();
                let _ = write!(text, "[\n{}\n]", lines.join(",\n"));
            }
            other => {
                let _ = write!(text, "{other}");
            }
        }
    }
    text + "\n}\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_in_lines_is_the_same_json() {
        let report =
            json!({ "form": "full", "results": [{ "a": 1.5 }, { "a": null }], "growth": [] });
        let text = in_lines(&report);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), report);
        assert_eq!(text.lines().count(), 8);
    }

    #[test]
    fn four_digits_are_kept_and_counts_are_left_alone() {
        let report = json!({ "rounds": 123_456, "cpu": 123.456, "ratio": 0.000_123_456 });
        assert_eq!(
            rounded(&report),
            json!({ "rounds": 123_456, "cpu": 123.5, "ratio": 0.000_123_5 })
        );
    }

    #[test]
    fn the_plots_of_the_book_are_those_of_its_figures() {
        let book = script("../../tutorial/book");
        let report = fs::read_to_string(book.join("how_fast.json")).expect("the book's figures");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let folder = tempfile::tempdir().expect("a folder");
        for name in plot::write(&report, folder.path()).expect("plots") {
            let [new, old] = [folder.path(), &book.join("pictures")]
                .map(|folder| fs::read_to_string(folder.join(&name)).expect("a plot"));
            assert!(new == old, "pictures/{name}: `benchmarks page` draws another one");
        }
    }
}
