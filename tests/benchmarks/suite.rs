//! The suite: who runs when.
//!
//! ```text
//!   workload 1:  round 1: A B C   round 2: B C A   round 3: C A B     --> medians
//!   workload 2:  ...
//! ```
//!
//! Peers take turns within a round, and each round begins with another one, so that a
//! machine that slows down or is busy with something else does the same to everybody.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{Line, figures, on_one_cpu, parse};
use crate::measure::Sample;
use crate::observed::VARIABLE;
use crate::peer::WORKERS;
use crate::python::{Python, script};
use crate::report::{Outcome, Results};
use crate::workloads::growth::Growth;
use crate::workloads::{OURS, PYTHON, UVLOOP, Workload};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The large sizes instead of the small ones.
    pub full: bool,
    /// How many times each peer runs each workload, at least.
    pub rounds: usize,
    /// Python, if it takes part.
    pub python: Option<Python>,
}

/// A child that has not ended by then is stopped, and has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Python is slow, and far behind: its figures need not be so sure.
const PYTHON_ROUNDS: usize = 3;

/// The rounds of one workload: those that were asked for, and where they are short as many more as
/// there is time for. Whoever shares the machine's processors is noisy for seconds at a time, and a
/// median of three short rounds may be one of the noise. The rounds that nobody asked for are for
/// those whom a target compares.
#[derive(Debug)]
pub struct Rounds {
    next: usize,
    asked: usize,
    /// When those that were asked for had been done.
    since: Option<Instant>,
}

/// No more rounds than that.
const MOST_ROUNDS: usize = 25;

/// How long rounds go on that nobody has asked for.
const FOR_MORE: Duration = Duration::from_secs(10);

impl Rounds {
    /// At least so many.
    #[must_use]
    pub fn at_least(asked: usize) -> Rounds {
        Rounds { next: 0, asked, since: None }
    }
}

impl Iterator for Rounds {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let more = match self.next < self.asked {
            true => Duration::ZERO,
            false => self.since.get_or_insert_with(Instant::now).elapsed(),
        };
        let round = another(self.next, self.asked, more)?;
        self.next += 1;
        Some(round)
    }
}

/// Whether there is a round with this number, where those that nobody asked for have taken `more`.
fn another(round: usize, asked: usize, more: Duration) -> Option<usize> {
    (round < asked || (round < MOST_ROUNDS && more < FOR_MORE)).then_some(round)
}

/// Runs one workload with everybody.
#[must_use]
pub fn run(workload: &'static Workload, plan: &Plan) -> Results {
    let size = workload.sizes[usize::from(plan.full)];
    run_sized(workload, size, plan, Rounds::at_least(plan.rounds))
}

/// Runs a workload in one of its sizes, with everybody who can.
#[must_use]
pub fn run_growth(growth: &'static Growth, size: usize, plan: &Plan) -> Results {
    let mut plan = plan.clone();
    if size > growth.python_up_to {
        plan.python = None;
    }
    run_sized(&growth.workload, size, &plan, 0..plan.rounds)
}

fn run_sized(
    workload: &'static Workload,
    size: usize,
    plan: &Plan,
    rounds: impl Iterator<Item = usize>,
) -> Results {
    let names = workload.peers.iter().map(|(name, _)| *name).chain(in_python(workload, plan));
    let mut outcomes: Vec<Outcome> = names.map(Outcome::new).collect();
    for round in rounds {
        for turn in 0..outcomes.len() {
            let which = (round + turn) % outcomes.len();
            let outcome = &mut outcomes[which];
            let is_native = workload.peers.iter().any(|(name, _)| *name == outcome.peer);
            let is_over = if is_native {
                round >= plan.rounds && !workload.compares(outcome.peer)
            } else {
                round >= PYTHON_ROUNDS
            };
            if outcome.failure.is_some() || is_over {
                continue;
            }
            let sample = match &plan.python {
                Some(python) if !is_native => run_python(workload, outcome.peer, size, python),
                _ => run_native(workload, outcome.peer, size),
            };
            match sample {
                Ok(sample) => outcome.samples.push(sample),
                Err(failure) => outcome.failure = Some(failure),
            }
        }
    }
    Results { workload, outcomes }
}

/// Who takes part in Python.
fn in_python(workload: &'static Workload, plan: &Plan) -> Vec<&'static str> {
    let mut names = Vec::new();
    if let (Some(python), Some(_)) = (&plan.python, workload.python) {
        // A workload without a loop is not asyncio's.
        if workload.asyncio {
            names.push(PYTHON);
            names.extend(python.uvloop.as_ref().map(|_| UVLOOP));
        }
        names.extend(workload.python_pools);
    }
    names
}

fn run_native(workload: &Workload, peer: &str, size: usize) -> Result<Sample, String> {
    let mut command = Command::new(this_program()?);
    command.args(["child", workload.name, peer]);
    // The crate `blocking` is told so how many threads it may have.
    command.env("BLOCKING_MAX_THREADS", WORKERS.to_string());
    complete(command, workload, size)
}

fn run_python(
    workload: &Workload,
    peer: &str,
    size: usize,
    python: &Python,
) -> Result<Sample, String> {
    let size = (size / workload.python.unwrap_or(1)).max(1);
    let mut command = Command::new(&python.program);
    match peer {
        PYTHON | UVLOOP => command.arg(script("peers/asyncio_peer.py")),
        _ => command.arg(script("peers/pools_peer.py")),
    };
    command.args([peer, workload.name]);
    complete(command, workload, size)
}

/// Runs one child of roundelay's, observed by what [`crate::observed`] names. `program` is this
/// one, or this one built in another way.
///
/// # Errors
/// A sentence: it does not start, or it fails.
pub fn run_observed(
    program: &Path,
    workload: &Workload,
    observer: &str,
    size: usize,
) -> Result<Sample, String> {
    let mut command = Command::new(program);
    command.args(["child", workload.name, OURS]).env(VARIABLE, observer);
    complete(command, workload, size)
}

/// This program.
///
/// # Errors
/// What the system says.
pub fn this_program() -> Result<PathBuf, String> {
    env::current_exe().map_err(|error| format!("where this program lies is not known: {error}"))
}

/// Starts a child and hears it to its end.
fn complete(mut command: Command, workload: &Workload, size: usize) -> Result<Sample, String> {
    command.arg(size.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = match workload.one_cpu {
        true => on_one_cpu(|| command.spawn()),
        false => command.spawn(),
    };
    let mut child = child.map_err(|error| format!("it does not start: {error}"))?;
    let outcome = attend(&mut child, workload, size);
    if outcome.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match outcome {
        Ok(_) if !status.success() => Err(format!("it ended with {status}")),
        outcome => outcome,
    }
}

/// Listens to a child until it has said everything; sends it load, if that is what it wants.
fn attend(child: &mut Child, workload: &Workload, size: usize) -> Result<Sample, String> {
    let stdout = child.stdout.take().expect("it was asked for");
    let (say, heard) = mpsc::channel();
    // A thread of its own, since a pipe cannot be waited for with a limit.
    let listener = thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(line) = parse(&line)
                && say.send(line).is_err()
            {
                break;
            }
        }
    });
    let mut lines = Vec::new();
    let mut waves = None;
    loop {
        match heard.recv_timeout(PATIENCE) {
            Ok(Line::Port(port)) => {
                let times = (workload.load)(port, workload.connections, size);
                waves = Some(times.map_err(|error| format!("under load: {error}"))?);
            }
            Ok(line) => lines.push(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(format!("it had not ended after {} s", PATIENCE.as_secs()));
            }
        }
    }
    // It has hung up, so it ends at once.
    let _ = listener.join();
    let sample = figures(lines);
    Ok(match waves {
        Some(times) => sample.with_percentiles("", times),
        None => sample,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads;

    #[test]
    fn short_rounds_are_repeated_and_never_fewer_than_were_asked_for() {
        assert!(Rounds::at_least(40).eq(0..40));
        // Of three that were asked for, the last one; one more while there is time; and the last.
        assert_eq!(another(2, 3, FOR_MORE), Some(2));
        assert_eq!(another(3, 3, FOR_MORE), None);
        assert_eq!(another(MOST_ROUNDS - 1, 3, Duration::ZERO), Some(MOST_ROUNDS - 1));
        assert_eq!(another(MOST_ROUNDS, 3, Duration::ZERO), None);
    }

    #[test]
    fn the_rounds_that_nobody_asked_for_are_for_those_whom_a_target_compares() {
        let compared = |name| {
            let workload = workloads::find(name).expect("there is such a workload");
            ["tokio", "roundelay", "smol", "by hand"].map(|peer| workload.compares(peer))
        };
        assert_eq!(compared("yield"), [true, true, false, false]);
        assert_eq!(compared("echo-1"), [true, true, false, true]);
        assert_eq!(compared("ping-slot"), [true; 4]);
    }
}
