//! `roundelay manifest`: the SHA-256 of every file below some paths, and the capstone of the
//! course.
//!
//! ```text
//!   paths -> roots -> walk -> hash -> record -> output          making a manifest
//!            each     lazy,   many    a line,   a file in
//!            once     sorted  at once or JSON   one step
//!
//!   manifest -> check -> hash -> check -> report                checking one
//!               a line           a verdict
//! ```
//!
//! Most of this folder works without an event loop, and knows nothing of one: a walk is an
//! iterator, hashing a file is a function, a back-off is arithmetic. What the runtime adds is *many
//! at once*: with limits, timeouts, retries, Ctrl-C, and an end that leaves nothing behind. That
//! begins at [`interrupt`], and its heart is `pipeline.rs`.
//!
//! Read in the order of the modules below.

// What a line of a manifest is.
pub mod digest;
pub mod name;
pub mod line;

// Which files there are.
pub mod kind;
pub(crate) mod roots;
pub(crate) mod listing;
pub mod walk;

// What is in them.
pub mod hash;
pub mod hash_error;
pub mod retry;

// What is said, and where.
pub mod record;
pub mod leftovers;
pub mod output;
pub mod progress;
pub mod check;

// What is asked, and how it ends.
pub mod options;
pub mod interrupt;
pub mod status;

// Many at once.
pub(crate) mod workers;
pub(crate) mod portion;
pub(crate) mod window;
pub(crate) mod ends;
pub(crate) mod conductor;
pub(crate) mod pipeline;

// The command.
pub(crate) mod making;
pub(crate) mod checking;
pub mod run;
