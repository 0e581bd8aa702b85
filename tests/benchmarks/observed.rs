//! What observing costs: the same workloads with nobody, with an observer that does nothing, and
//! with a recorder.
//!
//! ```text
//!   off:       each place that could tell tests one field
//!   ends:      only the beginnings and ends of tasks are told
//!   told:      every event is made, and told to a function that ignores it
//!   recorded:  every event becomes a step of a trace
//! ```

use crate::suite;
use crate::workloads;

/// The variable that says what a child of roundelay's is observed with.
pub const VARIABLE: &str = "ROUNDELAY_BENCHMARK_OBSERVER";

/// Workloads, with sizes of which a whole recording fits into memory.
const WORKLOADS: [(&str, usize); 3] =
    [("spawn-join", 50_000), ("yield", 100_000), ("echo-1", 10_000)];

const OBSERVERS: [&str; 4] = ["off", "ends", "told", "recorded"];

/// Runs each workload in each way, taking turns, and prints medians and ratios of CPU time.
///
/// # Errors
/// A sentence: what went wrong with a child.
pub fn run(rounds: usize) -> Result<(), String> {
    println!("CPU time for each item in ns, and its ratio to the run that nobody observes\n");
    println!("| workload | off | ends | told | recorded |\n|---|---|---|---|---|");
    for (name, size) in WORKLOADS {
        let workload = workloads::find(name).ok_or_else(|| format!("there is no {name}"))?;
        let mut figures = OBSERVERS.map(|_| Vec::new());
        for round in 0..rounds {
            for turn in 0..OBSERVERS.len() {
                let which = (round + turn) % OBSERVERS.len();
                let sample = suite::run_observed(workload, OBSERVERS[which], size)?;
                let cpu = sample.0.iter().find(|(metric, _)| metric.as_str() == "cpu_ns");
                figures[which].extend(cpu.map(|(_, value)| *value));
            }
        }
        let [off, ends, told, recorded] = figures.map(median);
        println!(
            "| {name} | {off:.0} | {ends:.0} ({:.2}) | {told:.0} ({:.2}) | {recorded:.0} ({:.1}) |",
            ends / off,
            told / off,
            recorded / off
        );
    }
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
