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
//! The places are counted on and on, and the queue lies in a ring of a power of two: a place is
//! also the index, if one leaves out its upper bits. Entries are two words, so they are copied in
//! and out. A closure is more than that, and has a destructor: closures lie in a table beside the
//! ring, and the entry is the number of one. (The simple version was one `VecDeque` of entries that
//! held their closures: half as many words again to move, and each was asked what it has to drop.)
//!
//! # Invariants
//! - First in, first out. Nothing overtakes, except where a test has asked for it: see
//!   `scheduler.rs`.
//! - A turn runs only what is here when it starts to call (its step 5, in `turn.rs`): it notes
//!   where the line ends, then takes what stands before. What the same turn collected just
//!   before is in it: readiness, messages, due timers. What a callback adds waits for the next.
//! - A cancelled entry stays as an empty one, so the places behind it do not change.
//!
//! Tutorial: chapter 2. Before this: `timers_model.rs`. After this: `observer.rs`.

use slab::Slab;

use crate::callback::{Callback, Key};

/// A boxed closure, to be called once.
pub(crate) type Closure = Box<dyn FnOnce()>;

/// One entry of the ready queue: two whole words.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Entry {
    /// Call the closure with this number: see [`ReadyQueue::take_closure`].
    Call(usize),
    /// Tell the target that what this key waited for has happened.
    Notify(Key),
    /// A timer that is due. Its callback stays in the timer table until it is called, so that it
    /// can still be cancelled; then this entry finds nothing to call.
    Timer(Key),
    /// Call the target's `run` with this key.
    Run(Key),
    /// Call the main callback of the run (`EventLoop::run_with`). It may borrow from its
    /// caller, so it cannot be a box in here; the queue holds only this mark.
    Main,
    /// It was cancelled while it waited.
    Cancelled,
}

/// Entries waiting to be called, oldest first.
pub(crate) struct ReadyQueue {
    /// The entry of place `p` lies at `p`, modulo the length: a power of two.
    ring: Vec<Entry>,
    /// The place of the oldest entry, and the place that the next one gets.
    front: u64,
    back: u64,
    /// The place behind the last entry of this turn.
    turn_end: u64,
    /// The closures of all [`Entry::Call`].
    closures: Slab<Closure>,
}

impl ReadyQueue {
    /// Adds at the back. Returns the entry's place in the line.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) -> u64 {
        if self.len() == self.ring.len() {
            self.make_room();
        }
        let (place, index) = (self.back, self.index(self.back));
        self.ring[index] = entry;
        self.back += 1;
        place
    }

    /// Adds what is to be called.
    #[inline]
    pub(crate) fn push_callback(&mut self, callback: Callback) -> u64 {
        match callback {
            Callback::Notify(key) => self.push(Entry::Notify(key)),
            Callback::Once(closure) => {
                let number = self.closures.insert(closure);
                self.push(Entry::Call(number))
            }
        }
    }

    /// The place behind the last entry of the turn that is running, or was the last.
    #[inline]
    pub(crate) fn turn_end(&self) -> u64 {
        self.turn_end
    }

    /// The place that the next entry gets.
    #[inline]
    pub(crate) fn back(&self) -> u64 {
        self.back
    }

    /// Whether nothing of this turn is left.
    #[inline]
    pub(crate) fn is_turn_over(&self) -> bool {
        self.front == self.turn_end
    }

    /// From now on [`ReadyQueue::pop`] gives what is here now, and no more. Says how much it is.
    pub(crate) fn begin_turn(&mut self) -> usize {
        self.turn_end = self.back;
        self.len()
    }

    /// Takes the front entry, if it is one of this turn's. Its place was [`ReadyQueue::front`].
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if self.is_turn_over() {
            return None;
        }
        let entry = self.ring[self.index(self.front)];
        self.front += 1;
        Some(entry)
    }

    /// The same for an entry that is a key to run, while the turn is not over.
    #[inline]
    pub(crate) fn pop_run(&mut self) -> Option<Key> {
        debug_assert!(!self.is_turn_over(), "what comes next is the next turn's");
        let Entry::Run(key) = self.ring[self.index(self.front)] else { return None };
        self.front += 1;
        Some(key)
    }

    /// The closure of an entry that was popped. Each is taken once.
    #[inline]
    pub(crate) fn take_closure(&mut self, number: usize) -> Closure {
        self.closures.remove(number)
    }

    /// Empties the entry at `place`, if it still waits and is a closure's: others are not
    /// cancelled here.
    ///
    /// The closure is handed out: its destructor is user code, which may call the loop, and
    /// the loop keeps this queue in a `RefCell` that must not be borrowed then.
    pub(crate) fn cancel(&mut self, place: u64) -> Option<Closure> {
        let entry = self.entry_mut(place)?;
        let Entry::Call(number) = *entry else { return None };
        *entry = Entry::Cancelled;
        Some(self.take_closure(number))
    }

    /// Whether the entry at `place` still waits.
    pub(crate) fn is_waiting(&self, place: u64) -> bool {
        self.peek(place).is_some_and(|entry| !matches!(entry, Entry::Cancelled))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        (self.back - self.front) as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.back == self.front
    }

    /// The entry at `place`, if it is still here.
    pub(crate) fn peek(&self, place: u64) -> Option<Entry> {
        (self.front..self.back).contains(&place).then(|| self.ring[self.index(place)])
    }

    /// The last `count` entries, the oldest first.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = Entry> {
        let count = count.min(self.len()) as u64;
        (self.back - count..self.back).filter_map(|place| self.peek(place))
    }

    /// The place of the entry at the front, if there is one; else of the next that comes.
    #[inline]
    pub(crate) fn front(&self) -> u64 {
        self.front
    }

    /// Puts the entries from place `first` on into another order; `order` has the place of each.
    pub(crate) fn rearrange(&mut self, first: u64, order: impl Iterator<Item = u64>) {
        let taken: Vec<Entry> = order.filter_map(|place| self.peek(place)).collect();
        for (place, entry) in (first..).zip(taken) {
            if let Some(spot) = self.entry_mut(place) {
                *spot = entry;
            }
        }
    }

    /// Empties every entry that is the main callback's: its lender takes it back. Says at
    /// which places they stood.
    pub(crate) fn cancel_main(&mut self) -> Vec<u64> {
        let is_main = |place: &u64| matches!(self.peek(*place), Some(Entry::Main));
        let mains: Vec<u64> = (self.front..self.back).filter(is_main).collect();
        for &place in &mains {
            if let Some(entry) = self.entry_mut(place) {
                *entry = Entry::Cancelled;
            }
        }
        mains
    }

    /// Everything that was to be called, for closing the loop.
    pub(crate) fn into_closures(self) -> impl Iterator<Item = Closure> {
        self.closures.into_iter().map(|(_, closure)| closure)
    }

    #[inline]
    fn index(&self, place: u64) -> usize {
        place as usize & (self.ring.len() - 1)
    }

    fn entry_mut(&mut self, place: u64) -> Option<&mut Entry> {
        let index = self.index(place);
        (self.front..self.back).contains(&place).then(|| &mut self.ring[index])
    }

    /// Twice as long a ring: each place has another index there.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        let longer = vec![Entry::Cancelled; self.ring.len() * 2];
        let shorter = std::mem::replace(&mut self.ring, longer);
        for place in self.front..self.back {
            let index = self.index(place);
            self.ring[index] = shorter[place as usize & (shorter.len() - 1)];
        }
    }
}

impl Default for ReadyQueue {
    fn default() -> ReadyQueue {
        ReadyQueue {
            ring: vec![Entry::Cancelled; FIRST_RING],
            front: 0,
            back: 0,
            turn_end: 0,
            closures: Slab::new(),
        }
    }
}

/// The length of the first ring.
const FIRST_RING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Entry {
        Entry::Run(Key::new(n, 0))
    }

    fn all(ready: &mut ReadyQueue) -> Vec<(u64, Entry)> {
        ready.begin_turn();
        std::iter::from_fn(|| Some((ready.front(), ready.pop()?))).collect()
    }

    #[test]
    fn entries_leave_in_the_order_in_which_they_came() {
        let mut ready = ReadyQueue::default();
        let places: Vec<u64> = (0..3).map(|n| ready.push(key(n))).collect();
        assert_eq!(places, [0, 1, 2]);
        let order: Vec<u64> = all(&mut ready).into_iter().map(|(place, _)| place).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_ring_that_is_full_in_the_middle_of_its_round_grows_without_losing_the_order() {
        let mut ready = ReadyQueue::default();
        (0..10).for_each(|n| assert_eq!(ready.push(key(n)), u64::from(n)));
        assert_eq!(all(&mut ready).len(), 10);
        (10..210).for_each(|n| assert_eq!(ready.push(key(n)), u64::from(n)));
        let left = all(&mut ready).into_iter();
        let numbers = left.map(|(place, entry)| match entry {
            Entry::Run(key) => (place, key.index() as u64),
            other => panic!("{other:?} was not pushed"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), (10..210).map(|n| (n, n)).collect::<Vec<_>>());
    }

    #[test]
    fn a_cancelled_closure_is_handed_out_once_and_leaves_its_place() {
        let mut ready = ReadyQueue::default();
        ready.push(key(0));
        let place = ready.push_callback(Callback::new(|| ()));
        let behind = ready.push_callback(Callback::new(|| ()));
        assert!(ready.is_waiting(place));
        assert!(ready.cancel(place).is_some());
        assert!(!ready.is_waiting(place) && ready.cancel(place).is_none());
        assert_eq!(ready.len(), 3);
        let Some((last, Entry::Call(number))) = all(&mut ready).pop() else { panic!("a closure") };
        drop(ready.take_closure(number));
        assert!(last == behind && ready.closures.is_empty());
    }

    #[test]
    fn an_entry_that_has_left_cannot_be_cancelled() {
        let mut ready = ReadyQueue::default();
        let place = ready.push_callback(Callback::new(|| ()));
        all(&mut ready);
        ready.push(key(1));
        assert!(ready.cancel(place).is_none() && !ready.is_waiting(place));
        assert!(ready.cancel(99).is_none());
    }
}
