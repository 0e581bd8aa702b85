//! The loop in the shapes that other crates ask for; each behind a feature of its own.
//!
//! What speaks futures-io and std's `Future` needs nothing from here: see
//! `tests/ecosystem` for what that is.

#[cfg(feature = "hyper")]
pub(crate) mod hyper;
#[cfg(feature = "tracing")]
pub(crate) mod tracing;
