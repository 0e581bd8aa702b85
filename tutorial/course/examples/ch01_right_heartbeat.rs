//! The repair: a thread of its own waits for the call that blocks, and the heart beats on.

use std::time::Duration;

use roundelay::{JobPlan, RunError, Runner, now, say, sleep, spawn, to_thread};

/// Stands for a call that knows nothing of the event loop, such as a checksum of a large file.
fn checksum() -> u32 {
    0xC0FFEE
}

fn main() -> Result<(), RunError> {
    // In virtual time a thread's work takes as long as a plan says: here three seconds.
    let plan = |_job| JobPlan::takes(Duration::from_secs(3));
    Runner::builder().virtual_clock().scripted_jobs(plan).build()?.run(async {
        let start = now();
        spawn(async move {
            loop {
                say!("beat at {:?}", now() - start);
                sleep(Duration::from_secs(1)).await;
            }
        })
        .detach();
        sleep(Duration::from_millis(1500)).await;
        let sum = to_thread(checksum).await.expect("a checksum does not fail");
        say!("checksum {sum:x} at {:?}", now() - start);
        sleep(Duration::from_millis(1600)).await;
    })
}
