//! Ctrl-C and other signals: real ones, to real processes, at bad moments.

use std::fs;
use std::io::pipe;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::processes::{Running, Signal, endless_file, nobody_is_left, process_group, wait_until};
use crate::{ROUNDELAY, roundelay};

const POOLS: [&str; 2] = ["threads", "processes"];

/// `a` and `z` are small, `endless` is not.
fn tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "").unwrap();
    fs::write(dir.path().join("z"), "").unwrap();
    endless_file(&dir.path().join("endless"));
    dir
}

fn names_in(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn ctrl_c_prints_what_is_finished_and_names_what_is_not() {
    for pool in POOLS {
        let dir = tree();
        let mut running = Running::start(dir.path(), ["--jobs", "2", "--pool", pool]);
        assert!(running.first_line().ends_with("  a\n"));
        running.reader_of(&dir.path().join("endless"));
        running.signal(Signal::INT);
        let ended = running.end();
        assert!(nobody_is_left(dir.path()), "{pool}");
        assert_eq!(ended.code(), Some(130), "{pool}: {}", ended.stderr);
        assert!(ended.stdout.is_empty() || ended.stdout.ends_with("  z\n"), "{}", ended.stdout);
        let told: Vec<_> = ended.stderr.lines().collect();
        assert_eq!(told[0], "roundelay: stopped by SIGINT");
        assert!(told[1].ends_with(" done, 0 failed, 0 left out"), "{told:?}");
        assert!(told[2].starts_with("roundelay: not finished: endless"), "{told:?}");
    }
}

#[test]
fn ctrl_c_leaves_the_old_file_and_no_temporary_one() {
    for pool in POOLS {
        let dir = tree();
        fs::write(dir.path().join("M"), "old").unwrap();
        let running = Running::start(dir.path(), ["--output", "M", "--pool", pool]);
        running.reader_of(&dir.path().join("endless"));
        assert_eq!(names_in(dir.path()).len(), 5, "the temporary file is there");
        running.signal(Signal::INT);
        let ended = running.end();
        assert!(nobody_is_left(dir.path()), "{pool}");
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(130), ""));
        assert!(ended.stderr.contains("M was not written"), "{}", ended.stderr);
        assert_eq!(names_in(dir.path()), ["M", "a", "endless", "z"]);
        assert_eq!(fs::read(dir.path().join("M")).unwrap(), b"old");
    }
}

#[test]
fn sigterm_is_the_same_with_a_status_of_its_own() {
    let dir = tree();
    let running = Running::start(dir.path(), ["--output", "M", "--pool", "processes"]);
    running.reader_of(&dir.path().join("endless"));
    running.signal(Signal::TERM);
    let ended = running.end();
    assert!(nobody_is_left(dir.path()));
    assert_eq!(ended.code(), Some(143));
    assert!(ended.stderr.starts_with("roundelay: stopped by SIGTERM\n"), "{}", ended.stderr);
    assert_eq!(names_in(dir.path()), ["a", "endless", "z"]);
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let dir = tree();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT; exec \"$0\" manifest", ROUNDELAY]).current_dir(dir.path());
    let running = Running::spawn(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
    running.reader_of(&dir.path().join("endless"));
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    assert_eq!(running.end().code(), Some(143));
}

#[test]
fn ctrl_c_at_the_terminal_reaches_the_parent_and_the_parent_decides() {
    let dir = tree();
    let running = Running::start(dir.path(), ["--pool", "processes"]);
    let worker = running.reader_of(&dir.path().join("endless"));
    assert_ne!(process_group(worker), process_group(running.pid));
    running.signal_group(Signal::INT);
    let ended = running.end();
    assert!(nobody_is_left(dir.path()));
    assert_eq!(ended.code(), Some(130));
    assert!(!ended.stderr.contains("worker process"), "{}", ended.stderr);
}

#[test]
fn a_signal_at_any_moment_of_the_start_leaves_nothing_behind() {
    for round in 0..40 {
        let dir = tree();
        fs::write(dir.path().join("M"), "old").unwrap();
        let pool = POOLS[round % 2];
        let running = Running::start(dir.path(), ["--output", "M", "--pool", pool]);
        // From "not yet a program" to "its workers are starting", whatever the machine makes of it.
        (0..round * 3000).for_each(|_| std::hint::spin_loop());
        if round % 3 == 0 {
            wait_until("it watches for signals", || {
                fs::read_dir(format!("/proc/{}/task", running.pid)).map_or(0, Iterator::count) > 1
            });
        }
        running.signal(Signal::INT);
        let ended = running.end();
        // Before it watches for signals, SIGINT does what it does to every program.
        let died = ended.status.signal() == Some(2);
        assert!(ended.code() == Some(130) || died, "{:?} {}", ended.status, ended.stderr);
        wait_until("no worker is left", || nobody_is_left(dir.path()));
        assert_eq!(names_in(dir.path()), ["M", "a", "endless", "z"]);
        assert_eq!(fs::read(dir.path().join("M")).unwrap(), b"old");
    }
}

/// Enough lines to fill a pipe and every buffer before it.
fn many_files() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..3000 {
        fs::write(dir.path().join(format!("{number:0100}")), "").unwrap();
    }
    dir
}

#[test]
fn ctrl_c_is_heard_while_standard_output_takes_nothing() {
    for pool in POOLS {
        let dir = many_files();
        let running = Running::start(dir.path(), ["--pool", pool]);
        running.wait_until_full(running.stdout());
        running.signal(Signal::INT);
        let ended = running.end_unread();
        assert!(nobody_is_left(dir.path()), "{pool}");
        assert_eq!(ended.code(), Some(130));
        assert!(ended.stderr.starts_with("roundelay: stopped by SIGINT\n"), "{}", ended.stderr);
    }
}

#[test]
fn ctrl_c_is_heard_while_both_outputs_take_nothing() {
    let dir = many_files();
    let (reader, writer) = pipe().unwrap();
    let mut command = roundelay(dir.path());
    command.arg("manifest").stdout(writer.try_clone().unwrap()).stderr(writer);
    let running = Running::spawn(&mut command);
    drop(command);
    running.wait_until_full(&reader);
    running.signal(Signal::INT);
    assert_eq!(running.end_unread().code(), Some(130));
}

/// A run that hangs in a full standard error while it has a temporary file.
fn hanging(dir: &Path) -> Running {
    for number in 0..3000 {
        symlink("nowhere", dir.join(format!("{number:0100}"))).unwrap();
    }
    let mut command = roundelay(dir);
    command.args(["manifest", "--output", "M", "--verbose"]);
    let running =
        Running::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()));
    running.wait_until_full(running.stderr());
    assert_eq!(names_in(dir).len(), 3001, "the temporary file is there");
    running
}

#[test]
fn ctrl_c_removes_the_temporary_file_though_a_thread_hangs_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let running = hanging(dir.path());
    running.signal(Signal::INT);
    assert_eq!(running.end_unread().code(), Some(130));
    assert_eq!(names_in(dir.path()).len(), 3000);
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let running = hanging(dir.path());
    running.signal(Signal::INT);
    // Two signals of one kind are one, as long as the first has not been taken.
    let status = format!("/proc/{}/status", running.pid);
    wait_until("the first has been taken", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let pending = status.lines().filter(|line| line.contains("Pnd:"));
        pending
            .flat_map(|line| line.chars())
            .all(|c| !"123456789abcdef".contains(c) || !c.is_ascii_digit())
    });
    running.signal(Signal::INT);
    assert_eq!(running.end_unread().code(), Some(130));
    assert_eq!(names_in(dir.path()).len(), 3000);
}

#[test]
fn progress_is_told_in_lines_where_nobody_watches_and_somebody_wants_it() {
    let dir = tree();
    let mut running = Running::start(dir.path(), ["--verbose"]);
    running.wait_until_told(" of 3 files, ");
    running.signal(Signal::INT);
    assert_eq!(running.end().code(), Some(130));
}
