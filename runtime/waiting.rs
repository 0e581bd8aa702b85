//! The turn's second step: waiting for events.
//!
//! ```text
//!   nothing to do before 12.5 s --> nobody can change that --> virtual clock: jump there
//!                              \--> somebody may           --> ask the system, and sleep
//!   nothing to do, ever         --> nobody can change that --> deadlock: say who waits for what
//! ```
//!
//! # Invariants
//! - The loop sleeps only if nothing is ready and the inbox is empty. The inbox is looked at after
//!   the loop has said that it falls asleep, so a message that comes then rings.
//! - Whoever is told of something on the way to sleep may call the loop: it is asked once more then
//!   how long that is.
//! - It lingers before it sleeps only where that may pay (`linger.rs`), and looks outside after it.
//! - A deadlock is reported only if nobody holds a door through which a message could come.
//!
//! Tutorial: chapter 7. Before this: `short_turn.rs`. After this: `script_play.rs`.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use crate::callback::Callback;
use crate::error::{RunError, Stuck};
use crate::event_loop::EventLoop;
use crate::interest::Interest;
use crate::observer::Event;
use crate::reactor::News;

/// How long the loop may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    NotAtAll,
    AtMost(Duration),
    WithoutEnd,
}

impl EventLoop {
    /// Step 2.
    pub(crate) fn wait_for_events(&self, sleep: Sleep) -> Result<(), RunError> {
        match sleep {
            Sleep::NotAtAll => {
                // On the virtual clock every turn looks: there it counts that runs are alike.
                let looks = self.core.since_look() >= self.core.spans.pace.get();
                if looks || self.core.clock.is_virtual() { self.look() } else { Ok(()) }
            }
            Sleep::AtMost(remaining) => self.fall_asleep(Some(remaining)),
            Sleep::WithoutEnd => self.fall_asleep(None),
        }
    }

    /// Sleeps, unless there is a message after all.
    #[inline(never)]
    fn fall_asleep(&self, at_most: Option<Duration>) -> Result<(), RunError> {
        if self.end_span() {
            return self.wait_for_events(self.time_until_next_work());
        }
        let inbox = &self.core.inbox;
        if self.lingers_with_success(at_most) || !inbox.fall_asleep() {
            return self.look();
        }
        let outcome = self.sleep(at_most);
        inbox.wake_up();
        self.linger.slept(inbox.has_messages());
        outcome
    }

    /// Whether a message comes while the loop stays awake for a moment: see `linger.rs`.
    fn lingers_with_success(&self, at_most: Option<Duration>) -> bool {
        let core = &self.core;
        !core.is_attended && self.linger.linger(&core.inbox, &core.clock, at_most)
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
        // A script without another line has run out, and whoever waits for its sources waits in
        // vain.
        let cut_off = at_most.is_none()
            && only_time_can_help
            && (awaits_source || core.isolated || self.nobody_has_a_door());
        // Imagine a thread that leaves a message and then lets go of its door: whoever sees
        // the door gone must look at the inbox once more, and will see the message.
        fence(Ordering::Acquire);
        if core.inbox.has_messages() {
            return self.look();
        }
        match at_most {
            None if cut_off => {
                self.observe(|| Event::Stuck);
                match self.time_until_next_work() {
                    Sleep::WithoutEnd => Err(RunError::Deadlock(self.who_is_stuck())),
                    _ => Ok(()),
                }
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

    /// Whether all references to the inbox are the loop's own and its target's, or the inbox is
    /// closed: then no thread, no waker and no socket can ever leave a message.
    fn nobody_has_a_door(&self) -> bool {
        if self.core.inbox.is_closed() {
            return true;
        }
        let target = self.core.target.borrow().clone();
        let own = 1 + target.map_or(0, |target| target.own_doors());
        Arc::strong_count(&self.core.inbox) == own
    }

    /// Asks the operating system. What was waited for becomes ready callbacks.
    #[inline(never)]
    fn poll(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.observe(|| Event::WaitBegins { at_most: timeout });
        let timeout = match self.is_interesting(Interest::TURNS) {
            true => self.no_longer_than_until_work(timeout),
            false => timeout,
        };
        let mut released = self.released.take();
        let mut news = Vec::new();
        let observed = self.is_interesting(Interest::SOURCES);
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
            self.push_callback(callback);
        }
        self.released.set(released);
        let events = outcome? + played;
        self.observe(|| Event::WaitEnds { events });
        Ok(())
    }
    /// What whoever was told that the wait begins has left to do shortens it.
    #[cold]
    fn no_longer_than_until_work(&self, planned: Option<Duration>) -> Option<Duration> {
        match self.time_until_next_work() {
            Sleep::NotAtAll => Some(Duration::ZERO),
            // A virtual clock that is held does not pass on its own.
            Sleep::AtMost(remaining) if !self.core.clock.is_virtual() => {
                Some(planned.map_or(remaining, |planned| planned.min(remaining)))
            }
            Sleep::AtMost(_) | Sleep::WithoutEnd => planned,
        }
    }
}
