//! Promises about tasks: when they step, what wakes them, and that their failures are never lost.
//!
//! Order facts O05 and O07 of asyncio; contracts 1, 3, 5 and 10 of the house; bug classes B1 to
//! B14.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

#[path = "../support/mod.rs"]
mod support;

mod steps;
mod names;
mod reports;
mod panics;
mod waking;
mod other_threads;
mod many;
mod foreign_combinators;

use roundelay::current_loop;

fn turn() -> u64 {
    current_loop().unwrap().turn()
}
