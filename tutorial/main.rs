//! The `roundelay` command.
#![forbid(unsafe_code)]
fn main() {}
