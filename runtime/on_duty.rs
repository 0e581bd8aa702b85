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

use std::cell::{Cell, RefCell};
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
/// use roundelay_runtime::{EventLoop, FailurePolicy, OnDuty};
///
/// let duty = OnDuty::new();
/// let builder = EventLoop::builder().failure_policy(FailurePolicy::Stop);
/// let event_loop = builder.observer(duty.observer()).build()?;
/// let seen = duty.clone();
/// event_loop.call_soon(move || assert_eq!(&*seen.now().unwrap().who, "a callback"))?;
/// event_loop.run_once()?; // if the assertion failed, so would this
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
        let callback = Arc::from("a callback");
        Scribe { duty: self.clone(), callback, tasks: RefCell::default(), written: Cell::default() }
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
    /// What each callback is called.
    callback: Arc<str>,
    tasks: RefCell<Tasks>,
    /// Whose call it has written down last, while that call lasts.
    written: Cell<Option<u64>>,
}

/// The tasks that have not ended, each where its key says.
#[derive(Default)]
struct Tasks {
    known: Vec<Option<Known>>,
    places: HashMap<u64, usize>,
}

#[derive(Clone)]
struct Known {
    task: u64,
    key: Key,
    who: Arc<str>,
    at: &'static Location<'static>,
}

impl Tasks {
    fn by_key(&self, key: Key) -> Option<Known> {
        self.known.get(key.index())?.clone().filter(|known| known.key == key)
    }

    fn by_number(&self, task: u64) -> Option<Known> {
        self.known[*self.places.get(&task)?].clone()
    }

    fn add(&mut self, known: Known) {
        let place = known.key.index();
        if self.known.len() <= place {
            self.known.resize(place + 1, None);
        }
        self.places.insert(known.task, place);
        self.known[place] = Some(known);
    }

    fn remove(&mut self, task: u64) {
        if let Some(place) = self.places.remove(&task) {
            self.known[place] = None;
        }
    }
}

impl Observer for Scribe {
    fn observe(&self, _now: Moment, event: &Event) {
        match event {
            Event::TaskSpawned { task, key, name, at, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                let who = format!("task {task} ({name})").into();
                self.tasks.borrow_mut().add(Known { task: *task, key: *key, who, at });
            }
            Event::CallBegins { what, .. } => {
                let known = match what {
                    Work::Run(key) => self.tasks.borrow().by_key(*key),
                    _ => None,
                };
                self.duty.lock().calls += 1;
                self.write(known);
            }
            // The main task's, or an eager task's first step inside another call.
            Event::TaskPolled { task } if self.written.get() != Some(*task) => {
                let known = self.tasks.borrow().by_number(*task);
                self.write(known);
            }
            Event::TaskEnded { task, .. } => self.tasks.borrow_mut().remove(*task),
            Event::CallEnds { .. } => self.duty.lock().call = None,
            _ => {}
        }
    }

    fn interest(&self) -> Interest {
        Interest::TASKS | Interest::STEPS | Interest::CALLS
    }
}

impl Scribe {
    fn write(&self, known: Option<Known>) {
        self.written.set(known.as_ref().map(|known| known.task));
        let (who, spawned_at) = match known {
            Some(known) => (known.who, Some(known.at)),
            None => (Arc::clone(&self.callback), None),
        };
        let mut state = self.duty.lock();
        let number = state.calls;
        let earlier = state.call.replace(Call { number, who, spawned_at });
        drop(state);
        drop(earlier);
    }
}
