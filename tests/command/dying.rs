//! Worker processes that are killed in the middle of a file.

use std::collections::BTreeSet;
use std::fs;

use crate::manifest;
use crate::processes::{
    Running, Signal, endless_file, is_stopped, kill, nobody_is_left, wait_until,
};

#[test]
fn a_killed_worker_costs_a_message_and_its_file_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "m", "z"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    let large = dir.path().join("large");
    let content = endless_file(&large);
    let running = Running::start(dir.path(), ["--pool", "processes", "--jobs", "2"]);
    let worker = running.reader_of(&large);
    // It is in the middle of the file, and stays there while the file becomes a short one.
    kill(worker, Signal::STOP);
    wait_until("the worker has stopped", || is_stopped(worker));
    content.set_len(1000).unwrap();
    kill(worker, Signal::KILL);
    let ended = running.end();
    assert!(nobody_is_left(dir.path()));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let told = format!(
        "roundelay: worker process {worker} ended (signal 9, SIGKILL); large is done again\n"
    );
    assert_eq!(ended.stderr, told);
    assert_eq!(ended.stdout.as_bytes(), manifest(dir.path(), ["--jobs", "1"]).stdout);
}

#[test]
fn a_file_that_kills_its_worker_again_and_again_fails_and_the_rest_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "").unwrap();
    fs::write(dir.path().join("z"), "").unwrap();
    let endless = dir.path().join("endless");
    endless_file(&endless);
    let running = Running::start(dir.path(), ["--pool", "processes", "--jobs", "2"]);
    let mut killed = BTreeSet::new();
    while killed.len() < 3 {
        let worker = running.reader_of(&endless);
        if killed.insert(worker) {
            kill(worker, Signal::KILL);
        }
    }
    let ended = running.end();
    assert!(nobody_is_left(dir.path()));
    assert_eq!(ended.code(), Some(1));
    let names: Vec<_> = ended.stdout.lines().map(|line| &line[66..]).collect();
    assert_eq!(names, ["a", "z"]);
    assert_eq!(ended.stderr.matches("endless is done again\n").count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("roundelay: endless: worker process "), "{}", ended.stderr);
    assert!(ended.stderr.contains("as 2 others with this file did\n"), "{}", ended.stderr);
}
