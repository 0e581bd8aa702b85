//! Telling the observer.
//!
//! ```text
//!   observe(|| event) --> anybody there? --> of this kind? --> what time is it? --> observer
//!                           one test           one test          dear
//! ```
//!
//! The event is made only if somebody observes. The clock is read only for an event that somebody
//! wants, and not for one that follows another at once.
//!
//! # Invariants
//! - Nothing of the loop is borrowed while the observer is told.
//! - It is not told of what it causes itself meanwhile.
//!
//! Tutorial: chapter 19. Before this: `loop_ref.rs`. After this: `loop_timers.rs`.

use crate::clock::Moment;
use crate::failure::contain;
use crate::interest::Interest;
use crate::loop_ref::LoopRef;
use crate::observer::{Event, Work};
use crate::ready::Entry;

/// Whether this library tells anybody anything. The benchmarks build it with `--cfg
/// roundelay_without_hooks`, too: then nobody can be told, the compiler leaves out every place that
/// could tell, and what is missing from its time is what those places cost.
pub(crate) const HOOKS: bool = !cfg!(roundelay_without_hooks);

/// For those who build on the loop, and tell what happens there.
impl LoopRef {
    /// Tells the observer, if there is one.
    #[inline]
    pub fn observe(&self, event: impl FnOnce() -> Event) {
        if self.is_observed() {
            let event = event();
            if self.is_interesting(event.kind()) {
                self.tell(&event, self.core.clock.peek());
            }
        }
    }

    /// As [`LoopRef::observe`], where nobody else's code has run since an event of one of these
    /// kinds: so it happened at the same moment. To read the clock is most of what telling costs.
    ///
    /// A step of a task, as the table of tasks tells it:
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use roundelay_runtime::{Event, EventLoop, Interest, Key, LoopRef, Moment, Target};
    ///
    /// struct Table(LoopRef);
    ///
    /// impl Target for Table {
    ///     fn run(&self, _key: Key) {
    ///         self.0.observe_after(Interest::CALLS, || Event::TaskPolled { task: 1 });
    ///         // The task does what it does.
    ///         self.0.observe(|| Event::TaskPending { task: 1 });
    ///         self.0.call_ends_with(Interest::STEPS);
    ///     }
    ///     fn notify(&self, _key: Key) {}
    /// }
    ///
    /// let times = Rc::new(RefCell::new(Vec::new()));
    /// let log = times.clone();
    /// let hears = move |now: Moment, _: &Event| log.borrow_mut().push(now);
    /// let observer = (Interest::CALLS | Interest::STEPS).of(hears);
    /// let event_loop = EventLoop::builder().observer(observer).build()?;
    /// event_loop.set_target(Rc::new(Table(event_loop.loop_ref().clone())));
    /// event_loop.run_soon(Key::new(0, 0));
    /// event_loop.run_once()?;
    /// // CallBegins and TaskPolled, TaskPending and CallEnds: the clock was read for two of four.
    /// let [begins, polled, pending, ends] = times.borrow()[..] else { panic!("four events") };
    /// assert_eq!((begins, pending), (polled, ends));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn observe_after(&self, earlier: Interest, event: impl FnOnce() -> Event) {
        if self.is_observed() {
            let event = event();
            if self.is_interesting(event.kind()) {
                let was_told = self.is_interesting(earlier);
                let now = if was_told { self.core.told_at.get() } else { self.core.clock.peek() };
                self.tell(&event, now);
            }
        }
    }

    /// For a target that is called: since the last event, which was of this kind, nobody else's
    /// code has run, and none will before the call ends. So the call's end has the same moment.
    /// [`Interest::NONE`] takes that back.
    #[inline]
    pub fn call_ends_with(&self, kind: Interest) {
        self.core.call_ends_with.set(kind);
    }

    /// The next number for a thing that observers are told of and that has none: counted from 1
    /// in each loop, things of all kinds together.
    ///
    /// ```
    /// use roundelay_runtime::{Event, EventLoop};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (group, promise) = (event_loop.count_thing(), event_loop.count_thing());
    /// event_loop.observe(|| Event::GroupOpened { group });
    /// event_loop.observe(|| Event::PromiseSettled { promise, resolved: true });
    /// assert_eq!((group, promise), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn count_thing(&self) -> u64 {
        self.core.things.set(self.core.things.get() + 1);
        self.core.things.get()
    }

    /// Whether somebody observes this loop: an observer, a watchdog, the debug mode.
    #[must_use]
    #[inline]
    pub fn is_observed(&self) -> bool {
        HOOKS && self.core.observer.is_some()
    }

    /// Whether somebody observes this loop who wants to hear of events of this kind; of several
    /// kinds, whether each is wanted by somebody.
    ///
    /// ```
    /// use roundelay_runtime::{Event, EventLoop, Interest, Moment};
    ///
    /// let observer = (Interest::TASKS | Interest::WAKES).of(|_: Moment, _: &Event| ());
    /// let event_loop = EventLoop::builder().observer(observer).build()?;
    /// assert!(event_loop.is_observed());
    /// assert!(event_loop.is_interesting(Interest::TASKS));
    /// assert!(!event_loop.is_interesting(Interest::TASKS | Interest::JOBS));
    /// assert!(event_loop.are_steps_told()); // their wakes, at least
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_interesting(&self, kind: Interest) -> bool {
        HOOKS && self.core.interest.includes(kind)
    }

    /// Whether somebody observes this loop who wants to hear of the steps of tasks, or of their
    /// wakes.
    #[must_use]
    #[inline]
    pub fn are_steps_told(&self) -> bool {
        HOOKS && self.core.interest.intersects(Interest::STEPS | Interest::WAKES)
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, event: &Event, now: Moment) {
        let Some(observer) = &self.core.observer else { return };
        if self.core.observing.replace(true) {
            return;
        }
        self.core.told_at.set(now);
        // What an observer does wrong is not the business of whom it observes.
        let _ = contain(|| observer.observe(now, event));
        self.core.observing.set(false);
    }

    #[cold]
    pub(crate) fn push_and_tell(&self, entry: Entry) -> u64 {
        let place = self.core.ready.borrow_mut().push(entry);
        if self.is_interesting(Interest::QUEUE) {
            self.tell_pushed(place);
        }
        place
    }

    #[cold]
    pub(crate) fn tell_pushed(&self, place: u64) {
        let Some(entry) = self.core.ready.borrow().peek(place) else { return };
        let what = work(entry);
        let event = || Event::ReadyPushed { place, what };
        match what {
            // Right after the news that the task was woken, or spawned.
            Work::Run(_) | Work::Main => {
                self.observe_after(Interest::WAKES | Interest::TASKS, event)
            }
            _ => self.observe(event),
        }
    }
}

/// How the observer is told what an entry is.
pub(crate) fn work(entry: Entry) -> Work {
    match entry {
        Entry::Call(_) => Work::Callback,
        Entry::Notify(key) => Work::Notify(key),
        // The number's low half: all of it in any run that somebody looks at.
        Entry::Timer(timer) => Work::Timer(u64::from(timer.generation())),
        Entry::Run(key) => Work::Run(key),
        Entry::Main => Work::Main,
        Entry::Cancelled => Work::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::event_loop::EventLoop;
    use crate::running::observe_here_of;

    fn observed(interest: Interest) -> EventLoop {
        let observer = interest.of(|_: Moment, _: &Event| ());
        EventLoop::builder().debug(false).observer(observer).build().unwrap()
    }

    #[test]
    fn an_observer_takes_the_short_way_from_a_loop_only_to_be_told_of_what_lies_on_the_long_one() {
        let is_short = |interest| observed(interest).core.is_plain.get();
        let kinds = Interest::TASKS | Interest::STEPS | Interest::WAKES | Interest::TIMERS;
        assert!(is_short(kinds | Interest::WAITS | Interest::SOURCES | Interest::JOBS));
        let on_the_long_way = [Interest::TURNS, Interest::QUEUE, Interest::CALLS, Interest::ALL];
        assert_eq!(on_the_long_way.map(is_short), [false; 4]);
    }

    #[test]
    fn an_event_of_a_kind_that_nobody_wants_is_not_made() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&told);
        let hears = move |_: Moment, event: &Event| log.borrow_mut().push(event.clone());
        let builder = EventLoop::builder().observer(Interest::TASKS.of(hears));
        let event_loop = builder.build().unwrap();
        let opened = Event::GroupOpened { group: 1 };
        let tells = {
            let opened = opened.clone();
            move || {
                observe_here_of(Interest::WAITS, || unreachable!("nobody wants to hear of waits"));
                observe_here_of(Interest::TASKS, || opened);
            }
        };
        drop(event_loop.call_soon(tells).unwrap());
        event_loop.run_once().unwrap();
        assert_eq!(*told.borrow(), [opened]);
        observe_here_of(Interest::NONE, || unreachable!("no loop runs here"));
    }
}
