//! A race with a staggered start: the next runner sets out when the one before falls, or is
//! slow.
//!
//! ```text
//!   a   runs ......................................... dropped
//!   b        | pause: runs --> fails
//!   c                          runs at once ---> succeeds: (2, c's value)
//! ```
//!
//! This is how one asks several servers for one thing without asking all of them at once:
//! asyncio keeps it for connections (`staggered.py`), where it is called happy eyeballs.
//!
//! # Who owns the children
//! The race does. Dropped, it drops them.
//!
//! # Invariants
//! - A runner is made when it sets out, not before.
//! - Of several that succeed in one poll the first in the argument wins.
//! - The losers are dropped, in order, before the answer comes out.
//!
//! Tutorial: chapter 11. Before this: `race.rs`. After this: `race_tasks.rs`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::combinators::race::AllFailed;
use crate::time::sleep::{Sleep, sleep};

/// Starts the futures one after the other, `delay` apart or as soon as an earlier one fails,
/// and gives the first success with its place in the argument. The others have been dropped by
/// then.
///
/// # Errors
/// [`AllFailed`] with all errors in the order of the argument; at once if there is no future.
///
/// *Cancel safety:* that of the futures, of which all but one are dropped in any case.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{run, sleep, staggered_race};
///
/// run(async {
///     let delays = [Duration::from_secs(60), Duration::from_millis(1)];
///     let attempts = delays.into_iter().map(|delay| async move {
///         sleep(delay).await;
///         Ok::<_, String>(delay)
///     });
///     let (place, _) = staggered_race(Duration::from_millis(5), attempts).await.unwrap();
///     assert_eq!(place, 1);
/// });
/// ```
#[doc(alias = "happy eyeballs")]
pub async fn staggered_race<F, T, E>(
    delay: Duration,
    attempts: impl IntoIterator<Item = F>,
) -> Result<(usize, T), AllFailed<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut course = Course {
        waiting: attempts.into_iter().enumerate().fuse(),
        all_run: false,
        running: Vec::new(),
        failed: Vec::new(),
        pause: None,
    };
    poll_fn(|cx| course.poll(delay, cx)).await
}

struct Course<I: Iterator<Item = (usize, F)>, F: Future<Output = Result<T, E>>, T, E> {
    waiting: std::iter::Fuse<I>,
    /// Nobody waits any more.
    all_run: bool,
    /// In the order of setting out, which is that of the argument.
    running: Vec<(usize, Pin<Box<F>>)>,
    failed: Vec<(usize, E)>,
    /// Until the next one sets out; there is none before the first.
    pause: Option<Sleep>,
}

impl<I, F, T, E> Course<I, F, T, E>
where
    I: Iterator<Item = (usize, F)>,
    F: Future<Output = Result<T, E>>,
{
    fn poll(
        &mut self,
        delay: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(usize, T), AllFailed<E>>> {
        // Each is polled once: one that has just given way must not go on because another begins.
        let mut polled = 0;
        loop {
            let failures = self.failed.len();
            if let Some(winner) = self.poll_running(polled, cx) {
                self.running.clear();
                return Poll::Ready(Ok(winner));
            }
            polled = self.running.len();
            let is_due = match &mut self.pause {
                _ if self.all_run => false,
                None => true,
                Some(pause) => Pin::new(pause).poll(cx).is_ready(),
            };
            let has_failed = self.failed.len() > failures;
            if !is_due && !has_failed {
                return Poll::Pending;
            }
            match self.waiting.next() {
                Some((place, attempt)) => {
                    self.running.push((place, Box::pin(attempt)));
                    self.pause = Some(sleep(delay));
                }
                None if self.running.is_empty() => return Poll::Ready(Err(self.all_failed())),
                None => {
                    self.all_run = true;
                    self.pause = None;
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_running(&mut self, from: usize, cx: &mut Context<'_>) -> Option<(usize, T)> {
        let mut index = from;
        while let Some((place, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(value)) => return Some((*place, value)),
                Poll::Ready(Err(error)) => {
                    let (place, _ended) = self.running.remove(index);
                    self.failed.push((place, error));
                }
            }
        }
        None
    }

    fn all_failed(&mut self) -> AllFailed<E> {
        self.failed.sort_by_key(|(place, _)| *place);
        AllFailed { errors: self.failed.drain(..).map(|(_, error)| error).collect() }
    }
}
