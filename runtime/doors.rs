//! The doors of all loops, by number.
//!
//! A sleep is set, ends and is dropped at home, millions of times over. Only one that was sent to
//! another thread and is dropped there needs a door of its loop, to take its timer back. A door in
//! each sleep would be two atomic operations in each, nearly always for nothing. So a sleep keeps
//! the loop's number, and the few that need the door find it here.
//!
//! ```text
//!   sleep { loop 3, timer 8 } --dropped at home----> timers of loop 3
//!                             \-dropped elsewhere-> [ 1: door  3: door ] --> inbox of loop 3
//! ```
//!
//! # Invariants
//! - A loop is listed from when it is built until it is closed.
//! - To be listed does not count as a door: an idle loop that nobody can call still says so.
//!
//! Tutorial: chapter 18. Before this: `linger.rs`. After this: `loop_ref.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::inbox::Inbox;

static DOORS: Mutex<BTreeMap<u64, Weak<Inbox>>> = Mutex::new(BTreeMap::new());

/// Lists a loop that is being built.
pub(crate) fn list(inbox: &Arc<Inbox>) {
    DOORS.lock().insert(inbox.id, Arc::downgrade(inbox));
}

/// Takes a loop off the list that is being closed.
pub(crate) fn strike_out(id: u64) {
    let struck = DOORS.lock().remove(&id);
    drop(struck);
}

/// The door of the loop with this number, unless it is closed.
pub(crate) fn find(id: u64) -> Option<Arc<Inbox>> {
    DOORS.lock().get(&id)?.upgrade()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventLoop;

    #[test]
    fn a_loop_is_listed_until_it_is_closed() {
        let event_loop = EventLoop::new().unwrap();
        let id = event_loop.id();
        assert_eq!(find(id).map(|inbox| inbox.id), Some(id));
        drop(event_loop);
        assert!(find(id).is_none());
    }
}
