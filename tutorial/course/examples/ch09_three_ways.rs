//! Three tasks, and three questions: all of them, the first of them, each as it comes.

use std::time::{Duration, Instant};

use roundelay::{
    RunError, Runner, Task, TaskBuilder, When, as_completed, gather_all, now, say, sleep, wait,
};

type Answer = Result<&'static str, &'static str>;

const THREE: [(&str, u64); 3] = [("ann", 3), ("ben", 2), ("cem", 1)];

/// Answers after so many seconds. Ben does not know the answer.
async fn ask((who, seconds): (&'static str, u64)) -> Answer {
    sleep(Duration::from_secs(seconds)).await;
    if who == "ben" { Err("ben does not know") } else { Ok(who) }
}

fn asked() -> Vec<Task<Answer>> {
    THREE.map(|one| TaskBuilder::new().name(one.0).spawn(ask(one))).into()
}

fn say_at(start: Instant, what: impl std::fmt::Debug) {
    say!("  after {:?}: {what:?}", now() - start);
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("all, in the order of asking");
        let start = now();
        let answers = gather_all(THREE.map(ask)).await;
        say_at(start, answers.into_iter().map(Result::unwrap).collect::<Vec<_>>());

        say!("the first, and nobody within half a second more");
        let (start, mut tasks) = (now(), asked());
        let first = wait(&mut tasks, When::FirstCompleted, None).await;
        say_at(start, (first.len(), tasks.len()));
        let more = wait(&mut tasks, When::All, Duration::from_millis(500)).await;
        say_at(start, (more.len(), tasks.len()));
        for task in tasks {
            task.cancel(); // to drop it would let it go on
        }

        say!("each as it comes");
        let (start, mut tasks) = (now(), as_completed(asked()));
        while let Some((place, answer)) = tasks.next().await {
            say_at(start, (place, answer.unwrap()));
        }
    })
}
