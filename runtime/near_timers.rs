//! Timers that are near: the next milliseconds, in order.
//!
//! When the time of a pile of far timers has come, it is sorted once and becomes the *row*, its
//! earliest at the end. What is set for the next milliseconds after that goes into a heap beside
//! it. The first of all is the first of the two.
//!
//! ```text
//!   row:   [ 9ms 8ms 6ms 4ms ]  <- taken from here          a pile, sorted
//!   heap:  [ 5ms 7ms ]             the earliest on top       set since then
//! ```
//!
//! The simple version was the heap alone, into which the pile was poured. To take one of 4,000 out
//! of a heap is some twelve comparisons whose answers no processor can guess. To take one out of
//! the row is a move, and it can be seen beforehand which are next.
//!
//! # Invariants
//! - Timers leave by deadline, and those of one deadline by number.
//! - A pile becomes the row when row and heap are empty.
//! - A timer that is cancelled would have to be searched; so its node stays here, *dead*, until it
//!   comes first or until most nodes are dead. Who is dead, only the timers' table knows: it is
//!   asked, but not while nobody is.
//!
//! Tutorial: chapter 3. Before this: `far_timers.rs`. After this: `limits.rs`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Moment;
use crate::far_timers::{Node, are_mostly_dead};

/// The near timers of one loop.
#[derive(Default)]
pub(crate) struct NearTimers {
    /// The last pile, the earliest at the end.
    row: Vec<Node>,
    /// Set since.
    heap: BinaryHeap<Reverse<Node>>,
    /// How many nodes are dead.
    dead: usize,
}

/// From so many on, the timers of the next milliseconds share their wake-ups.
const CROWD: usize = 64;

/// 2^18 nanoseconds: a quarter of a millisecond.
const SHARED_ALARM_BITS: u32 = 18;

impl NearTimers {
    /// Adds a timer.
    pub(crate) fn push(&mut self, node: Node) {
        self.heap.push(Reverse(node));
    }

    /// Lays a pile out as the row. There must be nothing else.
    pub(crate) fn lay_out(&mut self, mut pile: Vec<Node>) {
        debug_assert!(self.peek().is_none(), "a pile is laid out when nothing is left before it");
        pile.sort_unstable_by_key(|node| Reverse(node.rank()));
        self.row = pile;
    }

    /// The earliest node, dead or alive.
    #[inline]
    pub(crate) fn peek(&self) -> Option<Node> {
        match (self.row.last(), self.heap.peek()) {
            (Some(&row), Some(&Reverse(heap))) => Some(row.min(heap)),
            (Some(&node), None) | (None, Some(&Reverse(node))) => Some(node),
            (None, None) => None,
        }
    }

    /// Takes away the node that [`NearTimers::peek`] says.
    #[inline]
    pub(crate) fn remove_first(&mut self) {
        let heap = self.heap.peek().map(|Reverse(node)| node);
        match (self.row.last(), heap) {
            (Some(row), Some(heap)) if heap < row => drop(self.heap.pop()),
            (None, _) => drop(self.heap.pop()),
            _ => drop(self.row.pop()),
        }
    }

    /// The earliest timer; dead nodes before it are dropped.
    #[inline]
    pub(crate) fn first(&mut self, is_alive: impl Fn(Node) -> bool) -> Option<Node> {
        loop {
            let node = self.peek()?;
            if self.dead == 0 || is_alive(node) {
                return Some(node);
            }
            self.remove_first();
            self.dead -= 1;
        }
    }

    /// One was cancelled. Sweeps the dead nodes out if they are more than half.
    pub(crate) fn forget_one(&mut self, is_alive: impl Fn(Node) -> bool) {
        self.dead += 1;
        if are_mostly_dead(self.dead, self.row.len() + self.heap.len()) {
            self.row.retain(|&node| is_alive(node));
            self.heap.retain(|&Reverse(node)| is_alive(node));
            self.dead = 0;
        }
    }

    /// When to wake up for `deadline`, the earliest there is. Where many deadlines follow close
    /// upon each other, all that lie in one quarter of a millisecond share a wake-up at its end:
    /// to sleep costs the system as much as a dozen timers cost us. Fewer are not made to wait.
    pub(crate) fn alarm(&self, deadline: Moment) -> Moment {
        match self.row.len() + self.heap.len() - self.dead >= CROWD {
            true => deadline.rounded_up(SHARED_ALARM_BITS),
            false => deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::far_timers::FEW;

    fn node(nanoseconds: u64, number: u64) -> Node {
        let deadline = Moment::START.after(Duration::from_nanos(nanoseconds));
        Node { deadline, number, slot: number as u32 }
    }

    fn numbers(mut near: NearTimers, is_alive: impl Fn(Node) -> bool) -> Vec<u64> {
        let next = || {
            let node = near.first(&is_alive)?;
            near.remove_first();
            Some(node.number)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn row_and_heap_leave_as_one_line_and_ties_by_number() {
        let mut near = NearTimers::default();
        near.lay_out(vec![node(40, 7), node(20, 3), node(40, 1), node(60, 4)]);
        for late in [node(20, 8), node(10, 9), node(50, 10), node(70, 11), node(40, 5)] {
            near.push(late);
        }
        assert_eq!(numbers(near, |_| true), [9, 3, 8, 1, 5, 7, 10, 4, 11]);
    }

    #[test]
    fn the_dead_are_passed_over_whether_swept_out_or_not() {
        let is_alive = |node: Node| node.number.is_multiple_of(3);
        for count in [3, 3 * FEW as u64] {
            let mut near = NearTimers::default();
            near.lay_out((0..count).map(|number| node(number % 10, number)).collect());
            (0..count).for_each(|number| near.push(node(5, count + number)));
            let dead = (0..2 * count).filter(|number: &u64| !number.is_multiple_of(3));
            dead.for_each(|_| near.forget_one(is_alive));
            let mut left = numbers(near, is_alive);
            left.sort_unstable();
            assert_eq!(left, (0..2 * count).step_by(3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_a_crowd_shares_its_wake_ups_and_none_is_early_or_waits_long() {
        let mut near = NearTimers::default();
        let first = node(1, 0).deadline;
        for number in 0..CROWD as u64 {
            assert_eq!(near.alarm(first), first);
            near.push(node(1 + number, number));
        }
        let waits = near.alarm(first).since(first);
        assert!(Duration::ZERO < waits && waits < Duration::from_micros(263), "{waits:?}");
        let next = near.alarm(first);
        assert_eq!(near.alarm(next), next);
    }
}
