//! Random programs of submits, cancels, kills and ends, on both pools, against a plain model:
//! whatever the order, each job ends exactly once and as it should, and nothing is left.
//!
//! Nothing here depends on how fast the machine is: jobs that last wait for a word from the test.

mod support;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use proptest::prelude::*;
use proptest::sample::Index;
use roundelay_pools::{Job, JobError, PoolError, ProcessPool, ThreadPool, remote, worker_entry};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process};
use support::{role, run_tests, wait_until};

fn main() {
    worker_entry();
    assert!(role().is_none());
    // Panics are part of the programs; their messages would bury everything else.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or_default();
        if text != ON_PURPOSE {
            eprintln!("{info}");
        }
    }));
    run_tests(&[
        ("on_threads_each_job_ends_once_and_as_it_should", random_thread_programs),
        ("in_processes_each_job_ends_once_and_as_it_should", random_process_programs),
        ("under_a_hail_of_kills_deaths_never_exceed_them", hail_of_kills),
    ]);
}

const ON_PURPOSE: &str = "on purpose";

fn config(cases: u32) -> ProptestConfig {
    // Threads and processes make each run another one: shrinking would chase a ghost for long.
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 50, ..Default::default() }
}

/// Threads and open descriptors of this process.
fn belongings() -> (usize, usize) {
    let count = |directory| fs::read_dir(directory).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// The threads that pass on standard error end by themselves a moment later.
fn nothing_is_left_of(before: (usize, usize)) {
    wait_until("threads and descriptors are as before", || belongings() == before);
}

// ---- threads ----------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Step {
    Submit(Kind),
    Cancel(Index),
    Open(Index),
    Forget(Index),
    TellMe(Index),
    CancelQueued,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Value,
    Panic,
    /// Ends when it is told to.
    Held,
    /// Submits another job to its own pool.
    Nested,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        4 => Just(Kind::Value), 1 => Just(Kind::Panic), 2 => Just(Kind::Held), 1 => Just(Kind::Nested)
    ];
    let step = prop_oneof![
        12 => kind.prop_map(Step::Submit),
        4 => any::<Index>().prop_map(Step::Cancel),
        3 => any::<Index>().prop_map(Step::Open),
        1 => any::<Index>().prop_map(Step::Forget),
        2 => any::<Index>().prop_map(Step::TellMe),
        1 => Just(Step::CancelQueued),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 0..60)
}

/// What the test knows of a job.
struct Known {
    kind: Kind,
    job: Option<Job<usize>>,
    door: Option<mpsc::Sender<()>>,
    facts: Arc<Facts>,
    cancelled: bool,
    callbacks: usize,
}

#[derive(Default)]
struct Facts {
    runs: AtomicUsize,
    drops: AtomicUsize,
    callbacks: AtomicUsize,
}

struct CountsItsDrop(Arc<Facts>);

impl Drop for CountsItsDrop {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::SeqCst);
    }
}

fn add(number: &AtomicUsize) {
    number.fetch_add(1, Ordering::SeqCst);
}

fn submit(pool: &Arc<ThreadPool>, kind: Kind, number: usize) -> (Result<(), PoolError>, Known) {
    let facts = Arc::new(Facts::default());
    let (open, door) = mpsc::channel();
    let captured = CountsItsDrop(Arc::clone(&facts));
    let own = Arc::downgrade(pool);
    let job = pool.submit(move || {
        add(&captured.0.runs);
        match kind {
            Kind::Value => {}
            Kind::Panic => panic!("{ON_PURPOSE}"),
            Kind::Held => drop(door.recv()),
            Kind::Nested => {
                if let Some(pool) = own.upgrade() {
                    let _ = pool.submit(move || number).map(|job| job.cancel());
                }
            }
        }
        number
    });
    let door = (kind == Kind::Held).then_some(open);
    let (answer, job) = match job {
        Ok(job) => (Ok(()), Some(job)),
        Err(error) => (Err(error), None),
    };
    (answer, Known { kind, job, door, facts, cancelled: false, callbacks: 0 })
}

fn follow(pool: &Arc<ThreadPool>, steps: Vec<Step>) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    let mut closed_by_us = false;
    for step in steps {
        let count = all.len();
        let pick = |index: Index| (count > 0).then(|| index.index(count));
        match step {
            Step::Submit(kind) => {
                let (answer, known) = submit(pool, kind, all.len());
                match answer {
                    Ok(()) => assert!(!closed_by_us),
                    Err(error) => assert!(matches!(error, PoolError::ShutDown)),
                }
                all.push(known);
            }
            Step::Cancel(index) => {
                if let Some(known) = pick(index).map(|at| &mut all[at])
                    && let Some(job) = &known.job
                {
                    let said = job.cancel();
                    assert!(said || !known.cancelled, "cancelled once, cancelled for ever");
                    known.cancelled = said;
                }
            }
            Step::Open(index) => drop(pick(index).and_then(|at| all[at].door.take())),
            Step::Forget(index) => drop(pick(index).and_then(|at| all[at].job.take())),
            Step::TellMe(index) => {
                if let Some(known) = pick(index).map(|at| &mut all[at])
                    && let Some(job) = &known.job
                {
                    let facts = Arc::clone(&known.facts);
                    job.on_done(move |job| {
                        assert!(job.is_done());
                        add(&facts.callbacks);
                    });
                    known.callbacks += 1;
                }
            }
            Step::CancelQueued => drop(pool.cancel_queued()),
            Step::Close => {
                pool.close();
                closed_by_us = true;
            }
        }
    }
    all
}

fn random_thread_programs() {
    let before = belongings();
    proptest!(config(300), |(threads in 1_usize..4, first in steps(), second in steps())| {
        let pool = Arc::new(ThreadPool::new(threads));
        // Two threads share the pool: each follows its own program.
        let mut all = thread::scope(|scope| {
            let other = scope.spawn(|| follow(&pool, second));
            let mut all = follow(&pool, first);
            all.extend(other.join().unwrap());
            all
        });
        all.iter_mut().for_each(|known| drop(known.door.take()));
        pool.shutdown();
        for (at, known) in all.iter().enumerate() {
            let runs = known.facts.runs.load(Ordering::SeqCst);
            prop_assert_eq!(known.facts.drops.load(Ordering::SeqCst), 1, "captures: job {}", at);
            prop_assert_eq!(known.facts.callbacks.load(Ordering::SeqCst), known.callbacks);
            prop_assert!(runs <= 1 && !(known.cancelled && runs > 0));
            let Some(job) = &known.job else { continue };
            prop_assert!(job.is_done());
            match job.wait() {
                Ok(_) => prop_assert!(runs == 1 && known.kind != Kind::Panic),
                Err(JobError::Panicked(_)) => prop_assert!(runs == 1 && known.kind == Kind::Panic),
                Err(JobError::Cancelled) => prop_assert!(runs == 0 && job.is_cancelled()),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        prop_assert_eq!(pool.metrics().workers, 0);
        // Joined, each of them; the kernel may show one a moment longer.
        nothing_is_left_of(before);
    });
}

// ---- processes --------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Act {
    Submit(Task),
    Cancel(Index),
    Kill(Index),
    KillWorker(Index),
    CancelQueued,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Value,
    Panic,
    Exit,
    KillItself,
    Park,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let task = prop_oneof![
        6 => Just(Task::Value), 1 => Just(Task::Panic), 1 => Just(Task::Exit),
        1 => Just(Task::KillItself), 2 => Just(Task::Park)
    ];
    let act = prop_oneof![
        12 => task.prop_map(Act::Submit),
        3 => any::<Index>().prop_map(Act::Cancel),
        3 => any::<Index>().prop_map(Act::Kill),
        3 => any::<Index>().prop_map(Act::KillWorker),
        1 => Just(Act::CancelQueued),
        1 => Just(Act::Close),
    ];
    proptest::collection::vec(act, 0..40)
}

/// Each leaves its number in the diary as its first act.
#[remote(crate = roundelay_pools)]
fn work(task: u8, number: usize, diary: PathBuf) -> usize {
    let mut diary = fs::OpenOptions::new().append(true).open(diary).unwrap();
    diary.write_all(format!("{number}\n").as_bytes()).unwrap();
    match task {
        0 => number * 2,
        1 => panic!("{ON_PURPOSE}"),
        2 => std::process::exit(3),
        3 => {
            kill_process(getpid(), Signal::KILL).unwrap();
            loop {
                thread::park();
            }
        }
        _ => loop {
            thread::park();
        },
    }
}

#[remote(crate = roundelay_pools)]
fn nothing() {}

struct Sent {
    task: Task,
    job: Job<usize>,
    killed: bool,
}

fn kill_a_worker(pool: &ProcessPool, index: Index) -> bool {
    let pids = pool.worker_pids();
    if pids.is_empty() {
        return false;
    }
    let pid = Pid::from_raw(pids[index.index(pids.len())] as i32).unwrap();
    kill_process(pid, Signal::KILL).is_ok()
}

fn random_process_programs() {
    let before = belongings();
    proptest!(config(80), |(workers in 1_usize..4, limited in any::<bool>(), acts in acts())| {
        let diary = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let builder = ProcessPool::builder().workers(workers);
        let builder = if limited { builder.max_tasks_per_worker(2) } else { builder };
        let pool = builder.build().unwrap();
        // A pool that has never worked gives up after three failed starts, as it should.
        pool.submit(nothing, ()).unwrap().wait().unwrap();
        let (mut sent, mut kills) = (Vec::<Sent>::new(), 0);
        let mut closed = false;
        for act in acts {
            let count = sent.len();
            let pick = |index: Index| (count > 0).then(|| index.index(count));
            match act {
                Act::Submit(task) => {
                    let args = (task as u8, sent.len(), diary.to_path_buf());
                    match pool.submit(work, args) {
                        Ok(job) => sent.push(Sent { task, job, killed: false }),
                        Err(error) => prop_assert!(closed && matches!(error, PoolError::ShutDown)),
                    }
                }
                Act::Cancel(index) => if let Some(at) = pick(index) {
                    sent[at].job.cancel();
                },
                Act::Kill(index) => if let Some(at) = pick(index) {
                    sent[at].killed |= sent[at].job.kill();
                },
                Act::KillWorker(index) => kills += usize::from(kill_a_worker(&pool, index)),
                Act::CancelQueued => drop(pool.cancel_queued()),
                Act::Close => {
                    pool.close();
                    closed = true;
                }
            }
        }
        // Those that park do so until they are killed.
        for one in sent.iter_mut().filter(|one| one.task == Task::Park) {
            wait_until("it is done", || one.job.is_done() || one.job.kill());
            one.killed = true;
        }
        pool.shutdown();

        let diary = fs::read_to_string(&diary).unwrap();
        let mut runs = vec![0; sent.len()];
        diary.lines().for_each(|line| runs[line.parse::<usize>().unwrap()] += 1);
        let mut deaths = 0;
        for (number, Sent { task, job, killed }) in sent.iter().enumerate() {
            let runs = runs[number];
            prop_assert!(job.is_done() && runs <= 1, "nothing is run twice");
            let outcome = job.wait();
            let fits = match &outcome {
                Ok(value) => *task == Task::Value && *value == number * 2 && runs == 1,
                Err(JobError::Panicked(_)) => *task == Task::Panic && runs == 1,
                Err(JobError::Cancelled) => runs == 0 && job.is_cancelled(),
                Err(JobError::Killed) => *killed,
                Err(JobError::WorkerDied { .. }) => {
                    deaths += usize::from(!matches!(task, Task::Exit | Task::KillItself));
                    true
                }
                Err(_) => false,
            };
            prop_assert!(fits, "job {} ({:?}) ran {} times: {:?}", number, task, runs, outcome);
        }
        prop_assert!(deaths <= kills, "{} deaths, {} kills", deaths, kills);
        prop_assert!(pool.worker_pids().is_empty());
        let child = rustix::process::wait(WaitOptions::NOHANG);
        prop_assert!(matches!(child, Err(rustix::io::Errno::CHILD)), "every child is reaped");
        drop(pool);
        nothing_is_left_of(before);
    });
}

/// The chaos of the design study: small jobs in numbers, and somebody who kills in the middle.
fn hail_of_kills() {
    let before = belongings();
    let pool = ProcessPool::builder().workers(3).build().unwrap();
    pool.submit(nothing, ()).unwrap().wait().unwrap();
    let (mut kills, mut deaths, mut sent) = (0, 0, 0);
    while kills < 60 {
        let jobs: Vec<_> = (sent..sent + 60).map(|n| pool.submit(double, n).unwrap()).collect();
        // After so many of them, whoever is there at that moment: busy, free, or just starting.
        for some in [0, 5, 20] {
            wait_until("some are done", || jobs.iter().filter(|job| job.is_done()).count() >= some);
            let pids = pool.worker_pids();
            if let Some(pid) = pids.get(kills % 3).and_then(|pid| Pid::from_raw(*pid as i32)) {
                kills += usize::from(kill_process(pid, Signal::KILL).is_ok());
            }
        }
        for (n, job) in (sent..).zip(&jobs) {
            match job.wait() {
                Ok(value) => assert_eq!(value, n * 2),
                Err(JobError::WorkerDied { .. }) => deaths += 1,
                Err(other) => panic!("{other}"),
            }
        }
        sent += 60;
    }
    assert!(deaths <= kills, "{deaths} deaths, {kills} kills");
    pool.shutdown();
    drop(pool);
    nothing_is_left_of(before);
    println!("  {kills} workers killed, {deaths} of {sent} jobs died with them");
}

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}
