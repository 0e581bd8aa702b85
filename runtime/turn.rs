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
//! the other.
//!
//! # Invariants
//! - The loop calls in one place: [`EventLoop::call`]. Everything else only queues.
//! - A turn runs what is ready when step 5 begins. Two callbacks that schedule each other
//!   for ever still let timers and sockets in between: each turn ends, and now and then a
//!   turn looks outside.
//! - *Looking outside* is asking the system and reading the clock, and costs as much as
//!   dozens of callbacks. A turn with work looks only if [`CALLBACKS_BETWEEN_LOOKS`] or more
//!   entries were called since the last look. So between two looks lie at most 127 entries
//!   and one turn's.
//! - Due timers are taken up in their order, at most [`TIMERS_IN_A_TURN`] in a turn.
//! - The order among `call_soon` callbacks never depends on that; when a timer or a socket
//!   joins them does. In a turn that looks, callbacks run in this order: what was ready
//!   already, then readiness, then the inbox, then due timers.
//! - A panic in a closure ends that closure; the failure policy decides the rest.
//! - Context variables that a closure has set are gone when it returns.
//!
//! Tutorial: chapters 1, 2 and 8. Before this: `event_loop.rs`. After this: `script_play.rs`.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use crate::callback::{Callback, Target};
use crate::clock::Moment;
use crate::context::{ContextValues, take_leftovers};
use crate::error::{RunError, Stuck};
use crate::event_loop::EventLoop;
use crate::failure::{Failure, FailureKind, contain};
use crate::inbox::Message;
use crate::interest::Interest;
use crate::observer::Event;
use crate::observing::work;
use crate::reactor::News;
use crate::ready::Entry;

/// How many entries are called before a turn with work looks outside again.
const CALLBACKS_BETWEEN_LOOKS: usize = 128;

/// How many due timers a turn takes up; the rest stay due for the next. With a hundred thousand
/// due at once, what belongs to the first of them would have left the processor's cache before
/// it is called, and again before its task takes its step.
const TIMERS_IN_A_TURN: usize = 512;

impl EventLoop {
    /// The list at the head of this file.
    ///
    /// Two tasks that wake each other pay for a whole turn at each wake, so a turn with work and
    /// nothing outside is kept short: what is rarely needed stands in functions of its own.
    pub(crate) fn turn(
        &self,
        target: Option<&dyn Target>,
        main: &mut dyn FnMut(),
    ) -> Result<(), RunError> {
        self.begin_turn();
        let sleep = self.time_until_next_work();
        self.wait_for_events(sleep)?;
        self.collect_inbox();
        self.collect_due_timers();
        self.run_ready_callbacks(target, main);
        self.observe(|| Event::TurnEnds);
        Ok(())
    }

    fn begin_turn(&self) {
        let core = &self.core;
        core.turn.set(core.turn.get() + 1);
        let turn = core.turn.get();
        self.observe(|| Event::TurnBegins { turn, ready: core.ready.borrow().len() });
    }

    /// Step 1.
    fn time_until_next_work(&self) -> Sleep {
        let core = &self.core;
        if core.stopping.get() || !core.ready.borrow().is_empty() {
            return Sleep::NotAtAll;
        }
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

    /// Step 2.
    fn wait_for_events(&self, sleep: Sleep) -> Result<(), RunError> {
        match sleep {
            Sleep::NotAtAll => {
                // On the virtual clock every turn looks: there it counts that runs are alike.
                let looks = self.since_look.get() >= CALLBACKS_BETWEEN_LOOKS;
                if looks || self.core.clock.is_virtual() { self.look() } else { Ok(()) }
            }
            Sleep::AtMost(remaining) => self.fall_asleep(Some(remaining)),
            Sleep::WithoutEnd => self.fall_asleep(None),
        }
    }

    /// Sleeps, unless there is a message after all.
    #[inline(never)]
    fn fall_asleep(&self, at_most: Option<Duration>) -> Result<(), RunError> {
        let inbox = &self.core.inbox;
        if !inbox.fall_asleep() {
            return self.look();
        }
        let outcome = self.sleep(at_most);
        inbox.wake_up();
        outcome
    }

    /// Asks the system without waiting.
    fn look(&self) -> Result<(), RunError> {
        self.end_span();
        self.poll(Some(Duration::ZERO))
    }

    /// Nothing is ready and the inbox is empty: sleep, jump, or say that it is for ever.
    fn sleep(&self, at_most: Option<Duration>) -> Result<(), RunError> {
        let core = &self.core;
        let awaits_source = core.reactor.borrow().waiting_callbacks() > 0;
        let awaits_system = awaits_source && core.script.is_none();
        let only_time_can_help = !awaits_system && !core.inbox.is_clock_held();
        // A script without another line has run out, and whoever waits for its sources waits in vain.
        let cut_off = at_most.is_none()
            && only_time_can_help
            && (awaits_source || core.isolated || self.nobody_has_a_door());
        // Imagine a thread that leaves a message and then lets go of its door: whoever sees
        // the door gone must look at the inbox once more, and will see the message.
        fence(Ordering::Acquire);
        if core.inbox.has_messages() {
            return self.look();
        }
        self.end_span();
        match at_most {
            None if cut_off => {
                self.observe(|| Event::Stuck);
                Err(RunError::Deadlock(self.who_is_stuck()))
            }
            Some(remaining) if core.clock.is_virtual() && only_time_can_help => {
                let from = core.clock.now();
                let to = from.after(remaining);
                core.clock.jump_to(to);
                self.begin_span();
                self.observe(|| Event::ClockJumps { from, to });
                if core.next_scripted().is_some() { self.look() } else { Ok(()) }
            }
            // Virtual time stands still while something real is under way.
            Some(_) if core.clock.is_virtual() => self.poll(None),
            at_most => {
                let outcome = self.poll(at_most);
                // Whatever happens next begins now, and not when the loop fell asleep.
                self.begin_span();
                outcome
            }
        }
    }

    fn who_is_stuck(&self) -> Vec<Stuck> {
        let target = self.core.target.borrow().clone();
        target.map_or_else(Vec::new, |target| target.stuck())
    }

    /// Whether all references to the inbox are the loop's own and its target's: then no
    /// thread, no waker and no socket can ever leave a message.
    fn nobody_has_a_door(&self) -> bool {
        let target = self.core.target.borrow().clone();
        let own = 1 + target.map_or(0, |target| target.own_doors());
        Arc::strong_count(&self.core.inbox) == own
    }

    /// Asks the operating system. What was waited for becomes ready callbacks.
    #[inline(never)]
    fn poll(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.observe(|| Event::WaitBegins { at_most: timeout });
        let mut released = self.released.take();
        let mut news = Vec::new();
        let observed = self.is_observed();
        let mut tell = |source| {
            if observed {
                news.push(source);
            }
        };
        let outcome = self.core.reactor.borrow_mut().poll(
            &mut self.events.borrow_mut(),
            timeout,
            &mut released,
            &mut tell,
        );
        let scripted = self.core.next_scripted().is_some();
        let played = if scripted { self.play(&mut released, &mut tell) } else { 0 };
        for &News { source, readable, writable } in &news {
            self.observe(|| Event::SourceReady { source, readable, writable });
        }
        for callback in released.drain(..) {
            if let Callback::Notify(_) = callback {
                self.note_news();
            }
            self.push(Entry::Call(callback));
        }
        self.released.set(released);
        let events = outcome? + played;
        self.observe(|| Event::WaitEnds { events });
        Ok(())
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
                self.push(Entry::Call(Callback::Notify(key)));
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
    /// A look has read the clock, and a turn that did not look does not read it either: the last
    /// reading will do. Whoever sets a timer reads the clock, so a deadline that has passed when it
    /// is set is due in the next turn; any other is noticed at the next look.
    fn collect_due_timers(&self) {
        let core = &self.core;
        if core.timers.borrow().len() == 0 {
            return;
        }
        let now = core.clock.latest();
        if core.timers.borrow_mut().may_be_due(now) {
            self.collect_timers(now);
        }
    }

    #[inline(never)]
    fn collect_timers(&self, now: Moment) {
        let core = &self.core;
        for _ in 0..TIMERS_IN_A_TURN {
            // Pop, let the borrow end, then tell: an observer may set another timer.
            let due = core.timers.borrow_mut().pop_due(now);
            let Some(timer) = due else { break };
            if core.timers.borrow().is_news(timer) {
                self.note_news();
            }
            self.observe(|| Event::TimerDue { timer: timer.number() });
            self.push(Entry::Timer(timer));
        }
    }

    /// Step 5.
    fn run_ready_callbacks(&self, target: Option<&dyn Target>, main: &mut dyn FnMut()) {
        let core = &self.core;
        let count = core.ready.borrow().len();
        if core.scheduler.is_some() {
            self.arrange_ready(count);
        }
        let called = self.since_look.get().saturating_add(count);
        self.since_look.set(called);
        // Only for the watch over who holds up the loop: see `span_watch.rs`.
        if called == self.spans.single_at.get() {
            self.note_single(count);
        }
        if self.watched.get() {
            return self.run_and_tell(count, target, main);
        }
        for _ in 0..count {
            let next = core.ready.borrow_mut().pop();
            let Some((_, entry)) = next else { break };
            self.call(entry, target, main);
        }
    }

    /// The same for a loop that is observed, or whose calls are being measured.
    #[cold]
    #[inline(never)]
    fn run_and_tell(&self, count: usize, target: Option<&dyn Target>, main: &mut dyn FnMut()) {
        for number in 0..count {
            let next = self.core.ready.borrow_mut().pop();
            let Some((place, entry)) = next else { break };
            let what = work(&entry);
            let event = || Event::CallBegins { place, what };
            // One call begins when the one before it ends.
            match number {
                0 => self.observe(event),
                _ => self.observe_after(Interest::CALLS, event),
            }
            let measured = self.begin_measuring(what);
            let panicked = !self.call(entry, target, main);
            if let Some(measured) = measured {
                self.end_measuring(measured);
            }
            self.observe(|| Event::CallEnds { place, panicked });
        }
    }

    /// The one place where callbacks are called. `false` if it panicked.
    #[inline(always)]
    fn call(&self, entry: Entry, target: Option<&dyn Target>, main: &mut dyn FnMut()) -> bool {
        match entry {
            Entry::Run(key) => {
                if let Some(target) = target {
                    target.run(key);
                }
                true
            }
            Entry::Main => {
                main();
                true
            }
            Entry::Cancelled => true,
            Entry::Call(callback) => self.call_back(callback, target),
            Entry::Timer(timer) => {
                let callback = self.core.timers.borrow_mut().take_due(timer);
                callback.is_none_or(|callback| self.call_back(callback, target))
            }
        }
    }

    #[inline(never)]
    fn call_back(&self, callback: Callback, target: Option<&dyn Target>) -> bool {
        let callback = match callback {
            Callback::Once(callback) => callback,
            Callback::Notify(key) => {
                if let Some(target) = target {
                    target.notify(key);
                }
                return true;
            }
        };
        let outcome = contain(callback);
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

/// How long the loop may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    NotAtAll,
    AtMost(Duration),
    WithoutEnd,
}
