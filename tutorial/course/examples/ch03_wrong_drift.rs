//! The mistake: a rhythm made of waits. What the work takes is added to each wait.

use std::time::Duration;

use roundelay::{RunError, Runner, block_for, now, say, sleep};

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let start = now();
        for beat in 0..5 {
            say!("beat {beat} at {:?}", now() - start);
            block_for(Duration::from_millis(30)); // the work
            sleep(Duration::from_millis(100)).await;
        }
    })
}
