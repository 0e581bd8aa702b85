//! What observing costs: the same workloads with nobody, with an observer that does nothing, and
//! with a recorder.
//!
//! ```text
//!   off:       each place that could tell tests one field
//!   ends:      only the beginnings and ends of tasks are told
//!   told:      every event is made, and told to a function that ignores it
//!   recorded:  every event becomes a step of a trace
//! ```

use crate::report::{Outcome, Results};
use crate::suite::{self, Rounds};
use crate::workloads::{self, Target, UNOBSERVED, USUAL, Workload};

/// The variable that says what a child of roundelay's is observed with.
pub const VARIABLE: &str = "ROUNDELAY_BENCHMARK_OBSERVER";

/// At the end of what it says: the child will never find that it is held up.
pub const NEVER_SLOW: &str = ", never slow";

const TOLD: &str = "told";

/// Who observes.
pub const OBSERVERS: [&str; 4] = [UNOBSERVED, "ends", TOLD, "recorded"];

const OBSERVED: Workload = Workload {
    // Asked of the one who is told, not of the one who is not observed.
    targets: &[Target { ours: TOLD, metric: None, to: Some(UNOBSERVED), most: 1.5 }],
    ..USUAL
};

/// What is run, what is observed of it, and a size of which a whole recording fits into memory.
const WORKLOADS: &[(&str, Workload, usize)] = &[
    (
        "spawn-join",
        Workload {
            name: "observed-spawn-join",
            title: "50,000 tasks are spawned and awaited: unobserved, observed, recorded",
            ..OBSERVED
        },
        50_000,
    ),
    (
        "yield",
        Workload {
            name: "observed-yield",
            title: "1,000 tasks give way to each other: unobserved, observed, recorded",
            ..OBSERVED
        },
        100_000,
    ),
    (
        "echo-1",
        Workload {
            name: "observed-echo-1",
            title: "TCP echo, 1 connection: unobserved, observed, recorded",
            ..OBSERVED
        },
        10_000,
    ),
];

/// Runs each workload in each way, taking turns.
///
/// # Errors
/// A sentence: what went wrong with a child.
pub fn run(rounds: usize) -> Result<Vec<Results>, String> {
    let program = suite::this_program()?;
    let mut all = Vec::new();
    for (name, observed, size) in WORKLOADS {
        let workload = workloads::find(name).ok_or_else(|| format!("there is no {name}"))?;
        let mut outcomes: Vec<_> = OBSERVERS.into_iter().map(Outcome::new).collect();
        for round in Rounds::at_least(rounds) {
            for turn in 0..OBSERVERS.len() {
                let which = (round + turn) % OBSERVERS.len();
                let sample = suite::run_observed(&program, workload, OBSERVERS[which], *size)?;
                outcomes[which].samples.push(sample);
            }
        }
        all.push(Results { workload: observed, outcomes });
    }
    Ok(all)
}
