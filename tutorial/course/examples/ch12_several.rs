//! Several errors at once, in a group in a group.

use std::time::Duration;

use roundelay::{RunError, Runner, TaskBuilder, say, sleep, task_group};

async fn fail(seconds: u64, why: &'static str) -> Result<(), &'static str> {
    sleep(Duration::from_secs(seconds)).await;
    Err(why)
}

fn named(name: &str) -> TaskBuilder {
    TaskBuilder::new().name(name)
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let outcome = task_group(async |journey| {
            journey.spawn_with(named("weather"), fail(3600, "rain"));
            journey.spawn_group(named("car"), async |car| {
                car.spawn_with(named("tank"), fail(1, "empty"));
                car.spawn_with(named("tyre"), fail(1, "flat"));
                Ok(())
            });
            Ok(())
        });
        let error = outcome.await.expect_err("nobody gets far like this");
        say!("the whole: {error}");
        for failure in error.leaves() {
            say!("one of it: {failure}");
        }
    })
}
