//! Three waits of one second: one after another, together, and with one that never gives way.

use std::time::Duration;

use roundelay::{RunError, Runner, gather, sleep, time};

async fn wait(name: &str) {
    sleep(Duration::from_secs(1)).await;
    println!("{name} is done after {:?}", time());
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;
    runner.run(async {
        wait("a").await;
        wait("b").await;
        wait("c").await;
    })?;
    Ok(())
}
