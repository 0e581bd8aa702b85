//! Explain three lines of a trace: who woke the task `reader`?
//!
//! The trace has three lines that say "task reader is woken". Read the program, and write for each
//! of them who it was: "itself", "a task" or "a timer".

use std::time::Duration;

use roundelay::{TaskBuilder, promise, sleep, yield_now};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch06;

const WOKEN_BY: [&str; 3] = ["a timer", "a timer", "a task"];

async fn program() {
    let (promise, future) = promise();
    let reader = TaskBuilder::new().name("reader").spawn(async move {
        sleep(Duration::from_millis(10)).await;
        yield_now().await;
        future.await.expect("it comes")
    });
    let writer = TaskBuilder::new().name("writer").spawn(async move {
        sleep(Duration::from_millis(30)).await;
        promise.resolve(7).expect("somebody waits");
    });
    reader.await.expect("it does not panic");
    writer.await.expect("it does not panic");
}

pub(crate) fn main() -> Verdict {
    ch06::who_woke(program, WOKEN_BY)
}
