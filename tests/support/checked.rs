//! Every run on the virtual clock is recorded, and when its loop is gone the trace must hold
//! what every run must hold.
//!
//! So each test of what a user sees is a test of the recorder as well, and of the promises that
//! `Trace::check` knows: nothing overtakes, nobody takes a step after the end, whoever waits can
//! be woken.

use std::thread;

use roundelay::runtime::Event;
use roundelay::trace::Recorder;
use roundelay::{Moment, Observer};

/// An observer that checks what it has seen when its loop drops it.
pub(crate) struct Checked(Recorder);

impl Checked {
    pub(crate) fn new() -> Checked {
        Checked(Recorder::new("a test"))
    }
}

impl Observer for Checked {
    fn observe(&self, now: Moment, event: &Event) {
        self.0.observe(now, event);
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let violations = self.0.check();
        if !violations.is_empty() && !thread::panicking() {
            let told: Vec<String> = violations.iter().map(|wrong| wrong.to_string()).collect();
            let trace = self.0.finish();
            panic!("what cannot be:\n  {}\nin this run:\n{}", told.join("\n  "), trace.to_text());
        }
    }
}
