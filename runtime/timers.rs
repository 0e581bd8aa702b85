//! Timers: callbacks with a deadline.
//!
//! A *table* holds the callbacks (`timer_table.rs`). Three structures order them. Those whose
//! deadline lies before the *horizon* are near, and sorted (`near_timers.rs`). Those beyond it lie
//! in unsorted piles (`far_timers.rs`); when nothing is near any more, the next pile is sorted, and
//! the horizon moves to that pile's end. A time limit waits for a reading of the clock before it
//! has a deadline at all (`limits.rs`).
//!
//! ```text
//!                       horizon
//!   now ...  near: sorted  |  far: piles, unsorted          table: callback, and where
//!      [3ms s0] [4ms s1]   |  | s3 s9 |  | s4 |  | s8 |     s0: near     s3: far, its pile
//! ```
//!
//! Why not one heap, as asyncio has? Most timers guard something that nearly always ends in
//! time: they are cancelled long before they are due. In a pile, setting and cancelling cost
//! the same with ten timers as with a million; and to sort a few thousand at a time stays in
//! the processor's cache. (Measured with a million timers: ARCHITECTURE.md.)
//!
//! # Invariants
//! - Every near deadline is before every deadline in the piles.
//! - Equal deadlines leave in the order in which the timers were set: by their numbers.
//! - A timer that has become due leaves the line but stays in the table until it is called:
//!   it can be cancelled to the very last moment.
//!
//! Tutorial: chapter 3. Before this: `timer_table.rs`. After this: `timers_model.rs`.

use std::time::Duration;

use crate::callback::{Callback, Key};
use crate::clock::Moment;
use crate::far_timers::{FarTimers, Node};
use crate::limits::{Limit, Limits};
use crate::near_timers::NearTimers;
use crate::timer_table::{At, TimerKey, TimerTable};

/// All timers of one loop.
pub(crate) struct Timers {
    table: TimerTable,
    near: NearTimers,
    far: FarTimers,
    limits: Limits,
    /// How many timers wait: near, far, limits.
    waiting: usize,
    /// No timer gets a place before this one: see [`Timers::no_earlier_than`].
    earliest: Moment,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers {
            table: TimerTable::new(),
            near: NearTimers::default(),
            far: FarTimers::new(),
            limits: Limits::default(),
            waiting: 0,
            earliest: Moment::FIRST,
        }
    }

    /// Sets a timer.
    #[inline]
    pub(crate) fn set(&mut self, deadline: Moment, callback: Callback) -> TimerKey {
        let key = self.table.next_key();
        let deadline = deadline.max(self.earliest);
        let at = self.place(Node { deadline, number: key.number, slot: key.slot });
        self.table.insert(at, callback);
        self.waiting += 1;
        key
    }

    /// Sets a timer for a limit: `length` after the next reading of the clock.
    #[inline]
    pub(crate) fn set_limit(
        &mut self,
        length: Duration,
        callback: Callback,
        turn: u64,
    ) -> TimerKey {
        let key = self.table.next_key();
        self.limits.add(Limit { length, number: key.number, slot: key.slot }, turn);
        self.table.insert(At::Limits, callback);
        self.waiting += 1;
        key
    }

    /// From now on timers that are set for a deadline before `moment` take their place as if it
    /// was that: behind those who were due by then.
    pub(crate) fn no_earlier_than(&mut self, moment: Moment) {
        self.earliest = moment;
    }

    /// Puts a timer where it belongs by its deadline.
    #[inline]
    fn place(&mut self, node: Node) -> At {
        match node.deadline {
            Moment::NEVER => At::Nowhere,
            near if near < self.far.horizon() => {
                self.near.push(node);
                At::Near
            }
            _ => At::Far(self.far.put(node)),
        }
    }

    /// Whether there are limits for which the clock has not been read.
    #[inline]
    pub(crate) fn has_limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Whether the clock should be read for their sake.
    #[inline]
    pub(crate) fn want_reading(&self, turn: u64) -> bool {
        self.limits.want_reading(turn)
    }

    /// The turn in which it is to be read at the latest.
    #[inline]
    pub(crate) fn reading_wanted_in(&self) -> u64 {
        self.limits.reading_wanted_in()
    }

    /// The clock has been read: the limits begin.
    pub(crate) fn begin_limits(&mut self, now: Moment) {
        let taken = self.limits.take();
        for &Limit { length, number, slot } in &taken {
            let node = Node { deadline: now.after(length), number, slot };
            if self.table.is_alive(node) {
                let at = self.place(node);
                self.table.note(slot, at);
            }
        }
        self.limits.give_back(taken);
    }

    /// Takes a timer out before it is called; `None` if it was called or cancelled already.
    ///
    /// The callback is handed out: its destructor is user code, which may call the loop, and
    /// the loop keeps these timers in a `RefCell` that must not be borrowed then.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Callback> {
        let (at, callback) = self.table.remove(key)?;
        self.waiting -= usize::from(at != At::Due);
        match at {
            At::Limits => self.limits.forget_one(),
            At::Far(spot) => {
                let table = &self.table;
                self.far.forget_one(spot, |node| table.is_alive(node));
            }
            At::Near => {
                let table = &self.table;
                self.near.forget_one(|node| table.is_alive(node));
            }
            At::Nowhere | At::Due | At::Free(_) => {}
        }
        Some(callback)
    }

    /// Whether the timer is still to be called.
    pub(crate) fn is_set(&self, key: TimerKey) -> bool {
        self.table.get(key).is_some()
    }

    /// Puts another callback in the place of a timer's; hands back the one not used.
    pub(crate) fn replace(&mut self, key: TimerKey, callback: Callback) -> Callback {
        match self.table.get_mut(key) {
            Some(slot) => std::mem::replace(&mut slot.callback, callback),
            None => callback,
        }
    }

    /// The earliest deadline, if there is one that will ever be reached.
    pub(crate) fn next_deadline(&mut self) -> Option<Moment> {
        self.first().map(|node| node.deadline)
    }

    /// When to wake up for `deadline`, the earliest there is.
    pub(crate) fn alarm(&self, deadline: Moment) -> Moment {
        self.near.alarm(deadline)
    }

    /// The key that a due timer notifies, if it has one.
    pub(crate) fn notified_key(&self, due: Key) -> Option<Key> {
        match self.table.due(due)?.callback {
            Callback::Notify(key) => Some(key),
            Callback::Once(_) => None,
        }
    }

    /// Whether to look for a timer that is due at `now`. Asked in every turn: mostly the answer
    /// is no, and a look at the first of the near ones or at the first pile has told.
    pub(crate) fn may_be_due(&mut self, now: Moment) -> bool {
        match self.near.peek() {
            Some(node) => node.deadline <= now,
            // A pile whose time has not come stays a pile.
            None => self.far.advance(now),
        }
    }

    /// Takes the next timer that is due at `now` out of the line: by deadline, then by the
    /// order of setting. It stays in the table until [`Timers::take_due`].
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<TimerKey> {
        if !self.may_be_due(now) {
            return None;
        }
        let first = self.first()?;
        if first.deadline > now {
            return None;
        }
        self.near.remove_first();
        self.waiting -= 1;
        self.table.note(first.slot, At::Due);
        Some(TimerKey { slot: first.slot, number: first.number })
    }

    /// The callback of a due timer, unless it was cancelled while it waited its turn.
    pub(crate) fn take_due(&mut self, key: Key) -> Option<Callback> {
        self.table.remove_due(key)
    }

    /// Whether its callback only tells the target some news.
    pub(crate) fn is_news(&self, key: Key) -> bool {
        self.table.due(key).is_some_and(|slot| matches!(slot.callback, Callback::Notify(_)))
    }

    /// Takes everything out, for closing the loop.
    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        self.near = NearTimers::default();
        self.far.clear();
        self.limits = Limits::default();
        self.waiting = 0;
        self.table.take_all()
    }

    /// How many timers wait for their deadline.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// The earliest of all that wait; if none is near, the next pile is sorted.
    fn first(&mut self) -> Option<Node> {
        loop {
            let table = &self.table;
            if let Some(node) = self.near.first(|node| table.is_alive(node)) {
                return Some(node);
            }
            self.lay_out_next_pile()?;
        }
    }

    fn lay_out_next_pile(&mut self) -> Option<()> {
        let table = &mut self.table;
        let mut nodes =
            self.far.take_first(|node, spot| table.note_if_alive(node, At::Far(spot)))?;
        nodes.retain(|&node| table.note_if_alive(node, At::Near));
        self.near.lay_out(nodes);
        Some(())
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::START.after(Duration::from_millis(ms))
    }

    fn nothing() -> Callback {
        Callback::Notify(Key::new(0, 0))
    }

    #[test]
    fn a_due_timer_can_be_cancelled_until_it_is_called() {
        let mut timers = Timers::new();
        let key = timers.set(at(1), nothing());
        assert_eq!(timers.pop_due(at(1)), Some(key));
        assert!(timers.is_set(key));
        assert!(timers.cancel(key).is_some());
        assert!(timers.take_due(key.to_key()).is_none() && !timers.is_set(key));
    }

    #[test]
    fn a_timer_for_never_is_not_due_at_the_end_of_time() {
        let mut timers = Timers::new();
        timers.set(Moment::NEVER, nothing());
        assert_eq!(timers.pop_due(Moment::NEVER), None);
    }

    #[test]
    fn a_limit_begins_with_the_reading_and_before_what_is_set_then() {
        let mut timers = Timers::new();
        let limit = timers.set_limit(Duration::from_millis(5), nothing(), 1);
        assert_eq!((timers.next_deadline(), timers.len()), (None, 1));
        assert!(timers.has_limits() && timers.is_set(limit));
        timers.begin_limits(at(10));
        let sleep = timers.set(at(15), nothing());
        assert_eq!(timers.next_deadline(), Some(at(15)));
        assert_eq!([timers.pop_due(at(15)), timers.pop_due(at(15))], [Some(limit), Some(sleep)]);
    }

    #[test]
    fn a_limit_that_was_cancelled_does_not_begin_in_the_name_of_its_successor() {
        let mut timers = Timers::new();
        let cancelled = timers.set_limit(Duration::from_millis(5), nothing(), 1);
        let kept = timers.set_limit(Duration::MAX, nothing(), 1);
        assert!(timers.cancel(cancelled).is_some() && timers.cancel(cancelled).is_none());
        let successor = timers.set(at(3), nothing());
        assert_eq!(successor.slot, cancelled.slot);
        timers.begin_limits(at(0));
        assert_eq!(timers.pop_due(Moment::NEVER), Some(successor));
        assert!(timers.pop_due(Moment::NEVER).is_none() && timers.is_set(kept));
    }
}
