//! The mistake: a loop of one's own that runs until its queue is empty. One callback keeps it for
//! ever.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

type Callback = Box<dyn FnOnce()>;

/// A queue of callbacks, and nothing else.
#[derive(Clone, Default)]
struct Queue(Rc<RefCell<VecDeque<Callback>>>);

impl Queue {
    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.0.borrow_mut().push_back(Box::new(callback));
    }

    fn pop(&self) -> Option<Callback> {
        self.0.borrow_mut().pop_front()
    }
}

fn greedy(queue: Queue, calls: u32) {
    if calls == 1000 {
        println!("greedy: a thousand calls, and I could go on");
        return;
    }
    let again = queue.clone();
    queue.call_soon(move || greedy(again, calls + 1));
}

fn main() {
    let queue = Queue::default();
    greedy(queue.clone(), 0);

    println!("until the queue is empty:");
    while let Some(callback) = queue.pop() {
        callback();
    }
    println!("only now can we look at the clock and the sockets");

    greedy(queue.clone(), 998);
    println!("only what was there when the turn began:");
    while !queue.0.borrow().is_empty() {
        let count = queue.0.borrow().len();
        for _ in 0..count {
            queue.pop().expect("it was counted")();
        }
        println!("now we can look at the clock and the sockets");
    }
}
