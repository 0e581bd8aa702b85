//! Timers: callbacks with a deadline.
//!
//! Two structures hold them. A *heap* answers "who is next?": small nodes, the earliest on
//! top. A *table* holds the callbacks and remembers where in the heap each timer's node is,
//! so that cancelling finds it at once. Most timers of a real program are cancelled, since
//! they guard something that nearly always ends in time: cancelling must be cheap.
//!
//! ```text
//!   heap: deadline, #number, slot              table: callback and where its node is
//!               [3ms #7 s0]                    s0: node 0      s1: node 3
//!   [5ms #2 s3] [9ms #5 s4] [4ms #6 s1]        s2: due         s3: node 1    s4: node 2
//! ```
//!
//! Why a heap and not a timing wheel: a wheel is quicker with a million timers, and no
//! quicker with a thousand; a heap is read in one sitting. Why four children and not two:
//! half the levels, and the four lie beside each other in memory.
//!
//! # Invariants
//! - A node is never earlier than its parent; `table[node.slot].at` is the node's index.
//! - Equal deadlines leave in the order in which they were set: every timer has a number
//!   ([`TimerKey`] holds it too, so a key of the past never touches a newer timer).
//! - A timer that has become due leaves the heap but stays in the table until it is called:
//!   it can be cancelled to the very last moment.
//!
//! Tutorial: chapter 3. Before this: `context.rs`. After this: `ready.rs`.

use slab::Slab;

use crate::callback::Callback;
use crate::clock::Moment;

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
}

/// All timers of one loop.
#[derive(Default)]
pub(crate) struct Timers {
    heap: Vec<Node>,
    table: Slab<Slot>,
    /// The number that the next timer gets.
    next_number: u64,
}

/// What the heap compares: the deadline first, then the order of setting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    deadline: Moment,
    number: u64,
    slot: u32,
}

struct Slot {
    number: u64,
    at: At,
    callback: Callback,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Node(u32),
    /// The deadline has passed and the timer waits in the ready queue.
    Due,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, deadline: Moment, callback: Callback) -> TimerKey {
        let number = self.next_number;
        self.next_number += 1;
        let node = self.heap.len();
        let slot = self.table.insert(Slot { number, at: At::Node(node as u32), callback });
        let slot = u32::try_from(slot).expect("a loop holds fewer than 2^32 timers");
        self.heap.push(Node { deadline, number, slot });
        self.sift_up(node);
        TimerKey { slot, number }
    }

    /// Takes a timer out before it is called; `None` if it was called or cancelled already.
    ///
    /// The callback is handed out: its destructor is user code, which may call the loop, and
    /// the loop keeps these timers in a `RefCell` that must not be borrowed then.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Callback> {
        let slot = self.slot(key)?;
        if let At::Node(node) = slot.at {
            self.remove_node(node as usize);
        }
        Some(self.table.remove(key.slot as usize).callback)
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

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.heap.first().map(|node| node.deadline)
    }

    /// Takes the next timer that is due at `now` out of the heap: by deadline, then by the
    /// order of setting. It stays in the table until [`Timers::take_due`].
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<TimerKey> {
        let first = *self.heap.first()?;
        if first.deadline > now || first.deadline == Moment::NEVER {
            return None;
        }
        self.remove_node(0);
        self.table[first.slot as usize].at = At::Due;
        Some(TimerKey { slot: first.slot, number: first.number })
    }

    /// The callback of a due timer, unless it was cancelled while it waited its turn.
    pub(crate) fn take_due(&mut self, key: TimerKey) -> Option<Callback> {
        self.slot(key)?;
        Some(self.table.remove(key.slot as usize).callback)
    }

    /// Takes everything out, for closing the loop.
    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        self.heap.clear();
        self.table.drain().map(|slot| slot.callback).collect()
    }

    /// How many timers wait for their deadline.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    fn slot(&mut self, key: TimerKey) -> Option<&mut Slot> {
        self.table.get_mut(key.slot as usize).filter(|slot| slot.number == key.number)
    }

    /// Fills the gap at `place` with the last node. That one may belong further down or
    /// further up, never both: the other call leaves it where it is. Both end with `put`.
    fn remove_node(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sift_down(place);
            self.sift_up(place);
        }
    }

    /// Moves a node up as long as it is earlier than its parent. (The children of node `p`
    /// are the nodes `4p + 1` to `4p + 4`.)
    fn sift_up(&mut self, mut place: usize) {
        let node = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.heap[parent] <= node {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, node);
    }

    /// Moves a node down as long as it is later than the earliest of its children.
    fn sift_down(&mut self, mut place: usize) {
        let node = self.heap[place];
        loop {
            let first = place * CHILDREN + 1;
            let last = (first + CHILDREN).min(self.heap.len());
            let Some(least) = (first..last).min_by_key(|&child| self.heap[child]) else {
                break;
            };
            if node <= self.heap[least] {
                break;
            }
            self.put(place, self.heap[least]);
            place = least;
        }
        self.put(place, node);
    }

    /// Writes a node into the heap, and tells the table where it is.
    fn put(&mut self, place: usize, node: Node) {
        self.heap[place] = node;
        self.table[node.slot as usize].at = At::Node(place as u32);
    }
}

/// How many children a node of the heap has.
const CHILDREN: usize = 4;

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
        let mut timers = Timers::default();
        let key = timers.set(at(1), nothing());
        assert_eq!(timers.pop_due(at(1)), Some(key));
        assert!(timers.is_set(key));
        assert!(timers.cancel(key).is_some());
        assert!(timers.take_due(key).is_none() && !timers.is_set(key));
    }

    #[test]
    fn an_old_key_does_not_touch_the_new_timer_in_its_slot() {
        let mut timers = Timers::default();
        let old = timers.set(at(1), nothing());
        timers.cancel(old);
        let new = timers.set(at(1), nothing());
        assert_eq!(old.slot, new.slot);
        assert!(timers.cancel(old).is_none() && timers.is_set(new));
    }

    #[test]
    fn a_timer_for_never_is_not_due_at_the_end_of_time() {
        let mut timers = Timers::default();
        timers.set(Moment::NEVER, nothing());
        assert_eq!(timers.pop_due(Moment::NEVER), None);
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
            3 => any::<usize>().prop_map(Command::Cancel),
            2 => (0_u64..8).prop_map(Command::Advance),
            2 => Just(Command::Call),
        ]
    }

    proptest! {
        /// The model is a list, sorted when asked. Ties, cancelled timers, timers in the
        /// past and timers cancelled while due are all in the mix.
        #[test]
        fn timers_leave_by_deadline_then_by_order_of_setting(
            commands in proptest::collection::vec(command(), 0..200),
        ) {
            let mut timers = Timers::default();
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
                            prop_assert!(timers.take_due(key).is_some());
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
