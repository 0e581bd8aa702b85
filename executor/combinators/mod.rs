//! Several futures as one.

pub(crate) mod peek;
pub(crate) mod finish_line;
pub(crate) mod children;
pub(crate) mod gather;
pub(crate) mod try_gather;
pub(crate) mod gather_error;
pub(crate) mod wait;
pub(crate) mod as_completed;
pub(crate) mod race;
pub(crate) mod race_tasks;
pub(crate) mod select;
pub(crate) mod shield;
pub(crate) mod inputs;
pub(crate) mod window;
pub(crate) mod concurrent;

pub use children::{Children, FallibleChildren, Gatherable, Many, Mixed};
pub use inputs::{FromIterator, FromStream, Inputs, Iterated};
