//! One loop, two runs, and what is left at the end.

use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, spawn};

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say!("  {} is dropped", self.0);
    }
}

async fn beat() {
    let _guard = Guard("beat");
    for number in 1.. {
        say!("  beat {number}");
        sleep(Duration::from_secs(1)).await;
    }
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().virtual_clock().build()?;

    say!("first run");
    let answer = runner.run(async {
        spawn(beat()).detach();
        sleep(Duration::from_millis(1500)).await;
        42
    })?;
    say!("it gives {answer}; the loop stands still, and so does the beating task");

    say!("second run");
    runner.run(sleep(Duration::from_millis(1000)))?;

    say!("close");
    runner.close();
    say!("closed");
    Ok(())
}
