//! Several futures as one.

pub(crate) mod gather;
