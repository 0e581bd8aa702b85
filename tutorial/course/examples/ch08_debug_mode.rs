//! Debug mode: the loop holds a watch on every call, and names the slow ones.

use std::time::Duration;

use roundelay::{RunError, Runner, TaskBuilder, block_for};

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().debug(true).build()?;
    runner.run(async {
        let quick =
            TaskBuilder::new().name("quick").spawn(async { block_for(Duration::from_millis(5)) });
        let slow =
            TaskBuilder::new().name("slow").spawn(async { block_for(Duration::from_millis(250)) });
        quick.await.expect("it ends");
        slow.await.expect("it ends");
    })
}
