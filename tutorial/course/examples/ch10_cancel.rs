//! A task is asked to end: before it begins, while it waits, and when it is over.

use std::time::Duration;

use roundelay::{RunError, Runner, Task, TaskBuilder, say, sleep};

/// Says when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say!("  the guard of {} is dropped", self.0);
    }
}

async fn work(name: &'static str, seconds: u64) -> &'static str {
    let _guard = Guard(name);
    say!("  {name} begins");
    sleep(Duration::from_secs(seconds)).await;
    say!("  {name} is done");
    "its work"
}

fn start(name: &'static str, seconds: u64) -> Task<&'static str> {
    TaskBuilder::new().name(name).spawn(work(name, seconds))
}

async fn ask_to_end(task: Task<&'static str>) {
    say!("  cancel: {}, and again: {}", task.cancel(), task.cancel());
    say!("  the outcome: {:?}", task.await);
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("before it begins");
        ask_to_end(start("early", 10)).await;

        say!("while it waits");
        let task = start("waiting", 10);
        sleep(Duration::from_secs(1)).await;
        ask_to_end(task).await;

        say!("when it is over");
        let task = start("over", 1);
        sleep(Duration::from_secs(2)).await;
        ask_to_end(task).await;
    })
}
