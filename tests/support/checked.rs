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
pub(crate) struct Checked {
    recorder: Recorder,
    /// What becomes of a lock may be told to another loop.
    beside_others: bool,
}

impl Checked {
    pub(crate) fn new() -> Checked {
        Checked { recorder: Recorder::new("a test"), beside_others: false }
    }

    /// For a program in which another loop of the same thread ends inside of this one's calls: a
    /// guard that is given back in there is told to that loop, and this one still sees a holder
    /// when the next one comes.
    #[allow(dead_code, reason = "not every test has such a program")]
    pub(crate) fn beside_others() -> Checked {
        Checked { recorder: Recorder::new("a test"), beside_others: true }
    }
}

impl Observer for Checked {
    fn observe(&self, now: Moment, event: &Event) {
        self.recorder.observe(now, event);
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let mut violations = self.recorder.check();
        if self.beside_others {
            violations.retain(|wrong| !wrong.what.ends_with(" has two holders"));
        }
        if !violations.is_empty() && !thread::panicking() {
            let told: Vec<String> = violations.iter().map(|wrong| wrong.to_string()).collect();
            let trace = self.recorder.finish();
            panic!("what cannot be:\n  {}\nin this run:\n{}", told.join("\n  "), trace.to_text());
        }
    }
}
