//! Spans: what is remembered of the time between two looks outside.
//!
//! ```text
//!   look          look                          look
//!    |   a span    |         a span              |
//!    |  [news] [task 3]     [news] [task 3] [task 8]
//!                   ^ the only call              ^ two calls: who it was is not known
//! ```
//!
//! These are the notes of `span_watch.rs`, which says what they are for.
//!
//! # Invariants
//! - Nothing is noted for a call, unless calls are being measured.
//! - News for the loop's target is no call: nothing of the user's runs in it.
//!
//! Tutorial: chapter 19. Before this: `held_up.rs`. After this: `span_watch.rs`.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::time::Duration;

use crate::clock::Moment;
use crate::held_up::SlowSpan;
use crate::observer::Work;

/// How many calls there are between two looks at the most.
pub(crate) const MOST_BETWEEN_LOOKS: u64 = 128;

/// How long a span should be at the most.
pub(crate) const SPAN_AIMED_AT: Duration = Duration::from_millis(1);

/// How many calls are measured one by one after a slow span.
pub(crate) const CALLS_TO_MEASURE: u32 = 1024;

/// The notes on the span that is under way.
pub(crate) struct Spans {
    pub(crate) limit: Duration,
    /// The place in the line where the loop last looked outside, that is, asked the operating
    /// system.
    pub(crate) looked_at: Cell<u64>,
    /// After so many calls a turn with work looks again: see [`next_pace`].
    pub(crate) pace: Cell<u64>,
    pub(crate) began: Cell<Moment>,
    /// So long it had taken before the last run ended.
    pub(crate) before: Cell<Duration>,
    /// Of the entries since the last look, so many belong to a span that is over.
    pub(crate) counted: Cell<u64>,
    /// How many entries there are in a span of a single call: that one, and all the news.
    pub(crate) single_at: Cell<u64>,
    /// The first call, and so far the only one.
    pub(crate) single: Cell<Option<Work>>,
    /// So many calls are still to be measured.
    pub(crate) to_measure: Cell<u32>,
    /// How many were measured in this span, and the longest of them.
    pub(crate) measured: Cell<u64>,
    pub(crate) longest: RefCell<Option<SlowSpan>>,
}

/// A call that is being measured: when it began, and whose it is. (Its task may be gone when it
/// ends.)
pub(crate) struct MeasuredCall {
    pub(crate) began: Moment,
    pub(crate) who: String,
    pub(crate) at: Option<&'static Location<'static>>,
}

impl Spans {
    pub(crate) fn new(limit: Duration) -> Spans {
        Spans {
            limit,
            looked_at: Cell::default(),
            pace: Cell::new(1),
            began: Cell::new(Moment::START),
            before: Cell::default(),
            counted: Cell::default(),
            single_at: Cell::new(1),
            single: Cell::default(),
            to_measure: Cell::default(),
            measured: Cell::default(),
            longest: RefCell::default(),
        }
    }
}

/// How many calls there may be in the next span. The loop begins with one and makes it twice as many
/// as long as that many stay within a millisecond; if they did not, it is as many as would have.
///
/// So timers and sockets are looked after every millisecond or so, whatever a call costs, and
/// nobody reads the clock in between: only a span in which calls have suddenly become longer takes
/// as long as it takes.
pub(crate) fn next_pace(pace: u64, called: u64, took: Duration) -> u64 {
    if took > SPAN_AIMED_AT {
        let fits = u128::from(called) * SPAN_AIMED_AT.as_nanos() / took.as_nanos();
        return (fits as u64).clamp(1, MOST_BETWEEN_LOOKS);
    }
    match called >= pace {
        true => (2 * pace).min(MOST_BETWEEN_LOOKS),
        false => pace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(1);

    #[test]
    fn the_pace_doubles_while_as_many_calls_stay_within_a_millisecond() {
        let mut pace = 1;
        let paces = std::iter::repeat_with(|| {
            pace = next_pace(pace, pace, SHORT * pace as u32);
            pace
        });
        assert_eq!(paces.take(8).collect::<Vec<_>>(), [2, 4, 8, 16, 32, 64, 128, 128]);
    }

    #[test]
    fn after_a_long_span_it_is_as_many_calls_as_would_have_fitted() {
        let ms = Duration::from_millis;
        assert_eq!(next_pace(128, 128, ms(4)), 32);
        assert_eq!(next_pace(128, 128, ms(2560)), 1);
        assert_eq!(next_pace(1, 1, Duration::MAX), 1);
        // One turn may hold more than was asked for.
        assert_eq!(next_pace(128, 10_000, ms(2)), 128);
    }

    #[test]
    fn few_calls_say_nothing_of_many() {
        assert_eq!(next_pace(4, 3, SHORT), 4);
        assert_eq!(next_pace(4, 0, SHORT), 4);
    }
}
