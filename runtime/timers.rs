//! Timers: callbacks with a deadline.
//!
//! A *table* holds the callbacks. Two structures order them. Those whose deadline lies before
//! the *horizon* are in a heap, the earliest on top. Those beyond it lie in unsorted piles
//! (`far_timers.rs`); when the heap has run empty, the next pile is poured into it and the
//! horizon moves to that pile's end.
//!
//! ```text
//!                       horizon
//!   now ...  heap: sorted  |  far: piles, unsorted          table: callback, and where
//!      [3ms s0] [4ms s1]   |  | s3 s9 |  | s4 |  | s8 |     s0: near     s3: far, its pile
//! ```
//!
//! Why not one heap, as asyncio has? Most timers guard something that nearly always ends in
//! time: they are cancelled long before they are due. In a pile, setting and cancelling cost
//! the same with ten timers as with a million; and a heap that holds a few thousand stays in
//! the processor's cache. (Measured with a million timers: ARCHITECTURE.md.)
//!
//! # Invariants
//! - Every deadline in the heap is before every deadline in the piles.
//! - Equal deadlines leave in the order in which they were set: every timer has a number
//!   ([`TimerKey`] holds it too, so a key of the past never touches a newer timer).
//! - Cancelling takes a timer out of its pile. In the heap it would have to be searched; so its
//!   node stays there, *dead*, until it comes to the top or until most nodes are dead.
//! - A timer that has become due leaves the heap but stays in the table until it is called:
//!   it can be cancelled to the very last moment.
//!
//! Tutorial: chapter 3. Before this: `far_timers.rs`. After this: `ready.rs`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use slab::Slab;

use crate::callback::{Callback, Key};
use crate::clock::Moment;
use crate::far_timers::{FarTimers, Node, Spot};

/// Which timer: its slot in the table, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    slot: u32,
    number: u64,
}

impl TimerKey {
    /// The timer's number: counted up with each timer of a loop, never used again.
    pub fn number(self) -> u64 {
        self.number
    }

    /// The slot, and the low half of the number: enough to find a timer again that is due, for
    /// it is called before four thousand million others are set.
    #[inline]
    pub(crate) fn to_key(self) -> Key {
        Key::new(self.slot, self.number as u32)
    }
}

/// All timers of one loop.
pub(crate) struct Timers {
    table: Slab<Slot>,
    near: BinaryHeap<Reverse<Node>>,
    /// How many nodes of the heap are dead.
    dead: usize,
    far: FarTimers,
    /// How many timers wait for their deadline, near and far.
    waiting: usize,
    /// The number that the next timer gets.
    next_number: u64,
}

struct Slot {
    number: u64,
    at: At,
    callback: Callback,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the heap.
    Near,
    Far(Spot),
    /// Nowhere: its deadline is [`Moment::NEVER`].
    Nowhere,
    /// The deadline has passed and the timer waits in the ready queue.
    Due,
}

/// Fewer dead nodes than this are never swept away.
const FEW: usize = 64;

/// From so many on, the timers of the next milliseconds share their wake-ups.
const CROWD: usize = 64;

/// 2^18 nanoseconds: a quarter of a millisecond.
const SHARED_ALARM_BITS: u32 = 18;

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers {
            table: Slab::new(),
            near: BinaryHeap::new(),
            dead: 0,
            far: FarTimers::new(),
            waiting: 0,
            next_number: 0,
        }
    }

    /// Sets a timer.
    pub(crate) fn set(&mut self, deadline: Moment, callback: Callback) -> TimerKey {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        let entry = self.table.vacant_entry();
        let slot = u32::try_from(entry.key()).expect("a loop holds fewer than 2^32 timers");
        let node = Node { deadline, number, slot };
        let at = match deadline {
            Moment::NEVER => At::Nowhere,
            near if near < self.far.horizon() => {
                self.near.push(Reverse(node));
                At::Near
            }
            _ => At::Far(self.far.put(node)),
        };
        entry.insert(Slot { number, at, callback });
        TimerKey { slot, number }
    }

    /// Takes a timer out before it is called; `None` if it was called or cancelled already.
    ///
    /// The callback is handed out: its destructor is user code, which may call the loop, and
    /// the loop keeps these timers in a `RefCell` that must not be borrowed then.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Callback> {
        let at = self.slot(key)?.at;
        let slot = self.table.remove(key.slot as usize);
        self.waiting -= usize::from(at != At::Due);
        match at {
            At::Near => {
                self.dead += 1;
                self.sweep();
            }
            At::Far(spot) => {
                if let Some(moved) = self.far.remove(spot) {
                    self.table[moved as usize].at = At::Far(spot);
                }
            }
            At::Nowhere | At::Due => {}
        }
        Some(slot.callback)
    }

    /// Whether the timer is still to be called.
    pub(crate) fn is_set(&self, key: TimerKey) -> bool {
        self.table.get(key.slot as usize).is_some_and(|slot| slot.number == key.number)
    }

    /// Puts another callback in the place of a timer's; hands back the one not used.
    pub(crate) fn replace(&mut self, key: TimerKey, callback: Callback) -> Callback {
        match self.slot(key) {
            Some(slot) => std::mem::replace(&mut slot.callback, callback),
            None => callback,
        }
    }

    /// The earliest deadline, if there is one that will ever be reached.
    pub(crate) fn next_deadline(&mut self) -> Option<Moment> {
        self.first().map(|node| node.deadline)
    }

    /// When to wake up for `deadline`, the earliest there is. Where many deadlines follow close
    /// upon each other, all that lie in one quarter of a millisecond share a wake-up at its end:
    /// to sleep costs the system as much as a dozen timers cost us. Fewer are not made to wait.
    pub(crate) fn alarm(&self, deadline: Moment) -> Moment {
        match self.near.len() - self.dead >= CROWD {
            true => deadline.rounded_up(SHARED_ALARM_BITS),
            false => deadline,
        }
    }

    /// Whether to look for a timer that is due at `now`. Asked in every turn: mostly the answer
    /// is no, and a look at the top of the heap or at the first pile has told.
    pub(crate) fn may_be_due(&mut self, now: Moment) -> bool {
        match self.near.peek() {
            Some(Reverse(node)) => node.deadline <= now,
            // A pile whose time has not come stays a pile.
            None => self.far.advance(now),
        }
    }

    /// Takes the next timer that is due at `now` out of the heap: by deadline, then by the
    /// order of setting. It stays in the table until [`Timers::take_due`].
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<TimerKey> {
        if !self.may_be_due(now) {
            return None;
        }
        let first = self.first()?;
        if first.deadline > now {
            return None;
        }
        self.near.pop();
        self.waiting -= 1;
        self.table[first.slot as usize].at = At::Due;
        Some(TimerKey { slot: first.slot, number: first.number })
    }

    /// The callback of a due timer, unless it was cancelled while it waited its turn.
    pub(crate) fn take_due(&mut self, key: Key) -> Option<Callback> {
        let slot = self.table.get(key.index())?;
        (slot.number as u32 == key.generation()).then(|| self.table.remove(key.index()).callback)
    }

    /// Whether its callback only tells the target some news.
    pub(crate) fn is_news(&self, key: Key) -> bool {
        let slot = self.table.get(key.index());
        let slot = slot.filter(|slot| slot.number as u32 == key.generation());
        slot.is_some_and(|slot| matches!(slot.callback, Callback::Notify(_)))
    }

    /// Takes everything out, for closing the loop.
    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        self.near.clear();
        self.far.clear();
        (self.dead, self.waiting) = (0, 0);
        self.table.drain().map(|slot| slot.callback).collect()
    }

    /// How many timers wait for their deadline.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    fn slot(&mut self, key: TimerKey) -> Option<&mut Slot> {
        self.table.get_mut(key.slot as usize).filter(|slot| slot.number == key.number)
    }

    /// The earliest of all that wait; on the way dead nodes are dropped, and if the heap is
    /// empty the next pile is poured into it.
    fn first(&mut self) -> Option<Node> {
        loop {
            match self.near.peek() {
                Some(&Reverse(node)) if is_alive(&self.table, node) => return Some(node),
                Some(_) => {
                    self.near.pop();
                    self.dead -= 1;
                }
                None => self.pour_next_pile()?,
            }
        }
    }

    fn pour_next_pile(&mut self) -> Option<()> {
        let table = &mut self.table;
        let mut note = |node: Node, at| table[node.slot as usize].at = at;
        let nodes = self.far.take_first(|node, spot| note(node, At::Far(spot)))?;
        nodes.iter().for_each(|&node| note(node, At::Near));
        self.near = nodes.into_iter().map(Reverse).collect();
        Some(())
    }

    /// Drops the dead nodes of the heap if they are more than half of it.
    fn sweep(&mut self) {
        if self.dead < FEW || self.dead * 2 <= self.near.len() {
            return;
        }
        let table = &self.table;
        self.near.retain(|&Reverse(node)| is_alive(table, node));
        self.dead = 0;
    }
}

/// Whether a node of the heap stands for a timer that still waits.
fn is_alive(table: &Slab<Slot>, node: Node) -> bool {
    table.get(node.slot as usize).is_some_and(|slot| slot.number == node.number)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::callback::Key;

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
    fn an_old_key_does_not_touch_the_new_timer_in_its_slot() {
        let mut timers = Timers::new();
        let old = timers.set(at(1), nothing());
        timers.cancel(old);
        let new = timers.set(at(1), nothing());
        assert_eq!(old.slot, new.slot);
        assert!(timers.cancel(old).is_none() && timers.is_set(new));
    }

    #[test]
    fn a_timer_for_never_is_not_due_at_the_end_of_time() {
        let mut timers = Timers::new();
        timers.set(Moment::NEVER, nothing());
        assert_eq!(timers.pop_due(Moment::NEVER), None);
    }

    #[test]
    fn only_a_crowd_shares_its_wake_ups_and_none_is_early_or_waits_long() {
        let mut timers = Timers::new();
        let first = Moment::START.after(Duration::from_nanos(1));
        for n in 0..CROWD as u64 {
            assert_eq!(timers.alarm(first), first);
            timers.set(Moment::START.after(Duration::from_nanos(1 + n)), nothing());
            assert_eq!(timers.next_deadline(), Some(first));
        }
        let waits = timers.alarm(first).since(first);
        assert!(Duration::ZERO < waits && waits < Duration::from_micros(263), "{waits:?}");
        let next = timers.alarm(first);
        assert_eq!(timers.alarm(next), next);
    }

    #[derive(Clone, Debug)]
    enum Command {
        Set(u64),
        Cancel(usize),
        Advance(u64),
        Call,
    }

    fn command() -> impl Strategy<Value = Command> {
        prop_oneof![
            4 => (0_u64..20).prop_map(Command::Set),
            4 => (0_u64..3000).prop_map(Command::Set),
            3 => any::<usize>().prop_map(Command::Cancel),
            2 => (0_u64..8).prop_map(Command::Advance),
            1 => (0_u64..800).prop_map(Command::Advance),
            2 => Just(Command::Call),
        ]
    }

    proptest! {
        /// The model is a list, sorted when asked. Ties, cancelled timers, timers in the
        /// past and timers cancelled while due are all in the mix.
        #[test]
        fn timers_leave_by_deadline_then_by_order_of_setting(
            commands in proptest::collection::vec(command(), 0..if cfg!(miri) { 20 } else { 200 }),
        ) {
            let mut timers = Timers::new();
            let mut now = 10;
            let mut keys = Vec::new();
            let mut model: Vec<(u64, TimerKey)> = Vec::new();
            let mut due = std::collections::VecDeque::new();
            for command in commands {
                match command {
                    Command::Set(delay) => {
                        let deadline = now + delay - 5;
                        let key = timers.set(at(deadline), nothing());
                        keys.push(key);
                        model.push((deadline, key));
                    }
                    Command::Cancel(which) if !keys.is_empty() => {
                        let key = keys[which % keys.len()];
                        let known = model.iter().any(|&(_, k)| k == key) || due.contains(&key);
                        prop_assert_eq!(timers.is_set(key), known);
                        prop_assert_eq!(timers.cancel(key).is_some(), known);
                        model.retain(|&(_, k)| k != key);
                        due.retain(|&k| k != key);
                    }
                    Command::Cancel(_) => {}
                    Command::Advance(by) => {
                        now += by;
                        model.sort_by_key(|&(deadline, key)| (deadline, key.number));
                        while let Some(key) = timers.pop_due(at(now)) {
                            let (deadline, expected) = model.remove(0);
                            prop_assert!(deadline <= now);
                            prop_assert_eq!(key, expected);
                            due.push_back(key);
                        }
                        prop_assert!(model.iter().all(|&(deadline, _)| deadline > now));
                    }
                    Command::Call => {
                        if let Some(key) = due.pop_front() {
                            prop_assert!(timers.take_due(key.to_key()).is_some());
                        }
                    }
                }
                let earliest = model.iter().map(|&(deadline, _)| at(deadline)).min();
                prop_assert_eq!(timers.next_deadline(), earliest);
                prop_assert_eq!(timers.len(), model.len());
            }
        }
    }
}
