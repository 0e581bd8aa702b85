//! The same work in one thread, in threads and in processes: how long each takes here.

use std::error::Error;
use std::thread::available_parallelism;
use std::time::Instant;

use roundelay::{ProcessPool, ThreadPool, remote};

/// Something that only computes: how many primes there are below `end`.
#[remote]
fn count_primes(end: u64) -> usize {
    (2..end).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

fn report(
    name: &str,
    work: impl FnOnce() -> Result<usize, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let primes = work()?;
    println!("{name:9} {primes} primes in {} ms", start.elapsed().as_millis());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    roundelay::worker_entry();
    let processors = available_parallelism()?.get();
    let threads = ThreadPool::new(processors);
    let processes = ProcessPool::builder().workers(processors).eager(true).build()?;
    let ends = || std::iter::repeat_n(200_000, 8);
    // The first results are thrown away: by then the workers have begun.
    processes.map(count_primes, std::iter::repeat_n(10, 100)).for_each(drop);

    report("in turn", || Ok(ends().map(*count_primes).sum()))?;
    report("threads", || Ok(threads.map(*count_primes, ends()).sum::<Result<usize, _>>()?))?;
    report("processes", || Ok(processes.map(count_primes, ends()).sum::<Result<usize, _>>()?))?;
    threads.shutdown();
    processes.shutdown();
    Ok(())
}
