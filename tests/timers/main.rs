//! Promises about time: deadlines, their order, both clocks, and the largest numbers there are.
//!
//! Order facts O03 (timers) and O14.2 of asyncio; bug classes B17 to B22.

#[path = "../support/mod.rs"]
mod support;

mod order;
mod large_numbers;
mod virtual_clock;
mod real_clock;
mod sleeps;
mod random_sleepers;

use roundelay::current_loop;

/// How many turns this loop has made.
fn turns() -> u64 {
    current_loop().unwrap().turn()
}
