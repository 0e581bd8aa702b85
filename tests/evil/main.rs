//! Promises about bad company: whatever user code does in its wakers, futures, callbacks,
//! destructors, failure handlers and observers, the loop goes on and everything is given back.
//!
//! Contracts 5, 6 and 7 of the house; bug classes B2 to B4, B14 and B15.
//!
//! A *storm* is a random program in which every place where user code runs may do anything that
//! the runtime offers: spawn, cancel, wait, let go, close, stop, run a loop inside the loop,
//! panic. Whatever a storm does, it must hold afterwards that
//!
//! - the run has ended, and nobody but the storm itself has panicked;
//! - every future and callback was dropped, and so was every output, item and payload;
//! - every permit is back, and every place in the queue can be used;
//! - every task that was spawned has ended, once.
//!
//! Storms stop by themselves: each has so many acts, and so many spawns.

#[path = "../support/mod.rs"]
mod support;

mod storm;
mod world;
mod perform;
mod things;
mod leaves;
mod weather;
mod polled_at_once;
mod neglect;
mod destructors;
mod threads;
