//! Write: an event loop that is a queue and no more.
//!
//! `call_soon` puts a callback at the back. `turn` calls those that wait when it begins, the first
//! one first. What they ask for has to wait for the next turn.

use std::collections::VecDeque;

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch02::{self, TinyLoop};

type Callback = Box<dyn FnOnce(&mut Tiny)>;

#[derive(Default)]
struct Tiny {
    ready: VecDeque<Callback>,
}

impl TinyLoop for Tiny {
    fn call_soon(&mut self, callback: Callback) {
        self.ready.push_back(callback);
    }

    fn turn(&mut self) {
        let count = self.ready.len();
        for _ in 0..count {
            if let Some(callback) = self.ready.pop_front() {
                callback(self);
            }
        }
    }
}

pub(crate) fn main() -> Verdict {
    ch02::call_soon::<Tiny>()
}
