//! The mistake: a run that ends while something is still to be written.

use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, spawn};

async fn write(record: &'static str) {
    sleep(Duration::from_millis(10)).await; // the disk is slow
    say!("  {record} is written");
}

fn main() -> Result<(), RunError> {
    say!("detached:");
    Runner::builder().virtual_clock().build()?.run(async {
        spawn(write("one")).detach();
        say!("  main ends");
    })?;

    say!("awaited:");
    Runner::builder().virtual_clock().build()?.run(async {
        let writing = spawn(write("two"));
        say!("  main waits");
        writing.await.expect("writing does not fail");
        say!("  main ends");
    })
}
