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
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::child::{Line, figures, on_one_cpu, parse};
use crate::measure::Sample;
use crate::observed::VARIABLE;
use crate::report::{Outcome, Results};
use crate::workloads::{PYTHON, Workload};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The large sizes instead of the small ones.
    pub full: bool,
    /// How many times each peer runs each workload.
    pub rounds: usize,
    /// Whether Python takes part.
    pub python: bool,
}

/// A child that has not ended by then is stopped, and has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Python is slow, and far behind: its figures need not be so sure.
const PYTHON_ROUNDS: usize = 3;

/// Runs one workload with everybody.
#[must_use]
pub fn run(workload: &'static Workload, plan: &Plan) -> Results {
    let mut names: Vec<&'static str> = workload.peers.iter().map(|(name, _)| *name).collect();
    if plan.python && workload.python.is_some() {
        // A workload without a loop is not asyncio's.
        if workload.asyncio {
            names.push(PYTHON);
        }
        names.extend(workload.python_pools);
    }
    let mut outcomes: Vec<Outcome> = names.iter().map(|name| Outcome::new(name)).collect();
    for round in 0..plan.rounds {
        for turn in 0..names.len() {
            let outcome = &mut outcomes[(round + turn) % names.len()];
            if outcome.failure.is_some()
                || (is_python(workload, outcome.peer) && round >= PYTHON_ROUNDS)
            {
                continue;
            }
            match run_once(workload, outcome.peer, plan) {
                Ok(sample) => outcome.samples.push(sample),
                Err(failure) => outcome.failure = Some(failure),
            }
        }
    }
    Results { workload, outcomes }
}

fn is_python(workload: &Workload, peer: &str) -> bool {
    peer == PYTHON || workload.python_pools.contains(&peer)
}

/// Runs one child to its end.
fn run_once(workload: &Workload, peer: &str, plan: &Plan) -> Result<Sample, String> {
    let mut size = workload.sizes[usize::from(plan.full)];
    let command = if is_python(workload, peer) {
        size = (size / workload.python.unwrap_or(1)).max(1);
        let mut command = Command::new("python3");
        match peer {
            PYTHON => command.arg(python_script("peers/asyncio_peer.py")),
            _ => command.arg(python_script("peers/pools_peer.py")).arg(peer),
        };
        command.arg(workload.name);
        command
    } else {
        let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
        command.args(["child", workload.name, peer]);
        command
    };
    complete(command, workload, size)
}

/// Runs one child of roundelay's, observed by what [`crate::observed`] names.
///
/// # Errors
/// A sentence: it does not start, or it fails.
pub fn run_observed(workload: &Workload, observer: &str, size: usize) -> Result<Sample, String> {
    let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
    command.args(["child", workload.name, "roundelay"]).env(VARIABLE, observer);
    complete(command, workload, size)
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

/// Where a script of this package lies.
#[must_use]
pub fn python_script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
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

/// What Python there is: its version, or why it cannot take part.
///
/// # Errors
/// A sentence: there is none, or it is too old.
pub fn find_python() -> Result<String, String> {
    let program = "import sys; print('%d.%d.%d' % sys.version_info[:3]); \
                   sys.exit(sys.version_info < (3, 11))";
    match Command::new("python3").args(["-c", program]).output() {
        Err(_) => Err("there is no python3".to_owned()),
        Ok(output) => {
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            match output.status.success() {
                true => Ok(version),
                false => Err(format!("python3 is version {version}, and 3.11 is needed")),
            }
        }
    }
}
