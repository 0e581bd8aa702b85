//! Promises about joining: several futures inside of one, until all have ended. They may borrow,
//! they are polled when they were woken, and they go with the join.

#[path = "../support/mod.rs"]
mod support;

mod actors;
mod outputs;
mod polls;
mod losses;
mod seen;
mod model;
