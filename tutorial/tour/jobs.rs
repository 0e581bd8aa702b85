//! Jobs elsewhere: in a thread, and in another process.
//!
//! Tutorial: chapters 15 and 17. Before this: `echo.rs`. After this: `../inspect.rs`.

use roundelay::{ProcessPool, RunError, Runner, to_thread};

use super::Voice;

/// Adds the numbers up to `n`. As a plain function it can be named to another process.
#[roundelay::remote]
fn sum_to(n: u64) -> u64 {
    (1..=n).sum()
}

pub(super) fn in_a_thread(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async {
        match to_thread(|| sum_to(100)).await {
            Ok(sum) => voice.say(format_args!("the thread says {sum}")),
            Err(error) => voice.say(error),
        }
    })
}

pub(super) fn in_a_process(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async {
        match ask_a_process().await {
            Ok(sum) => voice.say(format_args!("the other process says {sum}")),
            Err(error) => voice.say(error),
        }
    })
}

async fn ask_a_process() -> Result<u64, Box<dyn std::error::Error>> {
    let pool = ProcessPool::builder().workers(1).build()?;
    Ok(pool.submit(sum_to, 100)?.await?)
}
