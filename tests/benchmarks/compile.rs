//! Compile time and binary size: hello-world on each runtime, from nothing.
//!
//! ```text
//!   a folder with a package for each:   main.rs: sleep 1 ms in a task, print "hello, world"
//!   cargo fetch                         not counted
//!   cargo build --release               from nothing      compile-release, binary-size
//!   cargo clean -p its own crates,
//!   cargo build --release               those alone       compile-own
//!   cargo build                         from nothing      compile-debug
//! ```
//!
//! tokio gets the features that cover what roundelay always brings: files, sockets, timers, sync,
//! signals and child processes. roundelay brings a process pool besides (with serde, postcard and
//! its macros), and tokio can drive many threads. *By hand* is std alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::measure::Sample;
use crate::python::script;
use crate::report::{Outcome, Results};
use crate::workloads::{BY_HAND, OURS, REFERENCE, USUAL, Workload};

const RELEASE: Workload = Workload {
    name: "compile-release",
    title: "hello-world is compiled from nothing, in release with thin LTO",
    metric: "s",
    ..USUAL
};
const OWN: Workload = Workload {
    name: "compile-own",
    title: "the same when all that others wrote has been compiled: its own crates",
    ..RELEASE
};
const DEBUG: Workload = Workload {
    name: "compile-debug",
    title: "hello-world is compiled from nothing, for debugging",
    ..RELEASE
};
const SIZE: Workload = Workload {
    name: "binary-size",
    title: "hello-world in release with thin LTO: the size of the program",
    metric: "bytes",
    ..USUAL
};

/// A hello-world.
struct Hello {
    peer: &'static str,
    dependency: String,
    main: &'static str,
    /// The crates that are its own.
    own: &'static [&'static str],
}

/// Compiles each in turn, so many times.
///
/// # Errors
/// A sentence: cargo is not there, or says no.
pub fn run(rounds: usize) -> Result<Vec<Results>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let hellos = hellos();
    let mut all = [RELEASE, OWN, DEBUG, SIZE]
        .map(|_| hellos.iter().map(|hello| Outcome::new(hello.peer)).collect::<Vec<_>>());
    for hello in &hellos {
        hello.lay_out(folder.path())?;
        // Whatever has to come over the network comes now.
        cargo(&hello.folder(folder.path()), &["fetch"])?;
    }
    for round in 0..rounds {
        for turn in 0..hellos.len() {
            let which = (round + turn) % hellos.len();
            let samples = hellos[which].measure(folder.path())?;
            for (outcomes, sample) in all.iter_mut().zip(samples) {
                outcomes[which].samples.extend(sample);
            }
        }
    }
    let workloads = [&RELEASE, &OWN, &DEBUG, &SIZE];
    Ok(workloads
        .into_iter()
        .zip(all)
        .map(|(workload, outcomes)| Results { workload, outcomes })
        .collect())
}

fn hellos() -> [Hello; 3] {
    let root = script("../..");
    [
        Hello {
            peer: BY_HAND,
            dependency: String::new(),
            main: "fn main() {
                std::thread::sleep(std::time::Duration::from_millis(1));
                println!(\"hello, world\");
            }",
            own: &[],
        },
        Hello {
            peer: REFERENCE,
            dependency:
                "tokio = { version = \"1\", features = [\"rt\", \"net\", \"time\", \"sync\", \
                         \"io-util\", \"fs\", \"process\", \"signal\"] }"
                    .to_owned(),
            main: "fn main() {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                builder.enable_all().build().expect(\"a runtime\").block_on(async {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    println!(\"hello, world\");
                });
            }",
            own: &["tokio"],
        },
        Hello {
            peer: OURS,
            dependency: format!("roundelay = {{ path = {root:?} }}"),
            main: "fn main() {
                roundelay::run(async {
                    roundelay::sleep(std::time::Duration::from_millis(1)).await;
                    println!(\"hello, world\");
                });
            }",
            own: &[
                "roundelay",
                "roundelay-runtime",
                "roundelay-executor",
                "roundelay-executor-macros",
                "roundelay-pools",
                "roundelay-pools-macros",
            ],
        },
    ]
}

impl Hello {
    fn folder(&self, all: &Path) -> PathBuf {
        all.join(self.peer.replace(' ', "-"))
    }

    fn lay_out(&self, all: &Path) -> Result<(), String> {
        let folder = self.folder(all);
        let package = format!(
            "[workspace]\n[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [profile.release]\nlto = \"thin\"\ncodegen-units = 1\n[dependencies]\n{}\n",
            self.dependency
        );
        let laid = fs::create_dir_all(folder.join("src"))
            .and_then(|()| fs::write(folder.join("Cargo.toml"), package))
            .and_then(|()| fs::write(folder.join("src/main.rs"), self.main))
            // The versions that everything else here is measured with.
            .and_then(|()| fs::copy(script("Cargo.lock"), folder.join("Cargo.lock")));
        laid.map(drop).map_err(|error| format!("{} cannot be written: {error}", folder.display()))
    }

    /// From nothing in release; its own crates again; from nothing for debugging; the size. Nobody
    /// who has no crates of its own takes part in the second.
    fn measure(&self, all: &Path) -> Result<[Option<Sample>; 4], String> {
        let folder = self.folder(all);
        cargo(&folder, &["clean"])?;
        let release = timed(&folder, &["build", "--release", "--offline"])?;
        let program = folder.join("target/release/hello");
        let bytes = fs::metadata(&program).map_err(|error| format!("no program: {error}"))?.len();
        let mut own = None;
        if !self.own.is_empty() {
            let mut clean = vec!["clean", "--release"];
            clean.extend(self.own.iter().flat_map(|name| ["-p", *name]));
            cargo(&folder, &clean)?;
            own = Some(timed(&folder, &["build", "--release", "--offline"])?);
        }
        let debug = timed(&folder, &["build", "--offline"])?;
        let size = Sample::default().with("bytes", bytes as f64);
        Ok([Some(release), own, Some(debug), Some(size)])
    }
}

/// Seconds until it is done, and seconds of all processors together.
fn timed(folder: &Path, arguments: &[&str]) -> Result<Sample, String> {
    let (start, before) = (Instant::now(), cpu_of_children());
    cargo(folder, arguments)?;
    let sample = Sample::default().with("s", start.elapsed().as_secs_f64());
    Ok(sample.with("cpu_s", cpu_of_children() - before))
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "cargo {} ended with {}:\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// Seconds of CPU time that processes have taken which this one has waited for, and theirs.
fn cpu_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands between brackets and may hold spaces.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_child_is_counted_when_it_has_ended() {
        let before = cpu_of_children();
        let line = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", line]).status().unwrap().success());
        assert!(cpu_of_children() > before);
    }
}
