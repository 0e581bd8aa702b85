//! The `#[remote]` attribute.
#![forbid(unsafe_code)]
