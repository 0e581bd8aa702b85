//! Signals: what Ctrl-C reaches, and who is killed with a job.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use roundelay_pools::{Job, JobError, remote};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{is_alive, numbers_in, program, wait_until};
use crate::workers::{pool, wait_for_file};
use crate::{NOTES, note, notes};

/// Starts this program in a process group of its own, as a shell does, with a place for notes.
fn in_a_group(role: &str, notes: &Path) -> Child {
    let mut role = program(role);
    if is_deaf_to_ctrl_c() {
        // Whoever started these tests ignores the signal, and so would the role.
        let mut heard = Command::new("env");
        heard.arg("--default-signal=INT").arg(role.get_program());
        heard.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))));
        role = heard;
    }
    role.env(NOTES, notes).process_group(0).spawn().unwrap()
}

/// Was this process started with SIGINT ignored, as a shell without job control does it in the
/// background?
fn is_deaf_to_ctrl_c() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set >> (Signal::INT.as_raw() - 1) & 1 == 1)
}

fn interrupt(group: &Child) {
    kill_process_group(Pid::from_raw(group.id() as i32).unwrap(), Signal::INT).unwrap();
}

/// The job of a worker with a child: both leave their numbers.
#[remote(crate = roundelay_pools)]
fn start_a_child_and_park() {
    #[expect(clippy::zombie_processes, reason = "it is to be there when this job is killed")]
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    note(std::process::id());
    note(child.id());
    loop {
        thread::park();
    }
}

pub(crate) fn long_job() -> Job<()> {
    let pool = pool(1);
    let job = pool.submit(start_a_child_and_park, ()).unwrap();
    std::mem::forget(pool);
    job
}

pub(crate) fn ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut parent = in_a_group("ctrl-c", &notes);
    let family = numbers_in(&notes, 2);
    interrupt(&parent);
    let status = parent.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
    wait_until("the family is gone", || !family.iter().any(|pid| is_alive(*pid)));
}

pub(crate) fn handled_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut parent = in_a_group("handled ctrl-c", &notes);
    numbers_in(&notes, 1);
    interrupt(&parent);
    assert!(parent.wait().unwrap().success());
}

pub(crate) fn be_interrupted() {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted)).unwrap();
    let pool = pool(1);
    let job = pool.submit(note_and_wait, notes().with_extension("go")).unwrap();
    wait_until("the signal has come", || interrupted.load(Ordering::Relaxed));
    fs::write(notes().with_extension("go"), "").unwrap();
    job.wait().expect("the worker has not got the signal");
    pool.shutdown();
}

#[remote(crate = roundelay_pools)]
fn note_and_wait(name: PathBuf) {
    note(std::process::id());
    wait_for_file(name);
}

pub(crate) fn kill_a_family() {
    let pool = pool(1);
    let job = pool.submit(start_a_child_and_park, ()).unwrap();
    let family = numbers_in(&notes(), 2);
    assert!(job.kill());
    assert!(matches!(job.wait(), Err(JobError::Killed)));
    wait_until("the family is gone", || !family.iter().any(|pid| is_alive(*pid)));
    pool.shutdown();
}

pub(crate) fn limit_a_family() {
    let pool = pool(1);
    // Tried with more and more time, because it must be enough to start the child.
    for limit in (0..).map(|doubled| Duration::from_millis(20 << doubled)) {
        let _ = fs::remove_file(notes());
        let job = pool.time_limit(limit).submit(start_a_child_and_park, ()).unwrap();
        assert!(matches!(job.wait(), Err(JobError::TimedOut { limit: l }) if l == limit));
        if fs::read_to_string(notes()).is_ok_and(|text| text.lines().count() == 2) {
            break;
        }
    }
    let family = numbers_in(&notes(), 2);
    wait_until("the family is gone", || !family.iter().any(|pid| is_alive(*pid)));
    pool.shutdown();
}
