//! What the checks share.
#![allow(dead_code)]

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;

/// Says what was expected and what happened, if these differ.
#[track_caller]
pub(crate) fn expect<T: PartialEq + Debug>(why: &str, expected: T, happened: T) {
    if expected != happened {
        panic!("{why}\n  expected: {expected:?}\n  happened: {happened:?}");
    }
}

/// Lines that callbacks and tasks write, in their order.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    /// Adds a line.
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    /// A callback that adds a line.
    pub(crate) fn later(&self, line: impl Into<String>) -> impl FnOnce() + 'static {
        let (log, line) = (self.clone(), line.into());
        move || log.add(line)
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Compares the lines.
    #[track_caller]
    pub(crate) fn expect(&self, why: &str, lines: &[&str]) {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        expect(why, lines, self.lines());
    }
}
