//! A program in which every panic is the end of its process.
//!
//! ```text
//! abort process     a job in a process panics; prints how it ended, and that the pool goes on
//! abort init        an initializer panics; prints how the pool broke
//! abort thread      a job in a thread panics, and with it the program ends
//! ```
#![forbid(unsafe_code)]

use roundelay_pools::{JobError, ProcessPool, ThreadPool, remote};

#[remote(crate = roundelay_pools)]
fn half(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "{n} is odd");
    n / 2
}

#[remote(crate = roundelay_pools)]
fn refuse() {
    panic!("this worker is not to be");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    roundelay_pools::worker_entry();
    assert!(cfg!(panic = "abort"), "this program is built with panic=abort, or it shows nothing");

    match std::env::args().nth(1).as_deref() {
        Some("process") => {
            let pool = ProcessPool::builder().workers(1).build()?;
            println!("{}", pool.submit(half, 13)?.wait().unwrap_err());
            println!("half of 42 is {}", pool.submit(half, 42)?.wait()?);
            pool.shutdown();
        }
        Some("init") => {
            let pool = ProcessPool::builder().workers(1).initializer(refuse, ()).build()?;
            let outcome = pool.submit(half, 42)?.wait();
            let Err(JobError::BrokenPool(why)) = outcome else { return Err("not broken".into()) };
            println!("{why}");
        }
        Some("thread") => {
            let pool = ThreadPool::new(1);
            let job = pool.submit(|| panic!("no luck"))?;
            let _: Result<(), _> = job.wait();
            println!("not reached");
        }
        other => return Err(format!("what is {other:?}?").into()),
    }
    Ok(())
}
