//! Model checks of the pools: submit against cancel, close, idle threads, workers that die, and
//! the end.
//!
//! ```text
//! cargo test --manifest-path pools/model/Cargo.toml                                 2,000 orders each
//! ORDERS=100000 cargo test --release --manifest-path pools/model/Cargo.toml         as many as you like
//! ```
//!
//! A test that starts real threads sees the few orders that this system happens to choose.
//! [shuttle] runs the threads one at a time and chooses at each lock, atomic and queue who goes
//! on: tens of thousands of different orders in seconds, and one that fails can be replayed.
//!
//! What is run are the pools' own sources (of the process pool: the team, with workers that are no
//! processes). `build.rs` copies them with another name for each
//! lock, channel and thread; so the sources themselves know nothing of this, and there is no
//! `cfg` in them. There is no clock: a time-out comes at once or never, as shuttle chooses,
//! which is how an idle thread meets a job on its way.
//!
//! Not modelled: panics, processes and their messages, time (in `stubs.rs` is what stands in for
//! `panics.rs`, `leash.rs`, `shelf.rs`, `out_of_turn.rs` and `linger.rs`), and orders weaker than
//! sequential consistency.
#![forbid(unsafe_code)]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "parts of the pool, not all of it")]

mod shim;
mod stubs;

pub(crate) use stubs::{leash, linger, out_of_turn, panics, shelf};

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

#[cfg(test)]
mod orders;
