//! What a loop knows of the times that it was held up.
//!
//! While one call computes, no timer fires and no socket is read. Reading the clock twice for each
//! call would cost more than most calls. But the loop reads it anyway whenever it looks outside,
//! and so it knows for nothing how long each *span* took: the time between two looks.
//!
//! ```text
//!   look          look                          look
//!    |    5 ms     |           180 ms            |
//!    |   3 calls   |  one of 7 calls, or all 7   |  from here on 1,024 calls are measured
//! ```
//!
//! # Invariants
//! - A slow span is counted once, whatever is known of it.
//! - Somebody is named only for certain: it was the only call of its span, or was measured alone.
//!
//! Tutorial: chapter 19. Before this: `arrange.rs`. After this: `spans.rs`.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// A span of a loop that took as long as the limit, or longer: see [`HeldUp`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowSpan {
    /// How long it took, on the loop's clock. If somebody is named: how long that one call took.
    pub took: Duration,
    /// How many calls were made in it; 1 if somebody is named.
    pub calls: usize,
    /// Who held up the loop: "task 3 (save)", or "a callback". `None`: one of the calls, or all of
    /// them together.
    pub who: Option<String>,
    /// The line that spawned the task.
    pub at: Option<&'static Location<'static>>,
    /// Each of the calls was measured. If nobody is named, it was none of them alone.
    pub measured: bool,
}

/// How often a loop was held up, and by whom. Every loop counts; see
/// [`LoopRef::held_up`](crate::LoopRef::held_up).
///
/// It is the world's time that counts, not the processor's: on a machine with more to do than it
/// can, a span may be slow because others ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldUp {
    /// From how long on a span counts as slow.
    pub limit: Duration,
    /// How many spans were slow.
    pub times: u64,
    /// The longest of them.
    pub longest: Option<SlowSpan>,
    /// The last of them of which it is known who it was.
    pub last_named: Option<SlowSpan>,
}

impl HeldUp {
    pub(crate) fn with_limit(limit: Duration) -> HeldUp {
        HeldUp { limit, ..HeldUp::default() }
    }

    pub(crate) fn count(&mut self, span: &SlowSpan) {
        self.times += 1;
        if self.longest.as_ref().is_none_or(|longest| longest.took < span.took) {
            self.longest = Some(span.clone());
        }
        if span.who.is_some() {
            self.last_named = Some(span.clone());
        }
    }
}

impl fmt::Display for SlowSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, calls) = (self.took, self.calls);
        match (&self.who, self.at) {
            (Some(who), Some(at)) => write!(f, "{who}, for {took:?} (spawned at {at})"),
            (Some(who), None) => write!(f, "{who}, for {took:?}"),
            (None, _) if self.measured => {
                write!(f, "{calls} calls together, for {took:?}, and none so long alone")
            }
            (None, _) => write!(f, "one of {calls} calls, or all together, for {took:?}"),
        }
    }
}

impl fmt::Display for HeldUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(longest) = &self.longest else { return f.write_str("never held up") };
        let times = if self.times == 1 { "once" } else { &format!("{} times", self.times) };
        write!(f, "held up {times} for {:?} or longer; the longest: {longest}", self.limit)?;
        match &self.last_named {
            Some(last) if last != longest => write!(f, "; the last by name: {last}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(ms: u64, calls: usize, who: Option<&str>) -> SlowSpan {
        let (took, who) = (Duration::from_millis(ms), who.map(str::to_owned));
        SlowSpan { took, calls, who, at: None, measured: false }
    }

    #[test]
    fn the_longest_is_kept_and_the_last_that_has_a_name() {
        let mut held_up = HeldUp::with_limit(Duration::from_millis(100));
        assert_eq!(held_up.to_string(), "never held up");
        held_up.count(&span(150, 7, None));
        let once = "held up once for 100ms or longer; the longest: one of 7 calls, or all together, \
                    for 150ms";
        assert_eq!(held_up.to_string(), once);
        held_up.count(&span(120, 1, Some("task 3 (save)")));
        let twice =
            once.replace("once", "2 times") + "; the last by name: task 3 (save), for 120ms";
        assert_eq!(held_up.to_string(), twice);
        held_up.count(&span(200, 1, Some("task 4 (load)")));
        let longest = "task 4 (load), for 200ms";
        assert!(held_up.to_string().ends_with(&format!("the longest: {longest}")));
    }
}
