//! What holds where a panic is the end of its process.
#![forbid(unsafe_code)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

const SIGABRT: i32 = 6;

fn run(role: &str) -> (Output, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abort"));
    let output = command.arg(role).env("RUST_BACKTRACE", "0").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

#[test]
fn with_panic_abort_a_panic_in_a_process_is_a_death_whose_last_words_are_the_panic() {
    let (output, stdout, stderr) = run("process");
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.contains("signal 6"), "{stdout}");
    assert!(stdout.contains("13 is odd") && stdout.contains("main.rs:"), "{stdout}");
    assert!(stdout.contains("half of 42 is 21"), "the pool goes on: {stdout}");
}

#[test]
fn with_panic_abort_an_initializer_that_panics_breaks_the_pool_with_its_words() {
    let (output, stdout, stderr) = run("init");
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.contains("signal 6") && stdout.contains("this worker is not to be"), "{stdout}");
}

#[test]
fn with_panic_abort_a_panic_in_a_thread_is_the_end_of_the_program() {
    let (output, stdout, stderr) = run("thread");
    assert_eq!(output.status.signal(), Some(SIGABRT));
    assert!(stdout.is_empty() && stderr.contains("no luck"), "{stdout}{stderr}");
}
