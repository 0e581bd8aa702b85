//! The watch over spans: was the loop held up between two looks outside, and by whom?
//!
//! The loop reads the clock when it looks outside, and so learns for nothing how long it was since
//! the last look. Only after a slow span does it measure each call by itself, for so many calls:
//! who holds up the loop once often does it again, and is then known by name.
//!
//! ```text
//!   look --> begin_span ... calls ... look --> end_span: took too long? --> count, tell
//!                                                   \--> measure the next 1,024 calls
//! ```
//!
//! # Invariants
//! - Nothing here is done for a call while no span was slow.
//! - Time that passes between two runs, or while the loop sleeps, belongs to no span.
//! - It is the loop's clock that counts. Virtual time stands still in calls, unless one
//!   [blocks](LoopRef::block_for) it.
//! - Nobody is told of it but the observer: a library does not print unasked. (The observer of
//!   debug mode does, in `slow_watch.rs`.)
//!
//! Tutorial: chapter 19. Before this: `spans.rs`. After this: `slow_watch.rs`.

use std::panic::Location;
use std::time::Duration;

use crate::event_loop::EventLoop;
use crate::held_up::{HeldUp, SlowSpan};
use crate::interest::Interest;
use crate::loop_ref::LoopRef;
use crate::observer::{Event, Work};
use crate::observing::work;
use crate::ready::Entry;
use crate::spans::{CALLS_TO_MEASURE, MeasuredCall, next_pace};

impl LoopRef {
    /// How often this loop was held up, and by whom.
    ///
    /// Each loop knows it, at no cost to a call: it reads the clock when it asks the system for
    /// events (after a millisecond's calls or 128 of them, or as many as were ready in one turn), and so sees
    /// how long the calls in between have taken. It took longer than the
    /// [limit](crate::EventLoopBuilder::slow_limit)? If it was a single call, that one is named. If
    /// not, the next 1,024 calls are measured one by one, so that who does it again is named then.
    ///
    /// Nothing is printed: look here, at the [metrics](crate::Metrics), or at [`Event::HeldUp`]. In
    /// [debug mode](crate::EventLoopBuilder::debug) each call is measured, and slow ones are warned
    /// of.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let inner = event_loop.loop_ref().clone();
    /// event_loop.call_soon(move || inner.block_for(Duration::from_millis(150)))?;
    /// event_loop.run_once()?;
    /// let held_up = event_loop.held_up();
    /// assert_eq!(held_up.times, 1);
    /// assert_eq!(held_up.longest.unwrap().to_string(), "a callback, for 150ms");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "slow_callback_duration")]
    #[must_use]
    pub fn held_up(&self) -> HeldUp {
        self.core.held_up.borrow().clone()
    }
}

impl EventLoop {
    /// A span begins, or goes on after a pause.
    pub(crate) fn begin_span(&self) {
        self.core.spans.began.set(self.core.read_clock());
    }

    /// A run ends, and with it perhaps the loop's last look.
    pub(crate) fn pause_span(&self) {
        let took = self.core.clock.peek().since(self.core.spans.began.get())
            + self.core.spans.before.get();
        let called = self.core.since_look().saturating_sub(self.core.spans.counted.get());
        if self.is_slow(took) && called > 0 {
            self.tell_of_slow_span(took, called);
            self.core.spans.counted.set(self.core.since_look());
            return self.core.spans.before.set(Duration::ZERO);
        }
        self.core.spans.before.set(took);
    }

    /// The loop looks outside: one span ends here, and the next begins. Whether somebody was told
    /// that the loop was held up, and so may have called it.
    #[inline]
    pub(crate) fn end_span(&self) -> bool {
        let now = self.core.read_clock();
        let began = self.core.spans.began.replace(now);
        let took = now.since(began) + self.core.spans.before.take();
        let called = self.core.since_look().saturating_sub(self.core.spans.counted.take());
        self.core.spans.looked_at.set(self.core.ready.borrow().turn_end());
        self.core.spans.pace.set(next_pace(self.core.spans.pace.get(), called, took));
        let was_slow = self.is_slow(took) && called > 0;
        if was_slow {
            self.tell_of_slow_span(took, called);
        }
        self.core.spans.single_at.set(1);
        if self.watched.get() {
            self.forget_measured();
        }
        was_slow
    }

    #[inline]
    fn is_slow(&self, took: Duration) -> bool {
        took >= self.core.spans.limit
    }

    /// In this turn the span's only call may be among the entries that are ready.
    #[inline(never)]
    pub(crate) fn note_single(&self, count: usize) {
        let ready = self.core.ready.borrow();
        let first = ready.front();
        let mut entries = (first..first + count as u64).filter_map(|place| ready.peek(place));
        if let Some(call) = entries.find(|entry| !self.is_news(*entry)) {
            self.core.spans.single.set(Some(work(call)));
        }
    }

    /// The entry that was just made only tells the target some news: it cannot be slow.
    pub(crate) fn note_news(&self) {
        self.core.spans.single_at.set(self.core.spans.single_at.get() + 1);
    }

    fn is_news(&self, entry: Entry) -> bool {
        match entry {
            Entry::Notify(_) => true,
            Entry::Timer(timer) => self.core.timers.borrow().is_news(timer),
            _ => false,
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_slow_span(&self, took: Duration, called: u64) {
        let spans = &self.core.spans;
        let news = spans.single_at.get() - 1;
        let calls = called.saturating_sub(news);
        let measured = spans.measured.get() >= called;
        let longest = spans.longest.take().filter(|longest| self.is_slow(longest.took));
        let single = spans.single.take().filter(|_| calls == 1);
        let span = match (longest, single) {
            (Some(longest), _) => longest,
            (None, Some(what)) => {
                let (who, at) = self.name(what);
                SlowSpan { took, calls: 1, who: Some(who), at, measured }
            }
            // Nothing was called that could be slow: the machine was.
            (None, None) if calls == 0 => return,
            (None, None) => SlowSpan { took, calls: calls as usize, who: None, at: None, measured },
        };
        spans.to_measure.set(CALLS_TO_MEASURE);
        self.watch(true);
        self.core.held_up.borrow_mut().count(&span);
        self.observe(|| Event::HeldUp(span));
    }

    /// A call begins. `None` if it is not to be measured.
    pub(crate) fn begin_measuring(&self, what: Work) -> Option<MeasuredCall> {
        let left = self.core.spans.to_measure.get().checked_sub(1)?;
        self.core.spans.to_measure.set(left);
        let (who, at) = self.name(what);
        Some(MeasuredCall { began: self.core.clock.peek(), who, at })
    }

    pub(crate) fn end_measuring(&self, call: MeasuredCall) {
        let MeasuredCall { began, who, at } = call;
        let took = self.core.clock.peek().since(began);
        self.core.spans.measured.set(self.core.spans.measured.get() + 1);
        let mut longest = self.core.spans.longest.borrow_mut();
        if longest.as_ref().is_none_or(|longest| longest.took < took) {
            *longest = Some(SlowSpan { took, calls: 1, who: Some(who), at, measured: true });
        }
    }

    #[cold]
    fn forget_measured(&self) {
        self.core.spans.measured.set(0);
        self.core.spans.longest.take();
        if self.core.spans.to_measure.get() == 0 {
            self.watch(self.is_interesting(Interest::CALLS));
        }
    }

    /// From now on each call is told and measured, or none is.
    fn watch(&self, calls: bool) {
        self.watched.set(calls);
        self.core.is_plain.set(!calls && !self.core.is_attended && !self.is_closed());
    }

    fn name(&self, what: Work) -> (String, Option<&'static Location<'static>>) {
        match what {
            Work::Run(key) => {
                let target = self.core.target.borrow().clone();
                let known = target.and_then(|target| target.who(key));
                known.unwrap_or_else(|| ("a task".to_owned(), None))
            }
            Work::Main => ("the main task".to_owned(), None),
            Work::Callback | Work::Notify(_) | Work::Timer(_) | Work::Cancelled => {
                ("a callback".to_owned(), None)
            }
        }
    }
}
