//! The mistake: those who failed together come back together.

use std::num::NonZeroU32;
use std::time::Duration;

use roundelay::{RetryPolicy, RunError, Runner, gather_all, now, retry, say};

/// Five callers are sent away at the same moment. When does each of them come back?
async fn second_tries(jitter_percent: u32) -> Vec<Duration> {
    let start = now();
    let callers = (1..=5).map(|seed| async move {
        let policy = RetryPolicy::new(NonZeroU32::new(2).unwrap())
            .first_pause(Duration::from_secs(1))
            .jitter_percent(jitter_percent)
            .seed(seed);
        let second = async |attempt| match attempt {
            1 => Err("all lines are busy"),
            _ => Ok(now() - start),
        };
        retry(&policy, second).await.expect("the second try succeeds")
    });
    gather_all(callers).await.into_iter().map(|back| back.expect("it ends")).collect()
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        for jitter in [0, 50] {
            say!("up to {jitter} % by chance:");
            let mut backs = second_tries(jitter).await;
            backs.sort();
            say!("  {:?}", backs.iter().map(Duration::as_millis).collect::<Vec<_>>());
        }
    })
}
