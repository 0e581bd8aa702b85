//! Several futures as one.

pub(crate) mod peek;
pub(crate) mod finish_line;
pub(crate) mod children;
pub(crate) mod gather;
pub(crate) mod try_gather;
pub(crate) mod gather_error;

pub use children::{Children, FallibleChildren, Gatherable, Many, Mixed};
