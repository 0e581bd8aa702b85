//! Promises about running: what `run` gives back, what it leaves behind (nothing), and what it
//! refuses.
//!
//! Order fact O22 of asyncio; contracts 3, 5, 9, 10 and 14 of the house.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

#[path = "../support/mod.rs"]
mod support;

mod results;
mod shutting_down;
mod refused;
mod other_threads;

/// What is held by a future that ends by being dropped, and in no other way.
async fn holding<T>(held: T) {
    let _held = held;
    std::future::pending().await
}
