//! When the operating system says no, or somebody else interferes: no descriptors, no threads,
//! no processes, no memory, signals, a program file that is replaced, a foreign `wait`.

#[path = "../support/mod.rs"]
mod support;
#[path = "../workers/mod.rs"]
mod workers;

mod limits;
mod others;
mod signals;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use roundelay_pools::{Job, worker_entry};
use support::{program, role, run, run_role, run_tests, wait_until};

/// A file in which a role and its workers leave numbers.
const NOTES: &str = "ROUNDELAY_TEST_NOTES";

fn main() {
    limits::take_away(role().as_deref());
    worker_entry();
    match role().as_deref() {
        None => run_tests(&[
            ("without_descriptors_a_new_pool_breaks_and_says_why", || {
                run_role("no descriptors");
            }),
            ("without_descriptors_the_workers_that_are_there_do_the_work", || {
                run_role("descriptors run out");
            }),
            ("without_memory_for_a_thread_submit_says_so_and_recovers", || {
                run_role("no threads");
            }),
            ("without_processes_a_pool_breaks_and_says_why", limits::without_processes),
            ("a_worker_that_cannot_start_its_watcher_is_a_failed_start", || {
                with_notes("no watcher")
            }),
            (
                "while_new_workers_cannot_start_a_thread_the_one_that_is_there_does_every_job",
                || with_notes("no second watcher"),
            ),
            ("a_job_that_eats_all_memory_ends_its_own_worker", || {
                run_role("no memory");
            }),
            ("a_program_whose_file_is_replaced_while_it_runs_goes_on", others::replaced),
            ("ctrl_c_ends_the_parent_and_its_workers", signals::ctrl_c),
            (
                "ctrl_c_that_the_parent_has_arranged_for_does_not_reach_the_workers",
                signals::handled_ctrl_c,
            ),
            ("killing_a_job_kills_what_it_has_started", || with_notes("kill")),
            ("a_time_limit_kills_what_the_job_has_started", || with_notes("time limit")),
            ("a_worker_collected_by_somebody_else_ended_in_an_unknown_way", || {
                run_role("foreign wait");
            }),
            ("no_process_inherits_a_socket", || {
                run_role("inheritance");
            }),
            ("what_a_job_leaves_running_lives_until_its_worker_ends", || {
                run_role("thread left behind");
            }),
        ]),
        Some("no descriptors") => limits::no_descriptors(),
        Some("descriptors run out") => limits::descriptors_run_out(),
        Some("no threads") => limits::no_threads(),
        Some("no processes") => limits::no_processes(),
        Some("no watcher") => limits::no_watcher(),
        Some("no second watcher") => limits::no_second_watcher(),
        Some("no memory") => limits::no_memory(),
        Some("replaced") => others::be_replaced(),
        Some("ctrl-c") => drop(signals::long_job().wait()),
        Some("handled ctrl-c") => signals::be_interrupted(),
        Some("kill") => signals::kill_a_family(),
        Some("time limit") => signals::limit_a_family(),
        Some("foreign wait") => others::foreign_wait(),
        Some("inheritance") => others::inheritance(),
        Some("thread left behind") => others::thread_left_behind(),
        Some(other) => panic!("no such role: {other}"),
    }
}

/// This program in a role, with a place for notes.
fn with_notes(role: &str) {
    let directory = tempfile::tempdir().unwrap();
    run(program(role).env(NOTES, directory.path().join("notes")));
}

fn notes() -> PathBuf {
    PathBuf::from(std::env::var_os(NOTES).unwrap())
}

fn note(number: u32) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(notes()).unwrap();
    file.write_all(format!("{number}\n").as_bytes()).unwrap();
}

fn is_running(job: &Job<()>) {
    wait_until("the job runs", || job.is_running());
}
