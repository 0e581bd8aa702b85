//! Find the bug: timers with equal deadlines leave in a strange order.
//!
//! Here is a heap of timers, the earliest on top. Those with equal deadlines should leave in the
//! order in which they were set. They do not. Find out what decides between them, and repair it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch03::{self, TinyTimers};

/// A deadline, a number and a name. The heap puts the greatest on top, and `Reverse` turns that
/// round.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(u64, Reverse<u64>, &'static str)>>,
    set: u64,
}

impl TinyTimers for Timers {
    fn set(&mut self, deadline: u64, name: &'static str) {
        self.set += 1;
        self.heap.push(Reverse((deadline, Reverse(self.set), name)));
    }

    fn pop_due(&mut self, now: u64) -> Option<&'static str> {
        let Reverse((deadline, _, _)) = self.heap.peek()?;
        if *deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, name))| name)
    }
}

pub(crate) fn main() -> Verdict {
    ch03::ties::<Timers>()
}
