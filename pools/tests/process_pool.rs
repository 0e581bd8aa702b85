//! What a user of the process pool may rely on.

use std::cell::RefCell;
use std::collections::HashSet;
use std::process;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use roundelay_pools::{Bytes, JobError, PoolError, ProcessPool, remote};
use serde::{Deserialize, Serialize};

roundelay_pools::test_worker!();

mod support;
mod workers;

use support::{SAFETY, wait_until};
use workers::{double, echo, own_pid, pool, running_job, wait_for_file};

// ---- functions of every shape ---------------------------------------------------------------

/// With documentation, several arguments, `mut`, and a result of its own.
#[remote(crate = roundelay_pools)]
fn join(mut a: String, b: Vec<u8>, c: Option<Point>) -> Result<Summary, String> {
    a.push('!');
    Ok(Summary { text: a, bytes: b.len(), point: c })
}

#[remote(crate = roundelay_pools)]
fn nothing() {}

#[remote(crate = roundelay_pools)]
#[inline(never)]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Summary {
    text: String,
    bytes: usize,
    point: Option<Point>,
}

mod elsewhere {
    #[roundelay_pools::remote(crate = roundelay_pools)]
    pub(crate) fn double(n: u64) -> u64 {
        n * 200
    }
}

#[test]
fn functions_of_every_shape_can_be_submitted_and_called() {
    let pool = pool(1);
    assert_eq!(pool.submit(double, 21).unwrap().wait().unwrap(), 42);
    assert_eq!(pool.submit(elsewhere::double, 1).unwrap().wait().unwrap(), 200);
    assert_eq!(pool.submit(fibonacci, 10).unwrap().wait().unwrap(), 55);
    pool.submit(nothing, ()).unwrap().wait().unwrap();
    let point = Point { x: 0.1, y: f64::INFINITY };
    let summary = pool.submit(join, ("a".to_owned(), vec![1, 2], Some(point.clone()))).unwrap();
    let expected = Summary { text: "a!".to_owned(), bytes: 2, point: Some(point) };
    assert_eq!(summary.wait().unwrap(), Ok(expected));

    assert_eq!((double(21), fibonacci(10)), (42, 55), "and called as ever");
    assert_eq!([1, 2].map(*double), [2, 4]);

    #[remote(crate = roundelay_pools)]
    fn inside(n: u8) -> u8 {
        n + 1
    }
    assert_eq!(pool.submit(inside, 1).unwrap().wait().unwrap(), 2);
}

// ---- the ordinary course --------------------------------------------------------------------

#[test]
fn a_job_runs_in_another_process_and_its_worker_is_used_again() {
    let pool = pool(4);
    let pids: HashSet<u32> =
        (0..10).map(|_| pool.submit(own_pid, ()).unwrap().wait().unwrap()).collect();
    assert_eq!(pids.len(), 1, "one at a time needs one worker");
    assert!(!pids.contains(&process::id()));
    assert_eq!(pool.worker_pids(), pids.into_iter().collect::<Vec<_>>());
}

#[test]
fn nothing_is_started_before_the_first_job() {
    let pool = pool(4);
    assert_eq!(pool.worker_pids(), []);
}

#[test]
fn an_eager_pool_starts_all_its_workers() {
    let pool = ProcessPool::builder().workers(3).eager(true).build().unwrap();
    let limit = Instant::now() + SAFETY;
    while pool.worker_pids().len() < 3 {
        assert!(Instant::now() < limit);
        std::thread::yield_now();
    }
}

#[remote(crate = roundelay_pools)]
fn meet(own: String, other: String) {
    std::fs::write(&own, "here").unwrap();
    while std::fs::metadata(&other).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn unless_it_is_told_a_pool_has_as_many_workers_as_there_are_processors() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let pool = ProcessPool::builder().eager(true).build().unwrap();
    let limit = Instant::now() + SAFETY;
    while pool.worker_pids().len() < processors {
        assert!(Instant::now() < limit);
        std::thread::yield_now();
    }
    let running: Vec<_> = (0..processors).map(|_| running_job(&pool)).collect();
    let queued = pool.submit(double, 1).unwrap();
    assert!(queued.is_queued(), "there is no further worker for it");
    assert_eq!(pool.worker_pids().len(), processors);
    assert!(running.iter().all(|job| job.kill()));
    assert_eq!(queued.wait().unwrap(), 2);
}

#[test]
fn jobs_run_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let pool = pool(2);
    // Each ends only if the other runs as well.
    let a = pool.time_limit(SAFETY).submit(meet, (path("a"), path("b"))).unwrap();
    let b = pool.time_limit(SAFETY).submit(meet, (path("b"), path("a"))).unwrap();
    a.wait().unwrap();
    b.wait().unwrap();
}

#[test]
fn results_of_map_are_in_the_order_of_the_items() {
    let pool = pool(2);
    for chunk in [1, 7, 1000] {
        let results: Result<Vec<u64>, _> = pool.map(double, 0..100).chunk(chunk).collect();
        assert_eq!(results.unwrap(), (0..100).map(|n| n * 2).collect::<Vec<_>>());
    }
    assert_eq!(pool.map(nothing, vec![(); 5]).chunk(2).filter(|r| r.is_ok()).count(), 5);
}

#[remote(crate = roundelay_pools)]
fn odd_panics(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "{n} is odd");
    n
}

#[test]
fn an_error_in_a_chunk_belongs_to_its_own_item() {
    let pool = pool(1);
    let results: Vec<_> = pool.map(odd_panics, 0..4).chunk(4).collect();
    let shown: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(n) => n.to_string(),
            Err(JobError::Panicked(report)) => report.message().to_owned(),
            Err(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(shown, ["0", "1 is odd", "2", "3 is odd"]);
}

#[test]
fn a_chunk_is_one_message_and_the_last_one_holds_the_rest() {
    let pool = pool(1);
    let results: Result<Vec<u64>, _> = pool.map(double, 0..10).chunk(4).collect();
    assert_eq!(results.unwrap(), (0..10).map(|n| n * 2).collect::<Vec<_>>());
    assert_eq!(pool.metrics().done, 3);
}

#[test]
fn map_asks_its_input_no_more_once_it_has_ended() {
    let mut asked = 0;
    let input = std::iter::from_fn(move || {
        asked += 1;
        assert!(asked <= 4, "it has said that it is at its end");
        (asked <= 3).then_some(asked)
    });
    let results: Result<Vec<u64>, _> = pool(1).map(double, input).chunk(2).collect();
    assert_eq!(results.unwrap(), [2, 4, 6]);
}

#[test]
fn map_takes_no_more_items_than_its_window() {
    let pool = pool(1);
    let mut taken = 0;
    let mut results = pool.map(
        double,
        std::iter::from_fn(|| {
            taken += 1;
            Some(1)
        }),
    );
    results = results.chunk(2).window(3);
    assert_eq!(results.next().unwrap().unwrap(), 2);
    drop(results);
    assert!(taken <= 8, "{taken}");
}

#[test]
fn large_arguments_and_results_travel_at_once_in_both_directions() {
    let pool = pool(2);
    let sent = Bytes((0..10_000_000_u32).map(|n| n as u8).collect());
    let jobs: Vec<_> = (0..4).map(|_| pool.submit(echo, sent.clone()).unwrap()).collect();
    pool.close();
    for job in jobs {
        assert!(job.wait().unwrap() == sent);
    }
    pool.shutdown();
}

#[remote(crate = roundelay_pools)]
fn read_stdin() -> String {
    std::io::read_to_string(std::io::stdin()).unwrap()
}

#[test]
fn a_job_that_reads_standard_input_finds_it_empty() {
    assert_eq!(pool(1).submit(read_stdin, ()).unwrap().wait().unwrap(), "");
}

#[remote(crate = roundelay_pools)]
fn print_much() {
    for n in 0..20_000 {
        print!("{n} ");
    }
}

#[test]
fn what_a_job_prints_does_no_harm() {
    // Under the test harness it goes to standard error; here, nowhere.
    let pool = pool(1);
    pool.submit(quiet, ()).unwrap().wait().unwrap();
    pool.submit(print_much, ()).unwrap().wait().unwrap();
    assert_eq!(pool.submit(double, 1).unwrap().wait().unwrap(), 2);
}

#[remote(crate = roundelay_pools)]
fn quiet() {
    let null = std::fs::File::create("/dev/null").unwrap();
    rustix::stdio::dup2_stdout(null).unwrap();
}

// ---- the end --------------------------------------------------------------------------------

#[test]
fn shutdown_waits_for_what_was_submitted_and_reaps_every_worker() {
    let pool = pool(2);
    let jobs: Vec<_> = (0..20).map(|n| pool.submit(double, n).unwrap()).collect();
    let pids = pool.worker_pids();
    pool.shutdown();
    assert!(jobs.iter().all(|job| job.is_done()));
    assert_eq!(pool.worker_pids(), []);
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err(), "it has been reaped");
    }
    assert!(matches!(pool.submit(double, 1), Err(PoolError::ShutDown)));
}

#[test]
fn cancelling_what_is_queued_spares_what_runs_and_nothing_is_prefetched() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let pool = pool(1);
    let running = pool.time_limit(SAFETY).submit(meet, (path("job"), path("go on"))).unwrap();
    let queued: Vec<_> = (0..3).map(|n| pool.submit(double, n).unwrap()).collect();
    while std::fs::metadata(path("job")).is_err() {
        std::thread::yield_now();
    }
    pool.close();
    assert_eq!(pool.cancel_queued(), 3);
    assert!(queued.iter().all(|job| job.is_cancelled()));
    std::fs::write(path("go on"), "").unwrap();
    pool.shutdown();
    running.wait().unwrap();
}

#[test]
fn a_shutdown_whose_time_is_up_says_what_runs_and_killing_ends_it() {
    let pool = pool(1);
    let running = running_job(&pool);
    let queued = pool.submit(double, 1).unwrap();
    let still = pool.shutdown_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!((still.jobs.len(), still.queued), (1, 1));
    assert_eq!(still.jobs[0].submitted_at, running.submitted_at());
    assert!(still.jobs[0].worker.starts_with("process "));
    pool.kill_workers();
    pool.shutdown();
    assert!(matches!(running.wait(), Err(JobError::Killed)));
    assert!(matches!(queued.wait(), Err(JobError::Cancelled)));
}

#[test]
fn terminate_asks_the_workers_to_end() {
    let pool = pool(1);
    let running = running_job(&pool);
    pool.terminate();
    pool.shutdown();
    assert!(matches!(running.wait(), Err(JobError::Killed)));
}

#[test]
fn dropping_the_pool_waits_for_nobody_and_lets_the_jobs_run() {
    let pool = pool(1);
    let jobs: Vec<_> = (0..5).map(|n| pool.submit(double, n).unwrap()).collect();
    drop(pool);
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.wait().unwrap(), n as u64 * 2);
    }
}

#[test]
fn a_pool_dropped_by_a_panic_kills_what_runs() {
    let (send, receive) = mpsc::channel();
    let outcome = std::thread::spawn(move || {
        let pool = pool(1);
        send.send(running_job(&pool)).unwrap();
        panic!("on purpose");
    });
    assert!(outcome.join().is_err());
    assert!(matches!(receive.recv().unwrap().wait(), Err(JobError::Killed)));
}

#[test]
fn a_shutdown_whose_time_is_up_names_the_job_whose_callback_runs() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let pool = pool(1);
    let (open, gate) = mpsc::channel::<()>();
    let job = pool.submit(wait_for_file, name.clone()).unwrap();
    job.on_done(move |_| {
        let _ = gate.recv();
    });
    std::fs::write(name, "").unwrap();
    job.wait().unwrap();
    let still = pool.shutdown_timeout(Duration::ZERO).unwrap_err();
    assert_eq!((still.jobs.len(), still.queued), (1, 0), "{still}");
    assert_eq!(still.jobs[0].submitted_at, job.submitted_at());
    drop(open);
    pool.shutdown();
    assert!(pool.running().is_empty());
}

#[test]
fn a_shutdown_with_a_limit_leaves_destructors_of_thread_locals_to_the_next() {
    struct AtTheGate(mpsc::Receiver<()>);
    impl Drop for AtTheGate {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    thread_local!(static LEFT: RefCell<Option<AtTheGate>> = const { RefCell::new(None) });
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("go");
    let pool = pool(1);
    let (open, gate) = mpsc::channel();
    let job = pool.submit(wait_for_file, name.clone()).unwrap();
    job.on_done(move |_| LEFT.set(Some(AtTheGate(gate))));
    std::fs::write(name, "").unwrap();
    job.wait().unwrap();
    pool.close();
    wait_until("all jobs have ended", || pool.has_ended());
    assert!(pool.shutdown_timeout(Duration::from_millis(1)).is_ok());
    open.send(()).expect("it is still there");
    pool.shutdown();
}

#[test]
fn the_destructor_of_a_thread_local_may_wait_for_a_job() {
    struct LastDeed(Arc<ProcessPool>, mpsc::Sender<u64>);
    impl Drop for LastDeed {
        fn drop(&mut self) {
            self.1.send(self.0.submit(double, 21).unwrap().wait().unwrap()).unwrap();
        }
    }
    thread_local!(static LEFT: RefCell<Option<LastDeed>> = const { RefCell::new(None) });
    let pool = Arc::new(pool(1));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // Made before anything that a wait may keep in this thread, so it is dropped after that.
        LEFT.set(Some(LastDeed(Arc::clone(&pool), tell)));
        assert_eq!(pool.submit(double, 1).unwrap().wait().unwrap(), 2);
    });
    assert_eq!(told.recv().unwrap(), 42);
}

#[test]
fn callbacks_run_in_the_parent_and_may_submit() {
    let pool = Arc::new(pool(1));
    let (tell, told) = mpsc::channel();
    let own = Arc::clone(&pool);
    let job = pool.submit(double, 1).unwrap();
    job.on_done(move |job| {
        let next = own.submit(double, job.outcome().unwrap().unwrap()).unwrap();
        next.on_done(move |next| tell.send((process::id(), next.wait())).unwrap());
    });
    let (here, value) = told.recv_timeout(SAFETY).unwrap();
    assert_eq!((here, value.unwrap()), (process::id(), 4));
}
