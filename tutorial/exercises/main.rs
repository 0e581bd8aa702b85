//! `cargo learn`: what a learner runs.
//!
//! ```text
//!   cargo learn            where am I?
//!   cargo learn next       the next exercise, and its file
//!   cargo learn check      did I get it right?
//!   cargo learn hint       one more hint
//! ```
//!
//! It needs nothing but cargo, and no network.
//!
//! Tutorial: the exercises. Before this: `learn/work.rs`. After this: nothing.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use roundelay_exercises::about::{About, folder, root};
use roundelay_exercises::learn::choice::choose;
use roundelay_exercises::learn::progress::Progress;
use roundelay_exercises::learn::{steps, work};

/// The exercises of the course: where you are, what is next, and whether it is right
#[derive(Debug, Parser)]
#[command(name = "cargo learn", bin_name = "cargo learn", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the next exercise, and which file to edit
    Next,
    /// Run an exercise and say whether it is right
    Check {
        /// The exercise, or a part of its name; by default the next one
        name: Option<String>,
    },
    /// Give one more hint; there are three
    Hint {
        /// The exercise, or a part of its name; by default the next one
        name: Option<String>,
    },
    /// Show the steps of your last run of an exercise, and where its page is
    Show {
        /// The exercise, or a part of its name
        name: String,
        /// The step to look at; by default the last one
        step: Option<usize>,
    },
    /// Bring an exercise back as it was given out; what you wrote is kept as a copy
    Reset {
        /// The exercise, or a part of its name
        name: String,
    },
    /// List all exercises
    List,
    /// Show the solution of an exercise that you have solved
    Solution {
        /// The exercise, or a part of its name
        name: String,
    },
    /// Test a step of the build path, 1 to 8
    Step {
        /// The number of the step
        #[arg(value_parser = clap::value_parser!(u32).range(1..=work::LAST_STEP))]
        number: u32,
        /// The folder of your own crate; without it the book's own step is tested
        #[arg(long, value_name = "FOLDER")]
        mine: Option<PathBuf>,
    },
    /// Print what you have done as JSON: which exercises pass, and how many hints were used
    Report,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(what) => {
            eprintln!("learn: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<Command>) -> Result<ExitCode, String> {
    let all = About::all(&folder())?;
    // What the learner has done lies beside the project's own files; git ignores it.
    let mut progress = Progress::read(&root().join(".learn"))?;
    let said = match command {
        None => work::where_am_i(&all, &progress),
        Some(Command::Next) => work::show_next(&all, &progress),
        Some(Command::List) => work::list(&all, &progress),
        Some(Command::Check { name }) => {
            let about = choose(&all, &progress, name.as_deref())?;
            let outcome = work::run(about, &progress)?;
            let (said, passed) = work::checked(&all, about, &mut progress, outcome)?;
            show(&said)?;
            return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Some(Command::Hint { name }) => {
            work::hint(choose(&all, &progress, name.as_deref())?, &mut progress)?
        }
        Some(Command::Show { name, step }) => {
            steps::show(choose(&all, &progress, Some(&name))?, step)?
        }
        Some(Command::Reset { name }) => {
            work::reset(choose(&all, &progress, Some(&name))?, &progress)?
        }
        Some(Command::Solution { name }) => {
            work::solution(choose(&all, &progress, Some(&name))?, &progress)?
        }
        Some(Command::Step { number, mine }) => return work::step(number, mine),
        Some(Command::Report) => progress.report(&all),
    };
    show(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints. A reader that has gone away (`cargo learn list | head -1`) has seen enough.
fn show(said: &str) -> Result<(), String> {
    match io::stdout().write_all(said.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output takes no more: {error}"))
        }
        _ => Ok(()),
    }
}
