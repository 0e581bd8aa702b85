//! A long run that has to leave nothing behind: memory, threads and descriptors stay flat.
//!
//! ```text
//! cargo run --release -p roundelay-pools --example soak -- 1000000 100000
//! ```
//!
//! The arguments: how many thread jobs, how many process jobs. Every hundredth process job ends
//! its worker. A line of figures is printed twenty times; the program fails if the memory in the
//! second half grows by more than a few MiB, or if a thread, a descriptor or a child is left.

use std::fs;
use std::time::Instant;

use roundelay_pools::{Job, JobError, ProcessPool, ThreadPool, remote};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    roundelay_pools::worker_entry();

    let count = |n| std::env::args().nth(n).map_or(Ok(10_000), |text| text.parse::<u64>());
    let (thread_jobs, process_jobs) = (count(1)?, count(2)?);
    let before = Figures::now()?;

    println!("thread jobs: {thread_jobs}");
    let threads = ThreadPool::new(4);
    soak(thread_jobs, |n| threads.submit(move || vec![n; 16].into_iter().sum()), 16)?;
    threads.shutdown();

    println!("process jobs: {process_jobs}");
    let processes = ProcessPool::builder().workers(2).build()?;
    soak(process_jobs, |n| processes.submit(sum, (vec![n; 16], n % 100 == 99)), 16)?;
    processes.shutdown();
    drop((threads, processes));

    // The threads that listen to standard error of workers end by themselves.
    let mut after = Figures::now()?;
    while after.threads > before.threads || after.descriptors > before.descriptors {
        std::thread::yield_now();
        after = Figures::now()?;
    }
    println!("at the end: {after}");
    Ok(())
}

#[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
fn sum(numbers: Vec<u64>, then_die: bool) -> u64 {
    if then_die {
        std::process::exit(0);
    }
    numbers.into_iter().sum()
}

/// Submits the jobs, at most a thousand ahead, and checks each value.
fn soak(
    count: u64,
    submit: impl Fn(u64) -> Result<Job<u64>, roundelay_pools::PoolError>,
    factor: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let (mut jobs, mut deaths) = (std::collections::VecDeque::new(), 0_u64);
    let mut memory = Vec::new();
    let step = (count / 20).max(1);
    for n in 0..count + 1_000 {
        if n < count {
            jobs.push_back((n, submit(n)?));
        }
        if (jobs.len() > 1_000 || n >= count)
            && let Some((n, job)) = jobs.pop_front()
        {
            match job.wait() {
                Ok(value) => assert_eq!(value, n * factor, "the value of job {n}"),
                Err(JobError::WorkerDied { .. }) => deaths += 1,
                Err(other) => return Err(other.into()),
            }
        }
        if n < count && n % step == step - 1 {
            let figures = Figures::now()?;
            println!("  after {:>8} jobs: {figures}, {:.1?}", n + 1, start.elapsed());
            memory.push(figures.memory_kib);
        }
    }
    // In the first half allocators and buffers find their size.
    let settled = memory[memory.len() / 2..].iter();
    let (low, high) = (settled.clone().min(), settled.max());
    let grown = high.zip(low).map_or(0, |(high, low)| high - low);
    println!("  {deaths} workers died; memory moved by {grown} KiB in the second half");
    assert!(grown < 8 * 1024, "memory grows: {memory:?}");
    Ok(())
}

struct Figures {
    memory_kib: u64,
    threads: usize,
    descriptors: usize,
}

impl Figures {
    fn now() -> Result<Figures, Box<dyn std::error::Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.ok_or("no VmRSS in /proc/self/status")?.trim();
        Ok(Figures {
            memory_kib: memory.trim_end_matches(" kB").parse()?,
            threads: fs::read_dir("/proc/self/task")?.count(),
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
        })
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures { memory_kib, threads, descriptors } = self;
        write!(f, "{memory_kib} KiB, {threads} threads, {descriptors} descriptors")
    }
}
