//! Which of several futures were woken.
//!
//! Futures inside of one task share its waker, and whoever polls one of them has to poll all: that
//! is dear where they are many. Here each gets a waker of its own, which leaves the future's
//! number in a list before it wakes the task.
//!
//! ```text
//!   timer ---> waker 3 --+
//!   thread --> waker 7 --+--> [ 3  7 ] --> the task --> polls 3, then 7, and nobody else
//! ```
//!
//! # Invariants
//! - A number is in the list at most once, and leaves it before its future is polled: a wake-up
//!   that comes during the poll counts.
//! - Whoever polls is noted only while the list is empty; the first number that comes wakes it.
//! - Foreign wakers are cloned, woken and dropped while the lock is not held.
//!
//! Tutorial: chapter 9. Before this: `join_tuple.rs`. After this: `join_list.rs`.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The numbers of those who were woken, and whom that wakes.
#[derive(Default)]
pub(crate) struct Woken {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    numbers: Vec<usize>,
    /// Whoever polls them all. `None`: nobody does, or it has been woken.
    poller: Option<Waker>,
}

/// One future's own waker.
pub(crate) struct OwnWaker {
    /// The same object twice: to look at, and to hand out.
    mark: Arc<Mark>,
    waker: Waker,
}

struct Mark {
    number: usize,
    is_woken: AtomicBool,
    woken: Arc<Woken>,
}

impl Woken {
    /// Takes the numbers, in the order in which they came, and leaves `emptied` in their place.
    pub(crate) fn take(&self, emptied: Vec<usize>) -> Vec<usize> {
        debug_assert!(emptied.is_empty(), "the room is handed back, and no numbers");
        mem::replace(&mut self.lock().numbers, emptied)
    }

    /// The next number that comes wakes `poller`; at once, if one has come.
    pub(crate) fn let_wake(&self, poller: &Waker) {
        if self.lock().poller.as_ref().is_some_and(|noted| noted.will_wake(poller)) {
            return;
        }
        let poller = poller.clone();
        let mut list = self.lock();
        if list.numbers.is_empty() {
            let earlier = list.poller.replace(poller);
            drop(list);
            drop(earlier);
        } else {
            drop(list);
            poller.wake();
        }
    }

    /// Nobody polls them any more, and nobody is to be woken.
    pub(crate) fn forget_poller(&self) -> Option<Waker> {
        self.lock().poller.take()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OwnWaker {
    /// The waker of the future `number`, which counts as woken: it has not been polled yet.
    pub(crate) fn new(woken: &Arc<Woken>, number: usize) -> OwnWaker {
        let (is_woken, woken) = (AtomicBool::new(true), Arc::clone(woken));
        woken.lock().numbers.push(number);
        let mark = Arc::new(Mark { number, is_woken, woken });
        OwnWaker { waker: Waker::from(Arc::clone(&mark)), mark }
    }

    /// The future is about to be polled: from now on a wake-up counts again.
    pub(crate) fn for_a_poll(&self) -> &Waker {
        // What was done before a wake-up that came meanwhile is seen by the poll.
        self.mark.is_woken.swap(false, Ordering::AcqRel);
        &self.waker
    }

    /// The future has ended: who wakes it wakes nobody.
    pub(crate) fn is_over(&self) {
        // It counts as woken for ever, and whoever is woken already is not noted twice.
        self.mark.is_woken.store(true, Ordering::Relaxed);
    }
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_woken.swap(true, Ordering::AcqRel) {
            return;
        }
        let poller = {
            let mut list = self.woken.lock();
            list.numbers.push(self.number);
            list.poller.take()
        };
        if let Some(poller) = poller {
            poller.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn two() -> (Arc<Woken>, [OwnWaker; 2], Arc<Wakes>) {
        let woken = Arc::<Woken>::default();
        let wakers = [0, 1].map(|number| OwnWaker::new(&woken, number));
        assert_eq!(woken.take(Vec::new()), [0, 1], "all are to be polled once");
        (woken, wakers, Arc::default())
    }

    #[test]
    fn many_wake_ups_of_one_are_one_number_and_wake_the_poller_once() {
        let (woken, [_, second], wakes) = two();
        let second = second.for_a_poll();
        woken.let_wake(&Waker::from(Arc::clone(&wakes)));
        second.wake_by_ref();
        second.wake_by_ref();
        assert_eq!((woken.take(Vec::new()), wakes.0.load(Ordering::Relaxed)), (vec![1], 1));
    }

    #[test]
    fn a_wake_up_that_came_before_the_poller_was_noted_wakes_it_at_once() {
        let (woken, [first, _], wakes) = two();
        first.for_a_poll().wake_by_ref();
        woken.let_wake(&Waker::from(Arc::clone(&wakes)));
        assert_eq!((woken.take(Vec::new()), wakes.0.load(Ordering::Relaxed)), (vec![0], 1));
    }

    #[test]
    fn who_has_not_been_polled_since_is_not_noted_twice() {
        let (woken, [first, second], _) = two();
        second.for_a_poll();
        first.waker.wake_by_ref();
        second.waker.wake_by_ref();
        assert_eq!(woken.take(Vec::new()), [1]);
    }

    #[test]
    fn who_has_ended_wakes_nobody() {
        let (woken, [first, _], wakes) = two();
        let waker = first.for_a_poll().clone();
        first.is_over();
        woken.let_wake(&Waker::from(Arc::clone(&wakes)));
        waker.wake();
        assert_eq!((woken.take(Vec::new()), wakes.0.load(Ordering::Relaxed)), (vec![], 0));
    }

    #[test]
    fn a_poller_that_has_left_is_not_woken_and_not_kept() {
        let (woken, [first, _], wakes) = two();
        let first = first.for_a_poll().clone();
        woken.let_wake(&Waker::from(Arc::clone(&wakes)));
        drop(woken.forget_poller());
        first.wake();
        assert_eq!((wakes.0.load(Ordering::Relaxed), Arc::strong_count(&wakes)), (0, 1));
    }
}
