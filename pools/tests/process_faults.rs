//! What goes wrong in a job or a worker, and what the process pool makes of it. `FAULTS.md` is
//! the table of it; what goes wrong in the system and on the wire has files of its own.

use std::collections::HashSet;
use std::process;
use std::time::Duration;

use roundelay_pools::{
    Bytes, Job, JobError, OnWorkerDeath, PoolError, ProcessPool, WorkerExit, remote,
};
use serde::{Deserialize, Serialize};

roundelay_pools::test_worker!();

mod support;
mod workers;

use support::SAFETY;
use workers::{double, echo, own_pid, park_for_ever, pool, running_job};

#[remote(crate = roundelay_pools)]
fn kill_self() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
}

#[remote(crate = roundelay_pools)]
fn abort() {
    eprintln!("about to abort");
    process::abort()
}

#[remote(crate = roundelay_pools)]
fn exit_with(code: i32) {
    process::exit(code)
}

#[remote(crate = roundelay_pools)]
#[allow(unconditional_recursion, reason = "it is to overflow the stack")]
fn overflow(n: u64) -> u64 {
    std::hint::black_box(overflow(std::hint::black_box(n + 1)) + 1)
}

#[remote(crate = roundelay_pools)]
fn panic_with(message: String) {
    panic!("{message}")
}

fn death(job: Job<impl std::fmt::Debug>) -> (WorkerExit, String) {
    match job.wait() {
        Err(JobError::WorkerDied { exit, stderr, .. }) => (exit, stderr),
        other => panic!("expected a dead worker, got {other:?}"),
    }
}

#[test]
fn a_worker_that_dies_fails_its_job_with_how_it_died() {
    let pool = pool(1);
    assert_eq!(death(pool.submit(kill_self, ()).unwrap()).0, WorkerExit::Signal(9));
    let (exit, words) = death(pool.submit(abort, ()).unwrap());
    assert_eq!((exit, words.as_str()), (WorkerExit::Signal(6), "about to abort\n"));
    assert_eq!(death(pool.submit(exit_three, ()).unwrap()).0, WorkerExit::Code(3));
    let (exit, words) = death(pool.submit(overflow, 0).unwrap());
    assert_eq!(exit, WorkerExit::Signal(6));
    assert!(words.contains("overflowed its stack"), "{words}");
    assert_eq!(pool.submit(double, 1).unwrap().wait().unwrap(), 2, "and the pool goes on");
}

#[remote(crate = roundelay_pools)]
fn exit_three() {
    exit_with(3)
}

#[test]
fn killing_a_worker_fails_only_the_job_it_had() {
    let pool = pool(2);
    let victim = running_job(&pool);
    let [victim_pid] = pool.worker_pids()[..] else { panic!("one worker so far") };
    let bystander = running_job(&pool);
    let queued = pool.submit(double, 4).unwrap();

    let pid = rustix::process::Pid::from_raw(victim_pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let Err(JobError::WorkerDied { pid, exit, .. }) = victim.wait() else {
        panic!("it was killed")
    };
    assert_eq!((pid, exit), (victim_pid, WorkerExit::Signal(9)));
    assert_eq!(queued.wait().unwrap(), 8, "the queued job gets the new worker");
    assert!(bystander.is_running());
    assert!(bystander.kill());
    assert!(matches!(bystander.wait(), Err(JobError::Killed)));
}

#[test]
fn an_idle_worker_that_dies_costs_nobody_a_job() {
    let pool = pool(1);
    for _ in 0..5 {
        let worker = pool.submit(own_pid, ()).unwrap().wait().unwrap();
        let pid = rustix::process::Pid::from_raw(worker as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // Dead for certain: its end of the socket is closed before it can be waited for.
        let exited =
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), exited).unwrap();
    }
}

#[test]
fn a_panic_is_an_answer_and_the_worker_lives_on() {
    let pool = pool(1);
    let worker = pool.submit(own_pid, ()).unwrap().wait().unwrap();
    let job = pool.submit(panic_with, "no luck".to_owned()).unwrap();
    let Err(JobError::Panicked(report)) = job.wait() else { panic!("it panicked") };
    assert_eq!(report.message(), "no luck");
    assert!(report.location().unwrap().contains("tests/process_faults.rs:"));
    assert_eq!(pool.submit(own_pid, ()).unwrap().wait().unwrap(), worker);
}

#[test]
fn a_job_over_its_time_limit_is_killed_and_a_stopped_worker_too() {
    let pool = pool(1);
    let limit = Duration::from_millis(30);
    let job = pool.time_limit(limit).submit(park_for_ever, ()).unwrap();
    assert!(matches!(job.wait(), Err(JobError::TimedOut { limit: l }) if l == limit));
    let job = pool.time_limit(limit).submit(stop_self, ()).unwrap();
    assert!(matches!(job.wait(), Err(JobError::TimedOut { .. })));
    assert_eq!(pool.submit(double, 1).unwrap().wait().unwrap(), 2);
}

#[remote(crate = roundelay_pools)]
fn stop_self() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::STOP).unwrap();
    park_for_ever(); // the stop may reach this thread a moment later
}

#[test]
fn a_time_limit_does_not_outlive_its_job() {
    let pool = pool(1);
    let quick = pool.time_limit(SAFETY).submit(double, 1).unwrap();
    assert_eq!(quick.wait().unwrap(), 2);
    let worker = pool.worker_pids();
    assert_eq!(pool.submit(double, 1).unwrap().wait().unwrap(), 2);
    assert_eq!(pool.worker_pids(), worker);
}

#[test]
fn kill_stops_a_running_job_and_cancels_a_queued_one() {
    let pool = pool(1);
    let running = running_job(&pool);
    let queued = pool.submit(double, 1).unwrap();
    assert!(!running.cancel());
    assert!(queued.kill() && running.kill());
    assert!(matches!(running.wait(), Err(JobError::Killed)));
    assert!(matches!(queued.wait(), Err(JobError::Cancelled)));
    assert!(!running.kill(), "it is done");
    let done = pool.submit(double, 1).unwrap();
    done.wait().unwrap();
    assert!(!done.kill());
}

#[derive(Serialize, Debug)]
struct WontDecode;

impl<'de> Deserialize<'de> for WontDecode {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("never"))
    }
}

#[derive(Deserialize, Debug)]
struct WontEncode;

impl Serialize for WontEncode {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

#[remote(crate = roundelay_pools)]
fn takes_wont_decode(_arg: WontDecode) {}
#[remote(crate = roundelay_pools)]
fn gives_wont_decode() -> WontDecode {
    WontDecode
}
#[remote(crate = roundelay_pools)]
fn takes_wont_encode(_arg: WontEncode) {}
#[remote(crate = roundelay_pools)]
fn gives_wont_encode() -> WontEncode {
    WontEncode
}

#[test]
fn what_cannot_travel_fails_its_own_job_and_the_worker_lives_on() {
    let pool = pool(1);
    let worker = pool.submit(own_pid, ()).unwrap().wait().unwrap();
    assert!(matches!(pool.submit(takes_wont_encode, WontEncode), Err(PoolError::Encode(_))));
    let job = pool.submit(takes_wont_decode, WontDecode).unwrap();
    assert!(matches!(job.wait(), Err(JobError::BadArgs(_))));
    let job = pool.submit(gives_wont_encode, ()).unwrap();
    assert!(matches!(job.wait(), Err(JobError::BadResult(_))));
    let job = pool.submit(gives_wont_decode, ()).unwrap();
    assert!(matches!(job.wait(), Err(JobError::BadResult(_))));
    assert!(matches!(job.wait(), Err(JobError::BadResult(_))), "an error can be asked for again");
    assert_eq!(pool.submit(own_pid, ()).unwrap().wait().unwrap(), worker);
}

#[remote(crate = roundelay_pools)]
fn zeros(count: usize) -> Bytes {
    Bytes(vec![0; count])
}

#[test]
fn what_is_too_long_is_refused_before_it_is_sent() {
    let pool = ProcessPool::builder().workers(1).max_frame(10_000).build().unwrap();
    let refused = pool.submit(echo, Bytes(vec![0; 10_000]));
    assert!(matches!(refused, Err(PoolError::TooLarge { limit: 10_000, .. })));
    let job = pool.submit(zeros, 10_000).unwrap();
    let Err(JobError::BadResult(text)) = job.wait() else { panic!("too long") };
    assert!(text.contains("the limit is 10000"), "{text}");
    assert_eq!(pool.submit(zeros, 9_000).unwrap().wait().unwrap().len(), 9_000);
}

#[test]
fn what_is_as_long_as_the_limit_travels_and_one_byte_more_does_not() {
    let pool = ProcessPool::builder().workers(1).max_frame(100_000).build().unwrap();
    let send = |count| pool.submit(echo, Bytes(vec![1; count]));
    // What the name and the rest of the frame leave.
    let most = (0..100_000).rev().find(|count| send(*count).is_ok()).unwrap();
    assert!(matches!(send(most + 1), Err(PoolError::TooLarge { bytes: 100_001, limit: 100_000 })));
    assert_eq!(send(most).unwrap().wait().unwrap().len(), most);
    // The answer has no name, so it may be longer: kind, id and a length of three bytes.
    let most = 100_000 - 1 - 8 - 3;
    assert_eq!(pool.submit(zeros, most).unwrap().wait().unwrap().len(), most);
    let Err(JobError::BadResult(text)) = pool.submit(zeros, most + 1).unwrap().wait() else {
        panic!("too long")
    };
    assert!(text.contains("100001 bytes long"), "{text}");
}

#[test]
#[ignore = "takes 4 GiB of memory: cargo test -p roundelay-pools --test process_faults -- --ignored"]
fn a_gibibyte_travels_in_either_direction_and_a_little_more_does_not() {
    const MOST: usize = (1 << 30) - 1_000;
    let pool = ProcessPool::builder().workers(1).build().unwrap();
    assert_eq!(pool.submit(length, Bytes(vec![1; MOST])).unwrap().wait().unwrap(), MOST);
    assert_eq!(pool.submit(zeros, MOST).unwrap().wait().unwrap().len(), MOST);
    let refused = pool.submit(length, Bytes(vec![1; 1 << 30]));
    assert!(matches!(refused, Err(PoolError::TooLarge { .. })));
    assert!(matches!(pool.submit(zeros, 1 << 30).unwrap().wait(), Err(JobError::BadResult(_))));
    assert_eq!(pool.submit(length, Bytes(vec![1; 3])).unwrap().wait().unwrap(), 3);
}

#[remote(crate = roundelay_pools)]
fn length(bytes: Bytes) -> usize {
    bytes.len()
}

#[test]
fn limits_at_the_edge_end_the_job_at_once_or_never() {
    let pool = ProcessPool::builder().workers(1).max_frame(0).build().unwrap();
    let none = pool.time_limit(Duration::ZERO).submit(length, Bytes(Vec::new())).unwrap();
    assert!(matches!(none.wait(), Err(JobError::TimedOut { .. })));
    let ages = pool.time_limit(Duration::MAX).submit(length, Bytes(vec![7])).unwrap();
    assert_eq!(ages.wait().unwrap(), 1, "and the smallest frame has room for something");
    let chunks = pool.map(length, (0..100).map(|_| Bytes(vec![7]))).chunk(usize::MAX);
    assert_eq!(chunks.window(usize::MAX).map(Result::unwrap).sum::<usize>(), 100);
    pool.shutdown_timeout(Duration::MAX).unwrap();
}

#[test]
fn a_limit_for_messages_below_4_kib_means_4_kib() {
    for limit in [0, 100, 4095, 4096] {
        let pool = ProcessPool::builder().workers(1).max_frame(limit).build().unwrap();
        let refused = pool.submit(echo, Bytes(vec![0; 4096]));
        assert!(matches!(refused, Err(PoolError::TooLarge { limit: 4096, .. })));
        assert_eq!(pool.submit(echo, Bytes(vec![7; 3000])).unwrap().wait().unwrap().len(), 3000);
    }
}

#[test]
fn an_item_that_is_too_long_is_refused_alone() {
    let pool = ProcessPool::builder().workers(1).max_frame(10_000).build().unwrap();
    let items = [10, 20_000, 30].map(|count| Bytes(vec![1; count]));
    let results: Vec<_> = pool.map(echo, items).chunk(3).collect();
    assert!(matches!(&results[1], Err(JobError::Refused(text)) if text.contains("limit")));
    assert_eq!([&results[0], &results[2]].map(|result| result.as_ref().unwrap().len()), [10, 30]);
}

#[remote(crate = roundelay_pools)]
fn init_panics() {
    panic!("no licence")
}

#[test]
fn a_failed_initializer_breaks_the_pool() {
    let pool = ProcessPool::builder().workers(1).initializer(init_panics, ()).build().unwrap();
    let Err(JobError::BrokenPool(why)) = pool.submit(double, 1).unwrap().wait() else {
        panic!("the initializer panics")
    };
    assert!(why.contains("no licence"), "{why}");
    pool.shutdown();
    assert!(matches!(pool.submit(double, 1), Err(PoolError::Broken(_))));
}

#[test]
fn workers_that_die_while_starting_break_the_pool_instead_of_spinning() {
    let pool = ProcessPool::builder().workers(4).initializer(exit_with, 7).build().unwrap();
    let jobs: Vec<_> = (0..5).map(|n| pool.submit(double, n).unwrap()).collect();
    for job in jobs {
        let Err(JobError::BrokenPool(why)) = job.wait() else { panic!("no worker ever starts") };
        assert!(why.contains("exit code 7"), "{why}");
    }
    pool.shutdown();
}

static TOUCHED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

#[remote(crate = roundelay_pools)]
fn touch(by: u32) {
    TOUCHED.fetch_add(by, std::sync::atomic::Ordering::Relaxed);
}

#[remote(crate = roundelay_pools)]
fn touched() -> u32 {
    TOUCHED.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn the_initializer_runs_once_in_each_worker() {
    let pool = ProcessPool::builder().workers(1).initializer(touch, 5).build().unwrap();
    for _ in 0..3 {
        assert_eq!(pool.submit(touched, ()).unwrap().wait().unwrap(), 5);
    }
}

#[test]
fn a_worker_retires_after_its_number_of_tasks() {
    let pool = ProcessPool::builder().workers(1).max_tasks_per_worker(2).build().unwrap();
    let pids: Vec<u32> =
        (0..6).map(|_| pool.submit(own_pid, ()).unwrap().wait().unwrap()).collect();
    assert_eq!(pids[0], pids[1]);
    assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 3);
}

#[test]
fn in_strict_mode_a_death_breaks_the_pool() {
    let pool = ProcessPool::builder()
        .workers(2)
        .on_worker_death(OnWorkerDeath::BreakPool)
        .build()
        .unwrap();
    let victim = running_job(&pool);
    let [victim_pid] = pool.worker_pids()[..] else { panic!("one worker so far") };
    let bystander = running_job(&pool);
    let queued = pool.submit(double, 1).unwrap();
    let pid = rustix::process::Pid::from_raw(victim_pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let died = victim.wait().unwrap_err();
    assert!(matches!(died, JobError::WorkerDied { .. }));
    assert!(!died.to_string().contains("goes on"), "{died}");
    let Err(JobError::BrokenPool(why)) = bystander.wait() else { panic!("the pool is broken") };
    assert!(why.contains("may have half run"), "{why}");
    let Err(JobError::BrokenPool(why)) = queued.wait() else { panic!("the pool is broken") };
    assert!(why.contains("has not run"), "{why}");
    assert!(matches!(pool.submit(double, 1), Err(PoolError::Broken(_))));
    pool.shutdown();
}

#[remote(crate = roundelay_pools)]
fn make_a_pool() -> String {
    ProcessPool::new().unwrap_err().to_string()
}

#[test]
fn a_job_cannot_make_a_pool() {
    let error = pool(1).submit(make_a_pool, ()).unwrap().wait().unwrap();
    assert!(error.contains("a job cannot make a process pool"), "{error}");
}
