//! Workers that break off in the middle of a word, talk nonsense, or never talk.
//!
//! Such a worker is a *go-between*: started by the pool in place of a real one, it starts that
//! itself, passes on what both say, and after a certain number of bytes does what its plan says.
//! So every word up to then is real.
//!
//! ```text
//!    pool <--- socket ---> go-between <--- socket ---> real worker
//!                          (its plan: a file, which it takes away: the next worker is good)
//! ```

mod support;

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use roundelay_pools::{Bytes, JobError, ProcessPool, WorkerExit, remote, worker_entry};
use rustix::process::{Signal, getpid, kill_process};
use support::{role, run_tests};

const PLAN: &str = "ROUNDELAY_TEST_PLAN";
const WORKER_NAME: &str = "[roundelay worker]";

fn main() {
    if std::env::args().next().unwrap().ends_with(WORKER_NAME)
        && let Some(plan) = take_plan()
    {
        go_between(plan);
    }
    worker_entry();
    match role().as_deref() {
        None => run_tests(&[
            ("an_answer_cut_after_any_number_of_bytes_is_a_value_or_a_death", || {
                in_role("cut answers")
            }),
            ("a_request_cut_after_any_number_of_bytes_is_a_value_or_a_death", || {
                in_role("cut requests")
            }),
            ("a_worker_killed_while_the_parent_writes_64_mib_to_it_is_a_death", || {
                in_role("killed in writing")
            }),
            ("a_worker_killed_while_it_writes_64_mib_is_a_death", || {
                in_role("killed in answering")
            }),
            ("garbage_in_place_of_an_answer_fails_that_job_and_ends_that_worker", || {
                in_role("garbage")
            }),
            ("any_bytes_in_place_of_an_answer_fail_that_job_and_nothing_else", || {
                in_role("any bytes")
            }),
            ("garbage_in_place_of_hello_is_a_failed_start_and_the_next_one_is_good", || {
                in_role("garbage hello")
            }),
            ("another_build_of_the_program_is_refused_in_words", || in_role("another build")),
            ("a_worker_that_never_says_hello_breaks_the_pool_after_three", || in_role("silence")),
            ("any_bytes_from_the_parent_end_a_worker_without_a_panic", bytes_to_a_worker),
        ]),
        Some("cut answers") => {
            // Hello is 19 bytes, the answer 14.
            for count in 0..=33 {
                let outcome = one_job(Plan::CutAnswers(count));
                let alive = count < 19 || count == 33;
                assert!(
                    if alive { is_42(&outcome) } else { fits_a_death(&outcome) },
                    "{outcome:?}"
                );
            }
        }
        Some("cut requests") => {
            for count in 0..=120 {
                let outcome = one_job(Plan::CutRequests(count));
                assert!(fits_a_death(&outcome), "{outcome:?}");
            }
        }
        Some("killed in writing") => {
            let (pool, _plan) = pool_with(Plan::CutRequests(1_000_000));
            let outcome = pool.submit(count_bytes, Bytes(vec![7; 64 << 20])).unwrap().wait();
            assert!(is_kill(outcome.map(|_| ())));
            goes_on(&pool);
            pool.shutdown();
        }
        Some("killed in answering") => {
            let (pool, _plan) = pool_with(Plan::CutAnswers(1_000_000));
            let outcome = pool.submit(zeros, 64 << 20).unwrap().wait();
            assert!(is_kill(outcome.map(|_| ())));
            goes_on(&pool);
            pool.shutdown();
        }
        Some("garbage") => all_garbage(),
        Some("any bytes") => {
            let config =
                ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
            proptest!(config, |(bytes in proptest::collection::vec(any::<u8>(), 0..40))| {
                let outcome = one_job(Plan::Answer(bytes));
                let failed = matches!(
                    outcome,
                    Err(JobError::BadResult(_) | JobError::WorkerDied { .. })
                );
                // Dead before it was to get the job, which then went to the next one.
                prop_assert!(failed || is_42(&outcome), "{outcome:?}");
            });
        }
        Some("garbage hello") => {
            for bytes in [vec![0; 40], vec![255; 40], frame(3, &[0; 20]), frame(1, &[1, 0])] {
                let outcome = one_job(Plan::Hello(bytes.clone()));
                // A hello of ours with other contents says "another build", and that is final.
                let refused = matches!(outcome, Err(JobError::BrokenPool(_)));
                assert!(if bytes[4] == 1 { refused } else { is_42(&outcome) }, "{outcome:?}");
            }
        }
        Some("another build") => {
            let Err(JobError::BrokenPool(why)) = one_job_of(&pool_with(Plan::OtherBuild).0) else {
                panic!("it is another build")
            };
            assert!(why.contains("another build of this program"), "{why}");
        }
        Some("silence") => {
            let plan = PlanFile::new(Plan::Silent);
            plan.keep();
            let pool = ProcessPool::builder()
                .workers(2)
                .start_timeout(Duration::from_millis(20))
                .build()
                .unwrap();
            let Err(JobError::BrokenPool(why)) = one_job_of(&pool) else { panic!("nobody speaks") };
            assert!(why.contains("no answer in time"), "{why}");
            pool.shutdown();
        }
        Some(other) => panic!("no such role: {other}"),
    }
}

// ---- the tests: each is this program in a role, with a plan file of its own -------------------

fn in_role(role: &str) {
    let directory = tempfile::tempdir().unwrap();
    support::run(support::program(role).env(PLAN, directory.path().join("plan")));
}

/// The other direction: a worker, and no pool at all at the other end.
fn bytes_to_a_worker() {
    let talk = |bytes: &[u8], then_end: bool| {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"rndl\0\x02\r\n\x01\x00").unwrap();
        ours.write_all(&1_000_000_u32.to_le_bytes()).unwrap();
        let worker = Command::new("/proc/self/exe")
            .arg0(format!("test {WORKER_NAME}"))
            .stdin(OwnedFd::from(theirs))
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let _ = ours.write_all(bytes);
        if then_end {
            let _ = ours.shutdown(std::net::Shutdown::Write);
        }
        let output = worker.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
    proptest!(config, |(kind in 0_u8..24, body in proptest::collection::vec(any::<u8>(), 0..40))| {
        let said = talk(&frame(kind, &body), true);
        prop_assert!(!said.contains("panicked"), "{}", said);
        let said = talk(&body, true);
        prop_assert!(!said.contains("panicked"), "{}", said);
    });
    assert!(talk(&[255; 20], false).contains("was announced, the limit is 1000000"));
    assert!(talk(&frame(3, &[]), false).contains("which makes no sense here"));
}

/// Each with what the job is then told.
fn all_garbage() {
    let done = |id: u64, value: &[u8]| frame(3, &[&id.to_le_bytes()[..], value].concat());
    let panicked = frame(4, &[&1_u64.to_le_bytes()[..], &[255; 9]].concat());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (u32::MAX.to_le_bytes().repeat(2), "was announced, the limit is"),
        (vec![0; 8], "a frame of 0 bytes was announced"),
        (frame(99, b"x"), "unknown kind 99"),
        (done(999, &[84]), "answered another job"),
        (frame(3, &[1, 2, 3]), "answered another job"),
        ([frame(8, &999_u64.to_le_bytes()), done(1, &[42])].concat(), "answered another job"),
        ([frame(8, &1_u64.to_le_bytes()), frame(3, &[42, 0])].concat(), "left over"),
        (frame(17, &1_u64.to_le_bytes()), "answered a job with Job"),
        (frame(2, &1_u64.to_le_bytes()), "answered a job with Ready"),
        (panicked, "a panic that cannot be read"),
        (done(1, &[]), "end in the middle"),
        (done(1, &[42, 0]), "left over"),
    ];
    for (bytes, expected) in cases {
        let (pool, _plan) = pool_with(Plan::Answer(bytes.clone()));
        match one_job_of(&pool) {
            Err(JobError::BadResult(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{bytes:?}: {other:?}"),
        }
        goes_on(&pool);
        pool.shutdown();
    }
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 1).to_le_bytes();
    [&length[..], &[kind], body].concat()
}

#[remote(crate = roundelay_pools)]
fn double(n: u64) -> u64 {
    n * 2
}

#[remote(crate = roundelay_pools)]
fn count_bytes(bytes: Bytes) -> usize {
    bytes.len()
}

#[remote(crate = roundelay_pools)]
fn zeros(count: usize) -> Bytes {
    Bytes(vec![0; count])
}

/// A pool whose first worker follows the plan; then the same with a good worker.
fn one_job(plan: Plan) -> Result<u64, JobError> {
    let (pool, _plan) = pool_with(plan);
    let outcome = one_job_of(&pool);
    if !matches!(outcome, Err(JobError::BrokenPool(_))) {
        goes_on(&pool);
    }
    pool.shutdown();
    outcome
}

/// The planned death may come a moment after the first answer, and then hit the next job.
fn goes_on(pool: &ProcessPool) {
    assert!(fits_a_death(&one_job_of(pool)));
    assert!(is_42(&one_job_of(pool)), "the pool goes on");
}

fn one_job_of(pool: &ProcessPool) -> Result<u64, JobError> {
    pool.submit(double, 21).unwrap().wait()
}

fn pool_with(plan: Plan) -> (ProcessPool, PlanFile) {
    let file = PlanFile::new(plan);
    (ProcessPool::builder().workers(1).build().unwrap(), file)
}

fn is_42(outcome: &Result<u64, JobError>) -> bool {
    matches!(outcome, Ok(42))
}

/// The death that was planned; or it was dead before it got the job, which another one did.
fn fits_a_death(outcome: &Result<u64, JobError>) -> bool {
    is_42(outcome) || is_kill(outcome.clone().map(|_| ()))
}

fn is_kill(outcome: Result<(), JobError>) -> bool {
    matches!(outcome, Err(JobError::WorkerDied { exit: WorkerExit::Signal(9), .. }))
}

// ---- the go-between ---------------------------------------------------------------------------

enum Plan {
    /// Pass on this many bytes of what the worker says, then die.
    CutAnswers(usize),
    /// Take this many bytes of what the pool says, then die.
    CutRequests(usize),
    /// Say these bytes in place of hello, then die.
    Hello(Vec<u8>),
    /// Say these bytes in place of the first answer, then die.
    Answer(Vec<u8>),
    /// Say a hello that fits another program.
    OtherBuild,
    Silent,
}

/// Where the next worker finds its plan.
struct PlanFile(PathBuf);

impl PlanFile {
    fn new(plan: Plan) -> PlanFile {
        let path = PathBuf::from(std::env::var_os(PLAN).unwrap());
        let (word, bytes) = match plan {
            Plan::CutAnswers(count) => ("cut answers", count.to_le_bytes().to_vec()),
            Plan::CutRequests(count) => ("cut requests", count.to_le_bytes().to_vec()),
            Plan::Hello(bytes) => ("hello", bytes),
            Plan::Answer(bytes) => ("answer", bytes),
            Plan::OtherBuild => ("other build", Vec::new()),
            Plan::Silent => ("silent", Vec::new()),
        };
        fs::write(&path, [word.as_bytes(), b":", &bytes[..]].concat()).unwrap();
        PlanFile(path)
    }

    /// For every worker, not only for the next one.
    fn keep(&self) {
        let mut permissions = fs::metadata(&self.0).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&self.0, permissions).unwrap();
    }
}

impl Drop for PlanFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn take_plan() -> Option<Plan> {
    let path = std::env::var_os(PLAN)?;
    let bytes = fs::read(&path).ok()?;
    if !fs::metadata(&path).ok()?.permissions().readonly() {
        fs::remove_file(&path).ok()?;
    }
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let rest = bytes[colon + 1..].to_vec();
    let count = || usize::from_le_bytes(rest[..8].try_into().unwrap());
    Some(match &bytes[..colon] {
        b"cut answers" => Plan::CutAnswers(count()),
        b"cut requests" => Plan::CutRequests(count()),
        b"hello" => Plan::Hello(rest),
        b"answer" => Plan::Answer(rest),
        b"other build" => Plan::OtherBuild,
        b"silent" => Plan::Silent,
        _ => return None,
    })
}

fn go_between(plan: Plan) -> ! {
    let mut pool = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    if matches!(plan, Plan::Silent) {
        loop {
            thread::park();
        }
    }
    if let Plan::CutRequests(0) = plan {
        die();
    }
    let mut preamble = [0; 14];
    pool.read_exact(&mut preamble).unwrap();
    let (mut real, theirs) = UnixStream::pair().unwrap();
    real.write_all(&preamble).unwrap();
    // A plan is a file, and it is gone: this one is good.
    #[expect(clippy::zombie_processes, reason = "it ends when its socket does, and so do we")]
    Command::new("/proc/self/exe")
        .arg0(format!("test {WORKER_NAME}"))
        .env_remove(PLAN)
        .stdin(OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    let mut hello = [0; 19];
    real.read_exact(&mut hello).unwrap();
    let (answers, requests) = match plan {
        Plan::Hello(bytes) => {
            let _ = pool.write_all(&bytes);
            die()
        }
        Plan::OtherBuild => {
            hello[8] ^= 1;
            (usize::MAX, usize::MAX)
        }
        Plan::Answer(bytes) => {
            pool.write_all(&hello).unwrap();
            // The job must have come, or this would be an answer to nothing.
            pool.read_exact(&mut [0; 14]).unwrap();
            let _ = pool.write_all(&bytes);
            die()
        }
        Plan::CutAnswers(count) => (count, usize::MAX),
        Plan::CutRequests(count) => (usize::MAX, count),
        Plan::Silent => unreachable!("seen above"),
    };
    let (from_pool, to_real) = (pool.try_clone().unwrap(), real.try_clone().unwrap());
    thread::spawn(move || pass_on(from_pool, to_real, requests));
    let first = answers.min(hello.len());
    pool.write_all(&hello[..first]).unwrap();
    pass_on(real, pool, answers - first);
    die()
}

fn pass_on(from: UnixStream, mut to: UnixStream, count: usize) {
    let _ = io::copy(&mut from.take(count as u64), &mut to);
    die();
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        thread::park();
    }
}
