//! One adapter for each runtime and each pool; two scripts for those that are not written in Rust.

pub mod tokio;
pub mod roundelay;
pub mod smol;
pub mod threads;
pub mod processes;
