//! The mistake: a call that blocks, in a task. The heartbeat beside it falls silent.

use std::time::Duration;

use roundelay::{RunError, Runner, block_for, now, say, sleep, spawn};

/// Stands for a call that knows nothing of the event loop, such as a checksum of a large file.
fn checksum() -> u32 {
    block_for(Duration::from_secs(3));
    0xC0FFEE
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let start = now();
        spawn(async move {
            loop {
                say!("beat at {:?}", now() - start);
                sleep(Duration::from_secs(1)).await;
            }
        })
        .detach();
        sleep(Duration::from_millis(1500)).await;
        let sum = checksum();
        say!("checksum {sum:x} at {:?}", now() - start);
        sleep(Duration::from_millis(1600)).await;
    })
}
