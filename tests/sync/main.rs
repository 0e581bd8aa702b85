//! Promises about meeting points: locks, semaphores, events, barriers, promises. First
//! come, first served; nothing lost, nothing doubled; whoever was given something and is cancelled
//! passes it on.
//!
//! Contract 6 of the house; order facts O17 to O21 of asyncio; bug classes B36 to B41.

#[path = "../support/mod.rs"]
mod support;

mod event;
mod notify;
mod lock;
mod condition;
mod semaphore;
mod bounded_semaphore;
mod rw_lock;
mod capacity_limiter;
mod barrier;
mod once_cell;
mod promise;
mod bad_company;
