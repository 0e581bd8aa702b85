//! The `roundelay` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use roundelay::DumpForm;
use roundelay_tutorial::args::{self, Command};
use roundelay_tutorial::inspect;
use roundelay_tutorial::manifest;
use roundelay_tutorial::ps::{self, PsOptions};
use roundelay_tutorial::tour;

fn main() -> ExitCode {
    // In a worker process this never returns.
    roundelay::worker_entry();
    let arguments = args::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Manifest(options) => manifest::run::run(&options).into(),
        Command::Tour(options) => match tour::tour(std::io::stdout(), &options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("roundelay: the tour ended early: {error}");
                ExitCode::FAILURE
            }
        },
        Command::Ps(options) => show_tasks(&options, DumpForm::List),
        Command::Pstree(options) => show_tasks(&options, DumpForm::Tree),
        Command::Inspect(options) => match inspect::inspect(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                eprintln!("roundelay: {why}");
                ExitCode::FAILURE
            }
        },
    }
}

fn show_tasks(options: &PsOptions, form: DumpForm) -> ExitCode {
    match ps::ps(std::io::stdout(), options, form) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("roundelay: {why}");
            ExitCode::FAILURE
        }
    }
}
