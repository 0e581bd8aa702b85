//! The table of timers: the callback of each, and where it is.
//!
//! Whoever orders timers moves small nodes about and leaves the callbacks where they are. Whoever
//! sets one gets a key: the slot in this table, and a number that is never used again. The order
//! needs only the slot to find the rest, and the table says in which of the structures a timer
//! lies, so that it can be cancelled there.
//!
//! ```text
//!   slot   number   callback     at
//!    0       41     key 7        near
//!    1       45     closure      far: level 1, pile 12, place 3
//!    2       --                  free, and so is slot 4
//!    3       39     key 2        due
//! ```
//!
//! The simple version was a `Slab`, the same table for whatever type. It is handed a whole slot,
//! which is put together beside it and then copied; here a slot's fields are written one by one
//! where they stay, and a timer costs a third less to set and to cancel.
//!
//! # Invariants
//! - A key of the past never touches the newer timer in its slot: the numbers differ.
//! - A slot is taken from when its timer is set until it is cancelled, or called. The free ones
//!   are a chain, the last freed first.
//!
//! Tutorial: chapter 3. Before this: `limits.rs`. After this: `timers.rs`.

use std::mem;

use crate::callback::{Callback, Key};
use crate::far_timers::{Node, Spot};

/// Which timer: its slot in the table, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    pub(crate) slot: u32,
    pub(crate) number: u64,
}

impl TimerKey {
    /// The timer's number: counted up with each timer of a loop, never used again.
    ///
    /// ```
    /// use roundelay_runtime::{Callback, EventLoop, Moment};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let first = event_loop.set_timer(Moment::NEVER, Callback::new(|| ()))?;
    /// assert!(event_loop.cancel_timer(first)); // its place is free now
    /// let second = event_loop.set_timer(Moment::NEVER, Callback::new(|| ()))?;
    /// assert_eq!(second.number(), first.number() + 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// All timers of one loop, in no order.
pub(crate) struct TimerTable {
    slots: Vec<Slot>,
    /// The free slot that was freed last; if none is free, the one after the last.
    free: u32,
    /// The number that the next timer gets.
    next_number: u64,
}

pub(crate) struct Slot {
    /// [`NOBODY`] if it is free.
    number: u64,
    pub(crate) at: At,
    pub(crate) callback: Callback,
}

/// No timer has this number.
const NOBODY: u64 = u64::MAX;

/// What lies in a free slot. It is never called.
const NOTHING: Callback = Callback::Notify(Key::new(u32::MAX, u32::MAX));

/// Where a timer is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Near,
    Far(Spot),
    /// Among the limits, without a deadline.
    Limits,
    /// Nowhere: its deadline is [`Moment::NEVER`](crate::Moment::NEVER).
    Nowhere,
    /// The deadline has passed and the timer waits in the ready queue.
    Due,
    /// The slot is free, and so is this one; or this is the one after the last.
    Free(u32),
}

impl TimerTable {
    pub(crate) fn new() -> TimerTable {
        TimerTable { slots: Vec::new(), free: 0, next_number: 0 }
    }

    /// The key of the timer that is inserted next.
    #[inline]
    pub(crate) fn next_key(&self) -> TimerKey {
        TimerKey { slot: self.free, number: self.next_number }
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, at: At, callback: Callback) {
        if self.free as usize == self.slots.len() {
            self.add_slot();
        }
        let slot = &mut self.slots[self.free as usize];
        if let At::Free(next) = slot.at {
            self.free = next;
        }
        slot.number = self.next_number;
        slot.at = at;
        slot.callback = callback;
        self.next_number += 1;
    }

    #[cold]
    fn add_slot(&mut self) {
        let next =
            u32::try_from(self.slots.len() + 1).expect("a loop holds fewer than 2^32 timers");
        self.slots.push(Slot { number: NOBODY, at: At::Free(next), callback: NOTHING });
    }

    #[inline]
    pub(crate) fn get(&self, key: TimerKey) -> Option<&Slot> {
        self.slots.get(key.slot as usize).filter(|slot| slot.number == key.number)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut Slot> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.number == key.number)
    }

    /// Takes a timer out. Says where it was.
    #[inline]
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<(At, Callback)> {
        let next = self.free;
        let slot = self.get_mut(key)?;
        slot.number = NOBODY;
        let at = mem::replace(&mut slot.at, At::Free(next));
        let callback = mem::replace(&mut slot.callback, NOTHING);
        self.free = key.slot;
        Some((at, callback))
    }

    /// A timer that is due, by its [short key](TimerKey::to_key).
    pub(crate) fn due(&self, key: Key) -> Option<&Slot> {
        let slot = self.slots.get(key.index()).filter(|slot| slot.number != NOBODY);
        slot.filter(|slot| slot.number as u32 == key.generation())
    }

    /// The same, taken out to be called.
    #[inline]
    pub(crate) fn remove_due(&mut self, key: Key) -> Option<Callback> {
        let number = self.due(key)?.number;
        let (_, callback) = self.remove(TimerKey { slot: key.index() as u32, number })?;
        Some(callback)
    }

    /// Whether a node stands for a timer that is still to be called.
    #[inline]
    pub(crate) fn is_alive(&self, node: Node) -> bool {
        self.get(TimerKey { slot: node.slot, number: node.number }).is_some()
    }

    /// Notes where a timer is now, unless its node is dead.
    #[inline]
    pub(crate) fn note_if_alive(&mut self, node: Node, at: At) -> bool {
        let slot = self.get_mut(TimerKey { slot: node.slot, number: node.number });
        slot.map(|slot| slot.at = at).is_some()
    }

    /// Notes where the timer in this slot is now.
    #[inline]
    pub(crate) fn note(&mut self, slot: u32, at: At) {
        self.slots[slot as usize].at = at;
    }

    /// Takes everything out.
    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        let next_number = self.next_number;
        let slots = mem::replace(self, TimerTable { next_number, ..TimerTable::new() }).slots;
        let taken = slots.into_iter().filter(|slot| slot.number != NOBODY);
        taken.map(|slot| slot.callback).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(table: &mut TimerTable) -> TimerKey {
        let key = table.next_key();
        table.insert(At::Near, Callback::new(|| ()));
        key
    }

    #[test]
    fn an_old_key_does_not_touch_the_new_timer_in_its_slot() {
        let mut table = TimerTable::new();
        let old = insert(&mut table);
        assert!(table.remove(old).is_some());
        let new = insert(&mut table);
        assert_eq!(old.slot, new.slot);
        assert!(table.get(old).is_none() && table.get_mut(old).is_none());
        assert!(table.remove(old).is_none() && table.get(new).is_some());
    }

    #[test]
    fn a_free_slot_is_used_again_before_the_table_grows_and_the_last_freed_first() {
        let mut table = TimerTable::new();
        let keys: Vec<TimerKey> = (0..4).map(|_| insert(&mut table)).collect();
        assert!(table.remove(keys[1]).is_some() && table.remove(keys[3]).is_some());
        let slots: Vec<u32> = (0..4).map(|_| insert(&mut table).slot).collect();
        assert_eq!(slots, [3, 1, 4, 5]);
    }

    #[test]
    fn all_that_is_set_is_taken_out_and_no_number_is_used_again() {
        let mut table = TimerTable::new();
        let keys: Vec<TimerKey> = (0..3).map(|_| insert(&mut table)).collect();
        assert!(table.remove(keys[1]).is_some());
        assert_eq!(table.take_all().len(), 2);
        assert!(table.take_all().is_empty() && table.remove(keys[0]).is_none());
        let next = insert(&mut table);
        assert_eq!((next.slot, next.number), (0, 3));
    }
}
