//! Where to run what: tasks, threads and processes, each doing what only it can.

use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use roundelay::{
    JobError, ProcessPool, RunError, Runner, gather_all, now, remote, run, say, sleep, to_thread,
};

fn a_thousand_waits() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;
    runner.run(async {
        let start = now();
        let waits = (0..1000).map(|_| async {
            sleep(Duration::from_secs(1)).await;
            thread::current().id()
        });
        let outcomes = gather_all(waits).await;
        let threads: HashSet<_> = outcomes.into_iter().map(|id| id.expect("it sleeps")).collect();
        say!("1000 waits of a second: {:?}, threads: {}", now() - start, threads.len());
    })
}

fn a_call_that_blocks() {
    run(async {
        let (ask, asked) = mpsc::channel();
        let blocking = to_thread(move || asked.recv().expect("somebody asks"));
        let other = async move {
            sleep(Duration::from_millis(1)).await;
            ask.send("the loop turned while the thread was blocked").expect("it listens");
        };
        let (heard, _) = futures_lite::future::zip(blocking, other).await;
        say!("{}", heard.expect("it does not panic"));
    });
}

fn two_threads_at_one_moment() {
    let ball = AtomicU64::new(0);
    // Gives the ball back whenever it has it, for 10 ms, and never sleeps.
    let play = |mine: u64| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(10) {
            let seen = ball.load(Ordering::Acquire);
            if seen % 2 == mine {
                ball.store(seen + 1, Ordering::Release);
            }
        }
    };
    // Where others want the processors, too, it may take more than one game.
    let (begun, mut most) = (Instant::now(), 0);
    while most <= 1000 && begun.elapsed() < Duration::from_secs(30) {
        thread::scope(|scope| {
            scope.spawn(|| play(1));
            play(0);
        });
        most = most.max(ball.swap(0, Ordering::Relaxed));
    }
    say!("the ball changed hands more than 1000 times in 10 ms: {}", most > 1000);
}

fn computing_with_what_is_borrowed() {
    let numbers: Vec<u64> = (1..=1000).collect();
    let (left, right) = numbers.split_at(500);
    let sum = thread::scope(|scope| {
        let other = scope.spawn(|| right.iter().sum::<u64>());
        let one: u64 = left.iter().sum();
        one + other.join().expect("adding does not panic")
    });
    say!("the sum of two threads, from a list that neither owns: {sum}");
}

/// How often [`count`] was called in this process.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[remote]
fn count() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

#[remote]
fn crash() {
    std::process::abort()
}

#[remote]
fn never_ends() {
    loop {
        thread::park();
    }
}

async fn what_only_a_process_can() -> Result<(), Box<dyn Error>> {
    let pool = ProcessPool::builder().workers(1).build()?;

    let calls = pool.submit(count, ())?.await?;
    say!("calls counted there: {calls}, here: {}", CALLS.load(Ordering::Relaxed));

    match pool.submit(crash, ())?.await {
        Err(JobError::WorkerDied { exit, .. }) => say!("a crash is an error: {exit}"),
        other => say!("{other:?}"),
    }
    match pool.time_limit(Duration::from_millis(50)).submit(never_ends, ())?.await {
        Err(JobError::TimedOut { limit }) => say!("no end within {limit:?}: killed"),
        other => say!("{other:?}"),
    }
    let mut job = pool.submit(never_ends, ())?;
    say!("killed when asked to: {}", job.kill());
    let ended = (&mut job).await;
    say!("its worker is gone: {}", matches!(ended, Err(JobError::Killed | JobError::Cancelled)));

    let calls = pool.submit(count, ())?.await?;
    say!("the pool goes on, and a new worker begins at: {calls}");
    pool.close();
    pool.ended().await;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    roundelay::worker_entry();
    say!("== tasks");
    a_thousand_waits()?;
    say!("== threads");
    a_call_that_blocks();
    computing_with_what_is_borrowed();
    say!("== ball");
    two_threads_at_one_moment();
    say!("== processes");
    run(what_only_a_process_can())
}
