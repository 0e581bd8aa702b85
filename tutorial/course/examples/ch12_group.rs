//! A block that starts tasks does not end before they do. If one fails, the others are ended.

use std::time::Duration;

use roundelay::{GroupError, RunError, Runner, TaskBuilder, now, say, sleep, task_group};

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say!("  {} is over", self.0);
    }
}

async fn book(what: &'static str, seconds: u64, is_free: bool) -> Result<(), &'static str> {
    let _guard = Guard(what);
    sleep(Duration::from_secs(seconds)).await;
    if !is_free {
        return Err("none is free");
    }
    say!("  a {what} is booked");
    Ok(())
}

async fn trip(is_car_free: bool) -> Result<(), GroupError<&'static str>> {
    task_group(async |group| {
        for (what, seconds, is_free) in
            [("flight", 1, true), ("car", 2, is_car_free), ("hotel", 3, true)]
        {
            let name = TaskBuilder::new().name(what);
            group.spawn_with(name, book(what, seconds, is_free));
        }
        say!("  the body is over");
        Ok(())
    })
    .await
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        for is_car_free in [true, false] {
            say!("a car is free: {is_car_free}");
            let start = now();
            let outcome = trip(is_car_free).await;
            let told = outcome.map_or_else(|error| error.to_string(), |()| "all is booked".into());
            say!("  after {:?}: {told}", now() - start);
        }
    })
}
