//! Three waits: one after the other, and all at once.
//!
//! `.await` means "I go on when this is done". It does not start anything in the
//! background: for that there are tasks.
//!
//! Tutorial: chapters 1 and 6. Before this: `voice.rs`. After this: `callbacks.rs`.

use std::time::Duration;

use roundelay::{RunError, Runner, TaskBuilder, sleep};

use super::Voice;

const DISHES: [(&str, u64); 3] = [("tea", 30), ("eggs", 20), ("toast", 10)];

async fn cook(dish: &'static str, ms: u64, voice: Voice) {
    sleep(Duration::from_millis(ms)).await;
    voice.say(format_args!("{dish} is ready"));
}

pub(super) fn in_a_row(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async {
        for (dish, ms) in DISHES {
            cook(dish, ms, voice.clone()).await;
        }
    })
}

pub(super) fn together(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async {
        let mut tasks = Vec::new();
        for (dish, ms) in DISHES {
            tasks.push(TaskBuilder::new().name(dish).spawn(cook(dish, ms, voice.clone())));
        }
        for task in tasks {
            task.await.expect("nobody cancels breakfast");
        }
    })
}
