//! A script in the place of the operating system: which source is ready, and when.
//!
//! Real sockets become ready when the network likes. A lesson, or a test of one exact order, says
//! it instead: "after 5 ms source 0 can be read". Sources are still descriptors, and are read and
//! written as ever; only the news of their readiness comes from here.
//!
//! ```text
//!   after 1 ms: source 0 readable  (nothing is there: a useless try, as in real life)
//!   after 5 ms: source 0 readable
//!   after 5 ms: source 1 writable
//! ```
//!
//! # Invariants
//! - News comes by its time, then in the order in which it was written down.
//! - News of a source that is gone, or was never registered, reaches nobody.
//!
//! Tutorial: chapter 7. Before this: `scheduler.rs`. After this: `latch.rs`.

use std::time::Duration;

use crate::callback::Key;
use crate::clock::Moment;

/// What the operating system is made to say: see
/// [`EventLoopBuilder::scripted_selector`](crate::EventLoopBuilder::scripted_selector).
///
/// Sources are counted from 0 in the order of registration. Times are counted from the loop's
/// beginning.
///
/// ```
/// use std::{os::unix::net::UnixStream, rc::Rc, time::Duration};
/// use roundelay_runtime::{Callback, Direction, EventLoop, ReadinessScript};
///
/// let ms = Duration::from_millis;
/// let script = ReadinessScript::new().readable(ms(1), 0).writable(ms(5), 0);
/// let event_loop = EventLoop::builder().virtual_clock().scripted_selector(script).build()?;
/// let (start, inner) = (event_loop.time(), event_loop.loop_ref().clone());
/// let (here, _there) = UnixStream::pair()?;
/// here.set_nonblocking(true)?;
/// let source = Rc::new(event_loop.register(&here)?); // the first: number 0
/// let watched = source.clone();
/// event_loop.call_soon(move || {
///     watched.clear_ready(Direction::Write).unwrap(); // a write said `WouldBlock`
///     let stop = Callback::new(move || inner.stop());
///     watched.wait(Direction::Write, None, stop).unwrap();
/// })?;
/// event_loop.run_forever()?;
/// assert_eq!(event_loop.time() - start, ms(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadinessScript {
    /// By time; what has been said is left out.
    lines: Vec<Line>,
    /// How many lines have been said.
    said: usize,
    /// The sources that were ever registered, in order.
    sources: Vec<Key>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    at: Moment,
    source: usize,
    readable: bool,
    writable: bool,
}

impl ReadinessScript {
    /// A script in which nothing ever becomes ready.
    #[must_use]
    pub fn new() -> ReadinessScript {
        ReadinessScript::default()
    }

    /// `after` the loop's beginning the source with this number can be read.
    #[must_use]
    pub fn readable(self, after: Duration, source: usize) -> ReadinessScript {
        self.line(after, source, true)
    }

    /// `after` the loop's beginning the source with this number can be written.
    #[must_use]
    pub fn writable(self, after: Duration, source: usize) -> ReadinessScript {
        self.line(after, source, false)
    }

    fn line(mut self, after: Duration, source: usize, readable: bool) -> ReadinessScript {
        let at = Moment::START.after(after);
        let index = self.lines.partition_point(|line| line.at <= at);
        self.lines.insert(index, Line { at, source, readable, writable: !readable });
        self
    }

    /// A source was registered: it gets the next number.
    pub(crate) fn register(&mut self, source: Key) {
        self.sources.push(source);
    }

    /// When there is news next.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.lines.get(self.said).map(|line| line.at)
    }

    /// The next news that is due at `now`: a source, and whether it can be read and written.
    /// `Some(None)` is news of a source that was never registered.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Option<(Key, bool, bool)>> {
        let line = *self.lines.get(self.said).filter(|line| line.at <= now)?;
        self.said += 1;
        let source = self.sources.get(line.source);
        Some(source.map(|&source| (source, line.readable, line.writable)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_comes_by_time_and_then_as_written() {
        let ms = Duration::from_millis;
        let mut script =
            ReadinessScript::new().readable(ms(5), 1).writable(ms(1), 0).readable(ms(5), 0);
        let keys = [Key::new(0, 0), Key::new(1, 1)];
        keys.into_iter().for_each(|key| script.register(key));
        let at = |millis| Moment::START.after(ms(millis));
        assert_eq!(script.next(), Some(at(1)));
        assert_eq!(script.pop_due(at(0)), None);
        assert_eq!(script.pop_due(at(5)), Some(Some((keys[0], false, true))));
        assert_eq!(script.pop_due(at(5)), Some(Some((keys[1], true, false))));
        assert_eq!(script.pop_due(at(5)), Some(Some((keys[0], true, false))));
        assert_eq!((script.pop_due(at(9)), script.next()), (None, None));
    }
}
