//! When the operating system says no, or somebody else interferes: no descriptors, no threads,
//! no processes, no memory, signals, a program file that is replaced, a foreign `wait`.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use roundelay_pools::{
    Job, JobError, PoolError, ProcessPool, ThreadPool, WorkerExit, remote, worker_entry,
};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getrlimit, getuid, kill_process_group, setrlimit,
};
use support::{is_alive, numbers_in, program, role, run, run_role, run_tests, wait_until};

/// A file in which a role and its workers leave numbers.
const NOTES: &str = "ROUNDELAY_TEST_NOTES";

fn main() {
    if let Some(role) = role()
        && role == "no processes"
    {
        // Before the guard: the limit counts for the workers, too.
        let few = Some(PROCESSES_OF_NOBODY);
        setrlimit(Resource::Nproc, Rlimit { current: few, maximum: few }).unwrap();
    }
    if is_worker() && no_thread_file().is_some_and(|name| name.exists()) {
        note(std::process::id());
        // No room for the stack of a thread.
        let little = Some(address_space() + (1 << 20));
        setrlimit(Resource::As, Rlimit { current: little, maximum: little }).unwrap();
    }
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
            ("without_processes_a_pool_breaks_and_says_why", without_processes),
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
            ("a_program_whose_file_is_replaced_while_it_runs_goes_on", replaced),
            ("ctrl_c_ends_the_parent_and_its_workers", ctrl_c),
            ("ctrl_c_that_the_parent_has_arranged_for_does_not_reach_the_workers", handled_ctrl_c),
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
        Some("no descriptors") => no_descriptors(),
        Some("descriptors run out") => descriptors_run_out(),
        Some("no threads") => no_threads(),
        Some("no processes") => no_processes(),
        Some("no watcher") => no_watcher(),
        Some("no second watcher") => no_second_watcher(),
        Some("no memory") => no_memory(),
        Some("replaced") => be_replaced(),
        Some("ctrl-c") => drop(long_job().wait()),
        Some("handled ctrl-c") => be_interrupted(),
        Some("kill") => kill_a_family(),
        Some("time limit") => limit_a_family(),
        Some("foreign wait") => foreign_wait(),
        Some("inheritance") => inheritance(),
        Some("thread left behind") => thread_left_behind(),
        Some(other) => panic!("no such role: {other}"),
    }
}

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}

/// Leaves its number, and ends when there is a file of that name.
#[remote(crate = roundelay_pools)]
fn wait_for_file(name: PathBuf) {
    while !name.exists() {
        thread::yield_now();
    }
}

fn pool(workers: usize) -> ProcessPool {
    ProcessPool::builder().workers(workers).build().unwrap()
}

fn is_running(job: &Job<()>) {
    wait_until("the job runs", || job.is_running());
}

// ---- limits of the system ---------------------------------------------------------------------

fn limit_descriptors(to: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: to.or(maximum), maximum }).unwrap();
}

fn open_descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1 // the directory itself
}

fn no_descriptors() {
    let pool = pool(2);
    limit_descriptors(Some(open_descriptors() + 1));
    let jobs: Vec<_> = (0..3).map(|n| pool.submit(double, n).unwrap()).collect();
    for job in jobs {
        let Err(JobError::BrokenPool(why)) = job.wait() else { panic!("no worker can start") };
        assert!(why.contains("Too many open files"), "{why}");
    }
    assert!(matches!(pool.submit(double, 1), Err(PoolError::Broken(_))));
    limit_descriptors(None);
    pool.shutdown();
    let new = self::pool(2);
    assert_eq!(new.submit(double, 21).unwrap().wait().unwrap(), 42);
}

fn descriptors_run_out() {
    let directory = tempfile::tempdir().unwrap();
    let pool = pool(2);
    let first = pool.submit(wait_for_file, directory.path().join("first")).unwrap();
    is_running(&first);
    limit_descriptors(Some(open_descriptors() + 1));
    // One worker is there, the second cannot be started: the first does all of it.
    let others: Vec<_> = (0..5).map(|n| pool.submit(double, n).unwrap()).collect();
    assert!(others.iter().all(|job| job.is_queued()));
    limit_descriptors(Some(open_descriptors() + 2));
    fs::write(directory.path().join("first"), "").unwrap();
    first.wait().unwrap();
    for (n, job) in others.iter().enumerate() {
        assert_eq!(job.wait().unwrap(), n as u64 * 2);
    }
    // Descriptors are back, and so is the second worker: these two end only together.
    limit_descriptors(None);
    let names = ["a", "b"].map(|name| directory.path().join(name));
    let jobs = names.each_ref().map(|name| pool.submit(wait_for_file, name.clone()).unwrap());
    jobs.iter().for_each(is_running);
    assert_eq!(pool.worker_pids().len(), 2);
    names.iter().for_each(|name| fs::write(name, "").unwrap());
    pool.shutdown();
}

/// Bytes of address space.
fn address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn no_threads() {
    let threads = ThreadPool::builder().threads(2).stack_size(256 << 20).build();
    let processes = pool(1);
    let maximum = getrlimit(Resource::As).maximum;
    let little = Some(address_space() + (1 << 20));
    setrlimit(Resource::As, Rlimit { current: little, maximum }).unwrap();
    let dropped = Arc::new(());
    let kept = Arc::clone(&dropped);
    let refused = threads.submit(move || drop(kept)).map(drop);
    let refused_too = processes.submit(double, 1).map(drop);
    setrlimit(Resource::As, Rlimit { current: maximum, maximum }).unwrap();
    assert!(matches!(refused, Err(PoolError::Os { .. })), "{refused:?}");
    assert!(matches!(refused_too, Err(PoolError::Os { .. })), "{refused_too:?}");
    assert_eq!(Arc::strong_count(&dropped), 1, "the closure has been dropped");
    assert_eq!(threads.submit(|| 42).unwrap().wait().unwrap(), 42);
    assert_eq!(processes.submit(double, 21).unwrap().wait().unwrap(), 42);
    threads.shutdown();
    processes.shutdown();
}

/// Room for the parent's own threads, not for a worker.
const PROCESSES_OF_NOBODY: u64 = 3;
const NOBODY: u32 = 65_534;

fn without_processes() {
    if !getuid().is_root() {
        println!("  (left out: only root can start a program as a user who has no processes)");
        return;
    }
    // Nobody must be able to read the program, wherever the build put it.
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(directory.path(), open.clone()).unwrap();
    fs::set_permissions(&copy, open).unwrap();
    let role = program("no processes");
    let envs: Vec<_> = role.get_envs().filter_map(|(k, v)| Some((k, v?))).collect();
    run(Command::new(&copy).envs(envs).uid(NOBODY).gid(NOBODY));
}

fn no_processes() {
    // With this thread, that of the pool and this one there is no room for a worker.
    let (_stop, stopped) = std::sync::mpsc::channel::<()>();
    let _third = thread::spawn(move || stopped.recv());
    let pool = pool(1);
    match pool.submit(double, 1).map(|job| job.wait()) {
        Ok(Err(JobError::BrokenPool(why))) => {
            assert!(why.contains("temporarily unavailable"), "{why}");
        }
        other => panic!("no process can be started: {other:?}"),
    }
}

/// While there is a file of this name, workers have no room for a thread.
fn no_thread_file() -> Option<PathBuf> {
    std::env::var_os(NOTES).map(|notes| PathBuf::from(notes).with_extension("no-thread"))
}

fn is_worker() -> bool {
    std::env::args().next().is_some_and(|name| name.ends_with("[roundelay worker]"))
}

fn no_watcher() {
    fs::write(no_thread_file().unwrap(), "").unwrap();
    let pool = pool(1);
    let Err(JobError::BrokenPool(why)) = pool.submit(double, 1).unwrap().wait() else {
        panic!("no worker is ever able to work")
    };
    assert!(why.contains("before hello"), "{why}");
    assert!(why.contains("the watcher could not be started"), "{why}");
    pool.shutdown();
}

fn no_second_watcher() {
    let pool = pool(2);
    let go = notes().with_extension("go");
    let first = pool.submit(wait_for_file, go.clone()).unwrap();
    is_running(&first);
    fs::write(no_thread_file().unwrap(), "").unwrap();
    let others: Vec<_> = (0..20).map(|n| pool.submit(double, n).unwrap()).collect();
    numbers_in(&notes(), 3);
    fs::write(go, "").unwrap();
    for (n, job) in others.iter().enumerate() {
        assert_eq!(job.wait().unwrap(), n as u64 * 2, "nobody took it who could not do it");
    }
    pool.shutdown();
}

fn no_memory() {
    let pool = pool(1);
    let Err(JobError::WorkerDied { exit, stderr, .. }) =
        pool.submit(eat_memory, ()).unwrap().wait()
    else {
        panic!("it runs out of memory")
    };
    assert_eq!(exit, WorkerExit::Signal(6));
    assert!(stderr.contains("memory allocation of"), "{stderr}");
    assert_eq!(pool.submit(double, 21).unwrap().wait().unwrap(), 42);
    pool.shutdown();
}

#[remote(crate = roundelay_pools)]
fn eat_memory() -> usize {
    let limit = Some(address_space() + (64 << 20));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1_u8; 1 << 20]);
        if std::hint::black_box(&eaten).len() == usize::MAX {
            return 0;
        }
    }
}

// ---- the program's file -----------------------------------------------------------------------

fn replaced() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let role = program("replaced");
    let envs: Vec<_> = role.get_envs().filter_map(|(k, v)| Some((k, v?))).collect();
    run(Command::new(&copy).envs(envs));
}

fn be_replaced() {
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

// ---- signals ----------------------------------------------------------------------------------

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

fn notes() -> PathBuf {
    PathBuf::from(std::env::var_os(NOTES).unwrap())
}

fn note(number: u32) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(notes()).unwrap();
    file.write_all(format!("{number}\n").as_bytes()).unwrap();
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

fn long_job() -> Job<()> {
    let pool = pool(1);
    let job = pool.submit(start_a_child_and_park, ()).unwrap();
    std::mem::forget(pool);
    job
}

fn ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut parent = in_a_group("ctrl-c", &notes);
    let family = numbers_in(&notes, 2);
    interrupt(&parent);
    let status = parent.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
    wait_until("the family is gone", || !family.iter().any(|pid| is_alive(*pid)));
}

fn handled_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut parent = in_a_group("handled ctrl-c", &notes);
    numbers_in(&notes, 1);
    interrupt(&parent);
    assert!(parent.wait().unwrap().success());
}

fn be_interrupted() {
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

fn with_notes(role: &str) {
    let directory = tempfile::tempdir().unwrap();
    run(program(role).env(NOTES, directory.path().join("notes")));
}

fn kill_a_family() {
    let pool = pool(1);
    let job = pool.submit(start_a_child_and_park, ()).unwrap();
    let family = numbers_in(&notes(), 2);
    assert!(job.kill());
    assert!(matches!(job.wait(), Err(JobError::Killed)));
    wait_until("the family is gone", || !family.iter().any(|pid| is_alive(*pid)));
    pool.shutdown();
}

fn limit_a_family() {
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

// ---- others who interfere ---------------------------------------------------------------------

fn foreign_wait() {
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

fn inheritance() {
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

fn thread_left_behind() {
    let pool = pool(1);
    assert_eq!(pool.submit(leave_a_thread, ()).unwrap().wait().unwrap(), 7);
    assert!(pool.submit(is_it_still_counting, ()).unwrap().wait().unwrap());
    let pids = pool.worker_pids();
    pool.shutdown();
    assert!(!pids.into_iter().any(is_alive));
}
