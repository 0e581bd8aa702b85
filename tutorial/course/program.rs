//! A chapter's program: an example of this package, run as a reader would run it.
//!
//! What the book prints is what the program wrote, as a process of its own: nothing is
//! worked out. Two variables change a run without changing the program: `ROUNDELAY_SCHEDULE`
//! chooses another legal schedule, `ROUNDELAY_TRACE` writes what happened into a file.
//!
//! # Invariants
//! - No program can hang the check: one that takes longer than a minute is killed and told.
//!
//! Tutorial: the course's tools. Before this: `listing.rs`. After this: `python.rs`.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a program may take. The clock in a chapter is virtual: milliseconds are usual.
const PATIENCE: Duration = Duration::from_secs(60);

/// The programs, built.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

/// How one run of a program went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
}

impl Ran {
    /// What the book shows: the output, then (only when the program failed, or when `with_errors`
    /// asks for it) what it wrote to standard error and its exit status.
    pub fn shown(&self, with_errors: bool) -> String {
        let mut shown = self.output.clone();
        if with_errors || self.status != Some(0) {
            shown.push_str(&self.errors);
        }
        match self.status {
            Some(0) => {}
            Some(status) => writeln!(shown, "(exit status {status})").expect("a string takes it"),
            None => shown.push_str("(ended by a signal)\n"),
        }
        shown
    }
}

impl Ran {
    /// The lines between `== part` and the next line that begins with `==`: a program may show
    /// several things.
    pub fn part(&self, part: &str) -> String {
        let from_it = self.output.lines().skip_while(|line| line.strip_prefix("== ") != Some(part));
        let lines = from_it.skip(1).take_while(|line| !line.starts_with("=="));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

impl Programs {
    /// The programs beside the command or the test that runs now: cargo puts them into `examples`.
    ///
    /// # Errors
    /// There is no such folder: they have not been built.
    pub fn beside_this_one() -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
        this.ancestors()
            .skip(1)
            .map(|folder| folder.join("examples"))
            .find(|folder| folder.is_dir())
            .map(|folder| Programs { folder })
            .ok_or_else(|| {
                "the programs are not built: `cargo build --examples` builds them".into()
            })
    }

    /// The programs that lie in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Programs { folder: folder.into() }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of the programs, as their files are called. Cargo puts copies beside them, whose
    /// names end with a hash.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let of_book = |name: &String| {
            (name.starts_with("ch") || name.starts_with("myths"))
                && !name.contains(['.', '-'])
                && !self.folder.join(name).is_dir()
        };
        let mut names: Vec<String> = names.filter(of_book).collect();
        names.sort();
        names
    }

    /// Has cargo build the programs, as part of the profile that this command was built with.
    ///
    /// # Errors
    /// Cargo could not be started, or a program does not compile (cargo has told why).
    pub fn build(root: &Path) -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(root).args([
            "build",
            "--quiet",
            "-p",
            "roundelay-course",
            "--examples",
        ]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        match command.status() {
            Err(error) => Err(format!("cargo could not be started: {error}")),
            Ok(status) if !status.success() => {
                Err("a program of the course does not compile".into())
            }
            Ok(_) => Programs::beside_this_one(),
        }
    }

    /// Runs `name`, under the schedule of `seed` if there is one, and lets it write its trace if
    /// asked.
    ///
    /// # Errors
    /// A sentence: there is no such program, or it had to be killed.
    pub fn run(&self, name: &str, seed: Option<u64>, trace: Option<&Path>) -> Result<Ran, String> {
        let mut command = Command::new(self.folder.join(name));
        command.env_remove("ROUNDELAY_SCHEDULE").env_remove("ROUNDELAY_TRACE");
        command.env_remove("ROUNDELAY_DEBUG").env_remove("RUST_BACKTRACE");
        if let Some(seed) = seed {
            command.env("ROUNDELAY_SCHEDULE", seed.to_string());
        }
        if let Some(trace) = trace {
            command.env("ROUNDELAY_TRACE", trace);
        }
        watch(command, name)
    }
}

/// Runs `command`, which is the program `name`, to its end: or kills it when that takes too long.
pub(crate) fn watch(mut command: Command, name: &str) -> Result<Ran, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("the program `{name}` could not be started: {error}"))?;
    let (done, finished) = mpsc::channel::<()>();
    let (mut out, mut err) =
        (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = err.read_to_end(&mut text);
        read.map(|_| text)
    });
    let output = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = out.read_to_end(&mut text);
        // The other end may have given up: then nobody wants to know.
        let _ = done.send(());
        read.map(|_| text)
    });
    let in_time = finished.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout);
    if !in_time {
        child.kill().map_err(|error| format!("`{name}` hangs and cannot be killed: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("`{name}` was lost: {error}"))?;
    if !in_time {
        return Err(format!("`{name}` took longer than {} s and was killed", PATIENCE.as_secs()));
    }
    let text = |read: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        let bytes = read.join().expect("reading does not panic");
        let bytes = bytes.map_err(|error| format!("`{name}` could not be read: {error}"))?;
        String::from_utf8(bytes).map_err(|_| format!("`{name}` wrote what is not UTF-8"))
    };
    Ok(Ran { output: text(output)?, errors: text(errors)?, status: status.code() })
}
