//! Task groups: children that do not outlive the block that started them.
//!
//! ```text
//!   error      how a group fails: everything that went wrong in it
//!   stage      the life of a group, as a table
//!   state      the children, their failures, and who waits for them
//!   child      one child, from inside and from outside
//!   handle     TaskGroup: spawning
//!   whole      task_group: body and children as one future
//!   start      children that say when they are ready
//!   results    children whose results are wanted in the order of their ends
//! ```

pub(crate) mod error;
pub(crate) mod stage;
pub(crate) mod state;
pub(crate) mod child;
pub(crate) mod handle;
pub(crate) mod whole;
pub(crate) mod start;
pub(crate) mod results;
