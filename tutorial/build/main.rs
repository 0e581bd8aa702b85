//! The build path's command: checks a loop, begins one, writes the steps anew.
//!
//! Tutorial: the build path. Before this: `check.rs`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use roundelay_build::check::{Verdict, check, home, write_crate};
use roundelay_build::{STEPS, tagged};

/// Build the loop yourself: tests your own event loop, step by step
#[derive(Debug, Parser)]
#[command(name = "build", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the tests of a step, and of the steps before it
    Check {
        /// Which step
        #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(STEPS)))]
        step: u32,
        /// The folder of your crate, whatever its name; without it, ours is tested
        #[arg(long)]
        mine: Option<PathBuf>,
    },
    /// Begin a crate of your own, with the names that step 1 asks for
    New {
        /// A folder that is not there yet
        folder: PathBuf,
    },
    /// Write the files in steps/ anew from tiny.rs
    Accept,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("build: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<bool, String> {
    match task {
        Task::Check { step, mine } => {
            let verdict = match mine {
                Some(mine) => check(*step, mine)?,
                None => check_ours(*step)?,
            };
            println!("{verdict}");
            let passes = matches!(verdict, Verdict::Passes(_));
            let next = if *step < STEPS { "step" } else { "page: tiny next to real" };
            match mine {
                Some(_) if passes => println!("Step {step} is done. Go on with the next {next}."),
                Some(_) => {}
                None => println!(
                    "That was the book's own step {step}. Yours is tested with `--mine FOLDER`, the \
                     folder of your crate."
                ),
            }
            Ok(passes)
        }
        Task::New { folder } => {
            let template = read(&home().join("template.rs"))?;
            write_crate(folder, &template)?;
            println!("Wrote {}. Open src/lib.rs there, and begin.", folder.display());
            Ok(true)
        }
        Task::Accept => {
            for step in 1..=STEPS {
                let file = home().join(format!("steps/step_{step:02}.rs"));
                std::fs::write(&file, tagged::at_step(&read(&home().join("tiny.rs"))?, step)?)
                    .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
            }
            println!("Wrote {STEPS} steps.");
            Ok(true)
        }
    }
}

/// Checks our own version of `step`, as a crate in the temporary folder.
fn check_ours(step: u32) -> Result<Verdict, String> {
    let folder = std::env::temp_dir().join(format!("roundelay-step-{step}-{}", std::process::id()));
    write_crate(&folder, &read(&home().join(format!("steps/step_{step:02}.rs")))?)?;
    let verdict = check(step, &folder);
    // It is a temporary folder: if it stays, nothing is lost.
    let _ = std::fs::remove_dir_all(&folder);
    verdict
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))
}
