//! No limit, a limit for each try, and one for all of them: three callers side by side.

use std::num::NonZeroU32;
use std::time::Duration;

use roundelay::{
    RetryPolicy, RunError, Runner, Task, TaskBuilder, now, retry, say, sleep, timeout,
};

const NEVER: Duration = Duration::MAX;

/// A service in trouble. Its first caller waits for a minute, its second is sent away, its third
/// is served.
async fn ask(attempt: u32) -> Result<&'static str, String> {
    let (seconds, answer) = match attempt {
        1 => (60, Ok("at last")),
        2 => (1, Err("too busy".to_owned())),
        _ => (2, Ok("welcome")),
    };
    sleep(Duration::from_secs(seconds)).await;
    answer
}

/// Tries three times, with pauses of 1 and 2 seconds.
async fn call(name: &'static str, each: Duration, all: Duration) {
    let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap())
        .first_pause(Duration::from_secs(1))
        .jitter_percent(0)
        .within(all);
    let start = now();
    let outcome = retry(&policy, async |attempt| {
        say!("{:>2} s, {name}: try {attempt}", (now() - start).as_secs());
        match timeout(each, ask(attempt)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(elapsed.to_string()),
        }
    });
    match outcome.await {
        Ok(answer) => say!("{:>2} s, {name}: {answer}", (now() - start).as_secs()),
        Err(error) => say!("{:>2} s, {name}: {error}", (now() - start).as_secs()),
    }
}

fn main() -> Result<(), RunError> {
    let seconds = Duration::from_secs;
    let calls =
        [("patient", NEVER, NEVER), ("each", seconds(5), NEVER), ("all", seconds(5), seconds(8))];
    Runner::builder().virtual_clock().build()?.run(async {
        let start = |(name, each, all)| TaskBuilder::new().name(name).spawn(call(name, each, all));
        let tasks: [Task<()>; 3] = calls.map(start);
        for task in tasks {
            task.await.expect("it gives up by itself");
        }
    })
}
