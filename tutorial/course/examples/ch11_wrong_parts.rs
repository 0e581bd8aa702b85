//! The mistake: each part has a limit, and the whole has none.

use std::time::Duration;

use roundelay::{Elapsed, RunError, Runner, now, say, sleep, timeout, timeout_at};

const LIMIT: Duration = Duration::from_secs(5);

async fn part() {
    sleep(Duration::from_secs(4)).await;
}

async fn a_limit_for_each_part() -> Result<(), Elapsed> {
    for _ in 0..3 {
        timeout(LIMIT, part()).await?;
    }
    Ok(())
}

async fn a_limit_for_the_whole() -> Result<(), Elapsed> {
    let deadline = now() + LIMIT;
    for _ in 0..3 {
        timeout_at(deadline, part()).await?;
    }
    Ok(())
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let start = now();
        let is_whole = a_limit_for_each_part().await.is_ok();
        say!("a limit for each part: {is_whole} after {:?}", now() - start);
        let start = now();
        let is_whole = a_limit_for_the_whole().await.is_ok();
        say!("a limit for the whole: {is_whole} after {:?}", now() - start);
    })
}
