//! One run: what it has measured, printed as it comes and kept as JSON.
//!
//! The file is written anew after each workload, so that a run that is stopped leaves what it has.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::python::script;
use crate::report::Results;
use crate::suite::Plan;

/// A run that goes on.
#[derive(Debug)]
pub struct Run {
    start: Instant,
    path: PathBuf,
    head: Value,
    results: Vec<Value>,
    growth: Vec<Value>,
}

impl Run {
    /// Begins; says so if the figures will mean nothing.
    #[must_use]
    pub fn start(form: &str, plan: &Plan) -> Run {
        if cfg!(debug_assertions) {
            println!("This is a debug build: its figures mean nothing. Build with --release.\n");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let head = json!({
            "form": form,
            "rounds": plan.rounds,
            "day": say("date", &["-u", "+%d %B %Y"]),
            "machine": {
                "cpus": std::thread::available_parallelism().map_or(0, usize::from),
                "kernel": say("uname", &["-sr"]),
                "rustc": say("rustc", &["--version"]),
                "python": plan.python.as_ref().map(|python| &python.version),
                "uvloop": plan.python.as_ref().and_then(|python| python.uvloop.as_ref()),
                "load": fs::read_to_string("/proc/loadavg").ok(),
            },
        });
        let path = script(&format!("results/{now}-{form}.json"));
        Run { start: Instant::now(), path, head, results: Vec::new(), growth: Vec::new() }
    }

    /// Prints the table of a workload, and keeps it.
    ///
    /// # Errors
    /// A sentence: the file cannot be written.
    pub fn add(&mut self, results: Results) -> Result<Results, String> {
        println!("{}", results.table());
        self.results.push(results.json());
        self.write()?;
        Ok(results)
    }

    /// Keeps what has been measured in many sizes.
    ///
    /// # Errors
    /// A sentence: the file cannot be written.
    pub fn add_growth(&mut self, growth: Value) -> Result<(), String> {
        self.growth.push(growth);
        self.write()
    }

    /// Says how long it took, and where everything is.
    ///
    /// # Errors
    /// A sentence: the file cannot be written.
    pub fn finish(self) -> Result<(), String> {
        self.write()?;
        let seconds = self.start.elapsed().as_secs_f64();
        println!("{seconds:.0} s; written to {}", self.path.display());
        Ok(())
    }

    fn write(&self) -> Result<(), String> {
        let mut report = self.head.clone();
        report["seconds"] = json!(self.start.elapsed().as_secs());
        report["results"] = json!(self.results);
        report["growth"] = json!(self.growth);
        let written = fs::create_dir_all(script("results"))
            .and_then(|()| fs::write(&self.path, format!("{report:#}\n")));
        written.map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

fn say(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
