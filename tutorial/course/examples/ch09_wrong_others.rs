//! The mistake: to think that the first error ends the others.

use std::time::Duration;

use roundelay::{RunError, Runner, gather, say, sleep, try_gather};

async fn book(what: &'static str, seconds: u64, is_free: bool) -> Result<(), String> {
    sleep(Duration::from_secs(seconds)).await;
    if !is_free {
        return Err(format!("no {what} is free"));
    }
    say!("  a {what} is booked");
    Ok(())
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let trip = || [book("flight", 1, false), book("hotel", 2, true)];
        say!("gather:");
        let error = gather(trip()).await.expect_err("there is no flight");
        say!("  no trip: {error}");
        sleep(Duration::from_secs(5)).await;

        say!("try_gather:");
        let error = try_gather(trip()).await.expect_err("there is no flight");
        say!("  no trip: {error}");
        sleep(Duration::from_secs(5)).await;
    })
}
