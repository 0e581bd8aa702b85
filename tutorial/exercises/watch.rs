//! Nothing hangs: who sees that an answer blocks, never ends, or waits for nobody.
//!
//! ```text
//!   the check's thread                    the main thread
//!   runs the answer                       waits for the verdict
//!   tells each event  ------------------> is there any news? none for some seconds: it blocks
//!   counts turns: too many? stop
//!   counts a turn's events: too many? ->  that turn never ends (a `loop` that only says lines)
//!   about to sleep without end? tell ---> nobody can wake it: it is stuck
//! ```
//!
//! A thread that is blocked cannot be stopped. It is left behind, and ends with the process. One
//! that makes events without end is held where it made the last: news is no sign of an end, and
//! the memory for all of it is somebody's.
//!
//! # Invariants
//! - An answer that does not end is a sentence, within seconds.
//!
//! Tutorial: the exercises. Before this: `wrong.rs`. After this: `lab.rs`.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use roundelay::runtime::Event;
use roundelay::{Moment, Observer, current_loop};

/// How many turns an answer may take.
pub const TURNS: u64 = 1_000;

/// How many events there may be in one turn.
pub const EVENTS: u64 = 10_000;

/// For how long nothing may happen before the answer is said to block.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// What the check's thread does, for the main thread to see.
#[derive(Debug, Default)]
pub struct Watch {
    events: AtomicU64,
    doing: Mutex<String>,
}

impl Watch {
    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Who runs.
    pub fn doing(&self) -> String {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a run comes to no end, and cannot be stopped by its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEnd {
    /// The loop is about to sleep without end.
    Stuck,
    /// A turn goes on and on.
    LongTurn,
}

/// An observer that counts, and stops what does not end.
pub struct Guard<S: Fn(NoEnd)> {
    watch: Arc<Watch>,
    names: RefCell<HashMap<u64, String>>,
    turns: Cell<u64>,
    /// The events of this turn.
    events: Cell<u64>,
    no_end: S,
}

impl<S: Fn(NoEnd)> Guard<S> {
    /// Calls `no_end` when it sees that the run comes to none. After a turn that is too long it
    /// keeps the thread.
    pub fn new(watch: Arc<Watch>, no_end: S) -> Guard<S> {
        Guard {
            watch,
            names: RefCell::default(),
            turns: Cell::new(0),
            events: Cell::new(0),
            no_end,
        }
    }

    fn count(&self) {
        self.watch.events.fetch_add(1, Ordering::Relaxed);
        self.events.set(self.events.get() + 1);
        if self.events.get() == EVENTS {
            (self.no_end)(NoEnd::LongTurn);
            loop {
                thread::park();
            }
        }
    }
}

impl<S: Fn(NoEnd)> Observer for Guard<S> {
    fn observe(&self, _: Moment, event: &Event) {
        self.count();
        match event {
            Event::TaskSpawned { task, name, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                self.names.borrow_mut().insert(*task, name);
            }
            Event::TaskPolled { task } => {
                let names = self.names.borrow();
                let name = names.get(task).map_or("?", String::as_str);
                *self.watch.lock() = format!("task {name}");
            }
            Event::CallBegins { what: roundelay::Work::Callback, .. } => {
                *self.watch.lock() = "a callback".into();
            }
            Event::CallBegins { what: roundelay::Work::Timer(_), .. } => {
                *self.watch.lock() = "a timer's callback".into();
            }
            Event::TurnBegins { .. } => {
                self.events.set(0);
                self.turns.set(self.turns.get() + 1);
                if self.turns.get() >= TURNS
                    && let Some(event_loop) = current_loop()
                {
                    event_loop.stop();
                }
            }
            Event::WaitBegins { at_most: None } => (self.no_end)(NoEnd::Stuck),
            _ => {}
        }
    }
}

/// A panic of the learner's code.
#[derive(Clone, Debug)]
pub struct Panicked {
    /// What it said.
    pub message: String,
    /// File, line and column.
    pub place: String,
}

thread_local! {
    static PANICS: RefCell<Option<Vec<Panicked>>> = const { RefCell::new(None) };
}

/// From now on the panics of this thread are kept, and not written to standard error.
pub fn keep_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !keep(info) {
                before(info);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
}

/// The first panic since the last call.
pub fn take_panic() -> Option<Panicked> {
    PANICS.with_borrow_mut(|panics| panics.as_mut().map(std::mem::take))?.into_iter().next()
}

fn keep(info: &PanicHookInfo<'_>) -> bool {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let message = text.unwrap_or_else(|| "it did not say why".into());
    let place = info.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    let place = if place.starts_with("/rustc/") { learners_line().unwrap_or(place) } else { place };
    let kept = PANICS.try_with(|panics| match panics.borrow_mut().as_mut() {
        Some(panics) => {
            panics.push(Panicked { message, place });
            true
        }
        None => false,
    });
    kept.unwrap_or(false)
}

/// The line of the learner that called what panicked inside the standard library.
fn learners_line() -> Option<String> {
    let frames = Backtrace::force_capture().to_string();
    let lines = frames.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    let mut answers = lines.filter(|line| {
        let folder = line.rsplit('/').nth(1);
        folder.is_some_and(|folder| ["examples", "shipped", "solutions", "wrong"].contains(&folder))
    });
    answers.next().map(str::to_owned)
}
