//! The mistake: the first that ends is taken for the first that succeeds.

use std::time::Duration;

use roundelay::{RunError, Runner, When, race_ok, say, sleep, spawn, wait};

async fn fetch(mirror: &'static str, seconds: u64) -> Result<&'static str, &'static str> {
    sleep(Duration::from_secs(seconds)).await;
    if mirror == "near" { Err("near is down") } else { Ok(mirror) }
}

fn main() -> Result<(), RunError> {
    let mirrors = [("far", 3), ("near", 1), ("middle", 2)];
    let fetches = || mirrors.map(|(mirror, seconds)| fetch(mirror, seconds));
    Runner::builder().virtual_clock().build()?.run(async {
        let mut tasks: Vec<_> = fetches().map(spawn).into();
        let mut first = wait(&mut tasks, When::FirstCompleted, None).await;
        say!("the first that ends: {:?}", first.remove(0).await.unwrap());

        say!("the first that succeeds: {:?}", race_ok(fetches()).await.unwrap());
    })
}
