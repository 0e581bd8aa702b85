//! Waiting until everybody else waits.
//!
//! "After the request was sent, the client must be waiting" is hard to say with sleeps, which
//! are too short on a slow machine and too long on every other. This waits for exactly that:
//! turn after turn, until one comes in which nobody else is ready.
//!
//! # Invariants
//! - It never ends while another callback or task is ready.
//! - The clock does not move by it: whoever sleeps goes on sleeping.
//!
//! Tutorial: chapter 19. Before this: `sequencer.rs`. After this: `stream_conformance.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_runtime::current_loop;

use crate::task_table::Waiter;

/// Waits until every other task of this loop waits for something: a timer, a socket, another
/// task. Several tasks may wait for that; they go on in the same turn.
///
/// Other threads are not looked at: a job that runs in one may answer at any time. On the real
/// clock it takes some hundred turns, for a loop looks at sockets only now and then.
///
/// *Cancel safety: safe.*
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use roundelay_executor::{Semaphore, run, spawn, testing::wait_all_tasks_blocked};
///
/// run(async {
///     let doors = Semaphore::new(0);
///     let waits = doors.clone();
///     let task = spawn(async move { drop(waits.acquire().await) });
///     wait_all_tasks_blocked().await;
///     assert_eq!(doors.waiting(), 1);
///     task.cancel();
/// });
/// ```
pub fn wait_all_tasks_blocked() -> WaitAllTasksBlocked {
    WaitAllTasksBlocked { loop_id: None, quiet_turns: 0 }
}

/// The future of [`wait_all_tasks_blocked`].
#[must_use = "a future does nothing unless awaited"]
pub struct WaitAllTasksBlocked {
    /// The loop on which it is counted among those who wait for this.
    loop_id: Option<u64>,
    quiet_turns: usize,
}

thread_local! {
    /// How many wait for this, on the loop with that number: each of them is ready all the
    /// time, and the others must not count it.
    static WAITING: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// A loop with work looks at its sockets after 128 entries; so after as many quiet turns of one
/// entry, and one, it has looked.
const QUIET_TURNS: usize = 130;

impl Future for WaitAllTasksBlocked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let home = current_loop().expect(
            "wait_all_tasks_blocked needs a running event loop on this thread; await it inside \
             `roundelay::run(async { .. })`",
        );
        if self.loop_id.is_none() {
            self.loop_id = Some(home.id());
            let (id, count) = WAITING.get();
            WAITING.set((home.id(), if id == home.id() { count + 1 } else { 1 }));
        } else {
            let (_, waiting) = WAITING.get();
            let is_quiet = home.ready_len() < waiting.max(1);
            self.quiet_turns = if is_quiet { self.quiet_turns + 1 } else { 0 };
        }
        if self.quiet_turns >= QUIET_TURNS {
            self.leave();
            return Poll::Ready(());
        }
        Waiter::of(cx).wake();
        Poll::Pending
    }
}

impl WaitAllTasksBlocked {
    fn leave(&mut self) {
        let Some(mine) = self.loop_id.take() else { return };
        let _ = WAITING.try_with(|waiting| {
            let (id, count) = waiting.get();
            if id == mine {
                waiting.set((id, count.saturating_sub(1)));
            }
        });
    }
}

impl Drop for WaitAllTasksBlocked {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for WaitAllTasksBlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitAllTasksBlocked").finish_non_exhaustive()
    }
}
