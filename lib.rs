//! roundelay: an event-loop runtime to learn from and to keep.
#![forbid(unsafe_code)]
