//! The system says no: no descriptors, no threads, no processes, no memory.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use roundelay_pools::{JobError, PoolError, ThreadPool, WorkerExit, remote};
use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};

use crate::support::{numbers_in, program, run};
use crate::workers::{double, pool, wait_for_file};
use crate::{NOTES, is_running, note, notes};

/// What this process may not have, in the role that it has.
pub(crate) fn take_away(role: Option<&str>) {
    if role == Some("no processes") {
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
}

fn limit_descriptors(to: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: to.or(maximum), maximum }).unwrap();
}

fn open_descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1 // the directory itself
}

pub(crate) fn no_descriptors() {
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

pub(crate) fn descriptors_run_out() {
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

pub(crate) fn no_threads() {
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

pub(crate) fn without_processes() {
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

pub(crate) fn no_processes() {
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

pub(crate) fn no_watcher() {
    fs::write(no_thread_file().unwrap(), "").unwrap();
    let pool = pool(1);
    let Err(JobError::BrokenPool(why)) = pool.submit(double, 1).unwrap().wait() else {
        panic!("no worker is ever able to work")
    };
    assert!(why.contains("before hello"), "{why}");
    assert!(why.contains("the watcher could not be started"), "{why}");
    pool.shutdown();
}

pub(crate) fn no_second_watcher() {
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

pub(crate) fn no_memory() {
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
