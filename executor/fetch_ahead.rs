//! Fetching ahead: the tasks of which the loop says that it will wake them.
//!
//! To wake a task is to look into its slot, and its step begins with a look at its future. Where
//! the loop names many tasks before it wakes the first, all those places are read in two short
//! loops, so that the processor waits for a dozen of them at once and not for each on its own.
//! The reason, and a picture: the runtime's file of the same name.
//!
//! # Invariants
//! - Nothing is changed, and no user code runs.
//!
//! Tutorial: chapter 6. Before this: `end.rs`. After this: `drop_now.rs`.

use std::hint::black_box;

use roundelay_runtime::Key;

use crate::task_table::{Slot, Tasks};

impl Tasks {
    /// Reads the slots of these tasks, and the beginnings of their futures.
    pub(crate) fn fetch_ahead(&self, keys: &[Key]) {
        let slots = self.slots.borrow();
        let found = || keys.iter().filter_map(|key| slots.get(*key));
        // A sum that somebody might look at, or the compiler would see that nobody does.
        let sum: u64 = found().map(touch).fold(0, u64::wrapping_add);
        let done = found().filter(|slot| slot.body.as_ref().is_some_and(|body| body.is_done()));
        black_box((sum, done.count()));
    }
}

/// Reads something in each of the cache lines that a slot takes.
fn touch(slot: &Slot) -> u64 {
    let joined = slot.listener.is_some() || slot.waker.is_some();
    let waited = slot.since > slot.born;
    slot.id ^ u64::from(joined) ^ u64::from(waited)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use roundelay_runtime::Key;

    use crate::current::expect_tasks;
    use crate::{run, sleep, spawn, yield_now};

    #[test]
    fn tasks_that_are_gone_or_never_were_are_passed_over() {
        run(async {
            let tasks: Vec<_> = (0..4).map(|_| spawn(sleep(Duration::from_secs(1)))).collect();
            yield_now().await;
            let keys: Vec<Key> = tasks.iter().map(|task| task.key).collect();
            drop(tasks.into_iter().next());
            let table = expect_tasks("the test");
            table.fetch_ahead(&keys);
            table.fetch_ahead(&[Key::new(7_000, 1), Key::new(u32::MAX, u32::MAX)]);
            table.fetch_ahead(&[]);
        });
    }
}
