//! Test files with a `main` of their own: the file is both the tests and the programs that they
//! look at. Called without a role it runs the tests; a test calls it again in a role.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Long enough for the slowest machine; reached only by a test that fails.
pub(crate) const SAFETY: Duration = Duration::from_secs(60);

const ROLE: &str = "ROUNDELAY_TEST_ROLE";

/// What this process is to be; `None`: the tests.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// This program, in a role.
pub(crate) fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// Runs this program in a role to its end, which must be a success.
pub(crate) fn run_role(role: &str) -> Output {
    run(&mut program(role))
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}

/// What `cargo test` expects of a test program: names, a filter, and one line for each test.
pub(crate) fn run_tests(tests: &[(&str, fn())]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let filter = filter.map_or("", String::as_str);
    let listing = arguments.iter().any(|argument| argument == "--list");
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(filter)) {
        if listing {
            println!("{name}: test");
            continue;
        }
        println!("test {name} ...");
        test();
        println!("test {name} ... ok");
    }
}

/// Looks again and again; for what another process does, and cannot tell us about.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + SAFETY;
    while !is_so() {
        assert!(Instant::now() < limit, "still not: {what}");
        std::thread::yield_now();
    }
}

/// A zombie does not count: whether somebody collects an orphan is not up to us.
pub(crate) fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // `pid (name) S ..`, and a name may hold spaces and brackets.
    let state = status.ok().and_then(|text| text.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Numbers that some process has written into a file, one a line, as soon as there are `count`.
pub(crate) fn numbers_in(file: &Path, count: usize) -> Vec<u32> {
    let read = || -> Option<Vec<u32>> {
        let text = std::fs::read_to_string(file).ok()?;
        if !text.ends_with('\n') {
            return None;
        }
        text.lines().map(|line| line.parse().ok()).collect()
    };
    wait_until("enough numbers", || read().is_some_and(|numbers| numbers.len() >= count));
    read().unwrap()
}
