//! Input and output on threads, then computing in processes, with the order kept.
//!
//! ```text
//! cargo run -p roundelay-pools --example io_then_cpu
//! ```
//!
//! ```text
//!   names --> threads: read the file --> processes: count the primes in it --> in order
//! ```
//!
//! Both `map`s are lazy and look only a window ahead: a million names would not mean a million
//! texts in memory. A number that crashes the parser would cost one worker and one line.

use std::fs;
use std::path::PathBuf;

use roundelay_pools::{ProcessPool, ThreadPool, remote};

/// Runs in another process: arguments and result travel there and back.
#[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
fn count_primes(text: String) -> Result<usize, String> {
    let numbers = text.split_whitespace().map(str::parse::<u64>);
    let numbers = numbers.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Ok(numbers.into_iter().filter(|n| is_prime(*n)).count())
}

fn is_prime(n: u64) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    roundelay_pools::worker_entry();

    let directory = std::env::temp_dir().join(format!("io_then_cpu-{}", std::process::id()));
    let names = write_files(&directory)?;

    let threads = ThreadPool::new(4);
    let processes = ProcessPool::new()?;
    let texts = threads.map(|name: PathBuf| fs::read_to_string(name), names);
    // A file that cannot be read stays in the sequence as an empty text, and order is kept.
    let texts = texts.map(|text| text.map(Result::unwrap_or_default).unwrap_or_default());
    for (n, count) in processes.map(count_primes, texts).chunk(2).enumerate() {
        match count? {
            Ok(count) => println!("file {n}: {count} primes"),
            Err(error) => println!("file {n}: {error}"),
        }
    }
    threads.shutdown();
    processes.shutdown();
    fs::remove_dir_all(directory)?;
    Ok(())
}

fn write_files(directory: &PathBuf) -> std::io::Result<Vec<PathBuf>> {
    fs::create_dir_all(directory)?;
    let texts = (0..6_u64).map(|n| match n {
        3 => "12 twelve".to_owned(),
        n => (n * 1000..(n + 1) * 1000).map(|n| format!("{n} ")).collect(),
    });
    (0..)
        .zip(texts)
        .map(|(n, text)| {
            let name = directory.join(format!("{n}.txt"));
            fs::write(&name, text).map(|()| name)
        })
        .collect()
}
