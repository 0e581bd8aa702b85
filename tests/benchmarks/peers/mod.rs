//! One adapter for each runtime, and `asyncio_peer.py` for the one that is not written in Rust.

pub mod tokio;
pub mod roundelay;
