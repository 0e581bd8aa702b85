//! The two ends of the pipeline, and how it can come to one.
//!
//! ```text
//!   Source --> [ window, workers ] --> Sink        an item: an entry of the walk, a line of a manifest
//!   read()                             take()
//!                                      finish()      everything has been taken
//!                                      break_off()   Stopped: nothing more will come
//! ```
//!
//! Making a manifest and checking one differ in their ends only; what is between them is the same.
//!
//! # Invariants
//! - Neither end knows the loop. Each lives in a thread while it is used, and may take its time
//!   there.
//!
//! Tutorial: chapter 20, the capstone. Before this: `window.rs`. After this: `conductor.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::interrupt::Signal;
use super::output::OutputError;
use super::status::Status;
use super::window::{Finished, Item};

/// Where items come from. Lives in a thread while it is read.
pub(crate) trait Source: Send + 'static {
    type Item: Item;

    /// The next items, `most` at the most; none when there are no more. May take its time.
    fn read(&mut self, most: usize) -> Vec<Self::Item>;
}

/// Where items go. Lives in a thread while it is filled.
pub(crate) trait Sink: Send + 'static {
    type Item: Item;

    /// Takes the next item in line, with what was found if it needed work.
    fn take(&mut self, finished: Finished<Self::Item>) -> Result<(), OutputError>;

    /// Passes on what it has kept back.
    fn flush(&mut self) -> Result<(), OutputError>;
}

/// How a sink ends.
pub(crate) trait Ending: Sink {
    /// Everything has been taken: puts the result into its place and says how it went.
    fn finish(self) -> Result<Status, OutputError>;

    /// Nothing more will come. Gives words about what there was.
    fn break_off(&mut self) -> Result<Vec<String>, OutputError>;

    /// What an item is called in a message.
    fn name_of(item: &Self::Item) -> String;
}

/// A sink that the loop can still reach when a thread hangs in it.
pub(crate) type Shared<K> = Arc<Mutex<K>>;

pub(crate) fn lock<K>(sink: &Mutex<K>) -> MutexGuard<'_, K> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a run was stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    By(Signal),
    /// The time for the whole run is up.
    Deadline(Duration),
    Output(OutputError),
    /// The workers cannot go on; a pool says why.
    Broken(String),
}
