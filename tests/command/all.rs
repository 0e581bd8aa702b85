//! Tests of the `roundelay` command as a user runs it: a process with arguments, two outputs and a
//! status.
//!
//! One file for each thing that a user does, or that happens to them; `odd_tree.rs` makes what they
//! do it to, and `processes.rs` looks into the command while it runs.

mod arguments;
mod checking;
mod dying;
mod limits;
mod listing;
mod odd_tree;
mod pools;
mod ps;
mod processes;
mod stopping;
mod tour;
mod traces;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const ROUNDELAY: &str = env!("CARGO_BIN_EXE_roundelay");

/// The command, about to run in `dir`.
fn roundelay(dir: &Path) -> Command {
    let mut command = Command::new(ROUNDELAY);
    if processes::is_deaf_to_ctrl_c() {
        // So are these tests, then, and so would be the command: it respects that.
        command = Command::new("env");
        command.args(["--default-signal=INT", ROUNDELAY]);
    }
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs `roundelay manifest` in `dir`.
fn manifest<S: AsRef<OsStr>>(dir: &Path, args: impl IntoIterator<Item = S>) -> Output {
    roundelay(dir).arg("manifest").args(args).output().expect("the command can be started")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("the command ended by itself")
}

/// What was said on standard error, line by line.
fn told(output: &Output) -> Vec<String> {
    String::from_utf8(output.stderr.clone()).unwrap().lines().map(str::to_owned).collect()
}
