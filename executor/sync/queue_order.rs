//! In which order a queue gives its items: oldest first, newest first, or smallest first.
//!
//! ```text
//!   put 2, 1, 3     fifo      2 1 3
//!                   lifo      3 1 2
//!                   priority  1 2 3     equals in the order in which they came
//! ```
//!
//! Comparing two items is the user's code. It may panic, and it may reach for the queue that
//! is comparing. So an order by priority is a tree, not the usual heap: a tree compares while it
//! looks for an item's place, changes nothing until it has found it, and compares nothing when
//! the smallest item leaves. And while it compares it lies outside of its cell.
//!
//! # Invariants
//! - Only [`Items::push`] calls user code, and it does so while nothing is borrowed.
//! - If that code panics, the items are as they were; the new one goes down with the panic.
//! - No two items are equal: each has a number, so an item is never taken for another.
//!
//! Tutorial: chapter 13. Before this: `closed.rs`. After this: `queue_item.rs`.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

/// What is in a queue, in the order in which it will come out.
pub(crate) enum Items<T> {
    Fifo(RefCell<VecDeque<T>>),
    Lifo(RefCell<Vec<T>>),
    Priority(Ranking<T>),
}

impl<T> Items<T> {
    pub(crate) fn fifo() -> Items<T> {
        Items::Fifo(RefCell::default())
    }

    pub(crate) fn lifo() -> Items<T> {
        Items::Lifo(RefCell::default())
    }

    pub(crate) fn priority() -> Items<T>
    where
        T: Ord,
    {
        Items::Priority(Ranking {
            compare: T::cmp,
            sorted: Cell::new(Some(BTreeSet::new())),
            len: Cell::new(0),
            next: Cell::new(0),
        })
    }

    /// Puts an item into its place.
    ///
    /// # Panics
    /// If comparing items does, or if it uses this very queue.
    pub(crate) fn push(&self, item: T) {
        match self {
            Items::Fifo(items) => items.borrow_mut().push_back(item),
            Items::Lifo(items) => items.borrow_mut().push(item),
            Items::Priority(ranking) => ranking.push(item),
        }
    }

    /// Takes the item whose turn it is.
    ///
    /// # Panics
    /// If called from inside a comparison of two items.
    pub(crate) fn pop(&self) -> Option<T> {
        match self {
            Items::Fifo(items) => items.borrow_mut().pop_front(),
            Items::Lifo(items) => items.borrow_mut().pop(),
            Items::Priority(ranking) => ranking.pop(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Items::Fifo(items) => items.borrow().len(),
            Items::Lifo(items) => items.borrow().len(),
            Items::Priority(ranking) => ranking.len.get(),
        }
    }
}

/// Items sorted by rank.
pub(crate) struct Ranking<T> {
    /// `T::cmp`, noted when the queue was made: nothing else of the queue needs to know `Ord`.
    compare: fn(&T, &T) -> Ordering,
    /// Not there while it compares.
    sorted: Cell<Option<BTreeSet<Ranked<T>>>>,
    /// How many there are; known also while it compares.
    len: Cell<usize>,
    next: Cell<u64>,
}

impl<T> Ranking<T> {
    fn push(&self, item: T) {
        let number = self.next.get();
        self.next.set(number + 1);
        let mut out = Out { ranking: self, sorted: self.take_out() };
        out.sorted.insert(Ranked { item, number, compare: self.compare });
    }

    fn pop(&self) -> Option<T> {
        let mut out = Out { ranking: self, sorted: self.take_out() };
        out.sorted.pop_first().map(|first| first.item)
    }

    fn take_out(&self) -> BTreeSet<Ranked<T>> {
        self.sorted.take().expect(
            "the `Ord` of an item puts into or takes from the queue that is comparing it; let it \
             look at nothing but the two items",
        )
    }
}

/// The sorted items while they are outside of their cell. Puts them back on every way out.
struct Out<'a, T> {
    ranking: &'a Ranking<T>,
    sorted: BTreeSet<Ranked<T>>,
}

impl<T> Drop for Out<'_, T> {
    fn drop(&mut self) {
        self.ranking.len.set(self.sorted.len());
        self.ranking.sorted.set(Some(std::mem::take(&mut self.sorted)));
    }
}

/// An item with what decides over its place: how it compares, then when it came.
struct Ranked<T> {
    item: T,
    number: u64,
    compare: fn(&T, &T) -> Ordering,
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.compare)(&self.item, &other.item).then(self.number.cmp(&other.number))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Ranked<T> {}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    use super::*;

    fn all<T>(items: &Items<T>) -> Vec<T> {
        std::iter::from_fn(|| items.pop()).collect()
    }

    #[test]
    fn each_order_gives_its_items_in_its_own_way() {
        for (items, expected) in
            [(Items::fifo(), [2, 1, 3]), (Items::lifo(), [3, 1, 2]), (Items::priority(), [1, 2, 3])]
        {
            [2, 1, 3].into_iter().for_each(|item| items.push(item));
            assert_eq!(items.len(), 3);
            assert_eq!(all(&items), expected);
            assert_eq!((items.len(), items.pop()), (0, None));
        }
    }

    /// Compares by its first field; calls the second at each comparison.
    struct Evil(u8, Rc<dyn Fn()>);

    impl Ord for Evil {
        fn cmp(&self, other: &Self) -> Ordering {
            (self.1)();
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Evil {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Evil {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Evil {}

    #[test]
    fn a_comparison_that_panics_leaves_everything_as_it_was() {
        let items = Items::priority();
        let calm: Rc<dyn Fn()> = Rc::new(|| ());
        [3, 1, 2].into_iter().for_each(|rank| items.push(Evil(rank, Rc::clone(&calm))));
        let bomb = Evil(0, Rc::new(|| panic!("a comparison that panics")));
        assert!(catch_unwind(AssertUnwindSafe(|| items.push(bomb))).is_err());
        assert_eq!(items.len(), 3);
        assert_eq!(all(&items).iter().map(|item| item.0).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_comparison_that_comes_back_may_look_and_must_not_touch() {
        let items = Rc::new(Items::priority());
        let (inside, seen) = (Rc::clone(&items), Rc::new(Cell::new(0)));
        let sees = Rc::clone(&seen);
        items.push(Evil(1, Rc::new(|| ())));
        items.push(Evil(2, Rc::new(move || sees.set(inside.len()))));
        assert_eq!(seen.get(), 1);
        let inside = Rc::clone(&items);
        let touches = Evil(3, Rc::new(move || drop(inside.pop())));
        assert!(catch_unwind(AssertUnwindSafe(|| items.push(touches))).is_err());
        // One of those that are in holds the queue they are in: let it go.
        assert_eq!(all(&items).len(), 2);
    }
}
