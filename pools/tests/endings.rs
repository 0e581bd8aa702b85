//! How workers, jobs and process pools end: who is killed, what is heard of it, and what a shutdown
//! has waited for.

mod support;
mod workers;

use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use roundelay_pools::{Job, JobError, ProcessPool, WorkerExit, remote, worker_entry};
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, getpgrp, getpid, getrlimit,
    kill_process, pidfd_getfd, pidfd_open, setpgid, setrlimit,
};
use support::{SAFETY, is_alive, numbers_in, program, role, run_role, run_tests, wait_until};
use workers::{double, park_for_ever, pool, wait_for_file};

fn main() {
    worker_entry();
    match role().as_deref() {
        None => run_tests(&[
            ("a_job_that_leaves_its_process_group_is_killed_like_any_other", || {
                run_role("another group");
            }),
            ("when_shutdown_returns_jobs_that_somebody_is_cancelling_are_done", || {
                run_role("cancelled meanwhile");
            }),
            ("a_callback_on_a_thread_that_cancels_may_shut_the_pool_down", || {
                run_role("shutdown in a callback");
            }),
            ("of_two_shutdowns_neither_returns_before_the_threads_have_been_joined", || {
                run_role("two shutdowns");
            }),
            ("an_eager_pool_that_could_start_nobody_tries_again_at_the_first_job", || {
                run_role("eager in vain");
            }),
            ("a_worker_that_hangs_in_its_initializer_is_named_and_can_be_killed", || {
                run_role("hanging initializer");
            }),
            ("what_jobs_have_said_is_passed_on_before_shutdown_returns", slow_reader),
            ("a_daemon_that_has_standard_error_does_not_keep_shutdown", || {
                run_role("daemon");
            }),
            ("a_worker_dies_although_somebody_else_has_its_socket", || {
                run_role("inherited socket");
            }),
            ("a_job_is_killed_although_somebody_else_has_its_socket", || {
                run_role("inherited socket, killed");
            }),
            ("a_failure_that_nobody_can_ask_for_is_reported_once", || {
                run_role("lost");
            }),
            ("a_failure_that_nobody_has_asked_for_is_reported_when_the_handle_goes", || {
                run_role("lost with its handle");
            }),
            ("without_a_hook_a_lost_failure_is_a_line_with_function_and_place", lost_line),
        ]),
        Some("another group") => another_group(),
        Some("cancelled meanwhile") => cancelled_meanwhile(),
        Some("shutdown in a callback") => shutdown_in_a_callback(),
        Some("two shutdowns") => two_shutdowns(),
        Some("eager in vain") => eager_in_vain(),
        Some("hanging initializer") => hanging_initializer(),
        Some("talks") => talks(),
        Some("daemon") => daemon(),
        Some("inherited socket") => inherited_socket(false),
        Some("inherited socket, killed") => inherited_socket(true),
        Some("lost") => lost(),
        Some("lost with its handle") => lost_with_its_handle(),
        Some("lost line") => {
            let pool = pool(1);
            while_it_is_busy(&pool, || drop(pool.submit(fail, ()).unwrap()));
            pool.shutdown();
        }
        Some(other) => panic!("no such role: {other}"),
    }
}

// ---- beginning --------------------------------------------------------------------------------

fn eager_in_vain() {
    let maximum = getrlimit(Resource::As).maximum;
    // No room for the stack of a thread.
    setrlimit(Resource::As, Rlimit { current: Some(1 << 20), maximum }).unwrap();
    let pool = ProcessPool::builder().workers(2).eager(true).build();
    setrlimit(Resource::As, Rlimit { current: maximum, maximum }).unwrap();
    let pool = pool.unwrap();
    assert_eq!(pool.submit(double, 21).unwrap().wait().unwrap(), 42);
    pool.shutdown();
}

fn hanging_initializer() {
    let pool = ProcessPool::builder().workers(1).initializer(park_for_ever, ()).build().unwrap();
    let job = pool.time_limit(Duration::from_millis(1)).submit(double, 1).unwrap();
    wait_until("its worker is there", || !pool.worker_pids().is_empty());
    let worker = format!("process {}", pool.worker_pids()[0]);
    let still = pool.shutdown_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!((still.jobs.len(), still.queued), (0, 1), "the job's limit does not count yet");
    assert_eq!(still.starting, std::slice::from_ref(&worker));
    assert!(still.to_string().contains(&format!("{worker}: is still starting")), "{still}");
    pool.kill_workers();
    pool.shutdown();
    assert!(matches!(job.wait(), Err(JobError::Cancelled)));
}

// ---- killing ----------------------------------------------------------------------------------

/// Puts the worker where its parent is, and says so.
#[remote(crate = roundelay_pools)]
fn join_the_parents_group(group: i32, name: PathBuf) {
    setpgid(None, Pid::from_raw(group)).unwrap();
    fs::write(name, "").unwrap();
    loop {
        thread::park();
    }
}

fn another_group() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("moved");
    let pool = pool(1);
    let group = getpgrp().as_raw_pid();
    let job = pool.submit(join_the_parents_group, (group, name.clone())).unwrap();
    wait_until("it has moved", || name.exists());
    assert!(job.kill());
    let outcome = job.wait_timeout(SAFETY);
    assert!(matches!(outcome, Err(JobError::Killed)), "{outcome:?}");
    pool.shutdown();
}

// ---- the worker's socket in other hands -------------------------------------------------------

/// What a library does that forks: a process that lives on has this worker's socket. It leaves its
/// number.
#[remote(crate = roundelay_pools)]
fn give_the_socket_away(notes: PathBuf, then_exit: bool) {
    let mut links = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let is_socket = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    let socket = links.find(is_socket).unwrap();
    let socket = socket.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let copy = pidfd_getfd(own, socket, PidfdGetfdFlags::empty()).unwrap();
    #[expect(clippy::zombie_processes, reason = "it is to live on")]
    let child = Command::new("sleep").arg("1000").stdin(copy).process_group(0).spawn().unwrap();
    fs::write(notes, format!("{}\n", child.id())).unwrap();
    if then_exit {
        std::process::exit(3);
    }
    park_for_ever();
}

fn inherited_socket(kill: bool) {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let pool = pool(1);
    let job = pool.submit(give_the_socket_away, (notes.clone(), !kill)).unwrap();
    let child = numbers_in(&notes, 1)[0];
    if kill {
        assert!(job.kill());
    }
    let outcome = job.wait_timeout(SAFETY);
    let still_there = is_alive(child);
    kill_process(Pid::from_raw(child as i32).unwrap(), Signal::KILL).unwrap();
    match outcome {
        Err(JobError::Killed) if kill => {}
        Err(JobError::WorkerDied { exit: WorkerExit::Code(3), .. }) if !kill => {}
        other => panic!("{other:?}"),
    }
    assert!(still_there);
    pool.shutdown();
}

// ---- standard error ---------------------------------------------------------------------------

/// More than lies in one pipe, less than lies in two.
const MUCH: usize = 120_000;

#[remote(crate = roundelay_pools)]
fn talk() {
    io::stderr().write_all(&[b'x'; MUCH]).unwrap();
}

fn talks() {
    let pool = pool(1);
    pool.submit(talk, ()).unwrap().wait().unwrap();
    println!("done");
    pool.shutdown();
}

fn slow_reader() {
    for _ in 0..3 {
        let mut talking = program("talks");
        let mut talking = talking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(talking.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
        // Time to do it wrong, and be gone; to do it right takes what comes next.
        for _ in 0..1000 {
            if !is_alive(talking.id()) {
                break;
            }
            thread::yield_now();
        }
        let mut said = Vec::new();
        talking.stderr.take().unwrap().read_to_end(&mut said).unwrap();
        assert!(talking.wait().unwrap().success());
        assert_eq!(said.len(), MUCH);
    }
}

#[remote(crate = roundelay_pools)]
fn leave_a_daemon(notes: PathBuf) {
    #[expect(clippy::zombie_processes, reason = "it is to live on")]
    let child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    fs::write(notes, format!("{}\n", child.id())).unwrap();
}

fn daemon() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let pool = pool(1);
    pool.submit(leave_a_daemon, notes.clone()).unwrap().wait().unwrap();
    let daemon = numbers_in(&notes, 1)[0];
    let ended = pool.shutdown_timeout(SAFETY);
    let still_there = is_alive(daemon);
    kill_process(Pid::from_raw(daemon as i32).unwrap(), Signal::KILL).unwrap();
    assert!(ended.is_ok() && still_there, "{ended:?}");
}

// ---- shutting down ----------------------------------------------------------------------------

fn cancelled_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let pool = Arc::new(pool(1));
    let busy = pool.submit(wait_for_file, name.clone()).unwrap();
    wait_until("the worker is busy", || busy.is_running());
    let jobs: Vec<_> = (0..3).map(|n| pool.submit(double, n).unwrap()).collect();
    // The first one's callback lasts until this thread has shut the pool down.
    let (tell, told) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    jobs[0].on_done(move |_| {
        tell.send(()).unwrap();
        let _ = gate.recv();
    });
    let canceller = thread::spawn({
        let pool = Arc::clone(&pool);
        move || pool.cancel_queued()
    });
    told.recv().unwrap();
    fs::write(name, "").unwrap();
    pool.shutdown();
    assert!(jobs.iter().all(Job::is_done), "{jobs:?}");
    drop(let_go);
    assert_eq!(canceller.join().unwrap(), 3);
}

fn shutdown_in_a_callback() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let pool = Arc::new(pool(1));
    let busy = pool.submit(wait_for_file, name.clone()).unwrap();
    wait_until("the worker is busy", || busy.is_running());
    let queued = pool.submit(double, 1).unwrap();
    let in_callback = Arc::clone(&pool);
    queued.on_done(move |_| {
        fs::write(name, "").unwrap();
        in_callback.shutdown_timeout(SAFETY).unwrap();
    });
    assert_eq!(pool.cancel_queued(), 1);
    assert!(pool.has_ended());
    busy.wait().unwrap();
}

/// Left in a thread-local, it ends when the gate is open.
struct AtTheGate(mpsc::Receiver<()>);

impl Drop for AtTheGate {
    fn drop(&mut self) {
        let _ = self.0.recv();
        GONE.store(true, Ordering::SeqCst);
    }
}

thread_local! {
    static LEFT: RefCell<Option<AtTheGate>> = const { RefCell::new(None) };
}

static GONE: AtomicBool = AtomicBool::new(false);

fn two_shutdowns() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let pool = pool(1);
    let (open, gate) = mpsc::channel();
    let job = pool.submit(wait_for_file, name.clone()).unwrap();
    job.on_done(move |_| LEFT.set(Some(AtTheGate(gate))));
    fs::write(name, "").unwrap();
    job.wait().unwrap();
    let calling = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                calling.wait();
                pool.shutdown();
                assert!(GONE.load(Ordering::SeqCst), "its thread is still there");
            });
        }
        calling.wait();
        // Time to do it wrong; to do it right takes what comes next.
        while !pool.has_ended() {
            thread::yield_now();
        }
        for _ in 0..1000 {
            thread::yield_now();
        }
        open.send(()).unwrap();
    });
}

// ---- lost failures ----------------------------------------------------------------------------

#[remote(crate = roundelay_pools)]
fn fail() {
    panic!("no luck")
}

#[remote(crate = roundelay_pools)]
fn exit_three() {
    std::process::exit(3)
}

/// The pool's worker has a job until `call` has returned.
fn while_it_is_busy(pool: &ProcessPool, call: impl FnOnce()) {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let busy = pool.submit(wait_for_file, name.clone()).unwrap();
    wait_until("the worker is busy", || busy.is_running());
    call();
    fs::write(name, "").unwrap();
    busy.wait().unwrap();
}

fn lost() {
    let (tell, told) = mpsc::channel();
    let tell = move |error: &JobError| tell.send(error.clone()).unwrap();
    let pool = ProcessPool::builder().workers(1).on_lost(tell).build().unwrap();
    while_it_is_busy(&pool, || {
        drop(pool.submit(fail, ()).unwrap());
        drop(pool.submit(exit_three, ()).unwrap());
        drop(pool.submit(double, 1).unwrap());
    });
    assert!(matches!(pool.submit(fail, ()).unwrap().wait(), Err(JobError::Panicked(_))));
    drop(pool.submit(park_for_ever, ()).unwrap());
    drop(pool.submit(double, 1).unwrap());
    pool.kill_workers();
    pool.shutdown();
    let told: Vec<JobError> = told.try_iter().collect();
    assert!(
        matches!(told[..], [JobError::Panicked(_), JobError::WorkerDied { .. }]),
        "neither a value nor what was killed or cancelled, nor what somebody waits for: {told:?}"
    );
}

fn lost_with_its_handle() {
    let failed = |ask: fn(&Job<()>)| {
        let (tell, told) = mpsc::channel();
        let tell = move |error: &JobError| tell.send(error.clone()).unwrap();
        let pool = ProcessPool::builder().workers(1).on_lost(tell).build().unwrap();
        let job = pool.submit(fail, ()).unwrap();
        wait_until("it has failed", || job.is_done());
        ask(&job);
        drop(job);
        // The pool's own thread may be the last one that lets go.
        pool.shutdown();
        told.try_iter().count()
    };
    assert_eq!(failed(|_| {}), 1);
    assert_eq!(failed(|job| assert!(job.wait().is_err())), 0);
    assert_eq!(failed(|job| assert!(job.outcome().unwrap().is_err())), 0);
    assert_eq!(failed(|job| assert!(job.error().is_some())), 0);
    // A callback has a handle, too, and this one does not ask.
    assert_eq!(failed(|job| job.on_done(|job| assert!(job.is_done()))), 1);
    assert_eq!(failed(|job| job.on_done(|job| assert!(job.error().is_some()))), 0);
}

fn lost_line() {
    let said = String::from_utf8(run_role("lost line").stderr).unwrap();
    assert!(said.contains("endings::fail") && said.contains(", submitted at "), "{said}");
    assert!(said.contains("no luck") && said.lines().count() == 1, "{said}");
}
