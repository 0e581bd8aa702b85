//! Whole programs: a good one, and those that got the guard wrong.
//!
//! This file has a `main` of its own, because the guard is about `main`. Called without a role it
//! is the test: it starts itself in each role and looks at what happens. Every process writes a
//! line into a file as its very first act, so that the test can count them.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio, exit};
use std::time::{Duration, Instant};

use roundelay_pools::{ProcessPool, remote, worker_entry};

use support::SAFETY;

const ROLE: &str = "ROUNDELAY_TEST_ROLE";
const DIARY: &str = "ROUNDELAY_TEST_DIARY";

fn main() {
    if let Ok(diary) = std::env::var(DIARY) {
        let mut diary = fs::OpenOptions::new().append(true).open(diary).unwrap();
        diary.write_all(b"started\n").unwrap();
    }
    match std::env::var(ROLE).as_deref() {
        Ok("good") => good(),
        Ok("forgotten") => report(ProcessPool::new().map(drop)),
        Ok("pool first") => {
            let pool = ProcessPool::new();
            worker_entry();
            report(pool.map(drop));
        }
        Ok("stdin eaten") => {
            let _ = std::io::stdin().read(&mut [0; 100]);
            worker_entry();
            use_a_pool();
        }
        Ok("skipped in workers") => {
            if !std::env::args().next().unwrap().ends_with("worker]") {
                worker_entry();
            }
            use_a_pool();
        }
        Ok("starts another") => {
            worker_entry();
            let pool = ProcessPool::new().unwrap();
            println!("{}", pool.submit(run_good_program, ()).unwrap().wait().unwrap());
        }
        Ok("orphans") => {
            worker_entry();
            let pool = ProcessPool::new().unwrap();
            pool.submit(start_child_and_park, ()).unwrap().wait().unwrap();
        }
        Ok("ends early") => {
            worker_entry();
            let pool = ProcessPool::new().unwrap();
            let job = pool.submit(start_child_and_park, ()).unwrap();
            while !job.is_running() {
                std::thread::yield_now();
            }
            // Wait until the child's number is in the diary, then leave in mid-job.
            while !fs::read_to_string(std::env::var(DIARY).unwrap()).unwrap().contains("child") {
                std::thread::yield_now();
            }
            exit(0);
        }
        Ok(other) => panic!("no such role: {other}"),
        Err(_) => all_tests(),
    }
}

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}

fn good() {
    worker_entry();
    let pool = ProcessPool::builder().workers(4).build().unwrap();
    println!("{}", pool.submit(double, 21).unwrap().wait().unwrap());
    pool.shutdown();
}

fn use_a_pool() {
    let pool = ProcessPool::builder()
        .workers(4)
        .start_timeout(Duration::from_millis(300))
        .build()
        .unwrap_or_else(|error| {
            eprintln!("{error}");
            exit(1)
        });
    let jobs: Vec<_> = (0..4).map(|n| pool.submit(double, n).unwrap()).collect();
    for job in jobs {
        if let Err(error) = job.wait() {
            eprintln!("{error}");
            exit(1);
        }
    }
}

fn report(made: Result<(), roundelay_pools::PoolError>) {
    if let Err(error) = made {
        eprintln!("Error: {error:?}");
        exit(1);
    }
}

#[remote(crate = roundelay_pools)]
fn run_good_program() -> String {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).env(ROLE, "good").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[remote(crate = roundelay_pools)]
fn start_child_and_park() {
    #[expect(clippy::zombie_processes, reason = "it is to outlive this job")]
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut diary =
        fs::OpenOptions::new().append(true).open(std::env::var(DIARY).unwrap()).unwrap();
    writeln!(diary, "worker {}\nchild {}", std::process::id(), child.id()).unwrap();
    loop {
        std::thread::park();
    }
}

// ---- the test -------------------------------------------------------------------------------

fn all_tests() {
    let tests: [(&str, fn()); 8] = [
        (
            "a_good_program_needs_one_worker_for_one_job",
            a_good_program_needs_one_worker_for_one_job,
        ),
        ("a_program_without_the_guard_is_told_and_starts_nothing", without_the_guard),
        ("a_pool_before_the_guard_is_refused", a_pool_before_the_guard_is_refused),
        ("a_program_that_eats_the_mark_stays_a_handful_of_processes", stdin_eaten),
        ("a_program_that_skips_the_guard_in_workers_stays_a_handful", skipped_in_workers),
        ("a_job_may_start_another_program_with_pools", a_job_may_start_another_program),
        ("killing_the_parent_ends_the_workers_and_what_their_jobs_started", killing_the_parent),
        ("a_parent_that_exits_takes_its_workers_along", a_parent_that_exits),
    ];
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let filter = filter.unwrap_or_default();
    let listing = std::env::args().any(|argument| argument == "--list");
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(&filter)) {
        if listing {
            println!("{name}: test");
            continue;
        }
        test();
        println!("test {name} ... ok");
    }
}

struct Program {
    diary: tempfile::NamedTempFile,
    command: Command,
}

impl Program {
    fn new(role: &str) -> Program {
        let diary = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(ROLE, role).env(DIARY, diary.path()).stdin(Stdio::null());
        Program { diary, command }
    }

    fn run(mut self) -> (Output, usize) {
        let output = self.command.output().unwrap();
        let starts = lines(self.diary.path(), "started").len();
        (output, starts)
    }
}

fn lines(diary: &Path, beginning: &str) -> Vec<String> {
    let all = fs::read_to_string(diary).unwrap();
    all.lines().filter(|line| line.starts_with(beginning)).map(str::to_owned).collect()
}

fn a_good_program_needs_one_worker_for_one_job() {
    let (output, starts) = Program::new("good").run();
    assert_eq!((String::from_utf8_lossy(&output.stdout).trim(), starts), ("42", 2));
}

fn without_the_guard() {
    let (output, starts) = Program::new("forgotten").run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("So make it the first line of main"), "{said}");
    assert_eq!((output.status.code(), starts), (Some(1), 1));
}

fn a_pool_before_the_guard_is_refused() {
    let (output, starts) = Program::new("pool first").run();
    assert_eq!((output.status.code(), starts), (Some(1), 1));
}

fn stdin_eaten() {
    let (output, starts) = Program::new("stdin eaten").run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("workers die while starting"), "{said}");
    assert!(said.contains("its socket is no longer its standard input"), "{said}");
    assert_eq!((output.status.code(), starts), (Some(1), 4));
}

fn skipped_in_workers() {
    let (output, starts) = Program::new("skipped in workers").run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("this process was started as a worker"), "{said}");
    assert_eq!((output.status.code(), starts), (Some(1), 4));
}

fn a_job_may_start_another_program() {
    let (output, starts) = Program::new("starts another").run();
    assert_eq!((String::from_utf8_lossy(&output.stdout).trim(), starts), ("42", 4));
}

fn killing_the_parent() {
    let mut program = Program::new("orphans");
    let mut parent = program.command.spawn().unwrap();
    let family = wait_for_family(program.diary.path());
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until_gone(&family);
}

fn a_parent_that_exits() {
    let mut program = Program::new("ends early");
    assert!(program.command.status().unwrap().success());
    wait_until_gone(&wait_for_family(program.diary.path()));
}

/// The worker's and its child's process ids, as soon as they are known.
fn wait_for_family(diary: &Path) -> [i32; 2] {
    let limit = Instant::now() + SAFETY;
    loop {
        let number = |word| {
            let line = lines(diary, word).pop()?;
            line.rsplit(' ').next()?.parse().ok()
        };
        if let (Some(worker), Some(child)) = (number("worker"), number("child")) {
            return [worker, child];
        }
        assert!(Instant::now() < limit, "the job has not started");
        std::thread::yield_now();
    }
}

fn wait_until_gone(family: &[i32]) {
    let limit = Instant::now() + SAFETY;
    while family.iter().any(|pid| is_alive(*pid)) {
        assert!(Instant::now() < limit, "somebody of {family:?} is still there");
        std::thread::yield_now();
    }
}

/// A zombie does not count: whether somebody collects an orphan is not up to us.
fn is_alive(pid: i32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}
