//! Write: the first good answer of several tasks.
//!
//! Gives the first answer that is `Ok`, as soon as it is there, and leaves nobody behind who still
//! works on another. If all of them fail, or if there is none, it gives `None`. Use `wait`. (There
//! is `race_ok` for this. Here you write what it does.)

use roundelay::{Task, When, wait};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch09;

async fn first_good(mut tasks: Vec<Task<Result<u32, String>>>) -> Option<u32> {
    while !tasks.is_empty() {
        for done in wait(&mut tasks, When::FirstCompleted, None).await {
            if let Ok(Ok(answer)) = done.await {
                return Some(answer);
            }
        }
    }
    None
}

pub(crate) fn main() -> Verdict {
    ch09::first_good(first_good)
}
