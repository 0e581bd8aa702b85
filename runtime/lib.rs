//! When X happens, call this: the event loop.
#![forbid(unsafe_code)]
