//! The course's programs and the parts of the `roundelay` command.
//!
//! - [`args`]: what the command can be asked to do.
//! - [`tour`]: the first small programs of the course.
//! - [`inspect`]: a recorded run, shown and checked.
//! - [`ps`]: the tasks of a running program.
//! - [`manifest`]: the capstone, a tool to keep.
#![forbid(unsafe_code)]

pub mod args;
pub mod tour;
pub mod inspect;
pub mod ps;
pub mod manifest;

/// Trees for tests, shared with the tests of the whole command.
#[cfg(test)]
#[path = "../tests/command/odd_tree.rs"]
pub(crate) mod odd_tree;
