//! The ready queue: what runs next, in order.
//!
//! Everything that the loop calls passes through here. A due timer, a readable socket, a word
//! from another thread, a task that was woken: each becomes one entry at the back.
//!
//! ```text
//!   call_soon --+
//!   due timer --+--> back [ . . . . ] front --> run, one at a time
//!   readiness --+          ^ place 9   ^ place 6
//! ```
//!
//! Entries are numbered as they arrive, and the number is the *place* in the line: that is
//! all a handle needs to find its entry again and to cancel it, without a search and
//! without a cell shared between the two.
//!
//! # Invariants
//! - First in, first out. Nothing overtakes, except where a test has asked for it: see
//!   `scheduler.rs`.
//! - A turn runs only what is here when it starts to call (its step 5, in `turn.rs`): it
//!   counts first, then takes that many. What the same turn collected just before is
//!   counted: readiness, messages, due timers. What a callback adds waits for the next turn.
//! - A cancelled entry stays as an empty one, so the places behind it do not change.
//!
//! Tutorial: chapter 2. Before this: `timers.rs`. After this: `observer.rs`.

use std::collections::VecDeque;

use crate::callback::{Callback, Key};
use crate::timer_table::TimerKey;

/// One entry of the ready queue.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Call it.
    Call(Callback),
    /// A timer that is due. Its callback stays in the timer table until it is called, so
    /// that it can still be cancelled; then this entry finds nothing to call.
    Timer(TimerKey),
    /// Call the target's `run` with this key.
    Run(Key),
    /// Call the main callback of the run (`EventLoop::run_with`). It may borrow from its
    /// caller, so it cannot be a box in here; the queue holds only this mark.
    Main,
    /// It was cancelled while it waited.
    Cancelled,
}

/// Entries waiting to be called, oldest first.
#[derive(Default)]
pub(crate) struct ReadyQueue {
    entries: VecDeque<Entry>,
    /// How many have left the queue: the place of the one at the front.
    front: u64,
}

impl ReadyQueue {
    /// Adds at the back. Returns the entry's place in the line.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) -> u64 {
        self.entries.push_back(entry);
        self.front + self.entries.len() as u64 - 1
    }

    /// Adds a key at the back: the most frequent push of all.
    #[inline(always)]
    pub(crate) fn push_run(&mut self, key: Key) {
        // Where there is room for certain, the entry is written into its place. Otherwise it
        // would be made first, kept while room is made, and then copied.
        match self.entries.len() == self.entries.capacity() {
            false => self.entries.push_back(Entry::Run(key)),
            true => self.make_room_and_push(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room_and_push(&mut self, key: Key) {
        self.entries.push_back(Entry::Run(key));
    }

    /// Takes the front entry, and its place.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u64, Entry)> {
        let entry = self.entries.pop_front()?;
        self.front += 1;
        Some((self.front - 1, entry))
    }

    /// Empties the entry at `place`, if it still waits.
    ///
    /// The callback is handed out: its destructor is user code, which may call the loop, and
    /// the loop keeps this queue in a `RefCell` that must not be borrowed then.
    pub(crate) fn cancel(&mut self, place: u64) -> Option<Entry> {
        let entry = self.entry_mut(place)?;
        match entry {
            Entry::Cancelled => None,
            entry => Some(std::mem::replace(entry, Entry::Cancelled)),
        }
    }

    /// Whether the entry at `place` still waits.
    pub(crate) fn is_waiting(&self, place: u64) -> bool {
        let index = place.checked_sub(self.front).map(|index| index as usize);
        let entry = index.and_then(|index| self.entries.get(index));
        entry.is_some_and(|entry| !matches!(entry, Entry::Cancelled))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at `place`, if it is still here.
    pub(crate) fn peek(&self, place: u64) -> Option<&Entry> {
        self.entries.get(place.checked_sub(self.front)? as usize)
    }

    /// The last `count` entries, the oldest first.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.entries.len().saturating_sub(count)..)
    }

    /// The place of the entry at the front, if there is one.
    pub(crate) fn front(&self) -> u64 {
        self.front
    }

    /// Puts the entries from place `first` on into another order; `order` has the place of each.
    pub(crate) fn rearrange(&mut self, first: u64, order: impl Iterator<Item = u64>) {
        let mut taken = Vec::new();
        for place in order {
            let entry = self.entry_mut(place);
            taken.extend(entry.map(|entry| std::mem::replace(entry, Entry::Cancelled)));
        }
        for (place, entry) in (first..).zip(taken) {
            if let Some(spot) = self.entry_mut(place) {
                *spot = entry;
            }
        }
    }

    /// Empties every entry that is the main callback's: its lender takes it back. Says at
    /// which places they stood.
    pub(crate) fn cancel_main(&mut self) -> Vec<u64> {
        let places = (self.front..).zip(&mut self.entries);
        let mains = places.filter(|(_, entry)| matches!(entry, Entry::Main));
        mains.map(|(place, entry)| (*entry = Entry::Cancelled, place).1).collect()
    }

    /// Everything that was to be called, for closing the loop.
    pub(crate) fn into_callbacks(self) -> impl Iterator<Item = Callback> {
        self.entries.into_iter().filter_map(|entry| match entry {
            Entry::Call(callback) => Some(callback),
            _ => None,
        })
    }

    fn entry_mut(&mut self, place: u64) -> Option<&mut Entry> {
        let index = place.checked_sub(self.front)?;
        self.entries.get_mut(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Entry {
        Entry::Run(Key::new(n, 0))
    }

    #[test]
    fn entries_leave_in_the_order_in_which_they_came() {
        let mut ready = ReadyQueue::default();
        let places: Vec<u64> = (0..3).map(|n| ready.push(key(n))).collect();
        assert_eq!(places, [0, 1, 2]);
        let order: Vec<u64> = std::iter::from_fn(|| ready.pop().map(|(place, _)| place)).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_cancelled_entry_is_handed_out_once_and_leaves_its_place() {
        let mut ready = ReadyQueue::default();
        ready.push(key(0));
        let place = ready.push(key(1));
        ready.push(key(2));
        assert!(ready.is_waiting(place));
        assert!(matches!(ready.cancel(place), Some(Entry::Run(_))));
        assert!(!ready.is_waiting(place) && ready.cancel(place).is_none());
        assert_eq!(ready.len(), 3);
    }

    #[test]
    fn an_entry_that_has_left_cannot_be_cancelled() {
        let mut ready = ReadyQueue::default();
        let place = ready.push(key(0));
        ready.pop();
        ready.push(key(1));
        assert!(ready.cancel(place).is_none() && !ready.is_waiting(place));
        assert!(ready.cancel(99).is_none());
    }
}
