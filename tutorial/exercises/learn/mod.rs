//! What `cargo learn` does: each command is a function that says what to print.
//!
//! Tutorial: the exercises. Before this: `../checks/ch12.rs`. After this: `progress.rs`.

pub mod progress;
pub mod choice;
pub mod steps;
pub mod work;
