//! Time limits, retries, and files that change or vanish while the command runs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::processes::{Running, endless_file, nobody_is_left};
use crate::{ROUNDELAY, manifest, status, told};

#[test]
fn a_file_over_its_time_is_given_up_and_the_rest_is_complete() {
    for pool in ["threads", "processes"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        fs::write(dir.path().join("z"), "").unwrap();
        endless_file(&dir.path().join("endless"));
        // One worker: whatever comes after the endless file needs that worker to be free again.
        let made = manifest(dir.path(), ["--timeout", "2", "--jobs", "1", "--pool", pool]);
        assert!(nobody_is_left(dir.path()), "{pool}");
        assert_eq!(status(&made), 1);
        assert_eq!(
            told(&made),
            [
                "roundelay: endless: it took longer than 2s",
                "roundelay: 2 done, 1 failed, 0 left out"
            ]
        );
        let names = String::from_utf8(made.stdout).unwrap();
        assert_eq!(names.lines().map(|line| &line[66..]).collect::<Vec<_>>(), ["a", "z"]);
    }
}

#[test]
fn a_deadline_ends_the_run_and_what_is_finished_is_written() {
    for pool in ["threads", "processes"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        endless_file(&dir.path().join("endless"));
        let made = manifest(dir.path(), ["--deadline", "2", "--jobs", "2", "--pool", pool]);
        assert!(nobody_is_left(dir.path()), "{pool}");
        assert_eq!(status(&made), 1);
        assert_eq!(
            told(&made),
            [
                "roundelay: stopped: the deadline of 2s has passed",
                "roundelay: 1 done, 0 failed, 0 left out",
                "roundelay: not finished: endless",
            ]
        );
        assert!(made.stdout.ends_with(b"  a\n"));
    }
}

#[test]
fn a_deadline_does_not_put_half_a_manifest_in_the_place_of_a_whole_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("M"), "old").unwrap();
    endless_file(&dir.path().join("endless"));
    let made = manifest(dir.path(), ["--deadline", "0.2", "--output", "M"]);
    assert_eq!(status(&made), 1);
    assert_eq!(fs::read(dir.path().join("M")).unwrap(), b"old");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn json_says_that_a_run_was_not_complete() {
    let dir = tempfile::tempdir().unwrap();
    endless_file(&dir.path().join("endless"));
    let made = manifest(dir.path(), ["--deadline", "0.2", "--json"]);
    let last = made.stdout.split(|&byte| byte == b'\n').rev().nth(1).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(last).unwrap();
    assert_eq!(
        (summary["type"].as_str(), summary["complete"].as_bool()),
        (Some("summary"), Some(false))
    );
}

#[test]
fn a_check_keeps_its_limits_too() {
    for pool in ["threads", "processes"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        manifest(dir.path(), ["--output", "M", "a"]);
        endless_file(&dir.path().join("endless"));
        let mut list = fs::read_to_string(dir.path().join("M")).unwrap();
        list += &format!("{}  endless\n", "0".repeat(64));
        fs::write(dir.path().join("M"), list).unwrap();
        let checked = manifest(dir.path(), ["--check", "M", "--timeout", "2", "--pool", pool]);
        assert_eq!(status(&checked), 1);
        assert_eq!(checked.stdout, b"a: OK\nendless: FAILED open or read\n");
        assert_eq!(told(&checked)[0], "roundelay: endless: it took longer than 2s");
    }
}

#[test]
fn a_file_that_vanishes_before_its_turn_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let first = endless_file(&dir.path().join("a"));
    fs::write(dir.path().join("b"), "").unwrap();
    fs::write(dir.path().join("c"), "").unwrap();
    let running = Running::start(dir.path(), ["--jobs", "1"]);
    // The walk came by here before anybody read `a`.
    running.reader_of(&dir.path().join("a"));
    fs::remove_file(dir.path().join("b")).unwrap();
    first.set_len(0).unwrap();
    let ended = running.end();
    assert_eq!(ended.code(), Some(1));
    assert_eq!(
        ended.stderr,
        "roundelay: b: cannot open it: No such file or directory\n\
         roundelay: 2 done, 1 failed, 0 left out\n"
    );
}

/// A file with a lease cannot be opened without waiting until its holder lets go: an error that
/// passes. Python holds the lease, since only the kernel's own interface offers it.
const HOLDER: &str = "
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = open('leased', 'r+')
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.readline()
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
";

#[test]
fn an_error_that_passes_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("leased"), "x").unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", HOLDER]).current_dir(dir.path());
    let Ok(mut holder) =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    else {
        return; // No Python here.
    };
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    if said != "held\n" {
        return; // No leases on this file system.
    }
    let failed = manifest(dir.path(), ["--retries", "1", "--verbose"]);
    assert_eq!(status(&failed), 1);
    let busy = "leased: cannot open it: Resource temporarily unavailable";
    assert!(told(&failed)[0].starts_with(&format!("roundelay: {busy}; trying again in ")));
    assert_eq!(told(&failed)[1], format!("roundelay: {busy}"));

    let mut running = Running::start(dir.path(), ["--retries", "100", "--verbose"]);
    running.wait_until_told("trying again in ");
    holder.stdin.take().unwrap().write_all(b"let go\n").unwrap();
    let ended = running.end();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("  leased\n"));
    holder.wait().unwrap();
}

#[test]
fn too_few_open_files_are_no_reason_to_fail() {
    // Far more workers than files that may be open: some have to come back later.
    let dir = tempfile::tempdir().unwrap();
    for number in 0..200 {
        fs::write(dir.path().join(number.to_string()), vec![0; 300_000]).unwrap();
    }
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 32; exec \"$0\" manifest --jobs 64 --retries 100", ROUNDELAY]);
    limited.current_dir(dir.path()).stdin(Stdio::null());
    let made = limited.output().unwrap();
    assert_eq!(status(&made), 0, "{:?}", told(&made));
    assert_eq!(made.stdout.iter().filter(|&&byte| byte == b'\n').count(), 200);
}
