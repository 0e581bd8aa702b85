//! One loop, two runs, and what is left at the end.

use std::time::Duration;

use roundelay::{RunError, Runner, sleep, spawn};

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        println!("  {} is dropped", self.0);
    }
}

async fn tick() {
    let _guard = Guard("tick");
    for number in 1.. {
        println!("  tick {number}");
        sleep(Duration::from_secs(1)).await;
    }
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;

    println!("first run");
    let answer = runner.run(async {
        spawn(tick()).detach();
        sleep(Duration::from_millis(1500)).await;
        42
    })?;
    println!("it gives {answer}; the loop stands still, and so does the ticking task");

    println!("second run");
    runner.run(sleep(Duration::from_millis(1000)))?;

    println!("close");
    runner.close();
    println!("closed");
    Ok(())
}
