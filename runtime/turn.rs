//! One turn of the loop: one thread, many waits.
//!
//! ```text
//!        +--> 1. how long may we sleep?     ready: not at all; else until the next deadline
//!        |    2. wait for events            readiness becomes callbacks
//!        |    3. collect the inbox          what other threads left
//!        |    4. collect due timers         by deadline, then by order of setting
//!        +--- 5. run what is ready          everything scheduled meanwhile waits
//! ```
//!
//! [`EventLoop::turn`] is that list, and the rest of this file is its five lines, one after
//! the other; the second stands in `waiting.rs`.
//!
//! # Invariants
//! - The loop calls in step 5 only. Everything else only queues.
//! - A turn runs what is ready when step 5 begins. Two callbacks that schedule each other
//!   for ever still let timers and sockets in between: each turn ends, and now and then a
//!   turn looks outside.
//! - *Looking outside* is asking the system and reading the clock, and costs as much as
//!   dozens of callbacks. A turn with work looks only if 128 entries were called since the last
//!   look, or as many as take about a millisecond (`spans.rs`): so between two looks lie at most
//!   127 entries and one turn's.
//! - Due timers are taken up in their order, at most [`TIMERS_IN_A_TURN`] in a turn. While some are
//!   left over, a timer that is set for the past stands behind all that were due: nobody who sets
//!   such timers again and again keeps others from their turn.
//! - The order among `call_soon` callbacks never depends on that; when a timer or a socket
//!   joins them does. In a turn that looks, callbacks run in this order: what was ready
//!   already, then readiness, then the inbox, then due timers.
//! - A panic in a closure ends that closure; the failure policy decides the rest.
//! - Context variables that a closure has set are gone when it returns.
//!
//! Tutorial: chapters 1, 2 and 8. Before this: `event_loop.rs`. After this: `short_turn.rs`.

use crate::callback::{Callback, Key, Target};
use crate::clock::Moment;
use crate::context::{ContextValues, take_leftovers};
use crate::error::RunError;
use crate::event_loop::EventLoop;
use crate::failure::{Failure, FailureKind, contain};
use crate::inbox::Message;
use crate::interest::Interest;
use crate::observer::Event;
use crate::observing::work;
use crate::ready::{Closure, Entry};
use crate::waiting::Sleep;

/// How many due timers a turn takes up; the rest stay due for the next. With a hundred thousand
/// due at once, what belongs to the first of them would have left the processor's cache before
/// it is called, and again before its task takes its step.
const TIMERS_IN_A_TURN: usize = 128;

impl EventLoop {
    /// The list at the head of this file.
    ///
    /// It is first asked whether the first four lines would find anything: mostly not. (Without
    /// that question each line asks for itself, and a turn costs a third more.)
    #[inline(always)]
    pub(crate) fn turn(
        &self,
        target: Option<&dyn Target>,
        main: &mut dyn FnMut(),
    ) -> Result<(), RunError> {
        if self.begin_if_short() {
            self.run_ready_callbacks(target, main);
            return Ok(());
        }
        self.begin_turn();
        let sleep = self.time_until_next_work();
        self.wait_for_events(sleep)?;
        self.collect_inbox();
        self.collect_due_timers();
        self.begin_calls();
        self.run_ready_callbacks(target, main);
        self.observe(|| Event::TurnEnds);
        Ok(())
    }

    /// See `short_turn.rs`.
    #[inline(always)]
    fn begin_if_short(&self) -> bool {
        let core = &self.core;
        core.is_plain.get() && core.begin_short_turn(&mut core.ready.borrow_mut(), false)
    }

    fn begin_turn(&self) {
        let core = &self.core;
        core.turn.set(core.turn.get() + 1);
        let turn = core.turn.get();
        self.observe(|| Event::TurnBegins { turn, ready: core.ready.borrow().len() });
    }

    /// Step 1.
    pub(crate) fn time_until_next_work(&self) -> Sleep {
        let core = &self.core;
        if core.stopping.get() || !core.ready.borrow().is_empty() {
            return Sleep::NotAtAll;
        }
        core.begin_limits();
        let next = core.timers.borrow_mut().next_deadline();
        let scripted = core.next_scripted();
        let next = next.into_iter().chain(scripted).min();
        match next {
            None => Sleep::WithoutEnd,
            Some(deadline) if deadline <= core.clock.latest() => Sleep::NotAtAll,
            Some(deadline) => {
                let now = core.clock.now();
                let shares = !core.clock.is_virtual();
                let alarm = if shares { core.timers.borrow().alarm(deadline) } else { deadline };
                match deadline <= now {
                    true => Sleep::NotAtAll,
                    false => Sleep::AtMost(alarm.since(now)),
                }
            }
        }
    }

    /// Step 3.
    fn collect_inbox(&self) {
        if self.core.inbox.has_messages() {
            self.collect_messages();
        }
    }

    #[inline(never)]
    fn collect_messages(&self) {
        let mut messages = self.messages.take();
        self.core.inbox.collect(&mut messages);
        self.observe(|| Event::InboxCollected { messages: messages.len() });
        for message in messages.drain(..) {
            // What others let go of is dropped here, and its destructor may panic.
            self.contain_drop(|| self.receive(message));
        }
        self.messages.set(messages);
    }

    fn receive(&self, message: Message) {
        match message {
            Message::Call(callback) => drop(self.push_callback(Callback::Once(callback))),
            Message::Notify(key) => {
                self.note_news();
                self.push(Entry::Notify(key));
            }
            Message::CancelTimer(timer) => drop(self.cancel_timer(timer)),
            Message::CancelWait(wait) => self.cancel_wait(wait),
            Message::Tell(event) => self.observe(|| *event),
            Message::Forget(source) => self.forget_source(source),
            Message::ClockFree => {}
            Message::Stop => self.stop(),
        }
    }

    /// Step 4.
    ///
    /// A look has read the clock. A turn that did not look does not read it either, unless time
    /// limits have waited for that: the last reading will do. Whoever sets a timer reads the clock
    /// (or lets its limit wait for a reading), so a deadline that has passed when it
    /// is set is due in the next turn; any other is noticed at the next look.
    fn collect_due_timers(&self) {
        let core = &self.core;
        if core.timers.borrow().len() == 0 {
            return;
        }
        let reads = core.timers.borrow().want_reading(core.turn.get());
        let now = if reads { core.read_clock() } else { core.clock.latest() };
        if core.timers.borrow_mut().may_be_due(now) {
            self.collect_timers(now);
        }
    }

    #[inline(never)]
    fn collect_timers(&self, now: Moment) {
        let core = &self.core;
        let mut count = 0;
        for _ in 0..TIMERS_IN_A_TURN {
            // Pop, let the borrow end, then tell: an observer may set another timer.
            let due = core.timers.borrow_mut().pop_due(now);
            let Some(timer) = due else { break };
            if core.timers.borrow().is_news(timer.to_key()) {
                self.note_news();
            }
            self.observe(|| Event::TimerDue { timer: timer.number() });
            self.push(Entry::Timer(timer.to_key()));
            count += 1;
        }
        let left_over = count == TIMERS_IN_A_TURN;
        core.timers.borrow_mut().no_earlier_than(if left_over { now } else { Moment::FIRST });
        self.fetch_ahead(count);
    }

    /// What is ready now is this turn's.
    #[inline(always)]
    fn begin_calls(&self) {
        let core = &self.core;
        let count = core.ready.borrow_mut().begin_turn();
        if core.scheduler.is_some() {
            self.arrange_ready(count);
        }
        // Only for the watch over who holds up the loop: see `span_watch.rs`.
        if core.since_look() == core.spans.single_at.get() {
            self.note_single(count);
        }
    }

    /// Step 5.
    #[inline(always)]
    fn run_ready_callbacks(&self, target: Option<&dyn Target>, main: &mut dyn FnMut()) {
        let core = &self.core;
        if self.watched.get() {
            return self.run_and_tell(target, main);
        }
        loop {
            let next = core.ready.borrow_mut().pop();
            let Some(entry) = next else { break };
            match entry {
                // Mostly it is a task's step. What a processor has to guess is then always the
                // same.
                Entry::Run(key) => run(target, key),
                _ => self.call(entry, target, main),
            };
        }
    }

    /// The same where somebody is told of each call, or calls are being measured.
    #[cold]
    #[inline(never)]
    fn run_and_tell(&self, target: Option<&dyn Target>, main: &mut dyn FnMut()) {
        let first = self.core.ready.borrow().front();
        loop {
            let place = self.core.ready.borrow().front();
            let next = self.core.ready.borrow_mut().pop();
            let Some(entry) = next else { break };
            let what = work(entry);
            let event = || Event::CallBegins { place, what };
            // One call begins when the one before it ends.
            match place == first {
                true => self.observe(event),
                false => self.observe_after(Interest::CALLS, event),
            }
            let measured = self.begin_measuring(what);
            let panicked = !self.call(entry, target, main);
            if let Some(measured) = measured {
                self.end_measuring(measured);
            }
            let event = || Event::CallEnds { place, panicked };
            match self.core.call_ends_with.take() {
                Interest::NONE => self.observe(event),
                kind => self.observe_after(kind, event),
            }
        }
    }

    /// Calls what an entry stands for. `false` if it panicked.
    #[inline(never)]
    fn call(&self, entry: Entry, target: Option<&dyn Target>, main: &mut dyn FnMut()) -> bool {
        match entry {
            Entry::Run(key) => run(target, key),
            Entry::Main => {
                main();
                if ContextValues::any_here() {
                    self.drop_leftovers();
                }
                true
            }
            Entry::Cancelled => true,
            Entry::Notify(key) => notify(target, key),
            Entry::Timer(timer) => {
                let callback = self.core.timers.borrow_mut().take_due(timer);
                match callback {
                    None => true,
                    Some(Callback::Notify(key)) => notify(target, key),
                    Some(Callback::Once(closure)) => self.call_closure(closure),
                }
            }
            Entry::Call(number) => {
                let closure = self.core.ready.borrow_mut().take_closure(number);
                self.call_closure(closure)
            }
        }
    }

    #[inline(never)]
    fn call_closure(&self, closure: Closure) -> bool {
        let outcome = contain(closure);
        if ContextValues::any_here() {
            self.drop_leftovers();
        }
        let Err(message) = outcome else { return true };
        let kind = FailureKind::CallbackPanicked;
        self.report(Failure::new(kind, "a callback", message));
        false
    }

    /// What a callback has set is its own: the next one begins without.
    #[cold]
    fn drop_leftovers(&self) {
        let leftovers = take_leftovers();
        self.contain_drop(|| drop(leftovers));
    }
}

/// Gives a key its turn. Never panics: a target contains its panics.
#[inline(always)]
fn run(target: Option<&dyn Target>, key: Key) -> bool {
    if let Some(target) = target {
        target.run(key);
    }
    true
}

/// The same for news.
fn notify(target: Option<&dyn Target>, key: Key) -> bool {
    if let Some(target) = target {
        target.notify(key);
    }
    true
}
