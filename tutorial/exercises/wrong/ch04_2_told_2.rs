//! Find the bug: somebody who asks late is never told.
//!
//! Here is a box that is filled once, and tells everybody who has left a callback. It has a bug.
//! Find out who is never told, and repair it. Nobody may be called at once: all are called through
//! the ready queue.

use std::cell::RefCell;
use std::rc::Rc;

use roundelay::current_loop;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch04::{self, Slot};

type Callback = Box<dyn FnOnce(u32)>;

/// A box that is filled once.
#[derive(Clone, Default)]
struct Cup {
    inside: Rc<RefCell<Inside>>,
}

#[derive(Default)]
struct Inside {
    value: Option<u32>,
    waiting: Vec<Callback>,
}

/// Has the callback called in the next turn.
fn call_soon_with(callback: Callback, value: u32) {
    let event_loop = current_loop().expect("inside a run there is a loop");
    event_loop.call_soon(move || callback(value)).expect("the loop is open");
}

impl Slot for Cup {
    fn resolve(&self, value: u32) {
        let waiting = {
            let mut inside = self.inside.borrow_mut();
            inside.value = Some(value);
            std::mem::take(&mut inside.waiting)
        };
        for callback in waiting {
            call_soon_with(callback, value);
        }
    }

    fn on_settled(&self, callback: impl FnOnce(u32) + 'static) {
        let value = self.inside.borrow_mut().value.take();
        match value {
            Some(value) => call_soon_with(Box::new(callback), value),
            None => self.inside.borrow_mut().waiting.push(Box::new(callback)),
        }
    }
}

pub(crate) fn main() -> Verdict {
    ch04::told::<Cup>()
}
