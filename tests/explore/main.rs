//! What exploring finds, what it may move, what it may not, and that a run can be had again.

#[path = "../support/mod.rs"]
mod support;

mod finds;
#[cfg(not(miri))] // each of its tests runs under hundreds of schedules
mod kept;
#[cfg(not(miri))] // so does each case that shrinks
mod proptest_shrinks;
mod readiness;
mod replay;
mod seams;
mod sim_net;
mod sim_server;
