//! Who is at work? A view of the loop for other threads.
//!
//! A loop that is blocked cannot say so itself. This observer writes down whose call is under way,
//! where other threads can read it: the watchdog, or whoever inspects a program from outside.
//!
//! ```text
//!   loop:   CallBegins --"task 3 (save)"--> [ on duty ] --> CallEnds: nobody
//!                                               ^
//!   another thread: who is it? ----------------+
//! ```
//!
//! # Invariants
//! - The lock is held for a copy, never while anybody's code runs.
//! - Calls are counted: two looks that find the same number have found one and the same call.
//!
//! Tutorial: chapter 19. Before this: `slow_watch.rs`. After this: `watchdog.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::callback::Key;
use crate::clock::Moment;
use crate::interest::{Interest, Observer};
use crate::observer::{Event, Work};

/// What a loop is doing, for any thread to read. Clones show the same loop.
///
/// ```
/// use roundelay_runtime::{EventLoop, OnDuty};
///
/// let duty = OnDuty::new();
/// let event_loop = EventLoop::builder().observer(duty.observer()).build()?;
/// let seen = duty.clone();
/// event_loop.call_soon(move || assert_eq!(&*seen.now().unwrap().who, "a callback"))?;
/// event_loop.run_once()?;
/// assert!(duty.now().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OnDuty {
    now: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    call: Option<Call>,
}

/// A call that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Counted up with every call of the loop.
    pub number: u64,
    /// A task, with its number and name, or a callback.
    pub who: Arc<str>,
    /// The line that spawned the task.
    pub spawned_at: Option<&'static Location<'static>>,
}

impl OnDuty {
    /// Of no loop yet.
    #[must_use]
    pub fn new() -> OnDuty {
        OnDuty::default()
    }

    /// What a loop is to be built with.
    pub fn observer(&self) -> impl Observer + 'static {
        Scribe { duty: self.clone(), tasks: RefCell::default() }
    }

    /// The call that is under way; `None` while the loop waits, or looks after itself.
    #[must_use]
    pub fn now(&self) -> Option<Call> {
        self.lock().call.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down who is at work. It stays on the loop's thread.
struct Scribe {
    duty: OnDuty,
    tasks: RefCell<Tasks>,
}

#[derive(Default)]
struct Tasks {
    known: HashMap<u64, (Arc<str>, &'static Location<'static>, Key)>,
    by_key: HashMap<Key, u64>,
}

impl Observer for Scribe {
    fn observe(&self, _now: Moment, event: &Event) {
        match event {
            Event::TaskSpawned { task, key, name, at, .. } => {
                let who = format!("task {task} ({name})").into();
                let mut tasks = self.tasks.borrow_mut();
                tasks.known.insert(*task, (who, at, *key));
                tasks.by_key.insert(*key, *task);
            }
            Event::CallBegins { what, .. } => {
                let task = match what {
                    Work::Run(key) => self.tasks.borrow().by_key.get(key).copied(),
                    _ => None,
                };
                self.duty.lock().calls += 1;
                self.write(task);
            }
            // Also the main task's, and an eager task's first step inside another call.
            Event::TaskPolled { task } => self.write(Some(*task)),
            Event::TaskEnded { task, .. } => {
                let mut tasks = self.tasks.borrow_mut();
                if let Some((_, _, key)) = tasks.known.remove(task) {
                    tasks.by_key.remove(&key);
                }
            }
            Event::CallEnds { .. } => self.duty.lock().call = None,
            _ => {}
        }
    }

    fn interest(&self) -> Interest {
        Interest::TASKS | Interest::STEPS | Interest::CALLS
    }
}

impl Scribe {
    fn write(&self, task: Option<u64>) {
        let known = task.and_then(|task| {
            let tasks = self.tasks.borrow();
            let (who, at, _) = tasks.known.get(&task)?;
            Some((Arc::clone(who), *at))
        });
        let (who, spawned_at) = match known {
            Some((who, at)) => (who, Some(at)),
            None => ("a callback".into(), None),
        };
        let mut state = self.duty.lock();
        let number = state.calls;
        state.call = Some(Call { number, who, spawned_at });
    }
}
