//! Trying again.
//!
//! ```text
//!   attempt 1 --error--> pause --> attempt 2 --error--> pause --> attempt 3 --> Ok
//!   |<----------------- the limit covers attempts and pauses ---------------->|
//! ```
//!
//! Use it for what fails by chance and is harmless to do twice: a connection that was refused,
//! a server that is busy. Do not use it for what will fail again (a wrong password: see
//! [`retry_if`](fn@retry_if)), nor around something that retries by itself: the attempts multiply.
//!
//! # Invariants
//! - A cancel is not an error: whoever drops the future ends the attempts.
//! - The last error is never lost, and comes with the number of attempts.
//!
//! Tutorial: chapter 11. Before this: `retry_policy.rs`. After this: `rate_limit.rs`.

use std::fmt;

use crate::patterns::retry_policy::RetryPolicy;
use crate::time::sleep::{now, sleep};
use crate::time::timeout::timeout_at;

/// Calls `attempt` until it gives `Ok`, with pauses in between as `policy` says. It is given
/// the number of the attempt, from 1 on.
///
/// # Errors
/// [`RetryError`] with the last error: all attempts have failed, or the limit has passed. A
/// pause that would end after the limit is not begun.
///
/// *Cancel safety: loses data.* The attempt that is under way is dropped.
///
/// # Panics
/// When polled where no event loop runs; a panic in `attempt` comes through at once.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use roundelay_executor::{RetryPolicy, retry, run};
///
/// run(async {
///     let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap())
///         .first_pause(Duration::from_millis(1))
///         .within(Duration::from_secs(5));
///     let answer = retry(&policy, async |attempt| match attempt {
///         1 => Err("busy"),
///         _ => Ok("welcome"),
///     });
///     assert_eq!(answer.await.unwrap(), "welcome");
///
///     let failed = retry(&policy, async |_| Err::<(), _>("busy")).await.unwrap_err();
///     assert_eq!((failed.attempts(), failed.last()), (3, Some(&"busy")));
/// });
/// ```
pub async fn retry<T, E>(
    policy: &RetryPolicy,
    attempt: impl AsyncFnMut(u32) -> Result<T, E>,
) -> Result<T, RetryError<E>> {
    retry_if(policy, |_| true, attempt).await
}

/// As [`retry`], but an error is tried again only if `is_transient` says that it may pass.
///
/// # Errors
/// [`RetryError`]; with [`GaveUp::Permanent`] for an error that will not pass.
///
/// *Cancel safety: loses data.* The attempt that is under way is dropped.
///
/// # Panics
/// As [`retry`].
///
/// ```
/// use std::num::NonZeroU32;
/// use roundelay_executor::{GaveUp, RetryPolicy, retry_if, run};
///
/// run(async {
///     let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap());
///     let login = retry_if(&policy, |error| *error == "busy", async |_| {
///         Err::<(), _>("wrong password")
///     });
///     let failed = login.await.unwrap_err();
///     assert_eq!((failed.attempts(), failed.why()), (1, GaveUp::Permanent));
/// });
/// ```
pub async fn retry_if<T, E>(
    policy: &RetryPolicy,
    mut is_transient: impl FnMut(&E) -> bool,
    mut attempt: impl AsyncFnMut(u32) -> Result<T, E>,
) -> Result<T, RetryError<E>> {
    // A limit that no clock can hold is no limit.
    let deadline = policy.limit.and_then(|limit| now().checked_add(limit));
    let mut pauses = policy.pauses();
    let mut last = None;
    for number in 1.. {
        let outcome = match deadline {
            None => attempt(number).await,
            Some(deadline) => match timeout_at(deadline, attempt(number)).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    return Err(RetryError { attempts: number, why: GaveUp::OutOfTime, last });
                }
            },
        };
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let is_permanent = !is_transient(&error);
        last = Some(error);
        let why = match pauses.next() {
            _ if is_permanent => GaveUp::Permanent,
            None => GaveUp::OutOfAttempts,
            Some(pause) => {
                let wakes_at = now().checked_add(pause);
                let is_late = deadline
                    .is_some_and(|deadline| wakes_at.is_none_or(|wakes_at| wakes_at >= deadline));
                if !is_late {
                    sleep(pause).await;
                    continue;
                }
                GaveUp::OutOfTime
            }
        };
        return Err(RetryError { attempts: number, why, last });
    }
    unreachable!("a policy allows fewer than 2^32 attempts")
}

/// What [`retry`] ended with: the last error, and how it came to that.
///
/// ```
/// use std::num::NonZeroU32;
/// use roundelay_executor::{GaveUp, RetryPolicy, retry, run};
///
/// let policy = RetryPolicy::new(NonZeroU32::MIN);
/// let error = run(retry(&policy, async |_| Err::<(), _>("refused"))).unwrap_err();
/// assert_eq!((error.attempts(), error.last()), (1, Some(&"refused")));
/// assert_eq!(error.why(), GaveUp::OutOfAttempts);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryError<E> {
    attempts: u32,
    why: GaveUp,
    last: Option<E>,
}

/// Why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// The policy allows no more.
    OutOfAttempts,
    /// The limit passed during an attempt, or would have passed during the next pause.
    OutOfTime,
    /// The error is not one that passes.
    Permanent,
}

impl<E> RetryError<E> {
    /// How many attempts were begun. One that the limit cut off counts.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Why there was no further attempt.
    #[must_use]
    pub fn why(&self) -> GaveUp {
        self.why
    }

    /// The last error; `None` if the limit passed during the very first attempt.
    #[must_use]
    pub fn last(&self) -> Option<&E> {
        self.last.as_ref()
    }

    /// The last error itself.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use roundelay_executor::{RetryPolicy, retry, run};
    ///
    /// let once = RetryPolicy::new(NonZeroU32::MIN);
    /// let failed = run(retry(&once, async |_| Err::<(), _>("busy".to_owned()))).unwrap_err();
    /// assert_eq!(failed.into_last(), Some("busy".to_owned()));
    /// ```
    #[must_use]
    pub fn into_last(self) -> Option<E> {
        self.last
    }
}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "gave up after {} attempt{plural}, ", self.attempts)?;
        f.write_str(match self.why {
            GaveUp::OutOfAttempts => "which is all that the policy allows",
            GaveUp::OutOfTime => "for the time limit allows no more",
            GaveUp::Permanent => "for this error does not pass by waiting",
        })?;
        match &self.last {
            Some(error) => write!(f, "; the last error: {error}"),
            None => f.write_str("; there was no answer at all"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.last.as_ref().map(|error| error as _)
    }
}
