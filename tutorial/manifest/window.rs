//! The window: what has been found and not yet written, in the order of the manifest.
//!
//! Files end in any order; lines are written in one. Between the two lies this line of slots. It
//! has an end at both sides: the walk adds at the back while there is room, the writer takes what
//! is finished from the front. So one slow file holds up the writing and, when the window is full,
//! the walk; memory is that of the window, whatever the size of the tree.
//!
//! ```text
//!             first                       next                      capacity
//!   written ... | done | busy | done | done | waiting | waiting |  room  |
//!               |---------- handed out -----|                   |<- the walk adds here
//!               ^ nothing can be written before this one is done
//! ```
//!
//! # Invariants
//! - Slots are numbered as they come, and leave in that order.
//! - Before `next` everything has been handed out or needs no work.
//!
//! Tutorial: chapter 20, the capstone. Before this: `portion.rs`. After this: `ends.rs`.

use std::collections::VecDeque;

use super::portion::{Found, Piece};
use super::workers::Target;

/// Something that gets a place in the window.
pub(crate) trait Item: Send + 'static {
    /// The file that is to be hashed for it, and its size where that is known; `None` if there is
    /// none.
    fn work(&self) -> Option<(Target, Option<u64>)>;
}

/// The line of items; see the module.
#[derive(Debug)]
pub(crate) struct Window<T> {
    slots: VecDeque<Slot<T>>,
    /// The number of the slot in front.
    first: u64,
    /// The number of the first slot that may still wait for a worker.
    next: u64,
    capacity: usize,
}

#[derive(Debug)]
struct Slot<T> {
    item: T,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting { target: Target, size: Option<u64> },
    HandedOut,
    Busy,
    Done(Option<Found>),
}

/// How much goes into one portion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortionSize {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// An item, and what was found for it if it needed work.
pub(crate) type Finished<T> = (T, Option<Found>);

/// What was in the window when the run was stopped.
#[derive(Debug)]
pub(crate) struct Rest<T> {
    pub(crate) finished: Vec<Finished<T>>,
    /// A worker had begun with these.
    pub(crate) busy: Vec<T>,
    /// Nobody had begun with these.
    pub(crate) waiting: usize,
}

impl<T: Item> Window<T> {
    pub(crate) fn new(capacity: usize) -> Window<T> {
        Window { slots: VecDeque::new(), first: 0, next: 0, capacity }
    }

    /// How many more items fit.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.slots.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many items nobody has been given yet (some of which may need no work).
    pub(crate) fn waiting(&self) -> usize {
        self.slots.len() - (self.next - self.first) as usize
    }

    /// Adds an item at the back.
    pub(crate) fn push(&mut self, item: T) {
        let state = match item.work() {
            Some((target, size)) => State::Waiting { target, size },
            None => State::Done(None),
        };
        self.slots.push_back(Slot { item, state });
    }

    /// Hands out the next files: neighbours, up to `most`, but one at least. A file of unknown size
    /// goes by itself.
    pub(crate) fn hand_out(&mut self, most: PortionSize) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut bytes = 0u64;
        while let Some(slot) = self.slots.get_mut((self.next - self.first) as usize) {
            if let State::Waiting { target, size } = &slot.state {
                let size = size.unwrap_or(u64::MAX);
                let full = pieces.len() == most.files || bytes.saturating_add(size) > most.bytes;
                if full && !pieces.is_empty() {
                    break;
                }
                bytes = bytes.saturating_add(size);
                pieces.push(Piece::new(self.next, target.clone()));
                slot.state = State::HandedOut;
            }
            self.next += 1;
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    /// A worker has begun with this one.
    pub(crate) fn begin(&mut self, number: u64) {
        self.slot(number).state = State::Busy;
    }

    /// This one is finished.
    pub(crate) fn settle(&mut self, number: u64, found: Found) {
        self.slot(number).state = State::Done(Some(found));
    }

    /// Are there `many` finished items in front, or everything there is?
    pub(crate) fn has_finished(&self, many: usize) -> bool {
        !self.is_empty()
            && self.slots.iter().take(many).all(|slot| matches!(slot.state, State::Done(_)))
    }

    /// Is there nothing left but what is finished?
    pub(crate) fn is_done(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot.state, State::Done(_)))
    }

    /// Takes what is finished, from the front up to the first that is not.
    pub(crate) fn take_finished(&mut self) -> Vec<Finished<T>> {
        let done = self.slots.iter().take_while(|slot| matches!(slot.state, State::Done(_)));
        let done = done.count();
        self.first += done as u64;
        self.next = self.next.max(self.first);
        self.slots.drain(..done).map(Slot::into_finished).collect()
    }

    /// Ends the window: what is finished, gaps or not, and what is not.
    pub(crate) fn end(self) -> Rest<T> {
        let mut rest = Rest { finished: Vec::new(), busy: Vec::new(), waiting: 0 };
        for slot in self.slots {
            match slot.state {
                State::Done(_) => rest.finished.push(slot.into_finished()),
                State::Busy => rest.busy.push(slot.item),
                State::Waiting { .. } | State::HandedOut => rest.waiting += 1,
            }
        }
        rest
    }

    fn slot(&mut self, number: u64) -> &mut Slot<T> {
        let place = number.checked_sub(self.first).expect("it is taken only when it is done");
        &mut self.slots[place as usize]
    }
}

impl<T> Slot<T> {
    fn into_finished(self) -> Finished<T> {
        let State::Done(found) = self.state else { unreachable!("only what is done is taken") };
        (self.item, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::workers::{Failure, Manner};
    use proptest::prelude::*;

    /// An item with its place in line, and whether there is work to do for it.
    #[derive(Debug, PartialEq, Eq)]
    struct Thing(u64, Option<u64>);

    impl Item for Thing {
        fn work(&self) -> Option<(Target, Option<u64>)> {
            let target = Target { name: self.0.to_string().into(), manner: Manner::Walked };
            self.1.map(|size| (target, (size < 90).then_some(size)))
        }
    }

    fn found() -> Found {
        Err(Failure::Other(String::new()))
    }

    const SIZE: PortionSize = PortionSize { files: 3, bytes: 100 };

    proptest! {
        /// Whatever is pushed and in whatever order it ends, it comes out once and in order; no
        /// portion is larger than it may be.
        #[test]
        fn everything_leaves_once_and_in_order(
            things in prop::collection::vec(prop::option::of(0..100u64), 0..60),
            choices in prop::collection::vec(any::<usize>(), 1..200),
        ) {
            let mut window = Window::new(8);
            let (mut out, mut busy) = (Vec::new(), Vec::new());
            let mut things = things.into_iter().enumerate().peekable();
            let count = things.len();
            // Each kind of choice comes up again and again, so the end is reached.
            let mut choices = choices.iter().chain(&[0, 1]).cycle();
            while things.peek().is_some() || !window.is_empty() {
                let choice = *choices.next().unwrap();
                if choice % 3 == 0 && window.room() > 0 && let Some((number, work)) = things.next() {
                    window.push(Thing(number as u64, work));
                }
                if choice % 3 < 2 && let Some(pieces) = window.hand_out(SIZE) {
                    prop_assert!(!pieces.is_empty() && pieces.len() <= SIZE.files);
                    busy.extend(pieces.into_iter().map(|piece| piece.number));
                }
                if !busy.is_empty() {
                    let number = busy.swap_remove(choice % busy.len());
                    window.begin(number);
                    window.settle(number, found());
                }
                out.extend(window.take_finished());
                prop_assert!(window.slots.len() <= 8);
            }
            let numbers: Vec<u64> = out.iter().map(|(Thing(number, _), _)| *number).collect();
            prop_assert_eq!(numbers, (0..count as u64).collect::<Vec<_>>());
            prop_assert!(out.iter().all(|(thing, found)| thing.1.is_some() == found.is_some()));
        }
    }

    #[test]
    fn neighbours_share_a_portion_up_to_its_limits_and_the_unknown_goes_alone() {
        let mut window = Window::new(100);
        for (number, size) in [10, 10, 10, 10, 60, 60, 99, 10, 99].into_iter().enumerate() {
            window.push(Thing(number as u64, Some(size)));
        }
        let mut portions = Vec::new();
        while let Some(pieces) = window.hand_out(SIZE) {
            portions.push(pieces.iter().map(|piece| piece.number).collect::<Vec<_>>());
        }
        let expected: [&[u64]; 6] = [&[0, 1, 2], &[3, 4], &[5], &[6], &[7], &[8]];
        assert_eq!(portions, expected);
    }

    #[test]
    fn at_the_end_what_is_done_what_is_busy_and_what_waits_are_told_apart() {
        let mut window = Window::new(100);
        (0..5).for_each(|number| window.push(Thing(number, (number != 4).then_some(40))));
        window.hand_out(PortionSize { files: 3, bytes: 1000 }).unwrap();
        window.begin(0);
        window.begin(1);
        window.settle(1, found());
        assert!(!window.has_finished(2));
        let rest = window.end();
        assert_eq!(rest.busy, [Thing(0, Some(40))]);
        assert_eq!(rest.waiting, 2);
        let numbers: Vec<_> = rest.finished.iter().map(|(thing, _)| thing.0).collect();
        assert_eq!(numbers, [1, 4]);
    }
}
