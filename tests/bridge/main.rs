//! From other threads into a loop: what crosses, in both directions, and what is refused.

#[path = "../support/mod.rs"]
mod support;

mod starting;
mod refused;
mod calling_back;
mod on_pools;

use roundelay::{JobError, Spawner, spawner, to_thread};

/// Calls `work` on another thread with the loop's spawner, while the loop turns.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce(Spawner) -> T + Send + 'static,
) -> Result<T, JobError> {
    let home = spawner();
    to_thread(move || work(home)).await
}
