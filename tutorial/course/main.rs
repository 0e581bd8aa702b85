//! `cargo course`: what an author of the course runs.
//!
//! Tutorial: the course's tools. After this: `finding.rs`.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use roundelay_course::book::{self, Report};
use roundelay_course::edition;
use roundelay_course::finding::Findings;
use roundelay_course::pack;
use roundelay_course::program::Programs;
use roundelay_course::python;
use roundelay_course::show;
use roundelay_course::timetable;

/// Keeps the course true: checks it, accepts what has changed, writes its editions
#[derive(Debug, Parser)]
#[command(name = "cargo course", bin_name = "cargo course", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make every listing, output, picture, link and quiz key anew, and say what differs
    Check,
    /// Write what differs into the pages; the diff is the review
    Accept,
    /// Write the offline edition: plain HTML, readable without a network and on a phone
    Edition {
        /// Where to [default: the folder `course` beside what cargo builds]
        folder: Option<PathBuf>,
    },
    /// Write the folder for a class: the book, the sources, the exercises without their solutions
    Pack {
        /// Where to: a new folder
        folder: PathBuf,
        /// With every crate that is needed, so that learners need no network
        #[arg(long)]
        vendor: bool,
    },
    /// Print the course in days, with breaks, from the minutes in the notes for teachers
    Schedule {
        /// In how many days
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=30))]
        days: u32,
    },
    /// Run the programs in Python again, and say which of them writes something else than what was
    /// recorded
    Python {
        /// Record what they write now
        #[arg(long)]
        record: bool,
    },
    /// Run a chapter's program and write its page of the inspector, opened at a step
    Show {
        /// The program, such as ch01_three_waits
        program: String,
        /// The step to begin with
        #[arg(default_value_t = 0)]
        step: u64,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.command) {
        Ok(code) => code,
        Err(what) => {
            eprintln!("course: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, String> {
    let root = root()?;
    if let Command::Python { record } = command {
        python::version()?;
        let mut findings = Findings::default();
        let count = python::replay(&root, *record, &mut findings)?;
        findings.0.iter().for_each(|finding| println!("{finding}"));
        println!("{count} programs in Python: {} findings", findings.0.len());
        return Ok(if findings.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if let Command::Schedule { days } = command {
        print(&timetable::plan(&timetable::lessons(&root)?, *days))?;
        return Ok(ExitCode::SUCCESS);
    }
    let programs = Programs::build(&root)?;
    match command {
        Command::Python { .. } | Command::Schedule { .. } => unreachable!("done above"),
        Command::Check => {
            let report = book::check(&root, &programs)?;
            tell(&report);
            Ok(if report.findings.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Accept => {
            let report = book::check(&root, &programs)?;
            for (path, content) in &report.changed {
                let file = root.join(path);
                let folder = file.parent().expect("a file in a folder");
                std::fs::create_dir_all(folder)
                    .and_then(|()| std::fs::write(&file, content))
                    .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
                println!("wrote {}", path.display());
            }
            let report = book::check(&root, &programs)?;
            tell(&report);
            Ok(if report.findings.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Edition { folder } => {
            let pages = book::pages(&root)?;
            let folder = folder.clone().unwrap_or_else(|| built(&root));
            let files = edition::write(&root, &pages, &programs, &folder)?;
            println!("wrote {files} files; open {}", folder.join("index.html").display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Pack { folder, vendor } => {
            let files = pack::write(&root, &programs, folder, *vendor)?;
            println!(
                "packed {files} files and crates; learners begin with {}",
                folder.join("START.md").display()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { program, step } => {
            let shown = show::show(&programs, program, *step, &built(&root).join("inspector"))?;
            print(&shown)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Where pages go that are made again and again: `course`, in cargo's own folder.
fn built(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    root.join(target.map_or_else(|| PathBuf::from("target"), PathBuf::from)).join("course")
}

/// Prints. A reader that has gone away has seen enough.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output takes no more: {error}"))
        }
        _ => Ok(()),
    }
}

/// Tells what was found, then how much there is.
fn tell(report: &Report) {
    for finding in &report.findings.0 {
        println!("{finding}");
    }
    let (counts, exercises) = (report.counts, report.exercises);
    println!(
        "{} pages, {} listings, {} outputs, {} pictures, {} links into the inspector, {} programs in Python, \
         {} questions ({} keys computed), {} exercises ({} wrong answers recognised, {} hints): {} findings",
        report.pages,
        counts.listings,
        counts.outputs,
        counts.pictures,
        counts.steps,
        counts.pythons,
        counts.questions,
        counts.keys,
        exercises.exercises,
        exercises.wrong,
        exercises.hints,
        report.findings.0.len()
    );
}

/// The root of the project: here or above.
fn root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("where am I? {error}"))?;
    here.ancestors()
        .find(|folder| folder.join("tutorial/book/SUMMARY.md").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| {
            "run this inside the project: there is no tutorial/book/SUMMARY.md here or above".into()
        })
}
