//! Short turns: those of which only the last step has anything to do.
//!
//! Two tasks that wake each other have one entry in each turn. Whether a timer is due, a message
//! has come or it is time to look outside is then asked again for each entry, and mostly the
//! answer is no. So a turn first asks all of it at once, and if there is nothing it goes straight
//! to what is ready.
//!
//! Most of these answers hold for a while: until the next look is due, until somebody sets a timer
//! or reads the clock. So the loop notes up to which place in the line it is *quiet*, and only what
//! other threads may do at any time is asked again in each turn.
//!
//! A target that takes key after key ([`LoopRef::next_key`]) comes to the end of a turn inside
//! [`Target::run`](crate::Target::run). If the next turn would be a short one, it begins there and
//! then, and the target goes on.
//!
//! ```text
//!   turn 7          turn 8    turn 9                turn 10
//!   long: ... run(A) | B | C   | B   | a timer is due: out of `run`, long: ... run(B)
//!                      short     short
//! ```
//!
//! (The simple version went back to `turn.rs` at the end of each turn: 62 instructions more for a
//! turn of one entry, which is an eleventh of a pass of a ball between two tasks. The next one asked
//! everything again in each turn: 17 more.)
//!
//! # Invariants
//! - A short turn is counted, and runs what is ready when it begins, like any other.
//! - A loop of whose turns or calls somebody is told, or that is arranged, measured, or on the
//!   virtual clock, has no short turns.
//! - Nobody waits longer because a turn was short: it begins only where the other four steps
//!   would find nothing.
//!
//! Tutorial: chapters 2 and 8. Before this: `turn.rs`. After this: `waiting.rs`.

use crate::callback::Key;
use crate::loop_ref::{Core, LoopRef};
use crate::ready::ReadyQueue;

impl Core {
    /// Begins a turn if it is a short one; `ready` is the ready queue, between two turns.
    ///
    /// Who runs the loop may want to be asked between two turns: then no turn `begins_in_place`.
    #[inline(always)]
    pub(crate) fn begin_short_turn(&self, ready: &mut ReadyQueue, begins_in_place: bool) -> bool {
        let next = self.turn.get() + 1;
        let is_quiet = ready.front() < self.quiet_until.get() && next < self.limits_at.get();
        let is_short = !ready.is_empty()
            && !self.inbox.has_messages()
            && (is_quiet || self.finds_quiet(ready, begins_in_place));
        if is_short {
            self.turn.set(next);
            ready.begin_turn();
        }
        is_short
    }

    /// Whether the turn that would begin now has nothing to do but what is ready. If so, it notes
    /// how long that is to be so.
    #[inline(never)]
    fn finds_quiet(&self, ready: &ReadyQueue, begins_in_place: bool) -> bool {
        if begins_in_place && !self.turns_follow.get() {
            return false;
        }
        let spans = &self.spans;
        let looked_at = spans.looked_at.get();
        let look_at = looked_at + spans.pace.get();
        let mut timers = self.timers.borrow_mut();
        let wants_a_long_one = ready.front() >= look_at
            // The span's only call may be in this turn: see `span_watch.rs`.
            || ready.back() == looked_at + spans.single_at.get()
            || timers.want_reading(self.turn.get() + 1)
            || timers.may_be_due(self.clock.latest());
        if wants_a_long_one {
            return false;
        }
        if self.turns_follow.get() && ready.front() >= looked_at + spans.single_at.get() {
            self.quiet_until.set(look_at);
            self.limits_at.set(timers.reading_wanted_in());
        }
        true
    }
}

impl LoopRef {
    /// The key of the next entry, if that is one to be [run](LoopRef::run_soon). For a target's
    /// [`run`](crate::Target::run), which can then go on with that key at once. `None` at the end
    /// of the turn, unless the next turn has nothing to do but what is ready; and always `None`
    /// where somebody is told of each call.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use roundelay_runtime::{EventLoop, Key, LoopRef, Target};
    ///
    /// struct Steps { home: LoopRef, calls: RefCell<Vec<Vec<usize>>> }
    ///
    /// impl Target for Steps {
    ///     fn run(&self, key: Key) {
    ///         let mut taken = vec![key.index()];
    ///         while let Some(next) = self.home.next_key() {
    ///             taken.push(next.index());
    ///         }
    ///         self.calls.borrow_mut().push(taken);
    ///     }
    ///     fn notify(&self, _: Key) {}
    /// }
    ///
    /// let event_loop = EventLoop::builder().debug(false).build()?;
    /// let home = event_loop.loop_ref().clone();
    /// let steps = Rc::new(Steps { home, calls: RefCell::default() });
    /// event_loop.set_target(Rc::clone(&steps) as Rc<dyn Target>);
    /// (0..3).for_each(|n| event_loop.run_soon(Key::new(n, 1)));
    /// event_loop.run_once()?;
    /// assert_eq!(*steps.calls.borrow(), [[0, 1, 2]]); // one call for three keys
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn next_key(&self) -> Option<Key> {
        let core = &self.core;
        if !core.is_plain.get() {
            return None;
        }
        let mut ready = core.ready.borrow_mut();
        if ready.is_turn_over() && !core.begin_short_turn(&mut ready, true) {
            return None;
        }
        ready.pop_run()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;

    use crate::spans::MOST_BETWEEN_LOOKS;
    use crate::{Callback, EventLoop, Key, LoopRef, Target};

    /// Takes key after key, and notes in which turn. `again` is asked whether a key comes back.
    struct Walker {
        home: LoopRef,
        log: RefCell<Vec<(u64, usize)>>,
        calls: Cell<usize>,
        again: Box<dyn Fn(usize) -> bool>,
    }

    impl Walker {
        fn on(event_loop: &EventLoop, again: impl Fn(usize) -> bool + 'static) -> Rc<Walker> {
            let home = event_loop.loop_ref().clone();
            let (log, calls) = (RefCell::default(), Cell::default());
            let walker = Rc::new(Walker { home, log, calls, again: Box::new(again) });
            event_loop.set_target(Rc::clone(&walker) as Rc<dyn Target>);
            walker
        }

        fn step(&self, key: Key) {
            let taken = self.log.borrow().len();
            self.log.borrow_mut().push((self.home.core.turn.get(), key.index()));
            if (self.again)(taken) {
                self.home.run_soon(key);
            }
        }
    }

    impl Target for Walker {
        fn run(&self, key: Key) {
            self.calls.set(self.calls.get() + 1);
            let mut next = Some(key);
            while let Some(key) = next {
                self.step(key);
                next = self.home.next_key();
            }
        }

        fn notify(&self, key: Key) {
            self.home.run_soon(key);
        }
    }

    fn real() -> EventLoop {
        let event_loop = EventLoop::builder().debug(false).build().unwrap();
        // As if it had run for a while.
        event_loop.core.spans.pace.set(MOST_BETWEEN_LOOKS);
        event_loop
    }

    #[test]
    fn turns_that_begin_in_place_are_counted_and_keep_the_order() {
        let event_loop = real();
        let stop = event_loop.loop_ref().clone();
        let walker = Walker::on(&event_loop, move |taken| {
            if taken == 5 {
                stop.stop();
            }
            taken < 4
        });
        (0..2).for_each(|n| event_loop.run_soon(Key::new(n, 1)));
        event_loop.run_forever().unwrap();
        let first = walker.log.borrow()[0].0;
        let log: Vec<_> = walker.log.borrow().iter().map(|(turn, n)| (turn - first, *n)).collect();
        assert_eq!(log, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
        // The first turn after a look may hold the span's only call, so it is not a short one.
        assert!(walker.calls.get() <= 2, "{} calls for three turns", walker.calls.get());
    }

    #[test]
    fn a_loop_that_is_asked_to_stop_begins_no_turn_in_place() {
        let event_loop = real();
        let stop = event_loop.loop_ref().clone();
        let walker = Walker::on(&event_loop, move |taken| {
            if taken == 2 {
                stop.stop();
            }
            true
        });
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_forever().unwrap();
        assert_eq!(walker.log.borrow().len(), 3);
        assert_eq!(event_loop.core.ready.borrow().len(), 1, "the next step waits for the next run");
    }

    #[test]
    fn who_runs_the_loop_is_asked_between_two_turns() {
        let event_loop = real();
        let walker = Walker::on(&event_loop, |_| true);
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_once().unwrap();
        assert_eq!(walker.log.borrow().len(), 1);
        event_loop.run_until(|| walker.log.borrow().len() == 4).unwrap();
        assert_eq!(walker.log.borrow().len(), 4);
    }

    #[test]
    fn a_key_that_always_comes_back_lets_timers_and_other_threads_in_between() {
        let event_loop = real();
        let _walker = Walker::on(&event_loop, |_| true);
        let (rung, said) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let stop_if_both = {
            let (rung, said, home) = (rung.clone(), said.clone(), event_loop.loop_ref().clone());
            move || {
                if rung.get() && said.get() {
                    home.stop()
                }
            }
        };
        let (ring, check) = (rung.clone(), stop_if_both.clone());
        event_loop
            .call_later(Duration::from_micros(10), move || {
                ring.set(true);
                check();
            })
            .unwrap();
        thread_local!(static SAID: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) });
        SAID.set(Some(Box::new(move || {
            said.set(true);
            stop_if_both();
        })));
        let door = event_loop.proxy();
        let speaker = std::thread::spawn(move || {
            door.call_soon_threadsafe(|| SAID.take().expect("is said once")()).unwrap();
        });
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_forever().unwrap();
        speaker.join().unwrap();
    }

    #[test]
    fn a_limit_begins_in_the_turn_after_the_next_although_turns_are_short() {
        let event_loop = real();
        let home = event_loop.loop_ref().clone();
        let waits = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&waits);
        let _walker = Walker::on(&event_loop, move |taken| {
            // Far from the span's first turn, so that all is quiet.
            if taken == 8 {
                let callback = Callback::new(|| unreachable!());
                home.set_limit(Duration::from_secs(3600), callback).unwrap();
            }
            if taken >= 8 {
                seen.borrow_mut().push(home.core.timers.borrow().has_limits());
            }
            if taken == 12 {
                home.stop();
            }
            true
        });
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_forever().unwrap();
        assert_eq!(*waits.borrow(), [true, true, false, false, false]);
    }

    #[test]
    fn a_timer_that_is_set_for_the_past_is_due_in_the_next_turn_although_all_was_quiet() {
        let event_loop = real();
        let home = event_loop.loop_ref().clone();
        let rung = Rc::new(Cell::new(false));
        let said = Rc::new(Cell::new(None));
        let (ring, tell) = (Rc::clone(&rung), Rc::clone(&said));
        let _walker = Walker::on(&event_loop, move |taken| {
            if taken == 8 {
                let ring = Rc::clone(&ring);
                let callback = Callback::new(move || ring.set(true));
                home.set_timer(home.latest(), callback).unwrap();
            }
            if rung.get() {
                tell.set(Some(taken));
                home.stop();
            }
            true
        });
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_forever().unwrap();
        // In turn 9 it stands behind the key.
        assert_eq!(said.get(), Some(10));
    }

    #[test]
    fn a_closure_between_two_keys_has_its_place_in_the_line() {
        let event_loop = real();
        let home = event_loop.loop_ref().clone();
        let walker = Walker::on(&event_loop, |taken| taken == 0);
        event_loop.run_soon(Key::new(0, 1));
        event_loop.run_soon(Key::new(1, 1));
        let seen = Rc::clone(&walker);
        event_loop
            .call_soon(move || {
                assert_eq!(seen.log.borrow().len(), 2);
                home.stop();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(walker.log.borrow().len(), 2);
        event_loop.run_once().unwrap();
        assert_eq!(walker.log.borrow().len(), 3);
    }
}
