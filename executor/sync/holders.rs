//! Who has something of what a desk gives out.
//!
//! One lock has one holder, a semaphore may have a hundred thousand. A few are a list that is
//! walked; when there are more, it is noted beside them where in the list each task stands.
//!
//! ```text
//!   taken   [ task 4: 1 | task 9: 3 | task 2: 1 ]   where: 4 -> 0, 9 -> 1, 2 -> 2
//!   handed  [ place 7: task 5 | place 8: task 6 ]   in the order of the line
//! ```
//!
//! (The simple version was the list alone. Forty thousand tasks that hold a permit each spent a
//! second looking for themselves in it.)
//!
//! # Invariants
//! - A task stands in `taken` once, with all that it has.
//! - What was handed stands in the order of its places in line, and is mostly collected from the
//!   front.
//!
//! Tutorial: chapter 19. Before this: `../shared.rs`. After this: `desk.rs`.

use std::collections::{HashMap, VecDeque};

use roundelay_runtime::Key;

/// A place in the line.
pub(crate) type Ticket = u64;

/// Somebody has something of what is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The task that took it; `None` outside of tasks.
    pub(crate) task: Option<Key>,
    pub(crate) count: usize,
    /// It was handed to this place in line, and has not been collected.
    pub(crate) handed: Option<Ticket>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Holders {
    taken: Vec<Holding>,
    /// Where in `taken` each task stands. `None` while there are few.
    places: Option<HashMap<Option<Key>, usize>>,
    handed: VecDeque<Holding>,
}

/// So many are found as soon by looking at each.
const FEW: usize = 16;

impl Holders {
    /// `task` takes so much more.
    pub(crate) fn take(&mut self, task: Option<Key>, count: usize) {
        if let Some(place) = self.place_of(task) {
            self.taken[place].count += count;
            return;
        }
        let place = self.taken.len();
        self.taken.push(Holding { task, count, handed: None });
        match &mut self.places {
            Some(places) => drop(places.insert(task, place)),
            None if place == FEW => self.note_places(),
            None => {}
        }
    }

    /// What `task` took comes back.
    pub(crate) fn give_back(&mut self, task: Option<Key>, count: usize) {
        let Some(place) = self.place_of(task) else { return };
        let left = self.taken[place].count.saturating_sub(count);
        self.taken[place].count = left;
        if left > 0 {
            return;
        }
        self.taken.swap_remove(place);
        let Some(places) = &mut self.places else { return };
        places.remove(&task);
        match self.taken.get(place) {
            Some(moved) => drop(places.insert(moved.task, place)),
            None if place == 0 => self.places = None,
            None => {}
        }
    }

    /// Somebody in line was handed something.
    pub(crate) fn hand(&mut self, ticket: Ticket, task: Option<Key>, count: usize) {
        let holding = Holding { task, count, handed: Some(ticket) };
        let place = self.handed.partition_point(|other| other.handed < Some(ticket));
        self.handed.insert(place, holding);
    }

    /// It has been collected, or was handed on.
    pub(crate) fn collected(&mut self, ticket: Ticket) {
        if let Ok(place) = self.handed.binary_search_by_key(&Some(ticket), |other| other.handed) {
            self.handed.remove(place);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.len() + self.handed.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Holding> {
        self.taken.iter().chain(&self.handed).copied()
    }

    #[inline]
    fn place_of(&self, task: Option<Key>) -> Option<usize> {
        match &self.places {
            None => self.taken.iter().position(|holding| holding.task == task),
            Some(places) => places.get(&task).copied(),
        }
    }

    #[cold]
    fn note_places(&mut self) {
        let tasks = self.taken.iter().map(|holding| holding.task);
        self.places = Some(tasks.zip(0..).collect());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Deed {
        Take(u32, usize),
        GiveBack(u32, usize),
        Hand(Ticket),
        Collect(Ticket),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        // Of more tasks than are few, so that both ways are walked.
        prop_oneof![
            4 => (0..40u32, 1..3usize).prop_map(|(task, count)| Deed::Take(task, count)),
            3 => (0..40u32, 1..4usize).prop_map(|(task, count)| Deed::GiveBack(task, count)),
            1 => (0..20u64).prop_map(Deed::Hand),
            1 => (0..20u64).prop_map(Deed::Collect),
        ]
    }

    fn key(task: u32) -> Option<Key> {
        (task > 0).then(|| Key::new(task, 1))
    }

    proptest! {
        #[test]
        fn who_holds_what_is_what_two_maps_say(deeds in prop::collection::vec(deed(), 0..200)) {
            let mut holders = Holders::default();
            let (mut taken, mut handed) = (BTreeMap::new(), BTreeMap::new());
            for deed in deeds {
                match deed {
                    Deed::Take(task, count) => {
                        holders.take(key(task), count);
                        *taken.entry(task).or_insert(0) += count;
                    }
                    Deed::GiveBack(task, count) => {
                        holders.give_back(key(task), count);
                        let left = taken.remove(&task).unwrap_or(0usize).saturating_sub(count);
                        if left > 0 {
                            taken.insert(task, left);
                        }
                    }
                    Deed::Hand(ticket) if !handed.contains_key(&ticket) => {
                        holders.hand(ticket, key(7), 1);
                        handed.insert(ticket, 1);
                    }
                    Deed::Hand(_) => {}
                    Deed::Collect(ticket) => {
                        holders.collected(ticket);
                        handed.remove(&ticket);
                    }
                }
                prop_assert_eq!(holders.len(), taken.len() + handed.len());
                for (task, count) in &taken {
                    let of_task = holders.iter().filter(|h| h.handed.is_none() && h.task == key(*task));
                    prop_assert_eq!(of_task.map(|h| h.count).collect::<Vec<_>>(), [*count]);
                }
                let tickets = holders.iter().filter_map(|holding| holding.handed);
                prop_assert!(tickets.eq(handed.keys().copied()));
            }
        }
    }
}
