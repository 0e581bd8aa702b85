//! The trace: a run that is a file.
//!
//! What is recorded is what happened; every rendering says the same; and what every run must
//! hold can be checked in any of them.

#[path = "../support/mod.rs"]
mod support;

mod programs;
mod recorded;
// Long texts are made and read in these, which takes Miri an hour.
#[cfg(not(miri))]
mod renderings;
#[cfg(not(miri))]
mod schema;
mod truth;
