//! Write: the first good answer of several tasks.
//!
//! Gives the first answer that is `Ok`, as soon as it is there, and leaves nobody behind who still
//! works on another. If all of them fail, or if there is none, it gives `None`. Use `wait`. (There
//! is `race_ok` for this. Here you write what it does.)

use roundelay::{Task, When, wait};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch09;

async fn first_good(mut tasks: Vec<Task<Result<u32, String>>>) -> Option<u32> {
    // TODO: the first that ends may have failed.
    let mut done = wait(&mut tasks, When::FirstCompleted, None).await;
    done.remove(0).await.ok()?.ok()
}

pub(crate) fn main() -> Verdict {
    ch09::first_good(first_good)
}
