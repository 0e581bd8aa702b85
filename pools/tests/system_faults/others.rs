//! Others who interfere: a program file that is replaced, a foreign `wait`, what is inherited, what
//! a job leaves behind.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use roundelay_pools::{JobError, WorkerExit, remote};
use rustix::process::WaitOptions;

use crate::is_running;
use crate::support::{is_alive, program, run};
use crate::workers::{double, pool, wait_for_file};

pub(crate) fn replaced() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let role = program("replaced");
    let envs: Vec<_> = role.get_envs().filter_map(|(k, v)| Some((k, v?))).collect();
    run(Command::new(&copy).envs(envs));
}

pub(crate) fn be_replaced() {
    let pool = pool(2);
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("first");
    let first = pool.submit(wait_for_file, name.clone()).unwrap();
    is_running(&first);
    // What `cargo build` does: another file takes the name.
    let own = std::env::current_exe().unwrap();
    let other = own.with_extension("new");
    fs::write(&other, "not a program at all").unwrap();
    fs::rename(&other, &own).unwrap();
    assert_eq!(pool.submit(double, 21).unwrap().wait().unwrap(), 42, "a new worker is the old one");
    fs::write(name, "").unwrap();
    pool.shutdown();
}

pub(crate) fn foreign_wait() {
    // A library that collects every child of the process, whoever started it.
    let stop = Arc::new(AtomicBool::new(false));
    let collector = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = rustix::process::wait(WaitOptions::NOHANG);
                thread::yield_now();
            }
        }
    });
    let pool = pool(1);
    for _ in 0..10 {
        match pool.submit(exit_with, 3).unwrap().wait() {
            Err(JobError::WorkerDied { exit, .. }) => {
                assert!(matches!(exit, WorkerExit::Unknown | WorkerExit::Code(3)), "{exit}");
            }
            other => panic!("the worker exits: {other:?}"),
        }
    }
    assert_eq!(pool.submit(double, 21).unwrap().wait().unwrap(), 42);
    pool.shutdown();
    stop.store(true, Ordering::Relaxed);
    collector.join().unwrap();
}

#[remote(crate = roundelay_pools)]
fn exit_with(code: i32) {
    std::process::exit(code)
}

/// What a program finds open that is started here; the list is a pipe, and so is nothing else.
fn sockets_of_a_child() -> String {
    let output = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    all.lines().filter(|line| line.contains("socket:")).collect()
}

#[remote(crate = roundelay_pools)]
fn sockets_of_a_grandchild() -> String {
    sockets_of_a_child()
}

pub(crate) fn inheritance() {
    let pool = pool(2);
    assert_eq!(pool.submit(sockets_of_a_grandchild, ()).unwrap().wait().unwrap(), "");
    assert_eq!(sockets_of_a_child(), "", "nor does a child of the parent");
    // Nor does the second worker have the first one's: that one's end would go unnoticed.
    let directory = tempfile::tempdir().unwrap();
    let first = pool.submit(wait_for_file, directory.path().join("first")).unwrap();
    is_running(&first);
    let own = pool.submit(own_sockets, ()).unwrap().wait().unwrap();
    assert_eq!(own, 2, "one, and the reader's copy of it");
    fs::write(directory.path().join("first"), "").unwrap();
    pool.shutdown();
}

#[remote(crate = roundelay_pools)]
fn own_sockets() -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

static LEFT_BEHIND: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[remote(crate = roundelay_pools)]
fn leave_a_thread() -> u64 {
    thread::spawn(|| {
        loop {
            LEFT_BEHIND.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
        }
    });
    7
}

#[remote(crate = roundelay_pools)]
fn is_it_still_counting() -> bool {
    let before = LEFT_BEHIND.load(Ordering::Relaxed);
    while LEFT_BEHIND.load(Ordering::Relaxed) == before {
        thread::yield_now();
    }
    true
}

pub(crate) fn thread_left_behind() {
    let pool = pool(1);
    assert_eq!(pool.submit(leave_a_thread, ()).unwrap().wait().unwrap(), 7);
    assert!(pool.submit(is_it_still_counting, ()).unwrap().wait().unwrap());
    let pids = pool.worker_pids();
    pool.shutdown();
    assert!(!pids.into_iter().any(is_alive));
}
