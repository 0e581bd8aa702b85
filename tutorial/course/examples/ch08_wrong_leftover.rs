//! The mistake: a run that ends while something is still to be written.

use std::time::Duration;

use roundelay::{RunError, Runner, sleep, spawn};

async fn write(record: &'static str) {
    sleep(Duration::from_millis(10)).await; // the disk is slow
    println!("  {record} is written");
}

fn main() -> Result<(), RunError> {
    println!("detached:");
    Runner::builder().virtual_clock().build()?.run(async {
        spawn(write("one")).detach();
        println!("  main ends");
    })?;

    println!("awaited:");
    Runner::builder().virtual_clock().build()?.run(async {
        let writing = spawn(write("two"));
        println!("  main waits");
        writing.await.expect("writing does not fail");
        println!("  main ends");
    })
}
