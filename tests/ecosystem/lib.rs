//! Other people's crates on roundelay.
//!
//! Each module is one family of them, with a real server, a real client and a connection over
//! localhost. They run in made-up time, which stands still while somebody waits for the operating
//! system. Two need real time to pass: QUIC, which counts on it, and a timer of tokio's, which
//! knows no other. No test depends on how fast the machine is.
//!
//! README.md tells which crate runs how; each of its rows names tests here, and `page.rs` checks
//! that.
#![cfg(any(test, doctest))]

mod support;
mod http;
mod web_framework;
mod websocket;
mod tls;
mod quic;
mod redis;
mod channels;
mod tokio_only;
mod spans;
mod page;

/// The server of the page runs with the tests.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
