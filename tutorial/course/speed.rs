//! The figures of the page on speed, from the JSON that the benchmarks have written.
//!
//! ```text
//!   benchmarks --full  -->  results/....json  -- benchmarks page -->  tutorial/book/how_fast.json
//!                                                                            |
//!   tutorial/book/how_fast.md  <-- the parts `speed ...`, made here ---------+
//! ```
//!
//! A figure on the page is never typed: whoever changes one, in the page or in the JSON, is told
//! by the check. What the page *says* of the figures is an author's.
//!
//! | part | what it is |
//! |---|---|
//! | `speed machine` | when and on what this was measured |
//! | `speed table NAME...` | medians of these workloads; `thread-*` means all whose names begin so |
//! | `speed plot NAME` | what it costs against how many there are |
//! | `speed targets` | what was asked, what was reached |
//! | `speed behind` | every workload in which a peer is ahead |
//!
//! Tutorial: the course's tools. Before this: `build_step.rs`. After this: `pointer.rs`.

use std::fmt::Write;

use serde_json::Value;

/// Where the JSON lies.
pub const FIGURES: &str = "tutorial/book/how_fast.json";

const OURS: &str = "roundelay";
/// No peer, but the limit.
const BY_HAND: &str = "by hand";

/// Makes one part.
///
/// # Errors
/// A sentence for whoever wrote the page.
pub fn make(report: &Value, words: &[&str]) -> Result<String, String> {
    match words {
        ["machine"] => Ok(machine(report)),
        ["table", names @ ..] if !names.is_empty() => Ok(table(report, names)),
        ["plot", name] => Ok(plot(report, name)),
        ["targets"] => Ok(targets(report)),
        ["behind"] => Ok(behind(report)),
        _ => Err(format!("`speed {}` is nothing that can be made", words.join(" "))),
    }
}

fn machine(report: &Value) -> String {
    let machine = &report["machine"];
    let mut text = format!(
        "*{}, the {} form, {} rounds (up to 25 of the short ones): {} processors, {}, {}",
        say(&report["day"]),
        say(&report["form"]),
        report["rounds"],
        machine["cpus"],
        say(&machine["kernel"]),
        say(&machine["rustc"]),
    );
    for (key, name) in [("python", "Python"), ("uvloop", "uvloop")] {
        if let Some(version) = machine[key].as_str() {
            let _ = write!(text, ", {name} {version}");
        }
    }
    let load = machine["load"].as_str().and_then(|load| load.split(' ').next()).unwrap_or("?");
    text + &format!(". When it began, {load} threads wanted to run.*\n")
}

fn results(report: &Value) -> impl Iterator<Item = &Value> {
    report["results"].as_array().into_iter().flatten()
}

fn peers(result: &Value) -> impl Iterator<Item = &Value> {
    result["peers"].as_array().into_iter().flatten()
}

fn is_named(result: &Value, name: &str) -> bool {
    let workload = say(&result["workload"]);
    match name.strip_suffix('*') {
        Some(beginning) => workload.starts_with(beginning),
        None => workload == name,
    }
}

/// A column for each peer that takes part in one of the workloads. What the run has left out is
/// said.
fn table(report: &Value, names: &[&str]) -> String {
    let (mut rows, mut missing) = (Vec::new(), String::new());
    for name in names {
        let before = rows.len();
        rows.extend(results(report).filter(|result| is_named(result, name)));
        if rows.len() == before {
            missing += &not_measured(name);
        }
    }
    if rows.is_empty() {
        return missing;
    }
    let mut columns: Vec<&str> = Vec::new();
    for peer in rows.iter().flat_map(|result| peers(result)) {
        let name = say(&peer["peer"]);
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns.sort_by_key(|column| *column != BY_HAND); // the limit first, the others as they came
    let mut out = String::from("| |");
    for column in &columns {
        let bold = if *column == OURS { "**" } else { "" };
        let _ = write!(out, " {bold}{column}{bold} |");
    }
    let _ = writeln!(out, "\n|---|{}", "---:|".repeat(columns.len()));
    for result in rows {
        let metric = say(&result["metric"]);
        let _ = write!(
            out,
            "| `{}`: {}, {} |",
            say(&result["workload"]),
            say(&result["title"]),
            unit(metric)
        );
        for column in &columns {
            let _ = write!(out, " {} |", cell(result, metric, column));
        }
        out.push('\n');
    }
    if missing.is_empty() { out } else { out + "\n" + &missing }
}

fn not_measured(name: &str) -> String {
    format!("*This run has left out `{name}`.*\n")
}

/// The median, the ratio and the spread of one peer: `106 (0.21, ±7 %)`.
fn cell(result: &Value, metric: &str, peer: &str) -> String {
    let Some(found) = peers(result).find(|found| found["peer"] == peer) else {
        return String::new();
    };
    let Some(median) = found["medians"][metric].as_f64() else {
        return if found["failure"].is_string() { "failed".to_owned() } else { String::new() };
    };
    let mut text = figure(median);
    if let Some(ratio) = found["ratio"].as_f64() {
        let _ = write!(text, " ({}", figure(ratio));
        if let Some(spread) = found["spread"].as_f64() {
            let _ = write!(text, "; {:.0} %", spread * 100.0);
        }
        text.push(')');
    }
    if peer == OURS { format!("**{text}**") } else { text }
}

/// A picture that the benchmarks have drawn: of the cost, or of the memory.
fn plot(report: &Value, name: &str) -> String {
    let (workload, what) = match name.strip_suffix("-bytes") {
        Some(workload) => (workload, "memory, of this: "),
        None => (name, ""),
    };
    let mut growths = report["growth"].as_array().into_iter().flatten();
    let Some(growth) = growths.find(|growth| growth["workload"] == workload) else {
        return not_measured(name);
    };
    let (title, axis) = (say(&growth["title"]), say(&growth["axis"]));
    format!("![{what}{title}, against the number of {axis}](pictures/{name}.svg)\n")
}

fn verdicts(report: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    results(report).flat_map(|result| {
        result["verdicts"].as_array().into_iter().flatten().map(move |verdict| (result, verdict))
    })
}

fn targets(report: &Value) -> String {
    let all = verdicts(report).count();
    let met = verdicts(report).filter(|(_, verdict)| verdict["met"] == true).count();
    let mut out = format!(
        "{met} of {all} are met.\n\n| workload | asked | reached | |\n|---|---|---:|---|\n"
    );
    for (result, verdict) in verdicts(report) {
        let number = |key: &str| verdict[key].as_f64().unwrap_or(f64::NAN);
        let of = verdict["to"].as_str().map_or_else(String::new, |peer| format!(" of {peer}"));
        let _ = writeln!(
            out,
            "| `{}` | {} at most {}{of} | {} | {} |",
            say(&result["workload"]),
            unit(say(&verdict["metric"])),
            number("most"),
            figure(number("reached")),
            if verdict["met"] == true { "met" } else { "**not met**" },
        );
    }
    out
}

fn behind(report: &Value) -> String {
    let mut out = String::new();
    for result in results(report) {
        let metric = say(&result["metric"]);
        let median = |name: &str| {
            let peer = peers(result).find(|peer| peer["peer"] == name)?;
            Some((peer["medians"][metric].as_f64()?, peer["spread"].as_f64().unwrap_or(0.0)))
        };
        let Some((ours, spread)) = median(OURS) else { continue };
        for peer in peers(result) {
            let name = say(&peer["peer"]);
            let Some((theirs, their_spread)) = median(name) else { continue };
            let is_a_peer = name != BY_HAND && !name.starts_with(OURS);
            if is_a_peer && theirs < ours {
                let sure = if ours / theirs - 1.0 > spread.max(their_spread) {
                    ""
                } else {
                    ", which is less than the spread"
                };
                let _ = writeln!(
                    out,
                    "- `{}`: {name} takes {} of what roundelay takes{sure}",
                    say(&result["workload"]),
                    figure(theirs / ours),
                );
            }
        }
    }
    if out.is_empty() { "- nowhere in this run\n".to_owned() } else { out }
}

fn unit(metric: &str) -> &str {
    match metric {
        "cpu_ns" => "ns of CPU time",
        "ns" => "ns",
        "bytes" => "bytes",
        "p50_us" => "µs (median)",
        "p99_us" => "µs (99th percentile)",
        "late_p50_us" => "µs late (median)",
        "s" => "s",
        "two_to_one" => "share",
        other => other,
    }
}

fn say(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// Three digits that count, and thousands set apart: as the benchmarks print them.
fn figure(value: f64) -> String {
    // 999.6 is written as 1,000.
    if value.abs() < 999.5 {
        let digits = match value.abs() {
            100.0.. => 0,
            10.0.. => 1,
            1.0.. => 2,
            _ => 3,
        };
        return format!("{value:.digits$}");
    }
    let mut digits = format!("{value:.0}");
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Value {
        let peer = |name: &str, cpu: f64, ratio: f64| {
            json!({
                "peer": name, "ratio": ratio, "spread": 0.05, "medians": { "cpu_ns": cpu },
            })
        };
        json!({
            "results": [
                {
                    "workload": "spawn-join", "title": "spawn", "metric": "cpu_ns",
                    "peers": [peer("tokio", 400.0, 1.0), peer("roundelay", 1234567.0, 0.25)],
                    "verdicts": [
                        { "metric": "cpu_ns", "to": "tokio", "reached": 0.25, "most": 0.35, "met": true },
                        { "metric": "bytes", "to": null, "reached": 216.0, "most": 200.0, "met": false },
                    ],
                },
                { "workload": "spawn-one", "title": "one", "metric": "cpu_ns", "peers": [], "verdicts": [] },
            ],
        })
    }

    #[test]
    fn a_table_has_a_row_for_each_workload_and_a_column_for_each_peer() {
        let made = make(&report(), &["table", "spawn-*"]).unwrap();
        assert_eq!(
            made,
            "| | tokio | **roundelay** |\n|---|---:|---:|\n\
             | `spawn-join`: spawn, ns of CPU time | 400 (1.00; 5 %) | **1,234,567 (0.250; 5 %)** |\n\
             | `spawn-one`: one, ns of CPU time |  |  |\n"
        );
        let less = make(&report(), &["table", "spawn-one", "yield"]).unwrap();
        assert!(less.ends_with("|\n\n*This run has left out `yield`.*\n"), "{less}");
    }

    #[test]
    fn a_target_that_is_missed_is_said_to_be() {
        let made = make(&report(), &["targets"]).unwrap();
        assert!(made.starts_with("1 of 2 are met."), "{made}");
        assert!(
            made.contains("| `spawn-join` | bytes at most 200 | 216 | **not met** |"),
            "{made}"
        );
    }

    #[test]
    fn a_peer_that_is_ahead_is_named() {
        let made = make(&report(), &["behind"]).unwrap();
        assert_eq!(made, "- `spawn-join`: tokio takes 0.000 of what roundelay takes\n");
    }

    #[test]
    fn a_plot_is_a_picture_of_what_was_measured_in_many_sizes() {
        let mut report = report();
        report["growth"] = json!([{ "workload": "grow", "title": "one", "axis": "tasks" }]);
        let made = make(&report, &["plot", "grow-bytes"]).unwrap();
        assert_eq!(
            made,
            "![memory, of this: one, against the number of tasks](pictures/grow-bytes.svg)\n"
        );
        let missing = make(&report, &["plot", "shrink"]).unwrap();
        assert_eq!(missing, "*This run has left out `shrink`.*\n");
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        assert!(make(&report(), &["graph"]).unwrap_err().contains("speed graph"));
    }
}
