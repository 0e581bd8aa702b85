//! A rhythm made of moments: each beat's moment is counted from the first one.

use std::time::Duration;

use roundelay::{RunError, Runner, block_for, interval, now, say};

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let mut beats = interval(Duration::from_millis(100));
        let start = now();
        for beat in 0..5 {
            beats.tick().await;
            say!("beat {beat} at {:?}", now() - start);
            block_for(Duration::from_millis(30)); // the work
        }
    })
}
