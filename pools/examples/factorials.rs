//! Factorials with `map`, in worker processes.
//!
//! ```text
//! cargo run -p roundelay-pools --example factorials -- 30
//! ```
//!
//! The first program to write with a process pool: a function with `#[remote]`, the guard as the
//! first line of `main`, `map`. Products that are too large panic in the worker, as they would
//! here, and the panic is the result of that one item.

use roundelay_pools::{JobError, ProcessPool, remote};

#[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
fn factorial(n: u64) -> u64 {
    (1..=n).try_fold(1_u64, u64::checked_mul).expect("the product does not fit into 64 bits")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    roundelay_pools::worker_entry();

    let most = std::env::args().nth(1).map_or(Ok(22), |text| text.parse())?;
    let pool = ProcessPool::new()?;
    for (n, result) in (0..).zip(pool.map(factorial, 0..=most).chunk(5)) {
        match result {
            Ok(value) => println!("{n}! = {value}"),
            Err(JobError::Panicked(report)) => println!("{n}! {}", report.message()),
            Err(other) => return Err(other.into()),
        }
    }
    pool.shutdown();
    Ok(())
}
