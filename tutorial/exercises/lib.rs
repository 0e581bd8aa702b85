//! The exercises of the course, which check themselves.
//!
//! ```text
//!   examples/NAME.rs   the learner's file, with a TODO; its main gives the answer to a check
//!   checks/            the checks: run the answer, look at the run, say a sentence
//!   about/NAME.toml    title, minutes, hints, and a hint for each common wrong answer
//!   shipped/NAME.rs    the file as it was given out; solutions/ and wrong/ as the name says
//! ```
//!
//! Every answer runs on a virtual clock and is recorded. In reading order: [`wrong`], what a
//! check says; [`watch`], who sees that nothing hangs; [`lab`], where an answer runs;
//! [`verdict`], how it ends; [`about`]; [`props`], the things that exercises are about;
//! [`checks`]; [`learn`], the commands.
#![forbid(unsafe_code)]

pub mod wrong;
pub mod watch;
pub mod lab;
pub mod about;
pub mod verdict;
pub mod props;
pub mod checks;
pub mod learn;

pub use lab::{Lab, check, say};
pub use verdict::Verdict;
pub use wrong::Wrong;
