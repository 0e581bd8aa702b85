//! What each command does, and what it says.
//!
//! Tutorial: the exercises. Before this: `steps.rs`. After this: `../main.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::about::{About, root};
use crate::learn::choice::next;
use crate::learn::progress::Progress;
use crate::verdict::{NOTE_FILE, Note};

/// As `println!`, into a string.
macro_rules! tell {
    ($said:ident, $($text:tt)*) => { writeln!($said, $($text)*).expect("a string takes it") };
}

/// How far the learner is, by chapters.
pub fn where_am_i(all: &[About], progress: &Progress) -> String {
    let mut said = String::new();
    let passed = |about: &&About| progress.of(&about.name).passed;
    tell!(said, "{} of {} exercises have passed", all.iter().filter(passed).count(), all.len());
    let mut chapters: Vec<u32> = all.iter().map(|about| about.chapter).collect();
    chapters.dedup();
    for chapter in chapters {
        let these = || all.iter().filter(|about| about.chapter == chapter);
        let marks: String = these().map(|it| if passed(&it) { '#' } else { '.' }).collect();
        let (done, count) = (these().filter(passed).count(), these().count());
        tell!(said, "  chapter {chapter:<2} {marks:<4} {done} of {count}");
    }
    match next(all, progress) {
        Some(about) => {
            let (name, title) = (&about.name, &about.title);
            tell!(said, "\nnext: {name}, {title}; `cargo learn next` shows it");
        }
        None => tell!(said, "\nthat is all; `cargo learn step 1` begins the build path"),
    }
    said
}

/// The next exercise: what to do, and where.
pub fn show_next(all: &[About], progress: &Progress) -> String {
    let mut said = String::new();
    let Some(about) = next(all, progress) else {
        return format!("all {} exercises have passed\n", all.len());
    };
    let (name, title, kind) = (&about.name, &about.title, about.kind.words());
    tell!(said, "{name}: {title} ({kind}, about {} minutes)\n", about.minutes);
    if let Ok(text) = std::fs::read_to_string(about.file()) {
        for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
            tell!(said, " {line}");
        }
    }
    tell!(said, "\nedit:   {}", from_root(&about.file()));
    tell!(said, "check:  cargo learn check\nhint:   cargo learn hint");
    said
}

/// All exercises, one a line.
pub fn list(all: &[About], progress: &Progress) -> String {
    let mut said = String::new();
    for about in all {
        let mark = if progress.of(&about.name).passed { "passed" } else { "" };
        let (kind, minutes) = (about.kind.words(), about.minutes);
        tell!(said, "{mark:6}  {:<22} {:<28} {minutes:>2} min  {kind}", about.name, about.title);
    }
    said
}

/// How a run of an exercise ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The check says that it is right.
    Passed,
    /// The check has said what is wrong.
    NotYet,
    /// The check had begun, and something ended the whole program: `exit`, `abort`, a full stack.
    BrokenOff,
    /// The program ended well, and no check was made.
    NoCheck,
    /// Nothing ran: most likely it does not compile.
    NotRun,
}

impl Outcome {
    /// By its exit status and by what the check has noted. The note is what counts.
    pub fn of(status: Option<i32>, note: Option<Note>) -> Outcome {
        match (note, status) {
            (Some(Note::Passed), Some(0)) => Outcome::Passed,
            (Some(Note::NotYet), _) => Outcome::NotYet,
            (Some(Note::Begun | Note::Passed), _) => Outcome::BrokenOff,
            (None, Some(0)) => Outcome::NoCheck,
            (None, _) => Outcome::NotRun,
        }
    }
}

/// Runs an exercise as a program of its own. It prints its verdict itself.
///
/// # Errors
/// A sentence: its file is missing, or cargo cannot be started.
pub fn run(about: &About, progress: &Progress) -> Result<Outcome, String> {
    let (name, file) = (&about.name, about.file());
    if !file.is_file() {
        let file = from_root(&file);
        return Err(format!("{file} is missing; `cargo learn reset {name}` brings it back"));
    }
    let folder = progress.folder();
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
    // Another check may run in another terminal, and one of an earlier run must not speak for this.
    let note = folder.join(format!("verdict-{}", std::process::id()));
    let _ = std::fs::remove_file(&note);
    let status = cargo(&["-p", "roundelay-exercises", "--example", name])
        .env(NOTE_FILE, &note)
        .status()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    let noted = Note::read(name, &note);
    let _ = std::fs::remove_file(&note);
    Ok(Outcome::of(status.code(), noted))
}

/// Remembers how an exercise went, and says what comes next.
///
/// # Errors
/// A sentence: it cannot be remembered.
pub fn checked(
    all: &[About],
    about: &About,
    progress: &mut Progress,
    outcome: Outcome,
) -> Result<(String, bool), String> {
    let (name, passed) = (&about.name, outcome == Outcome::Passed);
    progress.change(name, |done| {
        done.checks += 1;
        done.passed |= passed;
    })?;
    let mut said = String::new();
    match outcome {
        Outcome::Passed => {
            tell!(said, "\n{}\n", about.reasons.trim());
            tell!(said, "how the authors wrote it: cargo learn solution {name}");
            match next(all, progress) {
                Some(next) => tell!(said, "next: {}, {}: cargo learn next", next.name, next.title),
                None => tell!(said, "that was the last one"),
            }
        }
        // The check has said it all.
        Outcome::NotYet => {}
        Outcome::BrokenOff | Outcome::NoCheck | Outcome::NotRun => {
            tell!(said, "\n{name} came to no verdict.");
            tell!(
                said,
                "{}",
                match outcome {
                    Outcome::BrokenOff =>
                        "Something ended the whole program before the check could judge: an \
                         `exit`, an `abort`, or calls nested too deep.",
                    Outcome::NoCheck =>
                        "The program ended before its check began: `main` should do nothing but \
                         return what the check says.",
                    _ => "If the compiler complains above, begin with its first message.",
                }
            );
            tell!(said, "a hint:  cargo learn hint {name}");
        }
    }
    Ok((said, passed))
}

/// One more hint.
///
/// # Errors
/// A sentence: it cannot be remembered.
pub fn hint(about: &About, progress: &mut Progress) -> Result<String, String> {
    let given = (progress.of(&about.name).hints + 1).min(about.hints.len());
    progress.change(&about.name, |done| done.hints = given)?;
    let mut said = String::new();
    for (number, hint) in about.hints.iter().take(given).enumerate() {
        tell!(said, "{}. {hint}", number + 1);
    }
    let (name, all) = (&about.name, about.hints.len());
    match given < all {
        true => tell!(said, "\n(hint {given} of {all} for {name}; ask again for more)"),
        false => tell!(said, "\n(these are all hints for {name})"),
    }
    Ok(said)
}

/// Brings the file back as it was given out, and keeps what was there.
///
/// # Errors
/// A sentence: a file cannot be read or written. Then nothing is lost.
pub fn reset(about: &About, progress: &Progress) -> Result<String, String> {
    let (file, name, mut said) = (about.file(), &about.name, String::new());
    let cannot = |what: &Path, error| format!("{} cannot be used: {error}", what.display());
    let shipped = about.shipped();
    let text = std::fs::read_to_string(&shipped).map_err(|error| cannot(&shipped, error))?;
    match std::fs::read_to_string(&file) {
        Ok(before) if before == text => {
            tell!(said, "{} is as it was given out; nothing was changed", from_root(&file));
            return Ok(said);
        }
        Ok(before) => {
            let copies = progress.folder().join("copies");
            std::fs::create_dir_all(&copies).map_err(|error| cannot(&copies, error))?;
            let mut copy = (1..).map(|number| copies.join(format!("{name}_{number}.rs")));
            let copy = copy.find(|copy| !copy.exists()).expect("numbers do not end");
            std::fs::write(&copy, before).map_err(|error| cannot(&copy, error))?;
            tell!(said, "what you wrote is kept in {}", from_root(&copy));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tell!(said, "{} was missing", from_root(&file));
        }
        Err(error) => return Err(cannot(&file, error)),
    }
    std::fs::write(&file, text).map_err(|error| cannot(&file, error))?;
    tell!(said, "{} is as it was given out", from_root(&file));
    Ok(said)
}

/// The solution, for whoever has one.
///
/// # Errors
/// A sentence: the exercise has not passed yet.
pub fn solution(about: &About, progress: &Progress) -> Result<String, String> {
    let name = &about.name;
    if !progress.of(name).passed {
        return Err(format!(
            "{name} has not passed yet, and the solution is shown after that; \
             `cargo learn hint {name}` gives a hint"
        ));
    }
    let file = about.solution();
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(format!("{text}\n{}\n", about.reasons.trim()))
}

/// The last step of the build path. The tests compare it with the folder of the steps.
pub const LAST_STEP: i64 = 8;

/// Tests a step of the build path.
///
/// # Errors
/// A sentence: there is no build path here, or cargo cannot be started.
pub fn step(number: u32, mine: Option<PathBuf>) -> Result<ExitCode, String> {
    if !root().join("tutorial/build/Cargo.toml").is_file() {
        return Err("the build path is not here: there is no folder tutorial/build".into());
    }
    let number = number.to_string();
    let mut command =
        cargo(&["-p", "roundelay-build", "--example", "build", "--", "check", &number]);
    if let Some(mine) = mine {
        let mine = std::path::absolute(&mine)
            .map_err(|error| format!("{} is no folder: {error}", mine.display()))?;
        command.arg("--mine").arg(mine);
    }
    let status =
        command.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo run --quiet`, and more.
fn cargo(more: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(["run", "--quiet"]).args(more);
    command.env_remove("ROUNDELAY_TRACE").env_remove("ROUNDELAY_SEED");
    command
}

/// As one sees it from the root of the project.
fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
