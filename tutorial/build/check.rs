//! Runs a step's tests against a crate that anybody wrote.
//!
//! A small package is written into the target folder. It depends on the crate by its path,
//! under the name `tiny`, and holds the tests of this step and of all the steps before. Cargo
//! builds it without a network, and the tests run one after the other.
//!
//! # Invariants
//! - Nothing outside the target folder is written.
//! - A check ends: a test that hangs is stopped, and named.
//!
//! Tutorial: the build path. Before this: `tagged.rs`. After this: `steps/step_01.rs`.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the tests of a step may run. They need less than a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All tests pass; so many.
    Passes(usize),
    /// The tests do not build against this crate; what the compiler says. If the crate itself is
    /// fine, each complaint once: names that the step asks for are not there yet.
    DoesNotBuild(String),
    /// These tests fail.
    Fails(Vec<Failure>),
}

/// One test that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step that the test belongs to.
    pub step: u32,
    /// What should hold: the test's name, in words.
    pub promise: String,
    /// What was expected, and what happened.
    pub said: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Passes(count) => write!(f, "All {count} tests pass."),
            Verdict::DoesNotBuild(said) => {
                let own = said.contains("error: could not compile");
                let what = if own { "This crate does" } else { "The tests of this step do" };
                write!(f, "{}\n\n{what} not build yet.", said.trim_end())
            }
            Verdict::Fails(failures) => {
                for failure in failures {
                    let Failure { step, promise, said } = failure;
                    let said = said.replace('\n', "\n    ");
                    writeln!(f, "Step {step}: {promise}.\n    {said}\n")?;
                }
                write!(f, "{} of the tests fail.", failures.len())
            }
        }
    }
}

/// Runs the tests of `step`, and of the steps before it, against the crate in the folder `mine`.
///
/// # Errors
/// A sentence: there is no such crate or step, or Cargo could not be asked.
pub fn check(step: u32, mine: &Path) -> Result<Verdict, String> {
    check_within(step, mine, PATIENCE)
}

/// As [`check`], but stops tests that run for longer than `patience`.
///
/// # Errors
/// As [`check`].
pub fn check_within(step: u32, mine: &Path, patience: Duration) -> Result<Verdict, String> {
    if !(1..=crate::STEPS).contains(&step) {
        return Err(format!("there is no step {step}; the steps are 1 to {}", crate::STEPS));
    }
    let (name, mine) = package(mine)?;
    let target = target()?;
    let folder = target.join("build-path").join(format!("step_{step}_{name}"));
    write_project(&folder, step, &name, &mine)
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
    match build(&folder, &target.join("build-path/target"))? {
        Ok(program) => run(&program, &folder.join("output.txt"), patience),
        Err(said) => Ok(Verdict::DoesNotBuild(complaints(&said, &format!("check-of-{name}")))),
    }
}

/// Writes a package with `source` as its only file into `folder`.
///
/// # Errors
/// A sentence: the folder is there already, or cannot be written.
pub fn write_crate(folder: &Path, source: &str) -> Result<(), String> {
    if folder.exists() {
        return Err(format!("{} is there already; nothing was changed", folder.display()));
    }
    let manifest = "[package]\nname = \"my-loop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    publish = false\n\n[dependencies]\n# Step 8 needs it, no step before.\n\
                    mio = { version = \"1.2.4\", features = [\"os-poll\", \"net\"] }\n\n\
                    # A package of its own, wherever it lies.\n[workspace]\n";
    fs::create_dir_all(folder.join("src"))
        .and_then(|()| fs::write(folder.join("Cargo.toml"), manifest))
        .and_then(|()| fs::write(folder.join("src/lib.rs"), source))
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))
}

/// The folder of this package: its checks are read from there.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The name of the package in `folder`, and its absolute path.
fn package(folder: &Path) -> Result<(String, PathBuf), String> {
    let shown = folder.display();
    let text = fs::read_to_string(folder.join("Cargo.toml"))
        .map_err(|error| format!("there is no crate in {shown}: Cargo.toml: {error}"))?;
    let manifest: toml::Table =
        toml::from_str(&text).map_err(|error| format!("{shown}/Cargo.toml: {error}"))?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name
        .and_then(|name| name.as_str())
        .ok_or_else(|| format!("{shown}/Cargo.toml names no package"))?;
    let path = folder.canonicalize().map_err(|error| format!("{shown}: {error}"))?;
    Ok((name.to_owned(), path))
}

/// The target folder: this program lies three floors below it, and so does a test.
fn target() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let target = program.ancestors().nth(3);
    target.map(Path::to_owned).ok_or_else(|| "this program is not in a target folder".into())
}

fn write_project(folder: &Path, step: u32, name: &str, mine: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut manifest = format!(
        "[package]\nname = \"check-of-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n\
         [dependencies.tiny]\npackage = {name:?}\npath = {mine:?}\n"
    );
    if step >= 8 {
        manifest +=
            "\n[dependencies.mio]\nversion = \"1.2.4\"\nfeatures = [\"os-poll\", \"net\"]\n";
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that are there already: a check needs no network.
    fs::copy(home().join("../../Cargo.lock"), folder.join("Cargo.lock"))?;
    let modules = (1..=step).map(|step| format!("step_{step}")).chain(["support".to_owned()]);
    let mut lib = String::from("#![cfg(test)]\n");
    for module in modules {
        lib += &format!("mod {module};\n");
        let file = format!("{module}.rs");
        fs::copy(home().join("checks").join(&file), folder.join(&file))?;
    }
    fs::write(folder.join("lib.rs"), lib)
}

/// Builds the tests; where their program lies, or what the compiler says.
fn build(folder: &Path, target: &Path) -> Result<Result<PathBuf, String>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["test", "--no-run", "--lib", "--offline", "--quiet"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !built.status.success() {
        return Ok(Err(String::from_utf8_lossy(&built.stderr).into_owned()));
    }
    let told = String::from_utf8_lossy(&built.stdout);
    let program = told
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    program.map(Ok).ok_or_else(|| "cargo has built no tests".into())
}

/// If only the tests do not build, each complaint once. If the crate does not, all that was said.
fn complaints(said: &str, tests: &str) -> String {
    if !said.contains(&format!("could not compile `{tests}`")) {
        return said.to_owned();
    }
    let mut lines: Vec<&str> = Vec::new();
    for line in said.lines().filter(|line| line.starts_with("error[")) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() { said.to_owned() } else { lines.join("\n") }
}

/// Runs the tests, one after the other, and reads what they say.
fn run(program: &Path, output: &Path, patience: Duration) -> Result<Verdict, String> {
    let cannot = |error| format!("the tests do not run: {error}");
    let file = File::create(output).map_err(cannot)?;
    let errors = file.try_clone().map_err(cannot)?;
    let mut tests = Command::new(program)
        .args(["--test-threads=1", "--color=never"])
        .env("RUST_BACKTRACE", "0")
        .stdout(file)
        .stderr(errors)
        .stdin(Stdio::null())
        .spawn()
        .map_err(cannot)?;
    let begun = Instant::now();
    let mut hangs = false;
    while tests.try_wait().map_err(cannot)?.is_none() {
        thread::sleep(Duration::from_millis(5));
        if begun.elapsed() > patience {
            hangs = true;
            tests.kill().and_then(|()| tests.wait()).map_err(cannot)?;
        }
    }
    let said = fs::read(output).map_err(cannot)?;
    Ok(read(&String::from_utf8_lossy(&said), hangs))
}

/// What the test program has said, as a verdict.
fn read(said: &str, hangs: bool) -> Verdict {
    let mut failures: Vec<Failure> = said
        .split("\n---- ")
        .skip(1)
        .filter_map(|part| {
            let (name, rest) = part.split_once(" stdout ----")?;
            let message = rest.split_once("panicked at ")?.1.split_once('\n')?.1;
            let message = message.split("\nnote: ").next().unwrap_or(message);
            let message = message.split("\n\n").next().unwrap_or(message);
            Some(failure(name, message.trim_end()))
        })
        .collect();
    let started = said.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    let passed = started.clone().filter(|(_, end)| *end == "ok").count();
    if hangs || (failures.is_empty() && !said.contains("test result: ok")) {
        let last = started.clone().rfind(|(_, end)| !end.starts_with(['o', 'F']));
        let last = last.map_or("step_0::the_tests_end", |(name, _)| name);
        let what = if hangs { "it has not ended: it was stopped" } else { "the program has died" };
        failures.push(failure(last, what));
    }
    if failures.is_empty() { Verdict::Passes(passed) } else { Verdict::Fails(failures) }
}

fn failure(test: &str, said: &str) -> Failure {
    let (module, name) = test.split_once("::").unwrap_or(("", test));
    let step = module.trim_start_matches("step_").parse().unwrap_or_default();
    Failure { step, promise: name.replace('_', " "), said: said.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_test_is_told_in_its_own_words() {
        let said = "\nrunning 2 tests\ntest step_1::a ... ok\ntest step_2::b_is_c ... FAILED\n\n\
                    failures:\n\n---- step_2::b_is_c stdout ----\n\nthread 'x' (7) panicked at y.rs:1:2:\n\
                    Say it.\n  expected: 1\nnote: run with\n\n\nfailures:\n    step_2::b_is_c\n\n\
                    test result: FAILED. 1 passed; 1 failed\n";
        let failure =
            Failure { step: 2, promise: "b is c".into(), said: "Say it.\n  expected: 1".into() };
        assert_eq!(read(said, false), Verdict::Fails(vec![failure]));
    }

    #[test]
    fn a_test_that_hangs_is_named() {
        let said = "running 2 tests\ntest step_1::a ... ok\ntest step_4::b ... ";
        let Verdict::Fails(failures) = read(said, true) else { panic!("it hangs") };
        assert_eq!((failures[0].step, failures[0].promise.as_str()), (4, "b"));
    }
}
