//! Blocking the loop's thread on purpose.
//!
//! A call that blocks is what a program on an event loop must not make, so whoever teaches,
//! tests a time limit or measures a slow step needs one that is honest: it takes as long as
//! it says, on whichever clock the loop has.
//!
//! Tutorial: chapter 1. Before this: `sleep.rs`. After this: `timeout.rs`.

use std::time::Duration;

use crate::current::expect_tasks;

/// Blocks the loop's thread for `duration`: no task, no timer and no callback runs meanwhile.
///
/// On the real clock the thread sleeps. On the virtual clock no real time passes: the clock
/// is moved as if the call had taken that long. It stands for a call that blocks (a slow
/// computation, a database driver that knows nothing of the loop) in lessons and tests. To
/// wait, use [`sleep`](crate::sleep()), which lets others run.
///
/// *Cancel safety: safe.* It is no future: it cannot be cut short.
///
/// # Panics
/// If no event loop runs on this thread.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Runner, block_for, now, sleep, spawn};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let start = now();
///     let late = spawn(async move {
///         sleep(Duration::from_secs(1)).await;
///         now() - start
///     });
///     sleep(Duration::ZERO).await;
///     block_for(Duration::from_secs(60)); // the other task's timer must wait
///     assert_eq!(late.await.unwrap(), Duration::from_secs(60));
/// })?;
/// # Ok::<_, roundelay_runtime::RunError>(())
/// ```
#[doc(alias = "time.sleep")]
#[track_caller]
pub fn block_for(duration: Duration) {
    expect_tasks("block_for").loop_ref.block_for(duration);
}
