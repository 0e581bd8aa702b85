//! Sizes: what one item costs when there are few of them, and when there are a million.
//!
//! Each workload of `workloads/growth.rs` is run in all its sizes with everybody in turn. The table
//! shows how the cost grows; `plot.rs` draws it.

use serde_json::{Value, json};

use crate::command::number;
use crate::figure::figure;
use crate::report::Results;
use crate::suite::{self, Plan};
use crate::workloads::growth::{self, GROWTHS, Growth};

/// Which, how large, how often.
#[derive(Debug)]
pub struct Options {
    growths: Vec<&'static Growth>,
    up_to: usize,
    plan: Plan,
}

impl Options {
    /// All of them in all sizes.
    #[must_use]
    pub fn all(plan: Plan) -> Options {
        Options { growths: GROWTHS.iter().collect(), up_to: usize::MAX, plan }
    }

    /// Reads the arguments that the suite has left over.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(arguments: &[&str], plan: Plan) -> Result<Options, String> {
        let mut options = Options { growths: Vec::new(), ..Options::all(plan) };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument {
                "--only" => {
                    let name = value()?;
                    let found = growth::find(name);
                    options.growths.push(found.ok_or(format!("nothing grows by {name:?}"))?);
                }
                "--up-to" => options.up_to = number(value()?)?,
                _ => return Err(format!("what is {argument:?}?")),
            }
        }
        if options.growths.is_empty() {
            options.growths.extend(GROWTHS);
        }
        Ok(options)
    }
}

/// Runs them, prints a table for each; hands each to `done` as JSON when it is there.
///
/// # Errors
/// Those of `done`.
pub fn run(
    options: &Options,
    mut done: impl FnMut(Value) -> Result<(), String>,
) -> Result<(), String> {
    for growth in &options.growths {
        let sizes = growth.sizes.iter().copied().filter(|size| *size <= options.up_to);
        let points: Vec<_> =
            sizes.map(|size| (size, suite::run_growth(growth, size, &options.plan))).collect();
        println!("{}", table(growth, &points));
        done(json(growth, &points))?;
    }
    Ok(())
}

/// Sizes down, peers across. Whoever takes no part in a size leaves it empty.
fn table(growth: &Growth, points: &[(usize, Results)]) -> String {
    let metric = growth.workload.metric;
    let mut peers: Vec<&str> = Vec::new();
    for outcome in points.iter().flat_map(|(_, results)| &results.outcomes) {
        if !peers.contains(&outcome.peer) {
            peers.push(outcome.peer);
        }
    }
    let mut text = format!("{}: {} ({metric})\n", growth.workload.name, growth.workload.title);
    text += &format!("{:>18}", growth.axis);
    for peer in &peers {
        text += &format!(" {peer:>10}");
    }
    for (size, results) in points {
        text += &format!("\n{:>18}", figure(Some(*size as f64)));
        for peer in &peers {
            let outcome = results.outcomes.iter().find(|outcome| outcome.peer == *peer);
            let median = outcome.and_then(|outcome| outcome.median(metric));
            text += &format!(" {:>10}", figure(median));
        }
    }
    for (size, results) in points {
        for outcome in &results.outcomes {
            if let Some(failure) = &outcome.failure {
                text += &format!("\n  {} failed with {size}: {failure}", outcome.peer);
            }
        }
    }
    text + "\n"
}

fn json(growth: &Growth, points: &[(usize, Results)]) -> Value {
    let points = points
        .iter()
        .map(|(size, results)| json!({ "size": size, "peers": results.json()["peers"] }));
    json!({
        "workload": growth.workload.name,
        "title": growth.workload.title,
        "metric": growth.workload.metric,
        "axis": growth.axis,
        "points": points.collect::<Vec<_>>(),
    })
}
