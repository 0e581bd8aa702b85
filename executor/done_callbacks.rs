//! Who is called when a task ends.
//!
//! One task may await the handle, and any number of callbacks may be registered besides.
//! They are told in the order in which they came, the awaiting task among them:
//!
//! ```text
//!   on_done(a)   handle.await   on_done(b)        the task ends
//!      0              |              1      -->   ready queue: a, the awaiting task, b
//! ```
//!
//! # Invariants
//! - A callback is never called here: it goes to the back of the ready queue.
//! - Order of registration is order of calling.
//!
//! Tutorial: chapter 6. Before this: `told.rs`. After this: `body.rs`.

use std::collections::VecDeque;

use roundelay_runtime::TaskEnd;

/// What is certain of a task that has ended.
///
/// Not its output: whoever awaits the task may have taken that before a callback's turn
/// comes. To give one output to several, use [`Shared`](crate::Shared).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskEnded {
    /// Its number: unique on its loop, never used again.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub how: TaskEnd,
}

impl TaskEnded {
    pub(crate) fn new(id: u64, name: String, how: TaskEnd) -> TaskEnded {
        TaskEnded { id, name, how }
    }
}

pub(crate) type DoneCallback = Box<dyn FnOnce(TaskEnded)>;

/// The callbacks of one task that has not ended.
#[derive(Default)]
pub(crate) struct DoneCallbacks {
    /// By number: whoever takes back many mostly begins at one of the ends.
    list: VecDeque<(u64, DoneCallback)>,
    next_number: u64,
    /// The number that was next when somebody began to await the handle.
    joiner_came: Option<u64>,
}

/// The number of a callback that is on no list.
pub(crate) const NO_CALLBACK: u64 = u64::MAX;

impl DoneCallbacks {
    /// Adds at the end. `joined` says whether somebody awaits the handle already.
    pub(crate) fn add(&mut self, callback: DoneCallback, joined: bool) -> u64 {
        if joined {
            self.joiner_arrives();
        }
        let number = self.next_number;
        self.next_number += 1;
        self.list.push_back((number, callback));
        number
    }

    /// Somebody awaits the handle, and stands behind what was registered before.
    pub(crate) fn joiner_arrives(&mut self) {
        self.joiner_came.get_or_insert(self.next_number);
    }

    /// Takes one back.
    pub(crate) fn remove(&mut self, number: u64) -> Option<DoneCallback> {
        let place = self.list.binary_search_by_key(&number, |&(known, _)| known).ok()?;
        self.list.remove(place).map(|(_, callback)| callback)
    }

    /// All of them: those before whoever awaits the handle, and those behind.
    pub(crate) fn split(self) -> (Vec<DoneCallback>, Vec<DoneCallback>) {
        let came = self.joiner_came.unwrap_or(0);
        let (before, behind): (Vec<_>, Vec<_>) =
            self.list.into_iter().partition(|&(number, _)| number < came);
        let strip = |list: Vec<(u64, DoneCallback)>| list.into_iter().map(|(_, c)| c).collect();
        (strip(before), strip(behind))
    }
}
