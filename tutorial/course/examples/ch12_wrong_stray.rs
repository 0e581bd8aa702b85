//! The mistake: a task that is spawned in a group's body, but not by the group.

use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, spawn, task_group};

async fn work(name: &'static str, seconds: u64) -> Result<(), &'static str> {
    sleep(Duration::from_secs(seconds)).await;
    say!("{name} is done");
    Ok(())
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let outcome = task_group(async |group| {
            group.spawn(work("the child", 1));
            spawn(work("the stray", 2)).detach();
            Ok(())
        });
        outcome.await.expect("nobody fails");
        say!("the group is over");
        sleep(Duration::from_secs(5)).await;
    })
}
