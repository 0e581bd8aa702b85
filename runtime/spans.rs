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

/// How many calls are measured one by one after a slow span.
pub(crate) const CALLS_TO_MEASURE: u32 = 1024;

/// The notes on the span that is under way.
pub(crate) struct Spans {
    pub(crate) limit: Duration,
    /// The place in the line where the loop last looked outside, that is, asked the operating
    /// system: see `CALLBACKS_BETWEEN_LOOKS` in `waiting.rs`.
    pub(crate) looked_at: Cell<u64>,
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
