//! One loop per thread: two threads, two loops, and a clock for each.

use std::thread;
use std::time::Duration;

use roundelay::{RunError, Runner, now, say, sleep};

fn main() -> Result<(), RunError> {
    let wait = |seconds| {
        move || {
            Runner::builder().virtual_clock().build()?.run(async move {
                let start = now();
                sleep(Duration::from_secs(seconds)).await;
                now() - start
            })
        }
    };
    let (one, other) = (thread::spawn(wait(1)), thread::spawn(wait(3600)));
    say!("one loop: {:?}", one.join().expect("it does not panic")?);
    say!("another: {:?}", other.join().expect("it does not panic")?);
    Ok(())
}
